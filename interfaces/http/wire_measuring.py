"""The bodies of what is measured from a log: timelines, metrics, paths, lineages, and two executions side by side."""

from __future__ import annotations

from typing import Annotated, Any, Literal

import msgspec
from msgspec import UNSET, Meta, UnsetType

from application.comparing import Difference
from application.measuring_visits import VisitStatus
from domain.execution import Status
from interfaces.http.wire import Body, ExecutionBody, Links, SpentBody, Time

Milliseconds = Annotated[float, Meta(description="Milliseconds, to the microsecond.")]
WaitKind = Literal["timer", "signal", "approval", "retry", "lock", "branches", "child", "pause", "recovery"]


class ColumnsBody(Body, frozen=True, kw_only=True):
    """The visits of a page, in the order in which they began: a list for each column, all as long as one another.

    `version` and `time` are those of the event that began it, `endVersion` and `endTime` of the one that ended it (null:
    it is open). `waitingMs` are the waits that are over, `waitingFor` says what it waits for now. `branch` is empty for
    the one that an execution begins with, `step` and `node` for a setter. A `status` of `error` took its error edge.

    In a lineage `execution` says whose each is. A visit that was open where a fork was made is `cancelled` there: the fork
    has one of its own.
    """

    execution: list[str] | UnsetType = UNSET
    version: list[int]
    time: list[Time]
    end_version: list[int | None]
    end_time: list[Time | None]
    duration_ms: list[Milliseconds | None]
    waiting_ms: list[Milliseconds]
    waiting_for: list[WaitKind | None]
    address: list[str]
    step: list[str]
    node: list[str]
    branch: list[str]
    walk: list[int]
    visit: list[int]
    pass_: list[str] = msgspec.field(name="pass")
    attempts: list[int]
    edge: list[str | None]
    status: list[VisitStatus]


class TimelineBody(Body, frozen=True, kw_only=True):
    """The visits of an execution as columns, as it was at `version`. `next` is the `after` of the page behind it.

    In a lineage `next` and `after` count the events of all executions, from the oldest.
    """

    execution_id: str
    version: int
    columns: ColumnsBody
    next: int | None


class VisitBody(Body, frozen=True, kw_only=True):
    """A visit: see the columns of a timeline."""

    version: int
    time: Time
    end_version: int | None
    end_time: Time | None
    duration_ms: Milliseconds | None
    waiting_ms: Milliseconds
    waiting_for: WaitKind | None
    address: str
    step: str
    node: str
    branch: str
    walk: int
    visit: int
    pass_: str = msgspec.field(name="pass")
    attempts: int
    edge: str | None
    status: VisitStatus


class PathVisitBody(VisitBody, frozen=True, kw_only=True):
    """A visit with the parameters that its last attempt ran with, worked out again from the state of then.

    Secrets in them are references. Of a setter they are its own path and value. `unresolved` says why there are none.
    """

    target: str | None
    parameters: dict[str, Any] | None
    unresolved: str | None


class PathBody(Body, frozen=True, kw_only=True):
    """A page of a path. `next` is the `after` of the page behind it."""

    items: list[PathVisitBody]
    next: int | None


class ExecutionWithPathBody(ExecutionBody, frozen=True, kw_only=True):
    """An execution, with its path if that was asked for. `finalState` is there once it has ended."""

    path: PathBody | UnsetType = UNSET


class FiguresBody(Body, frozen=True, kw_only=True):
    """Durations: null where there is none. `p95` is the one that 95 of 100 are no longer than."""

    total: Milliseconds
    average: Milliseconds | None
    p95: Milliseconds | None
    max: Milliseconds | None


class SumsBody(Body, frozen=True, kw_only=True):
    """What visits come to. The figures are of those that have ended; `open` are the others.

    `criticalMs` is the part of their time that the execution could not have ended without: of branches that come
    together only the one that closed last counts.
    """

    count: int
    open: int
    duration_ms: FiguresBody
    waiting_ms: FiguresBody
    critical_ms: Milliseconds
    errors: int
    retries: int
    recoveries: int


class StepSumsBody(SumsBody, frozen=True, kw_only=True):
    """The visits of a step."""

    address: str
    step: str
    node: str


class NodeSumsBody(SumsBody, frozen=True, kw_only=True):
    """The visits of all steps that run a node; those of setters are under the empty id."""

    node: str


