"""The bodies of what people change about executions: rollbacks, edits of the state, names for versions."""

from __future__ import annotations

from typing import Annotated, Any, Literal

import msgspec
from msgspec import UNSET, Meta, UnsetType

from domain.execution import Status
from interfaces.http.wire import Body, Pointer, Time, WaitBody

Reason = Annotated[str, Meta(max_length=2_000)]


class RollbackBody(Body, frozen=True, kw_only=True):
    """Where to go back to: anything that names a version. `dryRun` only says what would happen."""

    to: str | int
    reason: Reason | UnsetType = UNSET
    dry_run: bool = False


class PatchOperation(msgspec.Struct, frozen=True, kw_only=True):
    """An operation of a JSON Patch (RFC 6902): `value` for add, replace and test, `from` for move and copy."""

    op: Literal["add", "remove", "replace", "move", "copy", "test"]
    path: str
    value: Any = UNSET
    source: str | UnsetType = msgspec.field(name="from", default=UNSET)


class EditBody(Body, frozen=True, kw_only=True):
    """A JSON Patch of the state, and why."""

    patch: Annotated[list[PatchOperation], Meta(max_length=1_000)]
    reason: Reason | UnsetType = UNSET


class SnapshotBody(Body, frozen=True, kw_only=True):
    """The name that the newest version gets. One that is used again moves."""

    name: Annotated[str, Meta(min_length=1, max_length=255)]
    reason: Reason | UnsetType = UNSET


class NamedBody(Body, frozen=True, kw_only=True):
    """A version that has a name, and who gave it: a person, or the step at `address`."""

    name: str
    version: int
    time: Time
    actor: str | None
    reason: str | None
    address: str | UnsetType = UNSET


class SnapshotsBody(Body, frozen=True, kw_only=True):
    """The versions that have a name, the oldest first."""

    items: list[NamedBody]


class RefusedBody(Body, frozen=True, kw_only=True):
    """Why something can't be done as it stands."""

    code: str
    message: str


class ChangeBody(Body, frozen=True, kw_only=True):
    """One operation of a patch as the log has it."""

    op: Literal["add", "replace", "remove"]
    path: Pointer
    value: Any = UNSET


class RepeatBody(Body, frozen=True, kw_only=True):
    """A visit whose effect would happen again: `version` is that of its beginning, or the one that is gone back to where
    it was in flight there. Without an edge it failed (`error` is the code), or is in flight.
    """

    address: str
    step: str
    node: str | None
    visit: int
    version: int
    effect: Literal["reads", "writes"]
    edge: str | None
    error: str | None


class ChildBody(Body, frozen=True, kw_only=True):
    """A child that would be begun anew. One that is running is cancelled first."""

    execution_id: str
    workflow_id: str | None
    workflow_version: str | None
    address: str
    visit: int
    version: int
    running: bool


class TakenBody(Body, frozen=True, kw_only=True):
    """A signal that the wait of a visit took since, and that would have to be sent again; `version` is its event's."""

    version: int
    name: str
    address: str
    visit: int


class RollbackPreviewBody(Body, frozen=True, kw_only=True):
    """What a rollback would do. `to` is the version that is meant; `refused` says why it can't be done as it stands.

    `patch` leads from the state now to that of then. `waits` stand again then; one whose `due` is past ends at once.
    """

    execution_id: str
    to: int
    status: Status
    refused: RefusedBody | None
    patch: list[ChangeBody]
    repeats: list[RepeatBody]
    repeat_count: int
    waits: list[WaitBody]
    children: list[ChildBody]
    signals: list[TakenBody]
