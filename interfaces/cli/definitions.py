"""`run` and `validate`: from a definition in a file to its result, or to what is wrong with it."""

from __future__ import annotations

import contextlib
import shlex
from collections.abc import Iterator, Sequence
from typing import IO, TYPE_CHECKING, Any, NamedTuple

import click

from interfaces.cli.exits import INVALID, STATUS_CODES
from interfaces.cli.options import Place, initial_state, json_argument, json_option, place_options

if TYPE_CHECKING:
    from application.requests import Accepted
    from domain.problems import Problem
    from interfaces.client.client import Client
    from interfaces.embedded import Engine

MEMORY = "memory:"
STATE_HELP = "A value of the initial state, laid over --input or the definition's own; repeatable. Dots go deeper."


class Definition(NamedTuple):
    """A definition as it was read: its text, what that says, and the keys that stand in it twice."""

    name: str
    text: bytes
    value: Any
    known: tuple[Problem, ...]


@click.command()
@click.argument("file", type=click.File("rb"))
@click.option("--state", "pairs", multiple=True, metavar="KEY=VALUE", help=STATE_HELP)
@click.option("--input", "input_file", type=click.File("rb"), help="The initial state: a JSON object.")
@click.option("--timeout", "timeout_s", type=click.FloatRange(min=0), metavar="SECONDS", help="Wait no longer.")
@json_option
@place_options
@click.pass_context
def run(
    ctx: click.Context,
    file: IO[bytes],
    place: Place,
    pairs: Sequence[str],
    input_file: IO[bytes] | None,
    timeout_s: float | None,
    as_json: bool,
) -> None:
    """Run a definition, and print its result.

    FILE is the definition (-: stdin). Works without a server, in memory or in the store that --store names; with --url
    it runs on that server. The result is what the workflow's `end` stored, else the final state; with --json it is the
    whole execution.
    """
    from interfaces.cli.progress import watch

    definition = _read(file)
    state = _initial_state(definition, pairs, input_file)
    with _engine(place) as engine:
        accepted = _submit(engine, place, definition, state)
        execution = watch(engine, accepted.execution_id, timeout_s=timeout_s)
    _print_outcome(execution, place, as_json=as_json)
    ctx.exit(STATUS_CODES[execution["status"]])


@click.command()
@click.argument("file", type=click.File("rb"))
@json_option
@place_options
@click.pass_context
def validate(ctx: click.Context, file: IO[bytes], place: Place, as_json: bool) -> None:
    """Say everything that is wrong with a definition.

    FILE is the definition (-: stdin); nothing in it is run. The nodes are those of the library and of --nodes; with
    --url those of that server.
    """
    from domain.errors import NotJson
    from interfaces.cli.problems import as_problem, print_problems

    name, text = _name(file), file.read()
    try:
        problems = _remote_problems(place, text) if place.url else _local_problems(place, text)
    except NotJson as error:
        problems = (as_problem(error),)
    valid = all(problem.severity != "error" for problem in problems)
    if as_json:
        from interfaces.cli.tables import print_json

        print_json({"valid": valid, "problems": problems})
    else:
        print_problems(problems, name=name, text=text)
        if valid:
            click.echo(f"{name} is valid.")
    ctx.exit(0 if valid else INVALID)


def _read(file: IO[bytes]) -> Definition:
    """Read a definition. A text that is not JSON is shown with its place, and ends the command."""
    from domain.document import parse_definition
    from domain.errors import NotJson

    text = file.read()
    try:
        value, known = parse_definition(text)
    except NotJson as error:
        from interfaces.cli.problems import as_problem

        _refuse(_name(file), text, (as_problem(error),))
    return Definition(_name(file), text, value, known)


def _name(file: IO[bytes]) -> str:
    """How messages call a file."""
    return str(getattr(file, "name", "<stdin>"))


def _refuse(name: str, text: bytes, problems: Sequence[Problem]) -> None:
    from interfaces.bootstrap import locate
    from interfaces.cli.problems import print_problems

    print_problems(locate(text, problems), name=name, text=text)
    click.get_current_context().exit(INVALID)


