"""The bodies of what-if questions and answers as types (see `wire`)."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from msgspec import UNSET, Meta, UnsetType, field

from domain.execution import Status
from interfaces.http.wire import Body, Definition

Verdict = Annotated[
    Literal["same", "reused", "changed", "new", "dropped", "unknown"],
    Meta(
        description="`same`: computed again, and came out as recorded; `reused`: the recorded result; `changed`: came out "
        "otherwise; `new`: was not visited then; `dropped`: is not visited now; `unknown`: nobody knows what it comes to."
    ),
]
Patch = Annotated[list[dict[str, Any]], Meta(description="A JSON Patch (RFC 6902) of the state.")]
Pass = Annotated[str, Meta(description="Which of the visits of the step in its loops and branches.")]


class AssumedBody(Body, frozen=True, kw_only=True):
    """What a step is taken to come to: an edge (null: none), its data, and what it writes to the state."""

    edge: str | UnsetType | None = UNSET
    output: Any | UnsetType = UNSET
    patch: Patch | UnsetType = UNSET


Assume = Annotated[
    Literal["recorded"] | dict[str, AssumedBody],
    Meta(description="By address what steps come to; or `recorded`: what they came to then, whatever they see now."),
]


class WhatIfBody(Body, frozen=True, kw_only=True):
    """What is to be otherwise: the state at a version (default: at the beginning), the definition, what steps come to."""

    at: str | int | UnsetType = UNSET
    patch: Patch | UnsetType = UNSET
    definition: Definition | str | UnsetType | None = UNSET
    assume: Assume | UnsetType = UNSET


class WhatIfManyBody(Body, frozen=True, kw_only=True):
    """The same of the last executions of a workflow: of those with one of these statuses, if any is given."""

    last: Annotated[int, Meta(ge=1, le=1_000)] = 100
    status: Status | list[Status] | UnsetType = UNSET
    patch: Patch | UnsetType = UNSET
    definition: Definition | str | UnsetType | None = UNSET
    assume: Assume | UnsetType = UNSET


class PassageBody(Body, frozen=True, kw_only=True):
    """How a visit came out: by an edge, an error, not yet, or cancelled."""

    ending: Literal["open", "taken", "failed", "cancelled"]
    edge: str | None
    error: str | UnsetType = UNSET


class _VisitBody(Body, frozen=True, kw_only=True):
    """Which visit is meant."""

    address: str
    pass_: Pass = field(name="pass")
    walk: int
    visit: int
    step: str | UnsetType = UNSET
    node: str | UnsetType = UNSET
    branch: str | UnsetType = UNSET


class WhatIfStepBody(_VisitBody, frozen=True, kw_only=True):
    """A visit of the walk, or one that it did not make any more."""

    verdict: Verdict
    ending: Literal["open", "taken", "failed", "cancelled"]
    edge: str | UnsetType | None = UNSET
    error: str | UnsetType = UNSET


class WhatIfDivergenceBody(_VisitBody, frozen=True, kw_only=True):
    """The first visit that is not what it was, with the pointers of the state (`values`) and of the edge's data (`data`)
    at which it differs.
    """

    verdict: Verdict
    then: PassageBody | None
    now: PassageBody | None
    values: list[str]
    data: list[str]


class WhatIfNeedBody(_VisitBody, frozen=True, kw_only=True):
    """A visit whose result would have to be known, and how it came out then."""

    reason: str
    recorded: PassageBody | UnsetType = UNSET


class RecordedEndBody(Body, frozen=True, kw_only=True):
    """How the execution stands in the log."""

    status: Status
    version: int


class WhatIfAnswerBody(Body, frozen=True, kw_only=True):
    """An execution walked again. `counts` are the visits by verdict; `steps` lists at most 10,000 of them.

    `status` is `unknown` where the walk stopped for what is in `needs`.
    """

    execution_id: str
    from_: int = field(name="from")
    status: Status | Literal["unknown"]
    recorded: RecordedEndBody
    steps: list[WhatIfStepBody]
    counts: dict[str, int]
    divergence: WhatIfDivergenceBody | None
    needs: list[WhatIfNeedBody]
    final_state: dict[str, Any]
    error: dict[str, Any] | UnsetType = UNSET


class StatusesBody(Body, frozen=True, kw_only=True):
    """The status as recorded, and that of the walk."""

    then: Status
    now: Status | Literal["unknown"]


class WhatIfOneBody(Body, frozen=True, kw_only=True):
    """One execution among many: whether it would end otherwise. `reason` says why that is not known."""

    execution_id: str
    verdict: Literal["same", "otherwise", "unknown"]
    status: StatusesBody | UnsetType = UNSET
    divergence: WhatIfDivergenceBody | UnsetType | None = UNSET
    reason: str | UnsetType = UNSET


class WhatIfDivergencesBody(Body, frozen=True, kw_only=True):
    """How many first differ at a step, and some of them."""

    address: str
    step: str
    count: int
    executions: list[str]


class WhatIfSummaryBody(Body, frozen=True, kw_only=True):
    """Many executions walked again, newest first. `left` are those that there was no time for."""

    workflow_id: str
    walked: int
    same: int
    otherwise: int
    unknown: int
    left: int
    summary: str
    divergences: list[WhatIfDivergencesBody]
    executions: list[WhatIfOneBody]
