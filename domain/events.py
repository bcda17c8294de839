"""What happened: the events of an execution's log, each under a short tag that never changes.

A stored event is its tag and the compact JSON of its fields; fields at their default are left out. Time is integer
microseconds since the epoch. Events that end or concern a visit carry its address, running number and attempt, so that
a reader needs no other event to place them.
"""

from __future__ import annotations

from typing import Any, ClassVar, Literal

import msgspec

from domain.budget import Spent
from domain.errors import ErrorInfo
from domain.patches import Op
from domain.position import Branch, Joining, ListReplaced, WaitFor


class Event(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, rename="camel"):
    """What every event has: when it happened, and who made it happen (empty: the engine)."""

    tag: ClassVar[str] = ""
    time: int
    actor: str = ""


class CommandKey(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """The idempotency key a command came with, and the hash of its request."""

    key: str
    request: str


class DefinitionStored(Event, frozen=True, kw_only=True):
    """A definition was stored under its content hash (version 1 of the stream of that hash)."""

    tag: ClassVar[str] = "definition_stored"
    definition: dict[str, Any]


class WorkflowPublished(Event, frozen=True, kw_only=True):
    """A version of a workflow was published (in the stream of its id): from now on it is that definition for good.

    `name` is the workflow's, cut; `nodes` are the versions of its nodes here and now, by id.
    """

    tag: ClassVar[str] = "workflow_published"
    workflow: str
    workflow_version: str
    name: str
    definition_hash: str
    nodes: dict[str, str]


class Parent(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, rename="camel"):
    """What runs an execution as its child: the visit of a step of another one; `depth` counts the executions above."""

    execution: str
    address: str
    visit: int
    depth: int


class ExecutionStarted(Event, frozen=True, kw_only=True):
    """An execution begins: what it runs, on what state, asked by whom."""

    tag: ClassVar[str] = "execution_started"
    workflow: str
    workflow_version: str
    definition_hash: str
    initial_state: dict[str, Any]
    first: str
    """Address of the first step."""
    labels: dict[str, str] = {}
    key: CommandKey | None = None
    priority: int = 0
    parent: Parent | None = None


class Source(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """What an execution was forked off: another one, as its event at `version`, which has this `hash` (hex), left it.

    `depth` counts the executions that this goes back to, one fork after the other.
    """

    execution: str
    version: int
    hash: str
    depth: int = 1


class Place(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, rename="camel"):
    """Where a branch begins in a fork: at the step of this address (null: at its end).

    `parked`: the visit there waits on as it did, until it is `due` (microseconds; absent: for ever). Else it is begun.
    """

    address: str | None = None
    parked: bool = False
    due: int | None = None


class ExecutionForked(Event, frozen=True, kw_only=True):
    """An execution begins with what another one was: the one event whose fold has a base, `source` as it was then.

    `patch` leads from its state to the one that the fork begins with, `places` says where each open branch begins. The
    policies are those that were asked for; what they lead to in `places` is there, not worked out again. `lists` are those
    of loops that changed with the state. `snapshot`: a critical error can take the fork back to its source's newest one.
    """

    tag: ClassVar[str] = "execution_forked"
    source: Source
    workflow: str
    workflow_version: str
    definition_hash: str
    patch: tuple[Op, ...] = ()
    places: dict[str, Place] = {}
    lists: tuple[ListReplaced, ...] = ()
    effects: Literal["rerun", "reuse"] = "rerun"
    signals: Literal["keep", "drop"] = "keep"
    children: Literal["reuse", "restart"] = "reuse"
    timers: Literal["restart", "keep"] = "restart"
    snapshot: bool = True
    labels: dict[str, str] = {}
    priority: int = 0
    reason: str = ""
    key: CommandKey | None = None


class NodeStarted(Event, frozen=True, kw_only=True):
    """A visit begins, or another attempt of it. Durable before an effect can happen."""

    tag: ClassVar[str] = "node_started"
    address: str
    step: str
    node: str
    pass_: str = msgspec.field(name="pass")
    visit: int
    attempt: int = 1
    branch: str = ""
    worker: str = ""
    fence: int = 0
    warnings: tuple[str, ...] = ()


class VisitEvent(Event, frozen=True, kw_only=True):
    """What events about a visit in progress share."""

    address: str
    visit: int
    attempt: int = 1
    branch: str = ""


class Reused(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """Where a result is recorded that was taken again: at a version of what the execution was forked off."""

    execution: str
    version: int


class AttemptEvent(VisitEvent, frozen=True, kw_only=True):
    """What ends an attempt, or parks it. `spent` is what the node has reported of it (`context.spend`).

    `reused`: the node did not run; what it came to was recorded there (a fork with `effects: reuse`).
    """

    spent: Spent | None = None
    reused: Reused | None = None


class StateUpdated(VisitEvent, frozen=True, kw_only=True):
    """The visit changed the state: a patch against the version before."""

    tag: ClassVar[str] = "state_updated"
    patch: tuple[Op, ...]


class LoopEntry(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, rename="camel"):
    """A loop is entered: what its frame keeps until it is left.

    `parameters` are those of an iterator that resolves them once; `saved` the position keys' values at entry, `unset`
    the position keys that were not there.
    """

    parameters: dict[str, Any] | None = None
    saved: dict[str, Any] = {}
    unset: tuple[str, ...] = ()


class Binding(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, rename="camel"):
    """`error` is bound to the edge's data inside a block (its address), by a route into it or by a jump."""

    block: str
    jump: bool = False


class EdgeTaken(AttemptEvent, frozen=True, kw_only=True):
    """A visit ends by an edge (null: none). Says where the branch goes on, so that routing is history.

    `output` is the edge's data, or `outputAt` the pointer of the place where the visit's own patch has it. `target` is
    the address of the next step (null: the branch is at its end). `keep` is the number of loop frames that stay (absent:
    all); `enter` pushes the step's own frame, `again` begins its next pass; both together: the frame is there, and keeps
    from now on what `enter` says. `bindings` is the number of bindings of `error` that stay (absent: all), `bind` one
    more. `reads` are the top-level state keys that the node read itself.
    """

    tag: ClassVar[str] = "edge_taken"
    edge: str | None = None
    output: Any = msgspec.UNSET
    output_at: str = ""
    target: str | None = None
    keep: int = -1
    enter: LoopEntry | None = None
    again: bool = False
    bindings: int = -1
    bind: Binding | None = None
    keeps_input: bool = False
    reads: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()


class NodeFailed(AttemptEvent, frozen=True, kw_only=True):
    """A visit ends by an error that no route took. `reads` as in `EdgeTaken`."""

    tag: ClassVar[str] = "node_failed"
    error: ErrorInfo
    reads: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()


class RetryScheduled(AttemptEvent, frozen=True, kw_only=True):
    """An attempt failed, and the visit is tried again when it is due (microseconds). Its writes are dropped.

    `reads` as in `EdgeTaken`.
    """

    tag: ClassVar[str] = "retry_scheduled"
    error: ErrorInfo
    due: int
    reads: tuple[str, ...] = ()


class Suspended(AttemptEvent, frozen=True, kw_only=True):
    """A visit parks: no thread, no task, until its wait is over. `dropped` are kept signals that broke the schema."""

    tag: ClassVar[str] = "suspended"
    wait: WaitFor
    dropped: tuple[int, ...] = ()
    warnings: tuple[str, ...] = ()


class ChildStarted(VisitEvent, frozen=True, kw_only=True):
    """The visit runs another execution (`child`), and is parked until it has ended.

    This is durable first: the child's own log begins after it, and if a crash comes between, at the next start.
    """

    tag: ClassVar[str] = "child_started"
    child: str
    workflow: str
    workflow_version: str
    definition_hash: str
    initial_state: dict[str, Any] = {}


class ChildObserved(VisitEvent, frozen=True, kw_only=True):
    """The visit saw how its child ended, at which of the child's versions (0: it could not begin), and goes on."""

    tag: ClassVar[str] = "child_observed"
    child: str
    child_version: int
    status: Literal["completed", "failed", "cancelled"]


class Opening(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, rename="camel"):
    """A branch that opens: its name (unique among those that are open), the edge that leads into it, its first step.

    `first` is that step's address (null: the branch is empty), `index` the pass of a concurrent loop that it is.
    """

    name: str
    edge: str
    first: str | None = None
    index: int = -1


class BranchesOpened(AttemptEvent, frozen=True, kw_only=True):
    """The visit opens branches, and is parked until they have come together. `joining` is there the first time."""

    tag: ClassVar[str] = "branches_opened"
    branches: tuple[Opening, ...]
    joining: Joining | None = None


class BranchClosed(VisitEvent, frozen=True, kw_only=True):
    """A branch (`branch`) of the visit at `address` reached its end, failed, or was cancelled."""

    tag: ClassVar[str] = "branch_closed"
    outcome: Literal["ended", "failed", "cancelled"]
    error: ErrorInfo | None = None


class SignalReceived(Event, frozen=True, kw_only=True):
    """A signal came in, and is kept until a wait of its name takes it.

    With an address: the wait of that visit takes it, and no other, as soon as the pause is over.
    """

    tag: ClassVar[str] = "signal_received"
    name: str
    payload: Any = None
    address: str = ""
    visit: int = 0
    reason: str = ""
    key: CommandKey | None = None


class Resumed(Event, frozen=True, kw_only=True):
    """The execution goes on: a wait is over (`timer`, `timeout`, `signal`, `lock`), a person said so (`person`, `retry`).

    `signal` is the version of the `SignalReceived` that ended the wait (negative: one that a fork has from its source). A
    `person` ends a pause, and due times move by the paused time. A `retry` begins a new walk at the step that failed; with
    a `definitionHash` it goes on by that definition, which is of this `workflow` and version.
    """

    tag: ClassVar[str] = "resumed"
    cause: Literal["timer", "timeout", "signal", "lock", "person", "retry"]
    address: str = ""
    visit: int = 0
    branch: str = ""
    signal: int = 0
    workflow: str = ""
    workflow_version: str = ""
    definition_hash: str = ""
    reason: str = ""
    key: CommandKey | None = None


class Paused(Event, frozen=True, kw_only=True):
    """From here on no step begins; those in flight finish and are recorded.

    With an error: the attempts of that visit are used up, and somebody is to look at it ($retry, exhausted: pause);
    `spent` is then what the last one has reported.
    """

    tag: ClassVar[str] = "paused"
    reason: str = ""
    key: CommandKey | None = None
    error: ErrorInfo | None = None
    address: str = ""
    visit: int = 0
    branch: str = ""
    spent: Spent | None = None


class SnapshotTaken(Event, frozen=True, kw_only=True):
    """This version got a name, by a step (with an address) or by a person. A name used again moves.

    A step's snapshot means the end of its visit: to go back there is to go on with what comes behind it.
    """

    tag: ClassVar[str] = "snapshot_taken"
    name: str
    address: str = ""
    visit: int = 0
    attempt: int = 1
    branch: str = ""
    reason: str = ""
    key: CommandKey | None = None


class StateEdited(Event, frozen=True, kw_only=True):
    """A person changed the state: a patch against the version before. `lists` are those of loops that changed with it."""

    tag: ClassVar[str] = "state_edited"
    patch: tuple[Op, ...]
    lists: tuple[ListReplaced, ...] = ()
    reason: str = ""
    key: CommandKey | None = None


class RolledBack(Event, frozen=True, kw_only=True):
    """State and position are again what they were at version `to`; history goes on, in a new walk.

    `patch` leads from the state before to that of then, `outputs` does so for the edge data of the steps. `branches` is
    the position, without the visits that were in flight: these begin again. `paused`: it was, and stays so. `execution`
    is the one whose version `to` is, where that is not this one: what it was forked off.
    """

    tag: ClassVar[str] = "rolled_back"
    to: int
    execution: str = ""
    name: str = ""
    patch: tuple[Op, ...] = ()
    outputs: tuple[Op, ...] = ()
    branches: dict[str, Branch] = {}
    paused: bool = False
    reason: str = ""
    key: CommandKey | None = None


class Recovered(Event, frozen=True, kw_only=True):
    """A worker took over after a crash. With an address: that visit was in flight, and runs again as a new attempt.

    `cause` is `store` when it did not crash, but lost what it had not recorded yet, because the store failed.
    """

    tag: ClassVar[str] = "recovered"
    worker: str
    cause: Literal["crash", "store"] = "crash"
    address: str = ""
    visit: int = 0
    attempt: int = 0
    branch: str = ""


class Completed(Event, frozen=True, kw_only=True):
    """The execution reached its end."""

    tag: ClassVar[str] = "completed"


class Failed(Event, frozen=True, kw_only=True):
    """The execution ended by an error; its state and position are kept.

    `restored`: they are those of a snapshot that it was put back to just before, and a retry goes on from there.
    """

    tag: ClassVar[str] = "failed"
    error: ErrorInfo
    address: str = ""
    visit: int = 0
    branch: str = ""
    restored: bool = False


class Cancelled(Event, frozen=True, kw_only=True):
    """A person ended the execution; results that come later are refused."""

    tag: ClassVar[str] = "cancelled"
    reason: str = ""
    key: CommandKey | None = None


ExecutionEvent = (
    ExecutionStarted
    | ExecutionForked
    | NodeStarted
    | StateUpdated
    | EdgeTaken
    | NodeFailed
    | RetryScheduled
    | Suspended
    | ChildStarted
    | ChildObserved
    | BranchesOpened
    | BranchClosed
    | SignalReceived
    | Resumed
    | Paused
    | SnapshotTaken
    | StateEdited
    | RolledBack
    | Recovered
    | Completed
    | Failed
    | Cancelled
)
AnyEvent = ExecutionEvent | DefinitionStored | WorkflowPublished

EVENT_TYPES: dict[str, type[AnyEvent]] = {
    kind.tag: kind
    for kind in (
        DefinitionStored,
        WorkflowPublished,
        ExecutionStarted,
        ExecutionForked,
        NodeStarted,
        StateUpdated,
        EdgeTaken,
        NodeFailed,
        RetryScheduled,
        Suspended,
        ChildStarted,
        ChildObserved,
        BranchesOpened,
        BranchClosed,
        SignalReceived,
        Resumed,
        Paused,
        SnapshotTaken,
        StateEdited,
        RolledBack,
        Recovered,
        Completed,
        Failed,
        Cancelled,
    )
}
"""The event of each tag that is written today. Tags of the past are upcast before they get here."""
