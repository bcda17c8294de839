"""Every operation of the interface."""

from __future__ import annotations

from typing import Any, Final

from interfaces.http import (
    commands,
    docs,
    executions,
    measuring,
    published,
    service,
    wire,
    wire_measuring,
    workflows,
)
from interfaces.http.operations import BODY_REFUSALS, Operation, command, get

WORKFLOWS: Final = (
    Operation(
        method="POST",
        path="/workflows",
        endpoint=workflows.submit,
        summary="Run a definition",
        tag="workflows",
        answers={200: (wire.ExecutionBody,), 202: (wire.AcceptedBody,)},
        refusals=(*BODY_REFUSALS, 409, 422, 503),
        headers=("Idempotency-Key", "Prefer", "Clew-Actor"),
        takes=(wire.Definition, wire.SubmissionBody),
        body_required=True,
    ),
    Operation(
        method="POST",
        path="/workflows/validate",
        endpoint=workflows.validate,
        summary="Say everything that is wrong with a definition, and run nothing",
        tag="workflows",
        answers={200: (wire.ValidBody,)},
        refusals=(*BODY_REFUSALS, 422, 503),
        headers=("Idempotency-Key",),
        takes=(wire.Definition, wire.SubmissionBody),
        body_required=True,
    ),
    Operation(
        method="PUT",
        path="/workflows/{workflowId}/versions/{version}",
        endpoint=published.publish,
        summary="Publish a version of a workflow",
        tag="workflows",
        answers={200: (wire.PublishedBody,), 201: (wire.PublishedBody,)},
        refusals=(*BODY_REFUSALS, 409, 422, 503),
        headers=("Clew-Actor",),
        takes=(wire.Definition,),
        body_required=True,
    ),
    get(
        "/workflows/{workflowId}/versions/{version}",
        published.definition,
        "Read the definition of a version (`latest`: the highest)",
        tag="workflows",
        answer=wire.Definition,
        refusals=(404, 422, 503),
        headers=("If-None-Match",),
    ),
    get(
        "/workflows/{workflowId}/versions",
        published.versions,
        "List the published versions of a workflow",
        tag="workflows",
        answer=wire.VersionsBody,
        refusals=(404, 422, 503),
    ),
    Operation(
        method="POST",
        path="/workflows/{workflowId}/executions",
        endpoint=published.start,
        summary="Run a published workflow",
        tag="workflows",
        answers={200: (wire.ExecutionBody,), 202: (wire.AcceptedBody,)},
        refusals=(*BODY_REFUSALS, 404, 409, 422, 503),
        headers=("Idempotency-Key", "Prefer", "Clew-Actor"),
        takes=(wire.StartBody,),
    ),
    get(
        "/workflows",
        workflows.listing,
        "List the workflows that have been run or published",
        tag="workflows",
        answer=list[wire.WorkflowBody],
        refusals=(400, 422, 503),
        headers=("Clew-Position",),
    ),
)

EXECUTIONS: Final = (
    get(
        "/executions",
        executions.listing,
        "List executions, newest first",
        tag="executions",
        answer=wire.ExecutionsBody,
        refusals=(400, 422, 503),
        parameters=executions.LIST_PARAMETERS,
        headers=("Clew-Position",),
    ),
    get(
        "/executions/{id}",
        measuring.one,
        "Look at an execution; with `include=path`, at each of its visits",
        tag="executions",
        answer=wire_measuring.ExecutionWithPathBody,
        refusals=(404, 422, 503),
        parameters=measuring.PATH_PARAMETERS,
        headers=("If-None-Match", "Prefer"),
    ),
    get(
        "/executions/{id}/state",
        executions.state,
        "Read the state at any version",
        tag="executions",
        answer=wire.StateBody,
        refusals=(404, 422, 503),
        parameters=executions.STATE_PARAMETERS,
        headers=("If-None-Match",),
    ),
    get(
        "/executions/{id}/definition",
        executions.definition,
        "Read the definition that it runs",
        tag="executions",
        answer=wire.Definition,
        refusals=(404, 422, 503),
        headers=("If-None-Match",),
    ),
    get(
        "/executions/{id}/events",
        executions.events,
        "Read the history",
        tag="executions",
        answer=wire.EventsBody,
        refusals=(404, 422, 503),
        parameters=executions.EVENT_PARAMETERS,
    ),
    *(command(name, endpoint, summary, takes=(wire.ReasonBody,)) for name, endpoint, summary in commands.COMMANDS),
    command(
        "signals/{name}",
        commands.signal,
        "Send a signal; the body is its payload",
        takes=(Any,),
        parameters=commands.SIGNAL_PARAMETERS,
    ),
    *measuring.OPERATIONS,
)

SERVICE: Final = (
    get("/nodes", service.nodes, "List the nodes", tag="nodes", answer=list[wire.NodeBody]),
    get(
        "/nodes/{nodeId}",
        service.node,
        "Look at a node",
        tag="nodes",
        answer=wire.NodeBody,
        refusals=(404, 422, 503),
    ),
    get("/healthz", service.healthz, "Does the process live?", tag="service", answer=wire.HealthBody, refusals=()),
    get("/readyz", service.readyz, "Can it take work?", tag="service", answer=wire.ReadyBody, refusals=(503,)),
    get("/version", service.version, "Which Clew is this?", tag="service", answer=wire.VersionBody, refusals=()),
    get("/openapi.json", service.openapi, "This document", tag="service", answer=dict[str, Any], refusals=()),
    get("/docs", docs.page, "The same for people", tag="service", answer=None, refusals=()),
)

OPERATIONS: Final[tuple[Operation, ...]] = (*WORKFLOWS, *EXECUTIONS, *SERVICE)
