"""The bodies of requests and answers as types: what the OpenAPI document is made of, and tests hold answers against."""

from __future__ import annotations

from typing import Annotated, Any, Literal

import msgspec
from msgspec import UNSET, Meta, UnsetType

from domain.execution import Status

Time = Annotated[str, Meta(description="UTC, ISO 8601 with microseconds.", examples=["2026-11-22T10:00:00.000001Z"])]
Pointer = Annotated[str, Meta(description="A JSON Pointer (RFC 6901) into the body; `?name` for a query parameter.")]


class Body(msgspec.Struct, frozen=True, kw_only=True, rename="camel", forbid_unknown_fields=True):
    """What all bodies have in common: names in camelCase, and no others."""


class Definition(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """A workflow definition; schemas/workflow.schema.json describes it wholly."""

    id: Annotated[str, Meta(pattern="^[a-zA-Z0-9_-]+$")]
    name: Annotated[str, Meta(min_length=1)]
    version: Annotated[str, Meta(pattern=r"^\d+\.\d+\.\d+$")]
    workflow: Annotated[list[str | dict[str, Any]], Meta(min_length=1)]
    initial_state: dict[str, Any] | UnsetType = UNSET
    description: str | UnsetType = UNSET
    settings: dict[str, Any] | UnsetType = UNSET


class SubmissionBody(Body, frozen=True, kw_only=True):
    """A definition, and how to run it. `initialState` replaces the definition's own."""

    definition: Definition
    initial_state: dict[str, Any] | UnsetType = UNSET
    execution_id: Annotated[str, Meta(pattern="^[A-Za-z0-9_.-]{1,128}$")] | UnsetType = UNSET
    on_conflict: Literal["fail", "use"] = "fail"
    labels: Annotated[dict[str, str], Meta(max_length=64)] | UnsetType = UNSET
    priority: Annotated[int, Meta(ge=-100, le=100)] | UnsetType = UNSET


class StartBody(Body, frozen=True, kw_only=True):
    """Which published version to run, and how. `initialState` replaces the definition's own."""

    version: Annotated[str, Meta(pattern=r"^(latest|\d+\.\d+\.\d+)$")] = "latest"
    initial_state: dict[str, Any] | UnsetType = UNSET
    execution_id: Annotated[str, Meta(pattern="^[A-Za-z0-9_.-]{1,128}$")] | UnsetType = UNSET
    on_conflict: Literal["fail", "use"] = "fail"
    labels: Annotated[dict[str, str], Meta(max_length=64)] | UnsetType = UNSET
    priority: Annotated[int, Meta(ge=-100, le=100)] | UnsetType = UNSET


class ReasonBody(Body, frozen=True, kw_only=True):
    """Why a command is given; kept in the log."""

    reason: Annotated[str, Meta(max_length=2_000)] | UnsetType = UNSET


class Links(msgspec.Struct, frozen=True, kw_only=True):
    """Where to go on from an execution."""

    self: str
    state: str
    events: str


class ProblemDetail(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """One thing that is wrong, or worth knowing, and where.

    Line and column count from 1, columns in characters; `endColumn`, on the same line, is the one after the last that is
    meant. `offset` is the character of the text at `path` that is meant, from 0.
    """

    code: str
    path: Pointer
    message: str
    line: int | UnsetType = UNSET
    column: int | UnsetType = UNSET
    end_column: int | UnsetType = UNSET
    offset: int | UnsetType = UNSET
    nearest: str | UnsetType = UNSET


class ErrorBody(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """The error object. Some codes have further members, such as `head` or `version`."""

    code: str
    message: str
    details: list[ProblemDetail]
    timestamp: Time
    execution_id: str | None
    request_id: str


class ProblemBody(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """A refusal (RFC 9457, application/problem+json)."""

    type: str
    title: str
    status: int
    detail: str
    error: ErrorBody
    warnings: list[ProblemDetail] | UnsetType = UNSET


class AcceptedBody(Body, frozen=True, kw_only=True):
    """An execution has begun; that is durable."""

    execution_id: str
    status: Status
    links: Links
    warnings: list[ProblemDetail] | UnsetType = UNSET


class ValidBody(Body, frozen=True, kw_only=True):
    """A definition that would be taken."""

    valid: Literal[True]
    workflow_id: str
    workflow_version: str
    steps: int
    warnings: list[ProblemDetail]


class DoneBody(Body, frozen=True, kw_only=True):
    """A command is durable; the execution after it."""

    execution_id: str
    status: Status
    version: int
    links: Links


class FailureBody(Body, frozen=True, kw_only=True):
    """Why an execution failed, and at which visit of which step."""

    type: Literal["validation", "configuration", "state", "runtime", "system"]
    severity: Literal["error", "critical"]
    code: str
    message: str
    recoverable: bool
    details: Any
    address: str
    step: str | None
    node: str | None
    visit: int


class WaitBody(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """A wait in progress, with what its step tells people about it. One for a `child` says which execution that is."""

    kind: Literal["timer", "signal", "approval", "retry", "lock", "child"]
    address: str
    visit: int
    since: Time
    due: Time | None
    name: str | UnsetType = UNSET
    choices: list[str] | UnsetType = UNSET
    branch: str | UnsetType = UNSET
    execution_id: str | UnsetType = UNSET
    workflow_id: str | UnsetType = UNSET
    version: str | UnsetType = UNSET


class ParentBody(Body, frozen=True, kw_only=True):
    """The visit that runs an execution as its child. `depth` counts the executions above it."""

    execution_id: str
    address: str
    visit: int
    depth: int


class SourceBody(Body, frozen=True, kw_only=True):
    """What an execution was forked off, and at which version of that."""

    execution_id: str
    version: int


class BranchBody(Body, frozen=True, kw_only=True):
    """Where an open branch stands, and what kind of wait it is in, if any (`branches`: for those it has opened)."""

    branch: str
    address: str | None
    step: str | None
    waiting: Literal["timer", "signal", "approval", "retry", "lock", "branches", "child"] | None


class LoopBody(Body, frozen=True, kw_only=True):
    """A loop that the execution is in: the pass, from 0, and how many there will be, if the loop knows."""

    address: str
    step: str | None
    index: int
    total: int | None


class SpentBody(Body, frozen=True, kw_only=True):
    """What the steps of an execution have spent in all, in the currency of the server's prices and in tokens."""

    cost: float
    tokens: int


class ExecutionBody(Body, frozen=True, kw_only=True):
    """An execution. `finalState` is there once it has ended."""

    execution_id: str
    workflow_id: str
    workflow_version: str
    definition_hash: str
    status: Status
    version: int
    start_time: Time
    end_time: Time | None
    current_step: str | None
    current_address: str | None
    loops: list[LoopBody]
    waiting: list[WaitBody]
    branches: list[BranchBody]
    labels: dict[str, str]
    parent: ParentBody | None
    source: SourceBody | None
    spent: SpentBody
    error: FailureBody | None
    final_state: dict[str, Any] | UnsetType = UNSET
    links: Links


class StateBody(Body, frozen=True, kw_only=True):
    """The state at a version."""

    execution_id: str
    version: int
    state: dict[str, Any]


class EventBody(Body, frozen=True, kw_only=True):
    """An event; absent fields are left out. `data` depends on the type. In a lineage it names its execution."""

    execution_id: str | UnsetType = UNSET
    version: int
    position: int
    type: str
    time: Time
    address: str | UnsetType = UNSET
    step: str | UnsetType = UNSET
    node: str | UnsetType = UNSET
    visit: int | UnsetType = UNSET
    attempt: int | UnsetType = UNSET
    branch: str | UnsetType = UNSET
    actor: str | UnsetType = UNSET
    hash: str
    data: dict[str, Any]


class EventsBody(Body, frozen=True, kw_only=True):
    """A page of a history. `next` is the `after` of the page behind it."""

    items: list[EventBody]
    next: int | None


class SummaryBody(Body, frozen=True, kw_only=True):
    """An execution in the list."""

    execution_id: str
    workflow_id: str
    workflow_version: str
    status: Status
    version: int
    start_time: Time
    update_time: Time
    end_time: Time | None
    current_address: str | None
    due: Time | None
    error_code: str | None
    labels: dict[str, str]
    parent: str | None
    source: str | None
    links: Links


class ExecutionsBody(Body, frozen=True, kw_only=True):
    """A page of executions, newest first. `next` is the cursor of the page behind it."""

    items: list[SummaryBody]
    next: str | None


class WorkflowBody(Body, frozen=True, kw_only=True):
    """A workflow that has been run or published.

    `workflowVersion` is its newest version seen, `publishedVersion` the newest published one; `executions` says how often
    it was run.
    """

    workflow_id: str
    workflow_version: str
    published_version: str | None
    executions: int
    last_start: Time | None


class PublishedBody(Body, frozen=True, kw_only=True):
    """A published version of a workflow, which never changes. `nodes` are the versions of its nodes at that time."""

    workflow_id: str
    workflow_version: str
    name: str
    definition_hash: str
    publish_time: Time
    actor: str | None
    nodes: dict[str, str]
    warnings: list[ProblemDetail] | UnsetType = UNSET


class VersionsBody(Body, frozen=True, kw_only=True):
    """What is published of a workflow, the highest version first. `latest` is the one that is run by default."""

    workflow_id: str
    latest: str
    items: list[PublishedBody]


class BreakerBody(Body, frozen=True, kw_only=True):
    """A circuit breaker: the node is not run while it is open, and tried once when it is half open."""

    state: Literal["closed", "open", "half-open"]
    failures: int
    open_until: str | None


class ExampleBody(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """The part of a definition that shows a node in use."""

    workflow: list[str | dict[str, Any]]
    initial_state: dict[str, Any] | UnsetType = UNSET


class EdgeInfoBody(msgspec.Struct, frozen=True, kw_only=True):
    """When a node takes an edge, and the fields of its data; `?` ends one that is not always there."""

    when: str | UnsetType = UNSET
    data: list[str] | UnsetType = UNSET


class NodeBody(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """A node: its metadata, and where it came from. What it does not say is left out."""

    id: str
    name: str
    version: str
    effect: Literal["none", "reads", "writes"]
    source: str
    description: str | UnsetType = UNSET
    inputs: list[str] | UnsetType = UNSET
    outputs: list[str] | UnsetType | None = UNSET
    edges: list[str] | UnsetType | None = UNSET
    exit_edges: list[str] | UnsetType = UNSET
    effects: dict[str, Literal["none", "reads", "writes"]] | UnsetType = UNSET
    edge_info: dict[str, EdgeInfoBody] | UnsetType = UNSET
    output_info: dict[str, str] | UnsetType = UNSET
    notes: list[str] | UnsetType = UNSET
    parameters: dict[str, dict[str, Any]] | UnsetType | None = UNSET
    extra: dict[str, Any] | UnsetType | None = UNSET
    iterates: bool | UnsetType = UNSET
    example: ExampleBody
    breaker: BreakerBody | UnsetType = UNSET


class HealthBody(Body, frozen=True, kw_only=True):
    """The process lives."""

    status: Literal["ok"]


class LoadWarning(Body, frozen=True, kw_only=True):
    """A node file or entry point that could not be loaded, or an execution that can't go on without its nodes."""

    source: str
    line: int | None
    message: str


class ReadyBody(Body, frozen=True, kw_only=True):
    """Work can be taken in."""

    status: Literal["ready"]
    warnings: list[LoadWarning]


class VersionBody(Body, frozen=True, kw_only=True):
    """Which Clew this is."""

    name: Literal["clew"]
    version: str
