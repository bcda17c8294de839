"""Visits as the log tells of them: when each began and ended, how it came out, and what it waited for."""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal

import msgspec

from application.ports import Recorded
from application.reading import execution_event
from domain.events import (
    BranchClosed,
    BranchesOpened,
    Cancelled,
    ChildObserved,
    Completed,
    EdgeTaken,
    ExecutionEvent,
    Failed,
    NodeFailed,
    NodeStarted,
    Paused,
    Recovered,
    Resumed,
    RetryScheduled,
    RolledBack,
    Suspended,
)
from domain.execution import Execution
from domain.position import Branch, Visit

VisitStatus = Literal["running", "waiting", "completed", "error", "failed", "cancelled"]


class TimedVisit(msgspec.Struct, frozen=True, kw_only=True):
    """A visit. `version` is that of the event that began it, `end_version` that of the one that ended it (None: open).

    Times are microseconds. `waited` is how long, by what for, as far as those waits are over; `waiting` what it waits for
    now: that is what it parked for, or its next attempt, after a crash (`recovery`) or in a `pause` after its last one.
    `retries` counts the further attempts but for the `recoveries` after a crash, `errors` the attempts that failed.
    The status is `error` when it took its error edge, `failed` when no route took the error; `cancelled` is one whose
    branch or execution ended, or went back, around it; or of a lineage, one that was open where the fork was made.
    """

    version: int
    end_version: int | None
    address: str
    step: str
    node: str
    branch: str
    walk: int
    visit: int
    pass_: str
    attempts: int
    start: int
    end: int | None
    waited: dict[str, int]
    waiting: str | None
    retries: int
    errors: int
    recoveries: int
    status: VisitStatus
    edge: str | None = None
    target: str | None = None

    @property
    def duration(self) -> int | None:
        """From its beginning to its end; None while it is open."""
        return None if self.end is None else self.end - self.start

    @property
    def waited_in_all(self) -> int:
        """All waits that are over."""
        return sum(self.waited.values())


class VisitTimes:
    """What the events of an execution, taken in order, say of its visits.

    `walk` is the one that the first event is in. `fold` gives the execution at a version, and `node_of` the node of a
    step by its address: nothing else says what a new walk begins with. No visit is begun any more after `most`, but for
    those that begin with the same event. Of visits that began before the first event nothing is told.
    """

    def __init__(
        self,
        fold: Callable[[int], Execution],
        node_of: Callable[[str], str],
        *,
        walk: int = 1,
        most: int | None = None,
    ) -> None:
        self._fold = fold
        self._node_of = node_of
        self._walk = walk
        self._most = most
        self._begun = 0
        self._open: dict[str, _Open] = {}
        self.has_more = False
        """Whether a visit was left out because there were enough."""

    def begin_no_more(self) -> None:
        """Let those that are open end, and begin none."""
        self._most = self._begun

    @property
    def is_done(self) -> bool:
        """Whether nothing that comes can add anything, but that there is more."""
        return not self._open and self.is_full

    @property
    def is_full(self) -> bool:
        """Whether no visit is begun any more."""
        return self._most is not None and self._begun >= self._most

    def began(self, branch: str) -> int | None:
        """The version that began the open visit of a branch; None where no visit is followed."""
        found = self._open.get(branch)
        return found.version if found is not None else None

    def still_open(self) -> list[TimedVisit]:
        """Those that have not ended."""
        return [each.told() for each in self._open.values()]

    def cut_off(self, recorded: Recorded) -> list[TimedVisit]:
        """A fork goes on behind this event: those that are open end with it, and the fork has its own in their place."""
        return self._all_ended(recorded)

    def take(self, recorded: Recorded) -> list[TimedVisit]:
        """Take the next event; gives the visits that it ends."""
        event = execution_event(recorded)
        match event:
            case NodeStarted():
                self._started(recorded.version, event)
            case EdgeTaken():
                status: VisitStatus = "error" if event.edge == "error" else "completed"
                return self._ended(event.branch, recorded, status, event)
            case NodeFailed():
                return self._ended(event.branch, recorded, "failed", event)
            case BranchClosed():
                return self._ended(event.branch, recorded, "cancelled")
            case Completed() | Failed() | Cancelled():
                return self._all_ended(recorded)
            case RolledBack():
                return self._new_walk(recorded)
            case Resumed(cause="retry"):
                return self._new_walk(recorded)
            case _:
                self._between(event)
        if recorded.version == 1:
            self._reopen(recorded)
        return []

    def _between(self, event: ExecutionEvent) -> None:
        """What happens to a visit between its beginning and its end."""
        match event:
            case Suspended():
                self._waits(event.branch, event.wait.kind, event.time)
            case BranchesOpened():
                self._waits(event.branch, "branches", event.time)
            case RetryScheduled():
                self._erred(event.branch)
                self._waits(event.branch, "retry", event.time)
            case Paused() if event.error is not None:
                self._erred(event.branch)
                self._waits(event.branch, "pause", event.time)
            case Recovered() if event.address:
                self._recovers(event)
            case ChildObserved():
                self._goes_on(event.branch, event.time)
            case Resumed() if event.cause != "person":
                self._goes_on(event.branch, event.time)
            case _:
                pass

    def _started(self, version: int, event: NodeStarted) -> None:
        found = self._open.get(event.branch)
        if found is not None:
            found.again(event)
        elif event.attempt == 1 and self._has_room():
            self._begin(_Open(version, event.time, walk=self._walk, branch=event.branch, visit=_visit(event)))
            self._open[event.branch].names(event.step, event.node)

    def _has_room(self) -> bool:
        self.has_more = self.has_more or self.is_full
        return not self.is_full

    def _begin(self, begun: _Open) -> None:
        self._begun += 1
        self._open[begun.branch] = begun

    def _waits(self, branch: str, kind: str, now: int) -> None:
        if branch in self._open:
            self._open[branch].wait(kind, now)

    def _goes_on(self, branch: str, now: int) -> None:
        if branch in self._open:
            self._open[branch].go_on(now)

    def _erred(self, branch: str) -> None:
        if branch in self._open:
            self._open[branch].errors += 1

    def _recovers(self, event: Recovered) -> None:
        if event.branch in self._open:
            self._open[event.branch].recoveries += 1
            self._waits(event.branch, "recovery", event.time)

    def _ended(
        self, branch: str, recorded: Recorded, status: VisitStatus, event: EdgeTaken | NodeFailed | None = None
    ) -> list[TimedVisit]:
        found = self._open.pop(branch, None)
        if found is None:
            return []
        found.go_on(recorded.event.time)
        found.errors += status in ("error", "failed")
        return [found.told(status=status, end=recorded, taken=event if isinstance(event, EdgeTaken) else None)]

    def _all_ended(self, recorded: Recorded) -> list[TimedVisit]:
        return [each for branch in list(self._open) for each in self._ended(branch, recorded, "cancelled")]

    def _new_walk(self, recorded: Recorded) -> list[TimedVisit]:
        """A walk ends, and another begins: with the visits that were parked where it goes on from."""
        ended = self._all_ended(recorded)
        self._reopen(recorded)
        return ended

    def _reopen(self, recorded: Recorded) -> None:
        execution = self._fold(recorded.version)
        self._walk = execution.walk
        parked = [(name, each) for name, each in execution.branches.items() if each.visit is not None]
        if not parked or not self._has_room():
            return
        for name, branch in parked:
            self._begin(_restored(recorded, execution, name, branch, self._node_of))


