"""`run`: from a definition in a file to its result."""

from __future__ import annotations

import contextlib
import functools
from collections.abc import Iterator, Sequence
from typing import IO, TYPE_CHECKING, Any, NamedTuple

import click

from interfaces.cli.exits import STATUS_CODES
from interfaces.cli.files import MEMORY, read_definition, refusals_shown, tell_unloaded, tell_warnings
from interfaces.cli.options import Function, Place, initial_state, json_argument, json_option, place_options

if TYPE_CHECKING:
    from interfaces.client.client import Client
    from interfaces.embedded import Engine

STATE_HELP = "A value of the initial state, laid over --input or the definition's own; repeatable. Dots go deeper."
TIMEOUT_HELP = "Wait no longer."


class Beginning(NamedTuple):
    """How an execution is to begin, and how long it is waited for."""

    pairs: Sequence[str]
    input_file: IO[bytes] | None
    execution_id: str | None
    timeout_s: float | None

    def state(self, definition: Any) -> dict[str, Any] | None:
        """The initial state to send; None: the definition's own."""
        base: Any = None
        if self.input_file is not None:
            base = json_argument(self.input_file.read(), hint="--input")
            if not isinstance(base, dict):
                raise click.BadParameter("the initial state is a JSON object.", param_hint="--input")
        elif self.pairs and isinstance(definition, dict):
            base = definition.get("initialState")
        return initial_state(base if isinstance(base, dict) else None, self.pairs)


def run_options(function: Function) -> Function:
    """Add --state, --input, --id and --timeout; the command gets them as `beginning`, a Beginning."""

    @functools.wraps(function)
    def command(
        *args: Any,
        pairs: Sequence[str],
        input_file: IO[bytes] | None,
        execution_id: str | None,
        timeout_s: float | None,
        **options: Any,
    ) -> Any:
        return function(*args, beginning=Beginning(pairs, input_file, execution_id, timeout_s), **options)

    for option in (
        click.option("--timeout", "timeout_s", type=click.FloatRange(min=0), metavar="SECONDS", help=TIMEOUT_HELP),
        click.option("--id", "execution_id", metavar="ID", help="An id of your own for the execution."),
        click.option("--input", "input_file", type=click.File("rb"), help="The initial state: a JSON object."),
        click.option("--state", "pairs", multiple=True, metavar="KEY=VALUE", help=STATE_HELP),
    ):
        command = option(command)
    return command  # type: ignore[return-value]  # click's decorators give back what they are given


@click.command()
@click.argument("file", type=click.File("rb"))
@run_options
@json_option
@place_options
@click.pass_context
def run(
    ctx: click.Context,
    file: IO[bytes],
    place: Place,
    beginning: Beginning,
    as_json: bool,
) -> None:
    """Run a definition, and print its result.

    FILE is the definition (-: stdin). Works without a server, in memory or in the store that --store names; with --url
    it runs on that server. The result is what the workflow's `end` stored, else the final state; with --json it is the
    whole execution.
    """
    from interfaces.cli.progress import watch

    definition = read_definition(file)
    state = beginning.state(definition.value)
    with engine_at(place, MEMORY) as engine:
        with refusals_shown(place, definition):
            accepted = engine.submit(definition.value, initial_state=state, execution_id=beginning.execution_id)
        tell_warnings(definition, accepted.warnings)
        execution = watch(engine, accepted.execution_id, timeout_s=beginning.timeout_s)
    print_outcome(execution, place, as_json=as_json)
    ctx.exit(STATUS_CODES[execution["status"]])


@contextlib.contextmanager
def engine_at(place: Place, store: str) -> Iterator[Engine | Client]:
    """Where to run: the server that was named, or an engine of this command's own."""
    if place.url:
        from interfaces.cli.sources import connect

        with connect(place) as client:
            yield client
        return
    from interfaces.embedded import Engine

    with Engine(settings=place.settings(store)) as engine:
        tell_unloaded(engine.node_problems)
        yield engine


def print_outcome(execution: dict[str, Any], place: Place, *, as_json: bool) -> None:
    """Print how an execution came out, and its result."""
    from interfaces.cli.outcomes import outcome
    from interfaces.cli.tables import print_json

    for line in outcome(execution, place):
        click.echo(line, err=True)
    if as_json:
        print_json(execution)
    elif execution["status"] == "completed":
        state = execution["finalState"]
        print_json(state.get("result", state))
