"""Two executions side by side: where they first differ, where their ways part, and what leads from one state to the other."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from hashlib import sha256
from typing import Any, Final, Literal, NamedTuple

import msgspec

from application.measuring_timeline import describe_visit
from application.measuring_visits import TimedVisit, VisitTimes
from application.ports import EventLog, Recorded
from application.reading import PAGE, history
from domain import json
from domain.errors import ErrorInfo, Unacceptable
from domain.events import EdgeTaken, NodeFailed, NodeStarted, StateUpdated
from domain.evolve import output_of
from domain.execution import Execution
from domain.patches import Op, diff, tokens

MOST_APART: Final = 100_000
"""Visits of one execution that are kept while their like in the other one has not been come to."""
Difference = Literal["step", "status", "edge", "target", "error", "output", "patch"]
WAYS: Final = frozenset({"step", "status", "edge", "target"})
"""Differences after which two executions go different ways; the others are of values alone."""
_NOTHING: Final = sha256().digest()


class Stretch(NamedTuple):
    """A part of a history: the events of an execution up to a version, and what tells its visits.

    `before` counts the events and `walks` the walks of the executions that it goes back to: a fork goes on in the walk
    that its source was in.
    """

    execution_id: str
    upto: int
    before: int
    walks: int
    times: VisitTimes


class Side(NamedTuple):
    """One of the two: an execution at a version, the state that its history began with, and that history: of what it was
    forked off, up to there, and its own.
    """

    execution: Execution
    initial_state: dict[str, Any]
    stretches: tuple[Stretch, ...]


class _Seen(NamedTuple):
    """A visit that has ended, with digests of its output or error, and of what it wrote.

    `place` is that of the event that ended it, in the whole history.
    """

    visit: TimedVisit
    stretch: Stretch
    place: int
    output: bytes
    error: bytes
    patch: bytes

    @property
    def key(self) -> tuple[int, str]:
        """The walk, of the whole history, and the branch that it is in."""
        return self.stretch.walks + self.visit.walk, self.visit.branch


class _Pair(NamedTuple):
    left: _Seen
    right: _Seen
    differences: tuple[Difference, ...]

    @property
    def order(self) -> tuple[int, int]:
        """By when both knew how it came out."""
        return self.left.place, self.right.place

    @property
    def parts(self) -> bool:
        return bool(WAYS.intersection(self.differences))


class _Reading:
    """One side's visits that have ended and have no like yet, by (walk, branch), each in the order of the branch."""

    def __init__(self, log: EventLog, side: Side) -> None:
        self._events = _events(log, side.stretches)
        self._hashes: dict[str, Any] = {}
        self.waiting: dict[tuple[int, str], deque[_Seen]] = {}
        self.place = 0
        self.is_at_end = False
        self.count = 0

    def read(self) -> Iterator[_Seen]:
        """The visits that the next events end, which are to be paired off at once; read them all."""
        for _ in range(PAGE):
            following = next(self._events, None)
            if following is None:
                self.is_at_end = True
                return
            stretch, recorded = following
            self.place = stretch.before + recorded.version
            for visit in self._take(stretch, recorded):
                yield self._seen(visit, stretch, recorded)

    def _take(self, stretch: Stretch, recorded: Recorded) -> list[TimedVisit]:
        event = recorded.event
        if isinstance(event, NodeStarted) and event.attempt == 1:
            self._hashes.pop(event.branch, None)
        elif isinstance(event, StateUpdated):
            self._hashes.setdefault(event.branch, sha256()).update(json.encode(event.patch))
        return stretch.times.take(recorded)

    def _seen(self, visit: TimedVisit, stretch: Stretch, recorded: Recorded) -> _Seen:
        event = recorded.event
        written = self._hashes.pop(visit.branch, None)
        output = (event.output, event.output_at) if isinstance(event, EdgeTaken) else None
        error = event.error.as_json() if isinstance(event, NodeFailed) else None
        return _Seen(
            visit,
            stretch,
            stretch.before + recorded.version,
            sha256(json.encode(_plain(output))).digest(),
            sha256(json.encode(error)).digest(),
            written.digest() if written is not None else _NOTHING,
        )

    def like(self, seen: _Seen) -> _Seen | None:
        """The oldest of the same branch that waits for its like, taken away."""
        found = self.waiting.get(seen.key)
        if not found:
            return None
        self.count -= 1
        first = found.popleft()
        if not found:
            del self.waiting[seen.key]
        return first

    def keep(self, seen: _Seen) -> None:
        """Keep one until its like is come to. Raises Unacceptable when there are too many."""
        self.count += 1
        if self.count > MOST_APART:
            message = (
                f"More than {MOST_APART:,} visits of one have no like in the other yet: the two are too far apart to be "
                "compared. Compare earlier versions (ID@VERSION)."
            )
            raise Unacceptable(message)
        self.waiting.setdefault(seen.key, deque()).append(seen)

    def oldest(self) -> _Seen | None:
        """The one of those without a like that ended first."""
        heads = [each[0] for each in self.waiting.values()]
        return min(heads, key=lambda seen: seen.place, default=None)