class _Open:
    """A visit that has begun and not ended."""

    def __init__(self, version: int, start: int, *, walk: int, branch: str, visit: Visit) -> None:
        self.version = version
        self.branch = branch
        self.errors = self.retries = self.recoveries = 0
        self._start = start
        self._walk = walk
        self._visit = visit
        self._attempt = visit.attempt
        self._step = self._node = ""
        self._waits: tuple[str, int] | None = None
        self._waited: dict[str, int] = {}

    def names(self, step: str, node: str) -> None:
        self._step, self._node = step, node

    def again(self, event: NodeStarted) -> None:
        """Another attempt begins."""
        recovers = self._waits is not None and self._waits[0] == "recovery"
        self.retries += not recovers
        self._attempt = event.attempt
        self.names(event.step, event.node)
        self.go_on(event.time)

    def wait(self, kind: str, now: int) -> None:
        if self._waits is not None and self._waits[0] == kind:  # a loop opens more of its passes
            return
        self.go_on(now)
        self._waits = kind, now

    def go_on(self, now: int) -> None:
        if self._waits is not None:
            kind, since = self._waits
            self._waited[kind] = self._waited.get(kind, 0) + now - since
            self._waits = None

    def told(
        self, *, status: VisitStatus | None = None, end: Recorded | None = None, taken: EdgeTaken | None = None
    ) -> TimedVisit:
        return TimedVisit(
            version=self.version,
            end_version=end.version if end is not None else None,
            address=self._visit.address,
            step=self._step,
            node=self._node,
            branch=self.branch,
            walk=self._walk,
            visit=self._visit.number,
            pass_=self._visit.pass_,
            attempts=self._attempt,
            start=self._start,
            end=end.event.time if end is not None else None,
            waited=dict(self._waited),
            waiting=self._waits[0] if self._waits is not None else None,
            retries=self.retries,
            errors=self.errors,
            recoveries=self.recoveries,
            status=status or ("waiting" if self._waits is not None else "running"),
            edge=taken.edge if taken is not None else None,
            target=taken.target if taken is not None else None,
        )


def _visit(event: NodeStarted) -> Visit:
    return Visit(
        address=event.address, pass_=event.pass_, number=event.visit, attempt=event.attempt, started=event.time
    )


def _restored(
    recorded: Recorded, execution: Execution, name: str, branch: Branch, node_of: Callable[[str], str]
) -> _Open:
    """A visit that is open when a walk begins: it is parked, from then on."""
    visit = branch.visit
    assert visit is not None, f"no visit is open in branch {name!r}"
    begun = _Open(recorded.version, recorded.event.time, walk=execution.walk, branch=name, visit=visit)
    begun.names(execution.step_names.get(visit.address, ""), node_of(visit.address))
    if visit.wait is not None:
        begun.wait(visit.wait.kind, recorded.event.time)
    return begun