def _local_problems(place: Place, text: bytes) -> tuple[Problem, ...]:
    """What the compiler says, with the nodes of this machine. Raises NotJson."""
    from domain.document import parse_definition
    from interfaces.bootstrap import locate, make_nodes

    settings = place.settings(MEMORY)
    value, known = parse_definition(text)
    nodes = make_nodes(settings)
    problems = locate(text, _compiled(value, known, nodes, settings.limits))
    _tell_unloaded(nodes.problems())
    return problems


def _compiled(value: Any, known: tuple[Problem, ...], nodes: Any, limits: Any) -> tuple[Problem, ...]:
    from domain.compiler import compile_definition
    from domain.errors import InvalidDefinition

    try:
        return compile_definition(value, nodes, limits=limits, known=known).warnings
    except InvalidDefinition as error:
        return error.problems


def _remote_problems(place: Place, text: bytes) -> tuple[Problem, ...]:
    from interfaces.bootstrap import locate
    from interfaces.cli.sources import connect

    with connect(place) as client:
        return locate(text, client.validate(text))


def _initial_state(definition: Definition, pairs: Sequence[str], input_file: IO[bytes] | None) -> dict[str, Any] | None:
    """The initial state to send; None: the definition's own."""
    base: Any = None
    if input_file is not None:
        base = json_argument(input_file.read(), hint="--input")
        if not isinstance(base, dict):
            raise click.BadParameter("the initial state is a JSON object.", param_hint="--input")
    elif pairs and isinstance(definition.value, dict):
        base = definition.value.get("initialState")
    return initial_state(base if isinstance(base, dict) else None, pairs)


@contextlib.contextmanager
def _engine(place: Place) -> Iterator[Engine | Client]:
    """Where to run: the server that was named, or an engine of this command's own."""
    if place.url:
        from interfaces.cli.sources import connect

        with connect(place) as client:
            yield client
        return
    from interfaces.embedded import Engine

    with Engine(settings=place.settings(MEMORY)) as engine:
        _tell_unloaded(engine.node_problems)
        yield engine


def _submit(engine: Engine | Client, place: Place, definition: Definition, state: dict[str, Any] | None) -> Accepted:
    """Submit; a definition that is not valid is shown with the places in its file, and ends the command."""
    from domain.errors import InvalidDefinition

    try:
        if definition.known:
            raise InvalidDefinition(_all_problems(place, definition))
        accepted = engine.submit(definition.value, initial_state=state)
    except InvalidDefinition as error:
        from msgspec.structs import replace

        # The places of an answer are those of what was sent; the file may be laid out otherwise.
        unplaced = [
            replace(problem, line=None, column=None) for problem in error.problems if problem.code != "DUPLICATE_KEY"
        ]
        _refuse(definition.name, definition.text, (*definition.known, *unplaced))
        raise
    if accepted.warnings:
        seen = f"{len(accepted.warnings)} warning{'s' if len(accepted.warnings) > 1 else ''}"
        click.echo(f"{seen}: `clew validate {shlex.quote(definition.name)}` shows them.", err=True)
    return accepted


def _all_problems(place: Place, definition: Definition) -> tuple[Problem, ...]:
    """With a key that stands twice nothing is submitted; what else there is to say comes from the compiler."""
    return _remote_problems(place, definition.text) if place.url else _local_problems(place, definition.text)


def _tell_unloaded(problems: Sequence[Any]) -> None:
    for problem in problems:
        line = f":{problem.line}" if problem.line is not None else ""
        click.echo(f"Warning: {problem.source}{line} is not loaded: {problem.message}", err=True)


def _print_outcome(execution: dict[str, Any], place: Place, *, as_json: bool) -> None:
    from interfaces.cli.outcomes import outcome
    from interfaces.cli.tables import print_json

    for line in outcome(execution, place):
        click.echo(line, err=True)
    if as_json:
        print_json(execution)
    elif execution["status"] == "completed":
        state = execution["finalState"]
        print_json(state.get("result", state))
