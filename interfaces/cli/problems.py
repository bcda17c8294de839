"""What is wrong with a definition, shown as a compiler shows it: place, line, carets, and what was probably meant."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Final

import click

if TYPE_CHECKING:
    from domain.errors import NotJson
    from domain.problems import Problem

COLOURS: Final = {"error": "red", "warning": "yellow"}
INDENT: Final = "    "


def print_problems(problems: Sequence[Problem], *, name: str = "", text: bytes | None = None) -> None:
    """Print problems to stderr, errors before warnings, each with its place in `text` if that is at hand."""
    for problem in sorted(problems, key=_order):
        _print_problem(problem, name, text)


def print_summary(problems: Sequence[Problem], *, files: int = 1) -> None:
    """Print how many problems there are, if there are any, to stderr."""
    if problems:
        errors = sum(problem.severity == "error" for problem in problems)
        among = f" in {files} files" if files > 1 else ""
        click.echo(f"{_count(errors, 'error')}, {_count(len(problems) - errors, 'warning')}{among}.", err=True)


def as_problem(error: NotJson) -> Problem:
    """A refusal of the text as a problem like the others."""
    from domain.problems import Problem

    return Problem(code=error.code, path="", message=error.message, line=error.line, column=error.column)


def described(problem: Problem, name: str) -> dict[str, Any]:
    """A problem for programs, with the name of its file."""
    import msgspec

    found = {"file": name, "severity": problem.severity, **msgspec.to_builtins(problem)}
    return {key: value for key, value in found.items() if value is not None}


def _order(problem: Problem) -> tuple[bool, bool, int, int]:
    """Errors first, both in the order of the text, and how many are not listed at the end of theirs."""
    return problem.severity != "error", problem.code == "MORE", problem.line or 0, problem.column or 0


def _print_problem(problem: Problem, name: str, text: bytes | None) -> None:
    colour = COLOURS[problem.severity]
    severity = click.style(f"{problem.severity}[{problem.code}]", fg=colour, bold=True)
    if problem.line is None or problem.column is None or problem.code == "MORE":
        where = f"{problem.path or '/'}: " if problem.code != "MORE" else ""
        click.echo(
            f"{click.style(f'{name}: ' if name else '', bold=True)}{severity}: {where}{problem.message}", err=True
        )
        margin = INDENT
    else:
        place = f"{name}:{problem.line}:{problem.column}: " if name else f"{problem.line}:{problem.column}: "
        click.echo(f"{click.style(place, bold=True)}{severity}: {problem.message}", err=True)
        margin = INDENT + " " * (len(str(problem.line)) + 1)
        if text is not None:
            _print_excerpt(text, problem.line, problem.column, problem.end_column, colour)
    if problem.nearest is not None and "Did you mean" not in problem.message:
        click.echo(f"{margin}= did you mean {problem.nearest!r}?", err=True)


def _print_excerpt(text: bytes, line: int, column: int, end_column: int | None, colour: str) -> None:
    from interfaces.bootstrap import excerpt

    source, carets = excerpt(text, line, column, end_column).split("\n")
    gutter, _, marks = carets.partition("|")
    click.echo(f"{INDENT}{source}", err=True)
    click.echo(f"{INDENT}{gutter}|{click.style(marks, fg=colour, bold=True)}", err=True)


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}{'' if number == 1 else 's'}"
