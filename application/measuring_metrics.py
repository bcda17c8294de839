"""What the visits of an execution took, added up by step and by node."""

from __future__ import annotations

from array import array
from collections import Counter
from collections.abc import Iterable
from math import ceil
from typing import Any, Final

from application.measuring_timeline import milliseconds
from application.measuring_visits import TimedVisit
from application.ports import Recorded
from domain.events import BranchClosed, BranchesOpened

MANY: Final = 0.95
"""The part of the visits that took no longer than `p95` says."""


class Durations:
    """Durations in microseconds, each kept in 8 bytes."""

    def __init__(self) -> None:
        self._all = array("q")

    def add(self, duration: int) -> None:
        """One more."""
        self._all.append(duration)

    def extend(self, other: Durations) -> None:
        """Those of another one too."""
        self._all.extend(other._all)

    def figures(self) -> dict[str, float | None]:
        """`{total, average, p95, max}` in milliseconds; null where there is none. `p95` is one of them (nearest rank)."""
        if not self._all:
            return {"total": 0.0, "average": None, "p95": None, "max": None}
        ranked = sorted(self._all)
        total = sum(ranked)
        return {
            "total": milliseconds(total),
            "average": round(total / len(ranked)) / 1_000,
            "p95": milliseconds(ranked[ceil(MANY * len(ranked)) - 1]),
            "max": milliseconds(ranked[-1]),
        }


class Sums:
    """What some visits come to. `open` are those that have not ended: their durations are not among the figures."""

    def __init__(self) -> None:
        self.count = self.open = self.errors = self.retries = self.recoveries = 0
        self.critical = 0
        self._durations, self._waits = Durations(), Durations()

    def add(self, visit: TimedVisit) -> None:
        """One more visit."""
        self.count += 1
        self.errors += visit.errors
        self.retries += visit.retries
        self.recoveries += visit.recoveries
        if visit.duration is None:
            self.open += 1
            return
        self._durations.add(visit.duration)
        self._waits.add(visit.waited_in_all)

    def include(self, other: Sums) -> None:
        """The visits of another sum too."""
        self.count += other.count
        self.open += other.open
        self.errors += other.errors
        self.retries += other.retries
        self.recoveries += other.recoveries
        self.critical += other.critical
        self._durations.extend(other._durations)
        self._waits.extend(other._waits)

    def figures(self) -> dict[str, Any]:
        """All of it on the wire."""
        return {
            "count": self.count,
            "open": self.open,
            "durationMs": self._durations.figures(),
            "waitingMs": self._waits.figures(),
            "criticalMs": milliseconds(self.critical),
            "errors": self.errors,
            "retries": self.retries,
            "recoveries": self.recoveries,
        }


class CriticalPath:
    """How much of each step's time the execution could not have ended without: of branches that come together, only the
    one that closed last counts, and a pass that began when another one closed comes behind that one.
    """

    def __init__(self) -> None:
        self._paths: dict[str, Counter[str]] = {"": Counter()}
        self._last: dict[str, Counter[str]] = {}
        self._opener: dict[str, str] = {}

    def take(self, recorded: Recorded) -> None:
        """Take the next event, after the visits that the events before it ended."""
        event = recorded.event
        if isinstance(event, BranchesOpened):
            before = self._last.get(event.branch, Counter())
            for opening in event.branches:
                self._paths[opening.name] = before.copy()
                self._opener[opening.name] = event.branch
        elif isinstance(event, BranchClosed):
            path, opener = self._paths.pop(event.branch, None), self._opener.pop(event.branch, None)
            if path is not None and opener is not None and event.outcome != "cancelled":
                self._last[opener] = path

    def end(self, visit: TimedVisit) -> None:
        """A visit has ended."""
        path = self._paths.setdefault(visit.branch, Counter())
        path.update(self._last.pop(visit.branch, {}))
        path[visit.address] += (visit.duration or 0) - visit.waited.get("branches", 0)

    def times(self) -> Counter[str]:
        """Microseconds by address, of what has ended."""
        return self._paths[""]


class Metrics:
    """The sums of an execution, event by event and visit by visit."""

    def __init__(self) -> None:
        self._steps: dict[str, Sums] = {}
        self._of_step: dict[str, tuple[str, str]] = {}
        self._waits: Counter[str] = Counter()
        self._path = CriticalPath()
        self.events = self.log_bytes = self.operations = 0

    def take(self, recorded: Recorded, ended: Iterable[TimedVisit]) -> None:
        """The next event, and the visits that it ended."""
        self.events += 1
        self.log_bytes += recorded.size
        patch = getattr(recorded.event, "patch", ())
        self.operations += len(patch)
        self._path.take(recorded)
        for visit in ended:
            self.add(visit)
            self._path.end(visit)

    def add(self, visit: TimedVisit) -> None:
        """A visit that has ended, or is open at the end."""
        self._steps.setdefault(visit.address, Sums()).add(visit)
        self._of_step[visit.address] = (visit.step, visit.node)
        self._waits.update(visit.waited)

    def steps(self) -> list[dict[str, Any]]:
        """By step, in the order in which they were first left."""
        for address, time in self._path.times().items():
            self._steps[address].critical = time
        return [
            {"address": address, "step": self._of_step[address][0], "node": self._of_step[address][1], **sums.figures()}
            for address, sums in self._steps.items()
        ]

    def nodes(self) -> list[dict[str, Any]]:
        """By node, in the order of their ids; setters have none, and count under the empty id."""
        by_node: dict[str, Sums] = {}
        for address, sums in self._steps.items():
            by_node.setdefault(self._of_step[address][1], Sums()).include(sums)
        return [{"node": node, **by_node[node].figures()} for node in sorted(by_node)]

    def waits(self) -> dict[str, float | None]:
        """Milliseconds of all waits that are over, by what for."""
        return {kind: milliseconds(time) for kind, time in sorted(self._waits.items())}

    def total(self) -> Sums:
        """All visits."""
        whole = Sums()
        for sums in self._steps.values():
            whole.include(sums)
        return whole
