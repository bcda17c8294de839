"""`validate`, `graph` and `schema`: for those who write definitions."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import IO, TYPE_CHECKING, NamedTuple

import click

from interfaces.cli.exits import INVALID
from interfaces.cli.files import (
    MEMORY,
    compiled,
    local_nodes,
    local_problems,
    name_of,
    read_definition,
    refuse,
    remote_problems,
)
from interfaces.cli.options import Place, json_option, nodes_option, place_options

if TYPE_CHECKING:
    from domain.problems import Problem

FILE = click.Path(exists=True, dir_okay=False, readable=True, allow_dash=True)
STRICT_HELP = "Warnings make a definition invalid too."


class Judged(NamedTuple):
    """A definition and what there is to say about it."""

    name: str
    text: bytes
    problems: tuple[Problem, ...]
    valid: bool


@click.command()
@click.argument("paths", metavar="FILE...", type=FILE, nargs=-1, required=True)
@click.option("--strict", is_flag=True, help=STRICT_HELP)
@json_option
@place_options
@click.pass_context
def validate(ctx: click.Context, paths: Sequence[str], place: Place, strict: bool, as_json: bool) -> None:
    """Say everything that is wrong with definitions.

    Each FILE is a definition (-: stdin); nothing in it is run. The nodes are those of the library and of --nodes; with
    --url those of that server. Errors end with 3, warnings alone with 0, or with 3 if --strict is given.
    """
    judged = _judged(paths, place, strict=strict)
    if as_json:
        _print_json(judged)
    else:
        _print(judged)
    ctx.exit(0 if all(each.valid for each in judged) else INVALID)


@click.command()
@click.argument("file", type=click.File("rb"))
@nodes_option
def graph(file: IO[bytes], nodes_dirs: tuple[Path, ...]) -> None:
    """Print a definition as a Mermaid flowchart.

    FILE is the definition (-: stdin); nothing in it is run. GitHub, GitLab and many editors draw what is printed, in a
    block of Markdown that begins with ```mermaid. A definition that is not valid is shown with what is wrong, and ends
    with 3.
    """
    from application.mermaid import flowchart

    settings = Place(nodes=nodes_dirs).settings(MEMORY)
    definition, nodes = read_definition(file), local_nodes(settings)
    program, problems = compiled(definition.value, definition.known, nodes, settings.limits)
    if program is None:
        refuse(definition.name, definition.text, problems)
    click.echo(flowchart(program, nodes), nl=False)


@click.command()
@nodes_option
def schema(nodes_dirs: tuple[Path, ...]) -> None:
    """Print the JSON Schema of definitions, for editors.

    It has what each node takes: those of the library, of --nodes and of installed packages. Saved as a file that a
    definition's `$schema` names, it lets an editor complete and check that.
    """
    from interfaces.schema import rendered

    click.echo(rendered(local_nodes(Place(nodes=nodes_dirs).settings(MEMORY))), nl=False)


def _judged(paths: Sequence[str], place: Place, *, strict: bool) -> list[Judged]:
    settings = place.settings(MEMORY)
    nodes = None if place.url else local_nodes(settings)
    judged = []
    for path in paths:
        with click.open_file(path, "rb") as file:
            name, text = name_of(file), file.read()
        problems = remote_problems(place, text) if nodes is None else local_problems(settings, nodes, text)
        valid = all(problem.severity != "error" and not strict for problem in problems)
        judged.append(Judged(name, text, problems, valid))
    return judged


def _print(judged: Sequence[Judged]) -> None:
    from interfaces.cli.problems import print_problems, print_summary

    for each in judged:
        print_problems(each.problems, name=each.name, text=each.text)
        if each.valid:
            click.echo(f"{each.name} is valid.")
    print_summary([problem for each in judged for problem in each.problems], files=len(judged))


def _print_json(judged: Sequence[Judged]) -> None:
    from interfaces.cli.problems import described
    from interfaces.cli.tables import print_json

    problems = [described(problem, each.name) for each in judged for problem in each.problems]
    answer = {
        "valid": all(each.valid for each in judged),
        "errors": sum(problem["severity"] == "error" for problem in problems),
        "warnings": sum(problem["severity"] == "warning" for problem in problems),
        "files": [{"file": each.name, "valid": each.valid} for each in judged],
        "problems": problems,
    }
    print_json(answer)
