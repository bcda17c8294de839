"""The bodies of forks, and of a retry by another definition."""

from __future__ import annotations

from typing import Annotated, Any, Literal

import msgspec
from msgspec import UNSET, Meta, UnsetType

from interfaces.http.wire import Body, Definition, Time
from interfaces.http.wire_changing import PatchOperation

Reason = Annotated[str, Meta(max_length=2_000)]
OtherDefinition = Literal["same", "latest"] | Definition
"""What the execution runs, the newest published version of its workflow, or another definition."""


class ForkBody(Body, frozen=True, kw_only=True):
    """Where a fork begins, with what, and what it has of its source.

    `at` is anything that names a version (the newest, unless said); `patch` changes the state there. `dryRun` only says
    what would happen.
    """

    at: str | int | UnsetType = UNSET
    patch: Annotated[list[PatchOperation], Meta(max_length=1_000)] | UnsetType = UNSET
    definition: OtherDefinition = "same"
    effects: Literal["rerun", "reuse"] = "rerun"
    signals: Literal["keep", "drop"] = "keep"
    children: Literal["reuse", "restart"] = "reuse"
    timers: Literal["restart", "keep"] = "restart"
    execution_id: Annotated[str, Meta(pattern="^[A-Za-z0-9_.-]{1,128}$")] | UnsetType = UNSET
    labels: Annotated[dict[str, str], Meta(max_length=64)] | UnsetType = UNSET
    priority: Annotated[int, Meta(ge=-100, le=100)] | UnsetType = UNSET
    reason: Reason | UnsetType = UNSET
    dry_run: bool = False


class RetryBody(Body, frozen=True, kw_only=True):
    """Why, and by what definition the execution is to go on."""

    reason: Reason | UnsetType = UNSET
    definition: OtherDefinition = "same"


class OperationBody(msgspec.Struct, frozen=True, kw_only=True):
    """A change of the state as it would be recorded."""

    op: Literal["add", "replace", "remove"]
    path: str
    value: Any = UNSET


class PlaceBody(Body, frozen=True, kw_only=True):
    """Where a branch would begin: at the step of this address (null: at its end), waiting there or beginning it."""

    branch: str
    address: str | None
    step: str | None
    waiting: Literal["timer", "signal", "approval", "branches", "child"] | None
    due: Time | None


class RecordedVisitBody(Body, frozen=True, kw_only=True):
    """A visit of the source behind the cut, at `version` of it; or one that was `underWay` there."""

    address: str
    step: str
    node: str | None
    visit: int
    version: int
    under_way: bool
    effect: Literal["none", "reads", "writes"]


class ForkPreviewBody(Body, frozen=True, kw_only=True):
    """What a fork would begin with, and what of its source, behind the cut `at`, would run again or be taken from there.

    What is `reused` is so where it runs with what it ran with. `complete` is false when there are more such visits.
    """

    execution_id: str
    at: int
    workflow_id: str
    workflow_version: str
    patch: list[OperationBody]
    position: list[PlaceBody]
    rerun: list[RecordedVisitBody]
    reused: list[RecordedVisitBody]
    complete: bool