class MetricsBody(Body, frozen=True, kw_only=True):
    """What an execution took. While it has not ended, `durationMs` is up to its newest event.

    `waitingMs` are the waits that are over, by what for. `stateOperations` counts the operations of all patches,
    `stateBytes` is the state as JSON, `logBytes` the events as they are stored.
    """

    execution_id: str
    version: int
    status: Status
    start_time: Time
    end_time: Time | None
    duration_ms: Milliseconds
    walks: int
    visits: int
    errors: int
    retries: int
    recoveries: int
    waiting_ms: dict[str, Milliseconds]
    state_operations: int
    state_bytes: int
    events: int
    log_bytes: int
    spent: SpentBody
    steps: list[StepSumsBody]
    nodes: list[NodeSumsBody]


class RelativeBody(Body, frozen=True, kw_only=True):
    """An execution that stands next to another; what is null of it, the log does not have (any more, or not yet)."""

    execution_id: str
    workflow_id: str | None
    workflow_version: str | None
    status: Status | None
    version: int | None
    start_time: Time | None
    end_time: Time | None
    links: Links


class AncestorBody(RelativeBody, frozen=True, kw_only=True):
    """What runs an execution as its child, by which visit of which step; or what it was forked off, `at` which version."""

    relation: Literal["parent", "source"]
    at: int | None
    address: str | None
    visit: int | None


class DescendantBody(RelativeBody, frozen=True, kw_only=True):
    """What an execution has begun, or what was forked off it: at which of its versions (`at`), in which walk of it. A child
    has the visit that runs it.

    `descendants` are null where nothing was looked for; `next` is the `after` for the rest of them.
    """

    relation: Literal["child", "fork"]
    at: int
    time: Time
    address: str | None
    visit: int | None
    walk: int
    descendants: list[DescendantBody] | None
    next: int | None


class WalkBody(Body, frozen=True, kw_only=True):
    """A walk: the version that began it, and why. A rollback says to which version (`to`), and by which name."""

    walk: int
    version: int
    cause: Literal["start", "fork", "retry", "rollback"]
    time: Time
    to: int | UnsetType = UNSET
    name: str | UnsetType = UNSET
    actor: str | UnsetType = UNSET
    reason: str | UnsetType = UNSET


class LineageBody(RelativeBody, frozen=True, kw_only=True):
    """The tree around an execution: ancestors from the outermost on, descendants in the order in which they began."""

    ancestors: list[AncestorBody]
    walks: list[WalkBody]
    descendants: list[DescendantBody]
    next: int | None


class ComparedBody(Body, frozen=True, kw_only=True):
    """One of two executions that are compared, at a version."""

    execution_id: str
    version: int
    workflow_id: str
    workflow_version: str
    definition_hash: str
    status: Status


class ComparedVisitBody(VisitBody, frozen=True, kw_only=True):
    """A visit with what came of it: what went along its edge, or its error, and everything that it wrote.

    It is in the history of `executionId`: the one that is compared, or one that this was forked off.
    """

    execution_id: str
    target: str | None
    output: Any
    error: dict[str, Any] | None
    patch: list[dict[str, Any]]


class DifferenceBody(Body, frozen=True, kw_only=True):
    """A visit that came out differently, or (`step`) two different ones at the same point of the same branch."""

    address: str
    differences: list[Difference]
    left: ComparedVisitBody
    right: ComparedVisitBody


class AheadBody(Body, frozen=True, kw_only=True):
    """Which of the two has gone further on the same way: by how many visits, and the first of them."""

    side: Literal["left", "right"]
    visits: int
    next: VisitBody


class ComparisonBody(Body, frozen=True, kw_only=True):
    """Two executions side by side. Visits are alike by walk, address and pass, in each branch one after the other.

    The history of a fork is that of its source, up to where it was forked off, and its own.

    `same` counts those that came out alike before the ways part. `divergence` is the first that did not, in anything;
    `parting` the first after which the two went different ways. The patches lead from the left to the right: from the one
    state at the beginning to the other, and from the one at its version to the other.
    """

    left: ComparedBody
    right: ComparedBody
    same_definition: bool
    same: int
    divergence: DifferenceBody | None
    parting: DifferenceBody | None
    ahead: AheadBody | None
    initial_patch: list[dict[str, Any]]
    patch: list[dict[str, Any]]


class ProbeErrorBody(Body, frozen=True, kw_only=True):
    """Why an expression gives nothing there."""

    code: str
    message: str


class ProbeLine(Body, frozen=True, kw_only=True):
    """A line of a probe: what the expression gives at a version."""

    version: int
    time: Time
    value: Any = UNSET
    error: ProbeErrorBody | UnsetType = UNSET
