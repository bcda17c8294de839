"""How executions that were walked again look in a terminal."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

import click
from rich.text import Text

from interfaces.cli.tables import draw, table_of
from interfaces.cli.wording import plain, step_of

VERDICT_STYLES: Final = {
    "same": "green",
    "reused": "cyan",
    "changed": "yellow",
    "new": "bold yellow",
    "dropped": "magenta",
    "unknown": "bold red",
}
MOST_ROWS: Final = 20
"""Executions that are listed, of those that would end otherwise or that are not known."""


def print_one(found: Mapping[str, Any]) -> None:
    """One execution: its visits, and what became of it."""
    table = table_of("VERDICT", "STEP", "VISIT", "EDGE", "ADDRESS")
    for step in found["steps"]:
        table.add_row(
            Text(step["verdict"], style=VERDICT_STYLES[step["verdict"]]),
            step_of(step),
            str(step["visit"]),
            plain(_came_to(step)),
            plain(step["address"]),
        )
    draw(table)
    more = sum(found["counts"].values()) - len(found["steps"])
    if more:
        click.echo(f"… and {more:,} more")
    click.echo(f"{found['executionId']} would be {found['status']} (it is {found['recorded']['status']}).")
    if found.get("error"):
        click.echo(f"{plain(found['error']['code'])}: {plain(found['error']['message'], longest=300)}")
    if found["divergence"] is not None:
        click.echo(f"First difference: {_difference(found['divergence'])}")
    for need in found["needs"]:
        then = f"; it came to {_came_to(need['recorded'])} then" if "recorded" in need else ""
        click.echo(f"Not known: {plain(need['address'])} ({plain(need['reason'], longest=300)}{then})")
    if found["needs"]:
        click.echo("Say what they come to with --assume FILE, or take what they came to with --assume recorded.")


def print_many(found: Mapping[str, Any]) -> None:
    """Many: how many would end otherwise, from where on, and which."""
    click.echo(found["summary"])
    if found["divergences"]:
        table = table_of("COUNT", "STEP", "ADDRESS", "FOR INSTANCE")
        for group in found["divergences"]:
            table.add_row(
                str(group["count"]), step_of(group), plain(group["address"]), plain(", ".join(group["executions"][:2]))
            )
        draw(table)
    others = [each for each in found["executions"] if each["verdict"] != "same"]
    if others:
        table = table_of("EXECUTION", "VERDICT", "WAS", "WOULD BE", "FIRST DIFFERENCE")
        for each in others[:MOST_ROWS]:
            table.add_row(plain(each["executionId"]), each["verdict"], *_ends(each), _why(each))
        draw(table)
    if len(others) > MOST_ROWS:
        click.echo(f"… and {len(others) - MOST_ROWS:,} more; --json has them all")


def _ends(each: Mapping[str, Any]) -> tuple[str, str]:
    status = each.get("status") or {"then": "", "now": ""}
    return status["then"], status["now"]


def _why(each: Mapping[str, Any]) -> str:
    if each.get("divergence") is not None:
        return _difference(each["divergence"])
    return plain(each.get("reason", ""), longest=200)


def _difference(divergence: Mapping[str, Any]) -> str:
    words = f"{plain(divergence['address'])} is {divergence['verdict']}"
    then, now = divergence["then"], divergence["now"]
    if then is not None and now is not None and _came_to(then) != _came_to(now):
        words += f": {_came_to(now)} instead of {_came_to(then)}"
    places = [*divergence["values"], *(f"data{pointer}" for pointer in divergence["data"])]
    return words + (f" ({plain(', '.join(places), longest=120)})" if places else "")


def _came_to(passage: Mapping[str, Any]) -> str:
    """How a visit came out, in a word or two."""
    match passage["ending"]:
        case "taken":
            return str(passage.get("edge") or "no edge")
        case "failed":
            return f"failed {passage.get('error', '')}".strip()
        case "open":
            return "not yet"
        case other:
            return str(other)