class Comparison:
    """Compares two executions. Each one's visits are read once, and forgotten as soon as both have come to them."""

    def __init__(self, log: EventLog, left: Side, right: Side) -> None:
        self._log = log
        self._left, self._right = left, right
        self._readings = (_Reading(log, left), _Reading(log, right))
        self._first: _Pair | None = None
        self._parting: _Pair | None = None
        self._same = 0

    def told(self) -> dict[str, Any]:
        """The answer to `GET /diff`."""
        self._pair_off()
        first, parting = self._first, self._parting
        left, right = self._left.execution, self._right.execution
        return {
            "left": _described(left),
            "right": _described(right),
            "sameDefinition": left.definition_hash == right.definition_hash,
            "same": self._same,
            "divergence": self._pair(first) if first is not None else None,
            "parting": self._pair(parting) if parting is not None else None,
            "ahead": self._ahead() if parting is None else None,
            "initialPatch": _patch(self._left.initial_state, self._right.initial_state),
            "patch": _patch(left.state, right.state),
        }

    def _pair_off(self) -> None:
        left, right = self._readings
        while not (left.is_at_end and right.is_at_end) and not self._is_settled():
            behind = left if (left.place <= right.place and not left.is_at_end) or right.is_at_end else right
            other = right if behind is left else left
            for seen in behind.read():
                like = other.like(seen)
                if like is None:
                    behind.keep(seen)
                else:
                    self._look_at(seen if behind is left else like, like if behind is left else seen)

    def _is_settled(self) -> bool:
        """Whether nothing that comes can part the two earlier than what has."""
        parting = self._parting
        if parting is None:
            return False
        at = parting.order
        return all(
            reading.place >= place and not any(heads[0].place < place for heads in reading.waiting.values())
            for reading, place in zip(self._readings, at, strict=True)
        )

    def _look_at(self, left: _Seen, right: _Seen) -> None:
        differences = _differences(left, right)
        if not differences:
            self._same += self._parting is None
            return
        pair = _Pair(left, right, differences)
        if self._first is None or pair.order < self._first.order:
            self._first = pair
        if pair.parts and (self._parting is None or pair.order < self._parting.order):
            self._parting = pair

    def _ahead(self) -> dict[str, Any] | None:
        """Where one of them goes on and the other has not come to: the visit that comes next there."""
        for name, reading in zip(("left", "right"), self._readings, strict=True):
            found = reading.oldest()
            if found is not None:
                return {"side": name, "visits": reading.count, "next": describe_visit(found.visit)}
        return None

    def _pair(self, pair: _Pair) -> dict[str, Any]:
        return {
            "address": pair.left.visit.address,
            "differences": list(pair.differences),
            "left": self._visit(pair.left),
            "right": self._visit(pair.right),
        }

    def _visit(self, seen: _Seen) -> dict[str, Any]:
        """A visit with its values: what it wrote, and what went along its edge, or its error."""
        visit, execution_id = seen.visit, seen.stretch.execution_id
        wrote: list[Op] = []
        last: tuple[Op, ...] = ()
        described: dict[str, Any] = {
            **describe_visit(visit),
            "executionId": execution_id,
            "target": visit.target,
            "output": None,
            "error": None,
        }
        for recorded in history(self._log, execution_id, after=visit.version, upto=visit.end_version or visit.version):
            event = recorded.event
            if getattr(event, "branch", None) != visit.branch:
                continue
            if isinstance(event, StateUpdated):
                last = event.patch
                wrote += last
            elif recorded.version == visit.end_version:
                described.update(_came_out(event, last))
        return {**described, "patch": msgspec.to_builtins(tuple(wrote))}


def _came_out(event: Any, patch: tuple[Op, ...]) -> dict[str, Any]:
    if isinstance(event, EdgeTaken):
        written = {tokens(op.path)[0]: op.value for op in patch if op.path.count("/") == 1}
        return {"output": _plain(output_of(event, written))}
    error = getattr(event, "error", None)
    return {"error": error.as_json()} if isinstance(error, ErrorInfo) else {}


def _patch(old: dict[str, Any], new: dict[str, Any]) -> list[Any]:
    return list(msgspec.to_builtins(tuple(diff(old, new))))


def _plain(value: Any) -> Any:
    """Data of an edge, null where there is none."""
    if isinstance(value, tuple):
        return [_plain(each) for each in value]
    return None if value is msgspec.UNSET else value


def _events(log: EventLog, stretches: tuple[Stretch, ...]) -> Iterator[tuple[Stretch, Recorded]]:
    for stretch in stretches:
        for recorded in history(log, stretch.execution_id, upto=stretch.upto):
            yield stretch, recorded


def _differences(left: _Seen, right: _Seen) -> tuple[Difference, ...]:
    one, other = left.visit, right.visit
    if (one.address, one.pass_, one.node) != (other.address, other.pass_, other.node):
        return ("step",)
    pairs: tuple[tuple[Difference, bool], ...] = (
        ("status", one.status != other.status),
        ("edge", one.edge != other.edge),
        ("target", one.target != other.target),
        ("error", left.error != right.error),
        ("output", left.output != right.output),
        ("patch", left.patch != right.patch),
    )
    return tuple(name for name, differs in pairs if differs)


def _described(execution: Execution) -> dict[str, Any]:
    return {
        "executionId": execution.id,
        "version": execution.version,
        "workflowId": execution.workflow,
        "workflowVersion": execution.workflow_version,
        "definitionHash": execution.definition_hash,
        "status": execution.status,
    }
