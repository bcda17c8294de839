"""The lineage of an execution: what it came from, the walks it has made, and what came from it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

from application.folds import Folds
from application.ports import EventLog, Recorded
from application.presenting import links
from application.reading import PAGE
from domain.durations import iso
from domain.errors import NotFound
from domain.events import ChildStarted, Resumed, RolledBack
from domain.execution import Execution

LINEAGE_LIMIT: Final = 100
"""Executions below the one that is asked for, unless it is said how many."""
LINEAGE_MOST: Final = 1_000
"""Most of them in one answer."""
LINEAGE_DEPTH: Final = 3
"""Generations below it that are told, unless it is said how many."""
LINEAGE_DEEPEST: Final = 64
"""Most of them."""


TELLING: Final = tuple(kind.tag for kind in (ChildStarted, RolledBack, Resumed))
"""Events that begin a walk or a child."""


class Lineage:
    """Tells the tree around an execution: its ancestors in a row, and its descendants, each with its own below it.

    Each of these has its `relation` to the execution that it stands next to.
    """

    def __init__(self, log: EventLog, folds: Folds) -> None:
        self._log = log
        self._folds = folds

    def told(self, execution: Execution, *, after: int, limit: int, depth: int) -> dict[str, Any]:
        """The answer to `GET /executions/{id}/lineage`.

        Descendants of the first generation are those that began behind version `after`. When there are more than `limit`
        the nearest generations come first, and `next` of an execution is the `after` for the rest of its own. Below the
        last generation nothing is looked for: `descendants` are null there.
        """
        own = _Scan(self._log, execution, after=after, room=limit if depth else 0, whole=True)
        root = _told(execution)
        generation = self._grown(root, own)
        left = limit - len(generation)
        for _ in range(depth - 1):
            parents, generation = generation, []
            for node, parent in parents:
                scan = _Scan(self._log, parent, after=0, room=left)
                below = self._grown(node, scan)
                left -= len(below)
                generation += below
        return {**root, "ancestors": self._ancestors(execution), "walks": own.walks}

    def _grown(self, node: dict[str, Any], scan: _Scan) -> list[tuple[dict[str, Any], Execution]]:
        """Put the children that were found below a node; gives those that have begun, to look below them."""
        node["descendants"], node["next"] = [], scan.next
        begun = []
        for recorded, event, walk in scan.children:
            child = self._found(event.child)
            told = _told(child) if child is not None else _unknown(event.child)
            here = {
                "relation": "child",
                "at": recorded.version,
                "time": iso(event.time),
                "address": event.address,
                "visit": event.visit,
                "walk": walk,
                **told,
                "descendants": None,
                "next": None,
            }
            node["descendants"].append(here)
            if child is not None:
                begun.append((here, child))
        return begun

    def _ancestors(self, execution: Execution) -> list[dict[str, Any]]:
        """What runs it, and what runs that, and so on: the outermost first."""
        found: list[dict[str, Any]] = []
        one: Execution | None = execution
        while one is not None and (parent := one.parent) is not None:
            one = self._found(parent.execution)
            told = _told(one) if one is not None else _unknown(parent.execution)
            found.append({"relation": "parent", "address": parent.address, "visit": parent.visit, **told})
        return found[::-1]

    def _found(self, execution_id: str) -> Execution | None:
        """An execution of the log; None where it has not begun, or is not there any more."""
        try:
            return self._folds.load(execution_id)
        except NotFound:
            return None


class _Scan:
    """What the history of an execution says of its walks, and of its children that began behind a version.

    It ends with the last child that there is `room` for, unless it is to tell all walks (`whole`).
    """

    def __init__(self, log: EventLog, execution: Execution, *, after: int, room: int, whole: bool = False) -> None:
        self.children: list[tuple[Recorded, ChildStarted, int]] = []
        self.walks: list[dict[str, Any]] = [_walk(1, 1, "start", execution.started)]
        self.next: int | None = None
        for recorded in _found(log, execution):
            event = recorded.event
            if isinstance(event, RolledBack) or (isinstance(event, Resumed) and event.cause == "retry"):
                self.walks.append(_again(len(self.walks) + 1, recorded, event))
            elif isinstance(event, ChildStarted) and recorded.version > after:
                if len(self.children) < room:
                    self.children.append((recorded, event, len(self.walks)))
                    continue
                self.next = self.children[-1][0].version if self.children else after
                if not whole:
                    return


def _found(log: EventLog, execution: Execution) -> Iterator[Recorded]:
    """The events that may begin a walk or a child, page by page."""
    after = 0
    while page := log.search(execution.id, tags=TELLING, after=after, upto=execution.version, limit=PAGE):
        yield from page
        after = page[-1].version


def _told(execution: Execution) -> dict[str, Any]:
    return {
        "executionId": execution.id,
        "workflowId": execution.workflow,
        "workflowVersion": execution.workflow_version,
        "status": execution.status,
        "version": execution.version,
        "startTime": iso(execution.started),
        "endTime": iso(execution.ended) if execution.ended is not None else None,
        "links": links(execution.id),
    }


def _unknown(execution_id: str) -> dict[str, Any]:
    """An execution that the log does not have: it is to begin in a moment, or was deleted."""
    names = ("workflowId", "workflowVersion", "status", "version", "startTime", "endTime")
    return {"executionId": execution_id, **dict.fromkeys(names), "links": links(execution_id)}


def _walk(number: int, version: int, cause: str, time: int) -> dict[str, Any]:
    return {"walk": number, "version": version, "cause": cause, "time": iso(time)}


def _again(number: int, recorded: Recorded, event: RolledBack | Resumed) -> dict[str, Any]:
    """A walk that was begun by going back, or by trying again."""
    cause = "rollback" if isinstance(event, RolledBack) else "retry"
    told = _walk(number, recorded.version, cause, event.time)
    if isinstance(event, RolledBack):
        told |= {"to": event.to} | ({"name": event.name} if event.name else {})
    return told | {key: value for key, value in (("actor", event.actor), ("reason", event.reason)) if value}
