"""The timeline of an execution: its visits as columns, for plotting."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Final

from application.measuring_visits import TimedVisit
from domain.durations import iso

TIMELINE_LIMIT: Final = 1_000
"""Visits of a timeline, unless it is said how many."""
TIMELINE_MOST: Final = 10_000
"""Most visits of one page."""
COLUMNS: Final = (
    "version",
    "time",
    "endVersion",
    "endTime",
    "durationMs",
    "waitingMs",
    "waitingFor",
    "address",
    "step",
    "node",
    "branch",
    "walk",
    "visit",
    "pass",
    "attempts",
    "edge",
    "status",
)


def milliseconds(time: int | None) -> float | None:
    """Microseconds as milliseconds, to the microsecond."""
    return None if time is None else time / 1_000


def describe_visit(visit: TimedVisit) -> dict[str, Any]:
    """A visit on the wire."""
    return {
        "version": visit.version,
        "time": iso(visit.start),
        "endVersion": visit.end_version,
        "endTime": iso(visit.end) if visit.end is not None else None,
        "durationMs": milliseconds(visit.duration),
        "waitingMs": milliseconds(visit.waited_in_all),
        "waitingFor": visit.waiting,
        "address": visit.address,
        "step": visit.step,
        "node": visit.node,
        "branch": visit.branch,
        "walk": visit.walk,
        "visit": visit.visit,
        "pass": visit.pass_,
        "attempts": visit.attempts,
        "edge": visit.edge,
        "status": visit.status,
    }


def columns_of(visits: Iterable[TimedVisit]) -> dict[str, list[Any]]:
    """The visits, in the order in which they began, as a list for each of COLUMNS."""
    columns: dict[str, list[Any]] = {name: [] for name in COLUMNS}
    for visit in visits:
        for name, value in describe_visit(visit).items():
            columns[name].append(value)
    return columns
