"""Definitions in files: reading them, and showing what is wrong with them where it stands."""

from __future__ import annotations

import contextlib
import shlex
from collections.abc import Iterator, Sequence
from typing import IO, TYPE_CHECKING, Any, NamedTuple, NoReturn

import click

from interfaces.cli.exits import INVALID
from interfaces.cli.options import Place

if TYPE_CHECKING:
    from application.ports import Nodes
    from domain.errors import NotJson
    from domain.limits import Limits
    from domain.problems import Problem
    from domain.program import Program
    from interfaces.settings import Settings

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
        refuse(name_of(file), text, _not_json(error))
    return Definition(name_of(file), text, value, known)


definition_option = click.option(
    "--definition", metavar="FILE|latest", help="What it goes on by: a file, or the newest published version."
)


def definition_named(named: str) -> Any:
    """What `--definition` names: the definition in a file, or a word that the server knows."""
    if named in ("same", "latest"):
        return named
    with click.open_file(named, "rb") as file:
        return read_definition(file).value


def name_of(file: IO[bytes]) -> str:
    """How messages call a file."""
    return str(getattr(file, "name", "<stdin>"))


def refuse(name: str, text: bytes, problems: Sequence[Problem]) -> NoReturn:
    """Show what is wrong with a text, and end the command."""
    from interfaces.bootstrap import locate
    from interfaces.cli.problems import print_problems, print_summary

    placed = locate(text, problems)
    print_problems(placed, name=name, text=text)
    print_summary(placed)
    raise click.exceptions.Exit(INVALID)


def local_nodes(settings: Settings) -> Nodes:
    """The nodes of this machine. What can't be loaded is told."""
    from interfaces.bootstrap import make_nodes

    nodes = make_nodes(settings)
    tell_unloaded(nodes.problems())
    return nodes


def compiled(
    value: Any, known: tuple[Problem, ...], nodes: Nodes, limits: Limits
) -> tuple[Program | None, tuple[Problem, ...]]:
    """(the program, or None where there are errors; all there is to say about the definition)."""
    from domain.circles import circles
    from domain.compiler import compile_definition
    from domain.errors import InvalidDefinition

    try:
        program = compile_definition(value, nodes, limits=limits, known=known)
    except InvalidDefinition as error:
        return None, error.problems
    in_a_circle = circles(program, lambda workflow, _: program if workflow == program.id else None)
    return program, (*program.warnings, *in_a_circle)


def local_problems(settings: Settings, nodes: Nodes, text: bytes) -> tuple[Problem, ...]:
    """What the compiler says of a text, with these nodes and the limits of the settings."""
    from domain.document import parse_definition
    from domain.errors import NotJson
    from interfaces.bootstrap import locate

    try:
        value, known = parse_definition(text)
    except NotJson as error:
        return _not_json(error)
    return locate(text, compiled(value, known, nodes, settings.limits)[1])


def remote_problems(place: Place, text: bytes) -> tuple[Problem, ...]:
    """What the place's server says of a text."""
    from domain.errors import NotJson
    from interfaces.bootstrap import locate
    from interfaces.cli.sources import connect

    with connect(place) as client:
        try:
            return locate(text, client.validate(text))
        except NotJson as error:
            return _not_json(error)


def _not_json(error: NotJson) -> tuple[Problem, ...]:
    from interfaces.cli.problems import as_problem

    return (as_problem(error),)


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
            replace(problem, line=None, column=None, end_column=None)
            for problem in error.problems
            if problem.code != "DUPLICATE_KEY"
        ]
        refuse(definition.name, definition.text, (*definition.known, *unplaced))


def tell_warnings(definition: Definition, warnings: Sequence[Problem]) -> None:
    """Say that there are warnings, and how to see them."""
    if warnings:
        seen = f"{len(warnings)} warning{'s' if len(warnings) > 1 else ''}"
        click.echo(f"{seen}: `clew validate {shlex.quote(definition.name)}` shows them.", err=True)


def _all_problems(place: Place, definition: Definition) -> tuple[Problem, ...]:
    """With a key that stands twice nothing is submitted; what else there is to say comes from the compiler."""
    if place.url:
        return remote_problems(place, definition.text)
    settings = place.settings(MEMORY)
    return local_problems(settings, local_nodes(settings), definition.text)


def tell_unloaded(problems: Sequence[Any]) -> None:
    """Warn of nodes that could not be loaded."""
    for problem in problems:
        line = f":{problem.line}" if problem.line is not None else ""
        click.echo(f"Warning: {problem.source}{line} is not loaded: {problem.message}", err=True)
