"""Definitions in files: reading them, and showing what is wrong with them where it stands."""

from __future__ import annotations

import contextlib
import shlex
from collections.abc import Iterator, Sequence
from typing import IO, TYPE_CHECKING, Any, NamedTuple

import click

from interfaces.cli.exits import INVALID
from interfaces.cli.options import Place

if TYPE_CHECKING:
    from domain.problems import Problem

MEMORY = "memory:"


class Definition(NamedTuple):
    """A definition as it was read: its text, what that says, and the keys that stand in it twice."""

    name: str
    text: bytes
    value: Any
    known: tuple[Problem, ...]


def read_definition(file: IO[bytes]) -> Definition:
    """Read a definition. A text that is not JSON is shown with its place, and ends the command."""
    from domain.document import parse_definition
    from domain.errors import NotJson

    text = file.read()
    try:
        value, known = parse_definition(text)
    except NotJson as error:
        from interfaces.cli.problems import as_problem

        _refuse(name_of(file), text, (as_problem(error),))
    return Definition(name_of(file), text, value, known)


def name_of(file: IO[bytes]) -> str:
    """How messages call a file."""
    return str(getattr(file, "name", "<stdin>"))


def _refuse(name: str, text: bytes, problems: Sequence[Problem]) -> None:
    from interfaces.bootstrap import locate
    from interfaces.cli.problems import print_problems

    print_problems(locate(text, problems), name=name, text=text)
    click.get_current_context().exit(INVALID)


def local_problems(place: Place, text: bytes) -> tuple[Problem, ...]:
    """What the compiler says, with the nodes of this machine. Raises NotJson."""
    from domain.document import parse_definition
    from interfaces.bootstrap import locate, make_nodes

    settings = place.settings(MEMORY)
    value, known = parse_definition(text)
    nodes = make_nodes(settings)
    problems = locate(text, _compiled(value, known, nodes, settings.limits))
    tell_unloaded(nodes.problems())
    return problems


def _compiled(value: Any, known: tuple[Problem, ...], nodes: Any, limits: Any) -> tuple[Problem, ...]:
    from domain.circles import circles
    from domain.compiler import compile_definition
    from domain.errors import InvalidDefinition

    try:
        program = compile_definition(value, nodes, limits=limits, known=known)
    except InvalidDefinition as error:
        return error.problems
    return (*program.warnings, *circles(program, lambda workflow, _: program if workflow == program.id else None))


def remote_problems(place: Place, text: bytes) -> tuple[Problem, ...]:
    """What the place's server says. Raises NotJson."""
    from interfaces.bootstrap import locate
    from interfaces.cli.sources import connect

    with connect(place) as client:
        return locate(text, client.validate(text))


@contextlib.contextmanager
def refusals_shown(place: Place, definition: Definition) -> Iterator[None]:
    """Send the definition inside; one that is not valid is shown with the places in its file, and ends the command."""
    from domain.errors import InvalidDefinition

    try:
        if definition.known:
            raise InvalidDefinition(_all_problems(place, definition))
        yield
    except InvalidDefinition as error:
        from msgspec.structs import replace

        # The places of an answer are those of what was sent; the file may be laid out otherwise.
        unplaced = [
            replace(problem, line=None, column=None) for problem in error.problems if problem.code != "DUPLICATE_KEY"
        ]
        _refuse(definition.name, definition.text, (*definition.known, *unplaced))
        raise


def tell_warnings(definition: Definition, warnings: Sequence[Problem]) -> None:
    """Say that there are warnings, and how to see them."""
    if warnings:
        seen = f"{len(warnings)} warning{'s' if len(warnings) > 1 else ''}"
        click.echo(f"{seen}: `clew validate {shlex.quote(definition.name)}` shows them.", err=True)


def _all_problems(place: Place, definition: Definition) -> tuple[Problem, ...]:
    """With a key that stands twice nothing is submitted; what else there is to say comes from the compiler."""
    return remote_problems(place, definition.text) if place.url else local_problems(place, definition.text)


def tell_unloaded(problems: Sequence[Any]) -> None:
    """Warn of nodes that could not be loaded."""
    for problem in problems:
        line = f":{problem.line}" if problem.line is not None else ""
        click.echo(f"Warning: {problem.source}{line} is not loaded: {problem.message}", err=True)
