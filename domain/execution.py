"""An execution as it stands at one version: the fold of its events."""

from __future__ import annotations

from hashlib import sha256
from typing import Any, Literal

import msgspec
from msgspec.structs import replace

from domain import json
from domain.budget import Spent
from domain.errors import ErrorInfo
from domain.events import CommandKey, Parent, Source
from domain.layers import Layers
from domain.position import Branch, Visit, WaitFor

Status = Literal["running", "suspended", "paused", "completed", "failed", "cancelled"]
ENDED: frozenset[Status] = frozenset({"completed", "failed", "cancelled"})
ROOT = ""
"""Name of the branch that an execution begins with."""


class KeptSignal(msgspec.Struct, frozen=True, kw_only=True):
    """A signal that no wait has taken yet. `version` is that of its event; those that a fork has from its source are
    numbered -1, -2 and so on.

    One that came in a pause for a wait in progress is for the wait of that `visit` at `address` alone.
    """

    version: int
    payload: Any
    actor: str
    time: int
    address: str = ""
    visit: int = 0

    def is_for(self, visit: Visit) -> bool:
        """Whether the wait of a visit may take it."""
        return not self.address or self.is_promised(visit)

    def is_promised(self, visit: Visit) -> bool:
        """Whether the wait of this visit takes it, and no other."""
        return (self.address, self.visit) == (visit.address, visit.number)


class KnownCommand(msgspec.Struct, frozen=True, kw_only=True):
    """A command that came with an idempotency key, and the version of the event that has it."""

    key: CommandKey
    version: int


class Failure(msgspec.Struct, frozen=True, kw_only=True):
    """Why an execution failed, and at which visit."""

    error: ErrorInfo
    address: str
    visit: int
    branch: str = ROOT
    restored: bool = False


class Snapshot(msgspec.Struct, frozen=True, kw_only=True):
    """The version that was named last, and what there was: to go back to it. Shares its values with the execution.

    `visit` is the (branch, address, number) of the step's visit that takes it, until that has ended. `execution` is the
    one whose version it is, where that is what this one was forked off.
    """

    name: str
    version: int
    execution: str = ""
    visit: tuple[str, str, int] | None = None
    state: dict[str, Any] = {}
    outputs: Layers[Any] = Layers()
    branches: dict[str, Branch] = {}


class Execution(msgspec.Struct, frozen=True, kw_only=True):
    """Everything there is to know of an execution at `version`. Values are shared between versions: never change them.

    `visits` counts the visits of each step in this walk, `steps` all of them; `outputs` holds each step's last edge data
    by name; `kept` early signals by name; `keys` the commands that came with an idempotency key; `marks` the named
    versions, `snapshot` the newest of them; `exhausted` is what it paused for when attempts were used up. Times are
    microseconds. `source` is what it was forked off, `effects` and `children` whether results recorded
    there are taken again, those of children too. `spent` is
    what its nodes have reported, in all walks. `weight` is never less than `exact_weight`;
    `counted` is what that was when it was last counted.
    """

    id: str
    version: int = 0
    status: Status = "running"
    workflow: str = ""
    workflow_version: str = ""
    definition_hash: str = ""
    labels: dict[str, str] = {}
    priority: int = 0
    parent: Parent | None = None
    source: Source | None = None
    effects: Literal["rerun", "reuse"] = "rerun"
    children: Literal["reuse", "restart"] = "reuse"
    state: dict[str, Any] = {}
    walk: int = 1
    steps: int = 0
    visits: Layers[int] = Layers()
    outputs: Layers[Any] = Layers()
    step_names: Layers[str] = Layers()
    branches: dict[str, Branch] = {}
    kept: dict[str, tuple[KeptSignal, ...]] = {}
    keys: Layers[KnownCommand] = Layers()
    marks: Layers[int] = Layers()
    snapshot: Snapshot | None = None
    failure: Failure | None = None
    exhausted: Failure | None = None
    paused_at: int | None = None
    started: int = 0
    updated: int = 0
    ended: int | None = None
    key: CommandKey | None = None
    spent: Spent = Spent()
    weight: int = 0
    counted: int = 0

    @property
    def has_ended(self) -> bool:
        """Whether nothing more will happen in this walk."""
        return self.status in ENDED

    @property
    def due(self) -> int | None:
        """When the next wait ends by itself, or None: nothing does (or the execution is paused or has ended)."""
        if self.status not in ("running", "suspended"):
            return None
        dues = [wait.due for _, _, wait in self.waits() if wait.due is not None]
        return min(dues, default=None)

    def waits(self) -> list[tuple[str, Visit, WaitFor]]:
        """(branch, visit, wait) of every parked visit, longest waiting first."""
        found = [
            (name, branch.visit, branch.visit.wait)
            for name, branch in self.branches.items()
            if branch.visit is not None and branch.visit.wait is not None
        ]
        return sorted(found, key=lambda entry: entry[2].since)

    def in_flight(self) -> list[tuple[str, Visit]]:
        """(branch, visit) of every visit that has an attempt under way: begun, and neither over nor parked."""
        return [
            (name, branch.visit)
            for name, branch in self.branches.items()
            if branch.visit is not None and branch.visit.wait is None and not branch.visit.between
        ]


RECOUNT_SLACK = 65_536
"""Bytes by which the estimated weight may be off before it is counted again."""


def exact_weight(execution: Execution) -> int:
    """What the limit on state counts: bytes of state, outputs and loop frames as JSON."""
    kept: list[Any] = []
    for branch in execution.branches.values():
        kept.append(branch.frames[branch.base :])
        if branch.visit is not None and branch.visit.opened is not None:
            kept.append((branch.visit.opened.joining, branch.visit.opened.results, branch.visit.opened.errors))
    return len(json.encode((execution.state, execution.outputs.whole(), kept)))


def heavier(execution: Execution, added: int) -> Execution:
    """The execution after `added` bytes: an upper bound of its weight, counted exactly whenever it has doubled.

    So a step costs no more for a large state, and the bound is never far off.
    """
    weight = execution.weight + added
    return counted(execution) if weight > 2 * execution.counted + RECOUNT_SLACK else replace(execution, weight=weight)


def counted(execution: Execution) -> Execution:
    """The execution, its weight as it is exactly."""
    exact = exact_weight(execution)
    return replace(execution, weight=exact, counted=exact)


def next_pass(branch: Branch, address: str) -> str:
    """The pass of the visit that would begin now: `entry.index/` of each loop and `entry.name/` of each branch around it,
    then its own entry count.

    Unique within a walk, because each part names the entry that made it.
    """
    inside = branch.frames[branch.base :]
    around = branch.around + "".join(f"{frame.entry}.{frame.index}/" for frame in inside)
    return f"{around}{branch.entered(address) + 1}"


def status_of(execution: Execution) -> Status:
    """Suspended when every open branch is parked, else running (a retry that is due later too); a pause outlasts both."""
    if execution.status == "paused":
        return "paused"
    for branch in execution.branches.values():
        wait = branch.visit.wait if branch.visit is not None else None
        if wait is None or wait.kind == "retry":
            return "running"
    return "suspended"


def idempotency_key(execution: Execution, visit: Visit) -> str:
    """The key under which a visit's effects happen, over all its attempts."""
    text = f"{execution.id}\n{execution.walk}\n{visit.address}\n{visit.pass_}"
    return sha256(text.encode()).hexdigest()[:32]
