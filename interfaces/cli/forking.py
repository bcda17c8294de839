"""`fork`: an execution goes on from any version of another one."""

from __future__ import annotations

from collections.abc import Sequence
from typing import IO, Any

import click

from interfaces.cli.files import definition_named
from interfaces.cli.options import Place, json_option, place_options, reason_option
from interfaces.cli.patching import patch_of, patch_options


@click.command()
@click.argument("execution_id", metavar="ID")
@click.option("--at", metavar="VERSION", help="17, head~3, a time, node:/address@2, mark:NAME. Default: the newest.")
@patch_options
@click.option(
    "--definition", metavar="FILE|latest", help="What it goes on by: a file, or the newest published version."
)
@click.option("--effects", type=click.Choice(["rerun", "reuse"]), help="`reuse`: take recorded results again.")
@click.option("--signals", type=click.Choice(["keep", "drop"]), help="`drop`: leave kept signals behind.")
@click.option("--children", type=click.Choice(["reuse", "restart"]), help="`restart`: begin children anew.")
@click.option("--timers", type=click.Choice(["restart", "keep"]), help="`keep`: timers end when they would have.")
@click.option("--id", "fork_id", metavar="ID", help="The id of the fork.")
@click.option("--dry-run", is_flag=True, help="Only say what would happen.")
@reason_option
@json_option
@place_options
def fork(
    place: Place,
    execution_id: str,
    sets: Sequence[str],
    removes: Sequence[str],
    file: IO[bytes] | None,
    definition: str | None,
    dry_run: bool,
    as_json: bool,
    **options: Any,
) -> None:
    """Begin an execution that goes on from any version of another one, which stays as it is.

    What was under way there runs again, under effects of its own: --dry-run lists what. On a local store it runs until it
    ends, parks or pauses.
    """
    from interfaces.cli import sources
    from interfaces.cli.tables import print_json

    chosen: Any = {name: value for name, value in options.items() if value}
    if patch := patch_of(file, sets, removes):
        chosen["patch"] = patch
    if definition is not None:
        chosen["definition"] = definition_named(definition)
    found = (sources.preview_fork if dry_run else sources.fork)(place, execution_id, chosen)
    if as_json:
        print_json(found)
    elif dry_run:
        _print_preview(found)
    else:
        _print_fork(found)


def _print_fork(found: dict[str, Any]) -> None:
    from interfaces.cli.wording import plain

    source = found["source"]
    off = f"forked off {plain(source['executionId'])} at version {source['version']}"
    click.echo(f"{found['executionId']} is {found['status']}, {off}.")


def _print_preview(found: dict[str, Any]) -> None:
    from interfaces.cli.tables import draw, table_of
    from interfaces.cli.wording import plain

    workflow = f"{plain(found['workflowId'])} {plain(found['workflowVersion'])}"
    click.echo(f"A fork of {plain(found['executionId'])} at version {found['at']}, by {workflow}:")
    table = table_of("WHAT", "STEP", "VISIT", "EFFECT", "DETAILS")
    for op in found["patch"]:
        value = plain(op["value"]) if "value" in op else ""
        table.add_row("state", "", "", "", f"{op['op']} {plain(op['path'])} {value}".rstrip())
    for place in found["position"]:
        until = f", until {place['due']}" if place["due"] else ""
        told = f"waits ({place['waiting']}){until}" if place["waiting"] else ""
        table.add_row("begins", plain(place["step"] or "(the end)"), "", "", told or plain(place["branch"]))
    for visit in found["rerun"]:
        told = "was under way" if visit["underWay"] else f"version {visit['version']}"
        table.add_row("runs again", plain(visit["step"]), str(visit["visit"]), visit["effect"], told)
    for visit in found["reused"]:
        told = f"version {visit['version']}"
        table.add_row("reused", plain(visit["step"]), str(visit["visit"]), visit["effect"], told)
    draw(table)
    if not found["complete"]:
        click.echo("More visits follow, which are not listed.", err=True)
