"""Changes of a state, and who made them, as tables."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

import click
import msgspec

from interfaces.cli.tables import draw, table_of, wire_time
from interfaces.cli.wording import plain, step_of

SHOWN: Final = 60
"""Characters of a value that are shown; --json has all."""
ABSENT: Final = "-"
"""What stands for a value where there is none."""


def print_changes(found: Mapping[str, Any]) -> None:
    """What has changed between two versions."""
    if not found["changes"]:
        click.echo(f"Versions {found['from']} and {found['to']} have the same state.")
        return
    table = table_of("POINTER", "OLD", "NEW", "VERSION", "STEP", "VISIT", "BY")
    for change in found["changes"]:
        table.add_row(plain(change["pointer"]), _value(change, "old"), _value(change, "new"), *_writer(change))
    draw(table)


def print_blame(found: Mapping[str, Any]) -> None:
    """Who wrote what is at a pointer, the last write first."""
    if found["written"] is None:
        click.echo(f"Nothing has been written at {plain(found['pointer'])} up to version {found['at']}.")
        return
    named = "executionId" in found
    columns = ("VERSION", "TIME", "OLD", "VALUE", "EVENT", "STEP", "VISIT", "BY")
    table = table_of(*(["EXECUTION"] if named else []), *columns)
    for write in (found["written"], *found["earlier"]):
        version, step, visit, actor = _writer(write)
        table.add_row(
            *([plain(write["executionId"])] if named else []),
            version,
            wire_time(write["time"]),
            _value(write, "old"),
            _value(write, "value"),
            plain(write["type"]),
            step,
            visit,
            actor,
        )
    draw(table)


def _writer(write: Mapping[str, Any]) -> tuple[str, str, str, str]:
    attempt = f".{write['attempt']}" if write.get("attempt", 1) > 1 else ""
    visit = f"{write['visit']}{attempt}" if "visit" in write else ""
    return str(write["version"]), step_of(write), visit, plain(write.get("actor", ""))


def _value(holder: Mapping[str, Any], name: str) -> str:
    return plain(msgspec.json.encode(holder[name]).decode(), longest=SHOWN) if name in holder else ABSENT
