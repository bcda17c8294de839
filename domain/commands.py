"""What can be asked of an execution: by people, and by the engine that runs it."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Literal

import msgspec

from domain.budget import Spent
from domain.errors import ErrorInfo
from domain.events import CommandKey, Parent, Reused, Source
from domain.execution import Execution
from domain.json_patch import Operation
from domain.limits import Limits
from domain.node import Fork, Park, Pass
from domain.patches import Patch
from domain.program import Program

if TYPE_CHECKING:
    from domain.problems import Problem


class Rules(msgspec.Struct, frozen=True, kw_only=True):
    """What a decision is made by, besides the execution itself.

    `check_schema` (JSON Schema, value) gives what breaks the schema, as pointers into the value.
    """

    program: Program
    limits: Limits
    check_schema: Callable[[Any, Any], list[Problem]]


class Start(msgspec.Struct, frozen=True, kw_only=True):
    """Begin an execution of the rules' program. `initial_state` and `priority` None: the definition's own."""

    now: int
    actor: str = ""
    initial_state: dict[str, Any] | None = None
    labels: dict[str, str] = {}
    priority: int | None = None
    parent: Parent | None = None
    key: CommandKey | None = None


class Begin(msgspec.Struct, frozen=True, kw_only=True):
    """Begin the next visit of a branch, or another attempt of the one that a crash interrupted."""

    now: int
    branch: str = ""
    worker: str = ""
    warnings: tuple[str, ...] = ()


class Took(msgspec.Struct, frozen=True, kw_only=True):
    """The node took an edge (None: none), with JSON data."""

    edge: str | None
    data: Any = None


class Passed(msgspec.Struct, frozen=True, kw_only=True):
    """An iterator asked for one more pass. `parameters` are those that its frame is to keep."""

    answer: Pass
    parameters: dict[str, Any] | None = None


class Parked(msgspec.Struct, frozen=True, kw_only=True):
    """A control node asked to wait."""

    answer: Park


class Called(msgspec.Struct, frozen=True, kw_only=True):
    """A control node asked for a child; what that is to run, and on what state, is known by now.

    With a `child` it is that execution, which has ended already.
    """

    workflow: str
    workflow_version: str
    definition_hash: str
    initial_state: dict[str, Any]
    due: int | None = None
    child: str = ""


class Forked(msgspec.Struct, frozen=True, kw_only=True):
    """A control node asked to open branches."""

    answer: Fork


class Marked(msgspec.Struct, frozen=True, kw_only=True):
    """A control node asked to name this version."""

    name: str


class Ended(msgspec.Struct, frozen=True, kw_only=True):
    """A control node asked to complete the execution. `result` UNSET: there is none to store."""

    result: Any = msgspec.UNSET


class Stored(msgspec.Struct, frozen=True, kw_only=True):
    """A setter's value was resolved."""

    value: Any


class Erred(msgspec.Struct, frozen=True, kw_only=True):
    """The visit came to an error: raised, returned, or the engine's own."""

    error: ErrorInfo


Outcome = Took | Passed | Parked | Called | Forked | Marked | Ended | Stored | Erred


class Finish(msgspec.Struct, frozen=True, kw_only=True):
    """Record how a visit came out. `patch` is what the node wrote, as it saw the state; `reads` what it read itself.

    `warnings` are those that `Begin` could not know yet, `spent` is what the node has reported. `reused`: it did not run.
    """

    now: int
    outcome: Outcome
    branch: str = ""
    patch: Patch = ()
    reads: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()
    spent: Spent | None = None
    reused: Reused | None = None


class Recover(msgspec.Struct, frozen=True, kw_only=True):
    """Take over after a crash, or after the store failed."""

    now: int
    worker: str
    cause: Literal["crash", "store"] = "crash"


class FireDue(msgspec.Struct, frozen=True, kw_only=True):
    """End every wait whose time has come."""

    now: int


class Observe(msgspec.Struct, frozen=True, kw_only=True):
    """A child has ended, at `version` of its log (0: it could not begin): with this state, and this error if it failed."""

    now: int
    child: str
    version: int
    status: Literal["completed", "failed", "cancelled"]
    state: dict[str, Any] = {}
    error: ErrorInfo | None = None


class PersonCommand(msgspec.Struct, frozen=True, kw_only=True):
    """What the commands of people share.

    `expected` are the versions on which it is to be decided, and on no other (None: on any).
    """

    now: int
    actor: str = ""
    reason: str = ""
    key: CommandKey | None = None
    expected: tuple[int, ...] | None = None


class Signal(PersonCommand, frozen=True, kw_only=True):
    """A message for a wait: the oldest of that name, or the one at `address` (and `visit`, if not 0)."""

    name: str
    payload: Any = None
    address: str = ""
    visit: int = 0


class Pause(PersonCommand, frozen=True, kw_only=True):
    """Let no further step begin."""


class Resume(PersonCommand, frozen=True, kw_only=True):
    """Go on after a pause, or try a failed execution again."""


class Retry(PersonCommand, frozen=True, kw_only=True):
    """Try a failed execution again, from the step that failed; with `into`, by that program from then on."""

    into: Program | None = None


class Cancel(PersonCommand, frozen=True, kw_only=True):
    """End the execution now."""


class RollBack(PersonCommand, frozen=True, kw_only=True):
    """Put the execution back to an earlier version of it, `target`, that has this `name` if it was asked for by it.

    `program` is what it ran then, if that is another one than now, and known.
    """

    target: Execution
    name: str = ""
    program: Program | None = None


class EditState(PersonCommand, frozen=True, kw_only=True):
    """Change the state. `at` is the pointer of the patch in what was sent, for the places of problems."""

    operations: tuple[Operation, ...]
    at: str = ""


class TakeSnapshot(PersonCommand, frozen=True, kw_only=True):
    """Name the newest version."""

    name: str


class ForkOff(PersonCommand, frozen=True, kw_only=True):
    """Begin an execution with what another one was: the rules' program, and the execution decided on is the base.

    `old` is the program that the source has run (None: it can't be had), `operations` change its state, and `at` is their
    pointer in what was sent. `ended` says how the children have ended that the source waits for at the cut, and whose
    results are taken.
    """

    source: Source
    old: Program | None
    operations: tuple[Operation, ...] = ()
    at: str = ""
    effects: Literal["rerun", "reuse"] = "rerun"
    signals: Literal["keep", "drop"] = "keep"
    children: Literal["reuse", "restart"] = "reuse"
    timers: Literal["restart", "keep"] = "restart"
    ended: tuple[Observe, ...] = ()
    labels: dict[str, str] = {}
    priority: int = 0


OutsideCommand = Signal | Pause | Resume | Retry | Cancel | RollBack | EditState | TakeSnapshot
Command = Start | ForkOff | Begin | Finish | Recover | FireDue | Observe | OutsideCommand
