"""What an execution went through: its visits in order, and how each came out."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import islice
from typing import Any, Final, Literal

import msgspec
from msgspec.structs import replace

from domain.events import (
    BranchClosed,
    EdgeTaken,
    ExecutionEvent,
    NodeFailed,
    NodeStarted,
    Resumed,
    RolledBack,
    StateUpdated,
    Suspended,
)
from domain.execution import Execution
from domain.patches import ABSENT, diff, same

MOST_POINTERS: Final = 20
"""Pointers to values that differ, told of one visit."""

Key = tuple[int, str, str]


class Passage(msgspec.Struct, kw_only=True):
    """One visit, as far as it has come. `writes` are the values that it wrote to the state, by pointer (ABSENT: removed);
    `output` is the edge's data, `dues` are when its waits were to end at the latest.

    `source` says where its result is from: the node itself (or what came of its branches), a record, or an assumption.
    """

    walk: int
    address: str
    pass_: str
    visit: int
    step: str
    node: str
    branch: str
    ending: Literal["open", "taken", "failed", "cancelled"] = "open"
    edge: str | None = None
    output: Any = msgspec.UNSET
    error: str | None = None
    writes: dict[str, Any] = {}
    dues: tuple[int, ...] = ()
    source: Literal["node", "record", "assumed"] = "node"

    @property
    def key(self) -> Key:
        """(walk, address, pass): there is no other visit of that key."""
        return self.walk, self.address, self.pass_

    def comes_out_as(self, other: Passage) -> bool:
        """Whether both came out the same: by the same edge or error, with the same data and writes."""
        return (
            (self.ending, self.edge, self.error) == (other.ending, other.edge, other.error)
            and same(self.output, other.output)
            and same(self.writes, other.writes)
        )

    def shown_end(self) -> dict[str, Any]:
        """How it came out, for people."""
        shown: dict[str, Any] = {"ending": self.ending, "edge": self.edge}
        return shown if self.error is None else {**shown, "error": self.error}


def differing(then: Passage, now: Passage) -> tuple[list[str], list[str]]:
    """(pointers into the state, pointers into the edge's data) at which two passages wrote or gave other values."""
    pointers: dict[str, None] = {}
    for path in {**then.writes, **now.writes}:
        one, other = then.writes.get(path, ABSENT), now.writes.get(path, ABSENT)
        if one is ABSENT or other is ABSENT:
            pointers.update({path: None} if one is not other else {})
        else:
            pointers.update((op.path, None) for op in islice(diff(one, other, path), MOST_POINTERS))
    both = then.output is not msgspec.UNSET and now.output is not msgspec.UNSET
    data = [op.path for op in islice(diff(then.output, now.output), MOST_POINTERS)] if both else []
    return list(pointers)[:MOST_POINTERS], data


class Trail:
    """The visits of an execution, gathered event by event."""

    def __init__(self, walk: int = 1) -> None:
        self.passages: list[Passage] = []
        self.open: dict[str, Passage] = {}
        """Of each branch the visit that is open in it, or was last."""
        self._walk = walk
        self._by_key: dict[Key, Passage] = {}
        self._newest: dict[tuple[str, str], Passage] = {}

    def begin_with(self, passages: Iterable[Passage]) -> None:
        """Take over visits that are open already."""
        for passage in passages:
            copied = replace(passage, writes=dict(passage.writes))
            self._add(copied)

    def begin_in(self, execution: Execution) -> None:
        """Take over the visits that are open in an execution, of which there is no event here."""
        for name, branch in execution.branches.items():
            visit = branch.visit
            if visit is not None:
                self._add(
                    Passage(
                        walk=self._walk,
                        address=visit.address,
                        pass_=visit.pass_,
                        visit=visit.number,
                        step=execution.step_names.get(visit.address, ""),
                        node="",
                        branch=name,
                        writes={},
                        dues=(visit.wait.due,) if visit.wait is not None and visit.wait.due is not None else (),
                    )
                )

    def find(self, key: Key) -> Passage | None:
        """The visit of a key; one of another walk where this one has not come to it."""
        return self._by_key.get(key) or self._newest.get(key[1:])

    def take(self, event: ExecutionEvent) -> Passage | None:
        """Take in an event. Gives the visit that it ends."""
        match event:
            case NodeStarted():
                self._started(event)
            case StateUpdated():
                passage = self.open[event.branch]
                passage.writes.update((op.path, ABSENT if op.op == "remove" else op.value) for op in event.patch)
            case EdgeTaken():
                return self._taken(event)
            case NodeFailed():
                passage = self.open[event.branch]
                passage.ending, passage.error = "failed", event.error.code
                return passage
            case Suspended():
                if event.wait.due is not None:
                    passage = self.open[event.branch]
                    passage.dues = (*passage.dues, event.wait.due)
            case BranchClosed(outcome="cancelled"):
                return self._cancelled(event.branch)
            case Resumed(cause="retry"):
                self._walk += 1
            case RolledBack():
                self._walk += 1
                self._back_to(event)
        return None

    def _back_to(self, event: RolledBack) -> None:
        """What was parked there is so again."""
        for name, branch in event.branches.items():
            visit = branch.visit
            known = self._newest.get((visit.address, visit.pass_)) if visit is not None else None
            if known is not None:
                self._add(replace(known, walk=self._walk, branch=name, ending="open", edge=None, writes={}))

    def _started(self, event: NodeStarted) -> None:
        before = self.open.get(event.branch)
        place = (event.address, event.pass_)
        if event.attempt > 1 and before is not None and (before.address, before.pass_) == place:
            return
        self._add(
            Passage(
                walk=self._walk,
                address=event.address,
                pass_=event.pass_,
                visit=event.visit,
                step=event.step,
                node=event.node,
                branch=event.branch,
                writes={},
            )
        )

    def _add(self, passage: Passage) -> None:
        self.passages.append(passage)
        self.open[passage.branch] = self._by_key[passage.key] = passage
        self._newest[passage.address, passage.pass_] = passage

    def _taken(self, event: EdgeTaken) -> Passage:
        passage = self.open[event.branch]
        passage.ending, passage.edge = "taken", event.edge
        passage.output = passage.writes.get(event.output_at) if event.output_at else event.output
        return passage

    def _cancelled(self, branch: str) -> Passage | None:
        passage = self.open.get(branch)
        if passage is None or passage.ending != "open":
            return None
        passage.ending = "cancelled"
        return passage
