"""`rollback`, `edit`, `snapshot` and `snapshots`: what people change about an execution that stands still."""

from __future__ import annotations

from collections.abc import Sequence
from typing import IO, Any

import click

from interfaces.cli.acting import carry_out
from interfaces.cli.options import Place, json_option, place_options, reason_option
from interfaces.cli.patching import patch_of, patch_options

VERSION_OPTION = click.option(
    "--if-version", type=click.IntRange(min=1), metavar="N", help="Only if this is the newest version."
)


@click.command()
@click.argument("execution_id", metavar="ID")
@click.argument("to")
@click.option("--dry-run", is_flag=True, help="Only say what would happen.")
@VERSION_OPTION
@reason_option
@json_option
@place_options
def rollback(
    place: Place, execution_id: str, to: str, dry_run: bool, if_version: int | None, reason: str, as_json: bool
) -> None:
    """Put an execution back to a version, and go on from there.

    TO is a version (17, head~3), a time, or mark:NAME. One that is running is to be paused first; one that is paused
    stays so, until it is resumed. Steps behind that version run again: --dry-run lists those that can be noticed outside.
    """
    if dry_run:
        _preview(place, execution_id, to, as_json)
    else:
        carry_out(place, "rollback", execution_id, reason, as_json, to=to, if_version=if_version)


def _preview(place: Place, execution_id: str, to: str, as_json: bool) -> None:
    from interfaces.cli.sources import reading
    from interfaces.cli.tables import print_json

    with reading(place) as source:
        found = source.rollback_preview(execution_id, to)
    if as_json:
        print_json(found)
    else:
        _print_preview(found)


def _print_preview(found: dict[str, Any]) -> None:
    from interfaces.cli.tables import draw, table_of
    from interfaces.cli.wording import plain, wait_in_words

    click.echo(f"{plain(found['executionId'])} would be as it was at version {found['to']}.")
    if found["refused"]:
        click.echo(f"Not as it stands: {found['refused']['message']}")
    table = table_of("WHAT", "STEP", "VISIT", "EFFECT", "DETAILS")
    for op in found["patch"]:
        value = plain(op["value"]) if "value" in op else ""
        table.add_row("state", "", "", "", f"{op['op']} {plain(op['path'])} {value}".rstrip())
    for wait in found["waits"]:
        table.add_row("waits again", plain(wait["address"]), str(wait["visit"]), "", wait_in_words(wait))
    for visit in found["repeats"]:
        came = f"took {plain(visit['edge'])}" if visit["edge"] else plain(visit["error"] or "came to no end")
        step = plain(visit["step"] or visit["address"])
        table.add_row("runs again", step, str(visit["visit"]), visit["effect"], came)
    if found["repeatCount"] > len(found["repeats"]):
        table.add_row("…", "", "", "", f"{found['repeatCount'] - len(found['repeats']):,} more visits")
    for child in found["children"]:
        told = f"{plain(child['executionId'])}{', cancelled first' if child['running'] else ''}"
        table.add_row("child anew", plain(child["address"]), str(child["visit"]), "", told)
    for signal in found["signals"]:
        table.add_row("signal anew", plain(signal["address"]), str(signal["visit"]), "", plain(signal["name"]))
    draw(table)


@click.command()
@click.argument("execution_id", metavar="ID")
@patch_options
@VERSION_OPTION
@reason_option
@json_option
@place_options
def edit(
    place: Place,
    execution_id: str,
    sets: Sequence[str],
    removes: Sequence[str],
    file: IO[bytes] | None,
    if_version: int | None,
    reason: str,
    as_json: bool,
) -> None:
    """Change the state of an execution that is parked, paused or has failed.

    What --patch says comes first, then each --set and each --remove: --set '/order/total=12.5' --remove /order/draft.
    """
    patch = patch_of(file, sets, removes)
    if not patch:
        raise click.UsageError("Say what to change: --set, --remove or --patch.")
    carry_out(place, "edit", execution_id, reason, as_json, patch=patch, if_version=if_version)


@click.command()
@click.argument("execution_id", metavar="ID")
@click.argument("name")
@VERSION_OPTION
@reason_option
@json_option
@place_options
def snapshot(place: Place, execution_id: str, name: str, if_version: int | None, reason: str, as_json: bool) -> None:
    """Name the newest version of an execution: mark:NAME, from then on."""
    carry_out(place, "snapshot", execution_id, reason, as_json, name=name, if_version=if_version)


@click.command()
@click.argument("execution_id", metavar="ID")
@json_option
@place_options
def snapshots(place: Place, execution_id: str, as_json: bool) -> None:
    """List the versions of an execution that have a name."""
    from interfaces.cli.sources import reading
    from interfaces.cli.tables import draw, print_json, table_of
    from interfaces.cli.wording import plain

    with reading(place) as source:
        found = source.snapshots(execution_id)
    if as_json:
        print_json(found)
        return
    table = table_of("NAME", "VERSION", "TIME", "BY", "REASON")
    for item in found["items"]:
        by = plain(item.get("address") or item["actor"] or "")
        table.add_row(plain(item["name"]), str(item["version"]), item["time"], by, plain(item["reason"] or ""))
    draw(table)
