"""The bodies of explanations: parts of a state, what has changed, who wrote what, and where to look next."""

from __future__ import annotations

from typing import Annotated, Any, Literal

import msgspec
from msgspec import UNSET, Meta, UnsetType

from interfaces.http.wire import Body, EventBody, Time

StatePointer = Annotated[str, Meta(description="A JSON Pointer (RFC 6901) into the state.")]


class FieldsBody(Body, frozen=True, kw_only=True):
    """Parts of the state at a version. `fields` has what is at each pointer; a pointer with nothing there is left out."""

    execution_id: str
    version: int
    fields: dict[str, Any]


class OpBody(msgspec.Struct, frozen=True, kw_only=True):
    """An operation of a JSON Patch (RFC 6902); `remove` has no value."""

    op: Literal["add", "replace", "remove"]
    path: StatePointer
    value: Any | UnsetType = UNSET


class WriterBody(Body, frozen=True, kw_only=True):
    """An event that changed the state, without what it says. What it has not is left out.

    An initial state has no `address`, a setter neither `step` nor `node`. Without an `actor` it was the engine. In a
    lineage it names its execution.
    """

    execution_id: str | UnsetType = UNSET
    version: int
    type: str
    time: Time
    address: str | UnsetType = UNSET
    step: str | UnsetType = UNSET
    node: str | UnsetType = UNSET
    visit: int | UnsetType = UNSET
    attempt: int | UnsetType = UNSET
    branch: str | UnsetType = UNSET
    actor: str | UnsetType = UNSET


class StateChangeBody(WriterBody, frozen=True, kw_only=True):
    """What is different at a pointer, and the event that made it so: the last one in between that wrote it.

    `old` is what there was at `from`, `new` what there is at `to`; what was not or is not there is left out.
    """

    pointer: StatePointer
    old: Any | UnsetType = UNSET
    new: Any | UnsetType = UNSET


class DiffBody(Body, frozen=True, kw_only=True):
    """What is different between two versions. The patch leads from the state at `from` to that at `to`.

    There is a change for each of its operations. Where `to` is the earlier version, each has the event that it takes back.
    """

    from_: int = msgspec.field(name="from")
    to: int
    patch: list[OpBody]
    changes: list[StateChangeBody]


class WriteBody(WriterBody, frozen=True, kw_only=True):
    """A write of what is at a pointer, or of something that it is in, or of something in it.

    `value` is what there was after it, `old` before it; what was not there is left out.
    """

    old: Any | UnsetType = UNSET
    value: Any | UnsetType = UNSET


class BlameBody(Body, frozen=True, kw_only=True):
    """Who wrote what is at a pointer, at a version. `value` is left out when nothing is there.

    `written` is the last write, also when that removed it (null: there was none), `earlier` has those before it, newest
    first. `next` is the version to ask at for those before them (null: there are none). In a lineage `executionId` is what
    `at` is a version of, and `next` is `ID@VERSION` where the rest is in what the execution was forked off.
    """

    execution_id: str | UnsetType = UNSET
    pointer: StatePointer
    at: int
    value: Any | UnsetType = UNSET
    written: WriteBody | None
    earlier: list[WriteBody]
    next: int | str | None


class StepBody(Body, frozen=True, kw_only=True):
    """The event that was looked for. All are null at the end of the road. In a lineage `executionId` says whose it is."""

    execution_id: str | UnsetType | None = UNSET
    version: int | None
    event: EventBody | None
