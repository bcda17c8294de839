"""What is wrong with a definition, shown as a compiler shows it: place, line, caret, and what was probably meant."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from domain.errors import NotJson
    from domain.problems import Problem

COLOURS = {"error": "red", "warning": "yellow"}


def print_problems(problems: Sequence[Problem], *, name: str = "", text: bytes | None = None) -> None:
    """Print problems to stderr, each with the place in `text` if that is at hand, and then how many there are."""
    for problem in sorted(problems, key=_order):
        _print_problem(problem, name, text)
    errors = sum(problem.severity == "error" for problem in problems)
    if problems:
        click.echo(f"{_count(errors, 'error')}, {_count(len(problems) - errors, 'warning')}.", err=True)


def _order(problem: Problem) -> tuple[bool, int, int]:
    """Errors first, both in the order of the text."""
    return problem.severity != "error", problem.line or 0, problem.column or 0


def as_problem(error: NotJson) -> Problem:
    """A refusal of the text as a problem like the others."""
    from domain.problems import Problem

    return Problem(code=error.code, path="", message=error.message, line=error.line, column=error.column)


def _print_problem(problem: Problem, name: str, text: bytes | None) -> None:
    severity = click.style(problem.severity, fg=COLOURS[problem.severity], bold=True)
    place = f"{name}:{problem.line}:{problem.column}: " if problem.line is not None else ""
    where = "" if place else f"{problem.path or '/'}: "
    click.echo(f"{click.style(place, bold=True)}{severity}: {where}{problem.message} [{problem.code}]", err=True)
    if text is not None and problem.line is not None and problem.column is not None:
        from interfaces.bootstrap import excerpt

        shown = excerpt(text, problem.line, problem.column)
        click.echo("".join(f"    {line}\n" for line in shown.splitlines()), err=True, nl=False)
    if problem.nearest is not None and problem.nearest not in problem.message:
        click.echo(f"    Did you mean {problem.nearest!r}?", err=True)


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}{'' if number == 1 else 's'}"
