"""`signal`, `resume`, `pause`, `retry` and `cancel`: what people ask of an execution."""

from __future__ import annotations

from typing import Any

import click

from interfaces.cli.files import definition_named, definition_option
from interfaces.cli.options import Place, json_argument, json_option, place_options, reason_option


@click.command()
@click.argument("execution_id", metavar="ID")
@click.argument("name")
@click.option("--data", default="null", metavar="JSON", help='The payload, such as \'{"choice": "approve"}\'.')
@reason_option
@json_option
@place_options
def signal(place: Place, execution_id: str, name: str, data: str, reason: str, as_json: bool) -> None:
    """Send a signal to an execution.

    An approval is answered under its step's name, with the choice: --data '{"choice": "approve"}'.
    """
    payload = json_argument(data.encode("utf-8", "surrogateescape"), hint="--data")
    carry_out(place, "signal", execution_id, reason, as_json, name=name, payload=payload)


@click.command()
@click.argument("execution_id", metavar="ID")
@reason_option
@json_option
@place_options
def resume(place: Place, execution_id: str, reason: str, as_json: bool) -> None:
    """Go on with a paused execution, or try a failed one again."""
    carry_out(place, "resume", execution_id, reason, as_json)


@click.command()
@click.argument("execution_id", metavar="ID")
@reason_option
@json_option
@place_options
def pause(place: Place, execution_id: str, reason: str, as_json: bool) -> None:
    """Let no further step of an execution begin."""
    carry_out(place, "pause", execution_id, reason, as_json)


@click.command()
@click.argument("execution_id", metavar="ID")
@definition_option
@reason_option
@json_option
@place_options
def retry(place: Place, execution_id: str, definition: str | None, reason: str, as_json: bool) -> None:
    """Try a failed execution again, from the step that failed.

    With --definition it goes on by that one.
    """
    extra = {"definition": definition_named(definition)} if definition is not None else {}
    carry_out(place, "retry", execution_id, reason, as_json, **extra)


@click.command()
@click.argument("execution_id", metavar="ID")
@reason_option
@json_option
@place_options
def cancel(place: Place, execution_id: str, reason: str, as_json: bool) -> None:
    """End an execution now."""
    carry_out(place, "cancel", execution_id, reason, as_json)


def carry_out(place: Place, action: Any, execution_id: str, reason: str, as_json: bool, **extra: Any) -> None:
    """Ask something of an execution, and say how it is then."""
    from interfaces.cli.sources import act

    done = act(place, action, execution_id, reason=reason, **extra)
    if as_json:
        from interfaces.cli.tables import print_json

        print_json(done)
        return
    already = "" if done["changed"] else " (as it was already)"
    click.echo(f"{done['executionId']} is {done['status']}, at version {done['version']}{already}.")
