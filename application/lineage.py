"""The lineage of an execution: what it came from, the walks it has made, and what came from it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from itertools import islice
from typing import Any, Final, Literal, NamedTuple

from application.folds import Folds
from application.ports import EventLog, Recorded
from application.presenting import links
from application.reading import PAGE
from domain.durations import iso
from domain.errors import NotFound
from domain.events import ChildStarted, ExecutionForked, Resumed, RolledBack
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


FORKS_MOST: Final = 1_000
"""Forks of one execution that are told, the newest of them."""


class Offspring(NamedTuple):
    """What an execution has begun, or what was forked off it: at which of its versions, and in which of its walks.

    A child has the visit that runs it.
    """

    relation: Literal["child", "fork"]
    execution_id: str
    at: int
    walk: int
    time: int
    address: str | None = None
    visit: int | None = None


class Lineage:
    """Tells the tree around an execution: its ancestors in a row, and its descendants, each with its own below it.

    Each of these has its `relation` to the execution that it stands next to. `forks_of` gives the ids of what was forked
    off an execution, as the lists have them, newest first.
    """

    def __init__(self, log: EventLog, folds: Folds, forks_of: Callable[[str], Iterable[str]]) -> None:
        self._log = log
        self._folds = folds
        self._forks_of = forks_of

    def told(self, execution: Execution, *, after: int, limit: int, depth: int) -> dict[str, Any]:
        """The answer to `GET /executions/{id}/lineage`.

        Descendants of the first generation are those that began, or were forked off, behind version `after`. When there
        are more than `limit` the nearest generations come first, and `next` of an execution is the `after` for the rest of
        its own. Below the last generation nothing is looked for: `descendants` are null there.
        """
        walks, found, rest = self._scan(execution, after=after, room=limit if depth else 0)
        root = _told(execution)
        generation = self._grown(root, found, rest)
        left = limit - len(found)
        for _ in range(depth - 1):
            parents, generation = generation, []
            for node, parent in parents:
                _, found, rest = self._scan(parent, after=0, room=max(left, 0))
                generation += self._grown(node, found, rest)
                left -= len(found)
        return {**root, "ancestors": self._ancestors(execution), "walks": walks}

    def _scan(
        self, execution: Execution, *, after: int, room: int
    ) -> tuple[list[dict[str, Any]], list[Offspring], int | None]:
        """(its walks, what came from it behind a version, where the rest of that begins). Of more than there is `room`
        for, all that are at the last version with room are given.
        """
        walks = [self._first_walk(execution)]
        found: list[Offspring] = []
        for recorded in _telling(self._log, execution):
            event = recorded.event
            if isinstance(event, RolledBack) or (isinstance(event, Resumed) and event.cause == "retry"):
                walks.append(_again(len(walks) + 1, recorded, event))
            elif isinstance(event, ChildStarted) and recorded.version > after and len(found) <= room:
                found.append(
                    Offspring(
                        "child", event.child, recorded.version, len(walks), event.time, event.address, event.visit
                    )
                )
        found += self._forks(execution, walks, after)
        found.sort(key=lambda each: (each.at, each.time))
        if len(found) <= room:
            return walks, found, None
        last = found[room - 1].at if room else after
        told = [each for each in found if each.at <= last] if room else []
        return walks, told, last if len(told) < len(found) else None

    def _first_walk(self, execution: Execution) -> dict[str, Any]:
        return _walk(1, 1, "fork" if execution.source is not None else "start", execution.started)

    def _forks(self, execution: Execution, walks: Sequence[Mapping[str, Any]], after: int) -> Iterator[Offspring]:
        for name in islice(self._forks_of(execution.id), FORKS_MOST):
            begun = self._log.read(name, limit=1)
            event = begun[0].event if begun else None
            if isinstance(event, ExecutionForked) and event.source.version > after:
                at = event.source.version
                walk = sum(each["version"] <= at for each in walks)
                yield Offspring("fork", name, at, walk, event.time)

    def _grown(
        self, node: dict[str, Any], found: Sequence[Offspring], rest: int | None
    ) -> list[tuple[dict[str, Any], Execution]]:
        """Put what came from an execution below its node; gives those that have begun, to look below them."""
        node["descendants"], node["next"] = [], rest
        begun = []
        for each in found:
            execution = self._found(each.execution_id)
            here = {
                "relation": each.relation,
                "at": each.at,
                "time": iso(each.time),
                "address": each.address,
                "visit": each.visit,
                "walk": each.walk,
                **(_told(execution) if execution is not None else _unknown(each.execution_id)),
                "descendants": None,
                "next": None,
            }
            node["descendants"].append(here)
            if execution is not None:
                begun.append((here, execution))
        return begun

    def _ancestors(self, execution: Execution) -> list[dict[str, Any]]:
        """What it was forked off, or what runs it, and so on from there: the outermost first."""
        found: list[dict[str, Any]] = []
        one: Execution | None = execution
        while one is not None:
            if one.source is not None:
                name = one.source.execution
                place: dict[str, Any] = {"relation": "source", "at": one.source.version, "address": None, "visit": None}
            elif one.parent is not None:
                name = one.parent.execution
                place = {"relation": "parent", "at": None, "address": one.parent.address, "visit": one.parent.visit}
            else:
                break
            one = self._found(name)
            found.append({**place, **(_told(one) if one is not None else _unknown(name))})
        return found[::-1]

    def _found(self, execution_id: str) -> Execution | None:
        """An execution of the log; None where it has not begun, or is not there any more."""
        try:
            return self._folds.load(execution_id)
        except NotFound:
            return None


def _telling(log: EventLog, execution: Execution) -> Iterator[Recorded]:
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
