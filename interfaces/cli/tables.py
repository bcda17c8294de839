"""Tables and cards for people, JSON for programs; both to stdout."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final

import click
import msgspec
from rich.console import Console, RenderableType
from rich.table import Table
from rich.text import Text

from interfaces.cli.wording import error_in_words, gist, loop_in_words, names_in, plain, step_of, wait_in_words

WIDE: Final = 220
"""Columns where stdout is no terminal: nothing is cut that a pipe could want."""
STATUS_STYLES: Final = {
    "completed": "green",
    "running": "cyan",
    "suspended": "yellow",
    "paused": "yellow",
    "failed": "red",
    "cancelled": "magenta",
}
EVENT_STYLES: Final = {
    "Recovered": "bold yellow",
    "NodeFailed": "red",
    "Failed": "bold red",
    "Cancelled": "magenta",
    "Completed": "bold green",
    "Suspended": "yellow",
    "ChildStarted": "cyan",
    "ChildObserved": "cyan",
    "SignalReceived": "cyan",
    "Resumed": "cyan",
    "Paused": "yellow",
}
PIECE: Final = 8_192
"""Characters written at once."""
WIRE_TIME: Final = len("2026-11-22T10:00:00.000")


def print_json(value: Any) -> None:
    """One JSON document."""
    _emit(msgspec.json.format(msgspec.json.encode(value), indent=2).decode() + "\n")


def print_executions(items: Iterable[Mapping[str, Any]]) -> None:
    """The list of executions."""
    table = table_of("EXECUTION", "WORKFLOW", "STATUS", "VERSION", "STARTED", "ENDED", "ERROR")
    for item in items:
        table.add_row(
            plain(item["executionId"]),
            f"{plain(item['workflowId'])} {plain(item['workflowVersion'])}",
            _status(item["status"]),
            str(item["version"]),
            wire_time(item["startTime"]),
            wire_time(item.get("endTime")),
            plain(item.get("errorCode") or ""),
        )
    draw(table)


def print_workflows(items: Iterable[Mapping[str, Any]]) -> None:
    """The list of workflows."""
    table = table_of("WORKFLOW", "NEWEST", "PUBLISHED", "EXECUTIONS", "LAST START")
    for item in items:
        table.add_row(
            plain(item["workflowId"]),
            plain(item["workflowVersion"]),
            plain(item["publishedVersion"] or ""),
            str(item["executions"]),
            wire_time(item["lastStart"]),
        )
    draw(table)


def print_versions(items: Iterable[Mapping[str, Any]]) -> None:
    """The published versions of a workflow."""
    table = table_of("PUBLISHED AS", "TIME", "BY", "NAME", "DEFINITION")
    for item in items:
        table.add_row(
            plain(item["workflowVersion"]),
            wire_time(item["publishTime"]),
            plain(item["actor"] or ""),
            plain(item["name"]),
            plain(item["definitionHash"]),
        )
    draw(table)


def print_events(items: Sequence[Mapping[str, Any]]) -> None:
    """A page of a history."""
    branched = any(event.get("branch") for event in items)
    named = any("executionId" in event for event in items)
    table = table_of(
        *(["EXECUTION"] if named else []),
        *("VERSION", "TIME", "EVENT"),
        *(["BRANCH"] if branched else []),
        *("STEP", "VISIT", "WHAT"),
    )
    names = names_in(items)
    for event in items:
        style = EVENT_STYLES.get(str(event["type"]), "")
        table.add_row(
            *([plain(event["executionId"])] if named else []),
            str(event["version"]),
            wire_time(event["time"]),
            Text(plain(event["type"]), style=style),
            *([plain(event.get("branch", ""))] if branched else []),
            step_of(event, names),
            str(event.get("visit", "")),
            Text(gist(event)),
        )
    draw(table)


def print_execution(execution: Mapping[str, Any]) -> None:
    """One execution."""
    rows: list[tuple[str, str | Text]] = [
        ("execution", plain(execution["executionId"])),
        ("workflow", f"{plain(execution['workflowId'])} {plain(execution['workflowVersion'])}"),
        ("status", _status(execution["status"])),
        ("version", str(execution["version"])),
        ("started", wire_time(execution["startTime"])),
    ]
    if execution.get("endTime"):
        rows.append(("ended", wire_time(execution["endTime"])))
    if execution.get("currentStep"):
        rows.append(("step", f"{plain(execution['currentStep'])}  {plain(execution.get('currentAddress') or '')}"))
    rows += [("branch", _branch(branch)) for branch in execution.get("branches") or () if branch["branch"]]
    rows += [("loop", loop_in_words(loop)) for loop in execution.get("loops") or ()]
    rows += [("waiting", wait_in_words(wait)) for wait in execution.get("waiting") or ()]
    if execution.get("source"):
        source = execution["source"]
        rows.append(("forked off", f"{plain(source['executionId'])}  at version {source['version']}"))
    if execution.get("parent"):
        parent = execution["parent"]
        rows.append(("parent", f"{plain(parent['executionId'])}  {plain(parent['address'])}"))
    rows += [("label", f"{plain(name)}={plain(text)}") for name, text in (execution.get("labels") or {}).items()]
    if execution.get("error"):
        rows.append(("error", Text(error_in_words(execution["error"]), style="red")))
    draw(card_of(rows))
    if "finalState" in execution:
        draw(Text("final state", style="bold"))
        print_json(execution["finalState"])


def _branch(branch: Mapping[str, Any]) -> str:
    waiting = f", waiting: {branch['waiting']}" if branch.get("waiting") else ""
    return f"{plain(branch['branch'])} at {plain(branch.get('step') or branch.get('address') or 'its end')}{waiting}"


def table_of(*columns: str) -> Table:
    """An empty table with these headings."""
    table = Table(box=None, pad_edge=False, header_style="bold", padding=(0, 2, 0, 0))
    for column in columns:
        right = column in ("VERSION", "VISIT") and column != columns[1]
        # The first column holds what is copied into the next command.
        first = column == columns[0]
        table.add_column(column, justify="right" if right else "left", no_wrap=first, overflow="fold")
    return table


def card_of(rows: Sequence[tuple[str, str | Text]]) -> Table:
    """One thing: what there is to say of it, by name."""
    card = Table(box=None, show_header=False, pad_edge=False, padding=(0, 2, 0, 0))
    card.add_column(style="bold", no_wrap=True)
    card.add_column(overflow="fold")
    for name, value in rows:
        card.add_row(name, value if isinstance(value, Text) else Text(value))
    return card


def _status(status: str) -> Text:
    return Text(plain(status), style=STATUS_STYLES.get(status, ""))


def wire_time(time: str | None) -> str:
    """A time that was on the wire, to the millisecond."""
    return time[:WIRE_TIME].replace("T", " ") if time else ""


def terminal_width() -> int:
    """Columns of what is printed."""
    return Console().width if sys.stdout.isatty() else WIDE


def draw(what: RenderableType) -> None:
    """Print to stdout, as wide as the terminal is."""
    width = None if sys.stdout.isatty() else WIDE
    console = Console(width=width, markup=False, highlight=False, emoji=False)
    with console.capture() as drawn:
        console.print(what)
    _emit(drawn.get())


def _emit(text: str) -> None:
    """Write to stdout piece by piece.

    An unbuffered stdout (PYTHONUNBUFFERED) whose reader goes away takes a part of a large text, and says nothing.
    """
    for start in range(0, len(text), PIECE):
        click.echo(text[start : start + PIECE], nl=False)
