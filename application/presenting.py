"""How things look on the wire: the same in answers, lists, streams and on the command line."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

import msgspec

from application.breakers import BreakerView
from application.examples import example_of
from application.ports import NodeListing, Recorded, Summary
from application.reading import execution_event
from domain.durations import iso
from domain.errors import ErrorInfo
from domain.events import EdgeTaken, NodeStarted, StateUpdated, WorkflowPublished
from domain.evolve import output_of
from domain.execution import Execution
from domain.patches import Op, tokens
from domain.position import Visit
from domain.program import Program

COMMON: Final = frozenset({"time", "actor", "address", "step", "node", "visit", "attempt", "branch"})


def describe_event(recorded: Recorded, program: Program, patch: tuple[Op, ...]) -> dict[str, Any]:
    """An event; `patch` is that of the event before it if that was a StateUpdated: an edge's data may be stored there."""
    event = execution_event(recorded)
    fields = msgspec.to_builtins(event)
    described: dict[str, Any] = {
        "version": recorded.version,
        "position": recorded.position,
        "type": type(event).__name__,
        "time": iso(event.time),
    }
    address = fields.get("address")
    if address:
        described["address"] = address
        if isinstance(event, NodeStarted):
            described["step"], described["node"] = event.step, event.node
        elif address in program.index:
            step = program.at(address)
            described["step"], described["node"] = step.name, step.node
    for name in ("step", "node"):
        if not described.get(name):
            described.pop(name, None)
    if fields.get("visit"):
        described["visit"] = fields["visit"]
        described["attempt"] = getattr(event, "attempt", 1) or 1
    for name in ("branch", "actor"):
        if fields.get(name):
            described[name] = fields[name]
    described["hash"] = recorded.hash.hex()
    described["data"] = {key: value for key, value in fields.items() if key not in COMMON}
    error = getattr(event, "error", None)
    if isinstance(error, ErrorInfo):
        described["data"]["error"] = describe_error(error)
    if isinstance(event, EdgeTaken):
        _complete_edge(described["data"], event, patch)
    return described


def _complete_edge(data: dict[str, Any], event: EdgeTaken, patch: tuple[Op, ...]) -> None:
    """Say the edge and target even if they are null, and fill in data that the visit's own patch has."""
    data.pop("outputAt", None)
    data["edge"] = event.edge
    data["target"] = event.target
    if event.output_at:
        written = {tokens(op.path)[0]: op.value for op in patch if op.path.count("/") == 1}
        data["output"] = output_of(event, written)


def patch_of(recorded: Recorded | None) -> tuple[Op, ...]:
    """The patch of an event, if it is one that has a visit's patch."""
    return recorded.event.patch if recorded is not None and isinstance(recorded.event, StateUpdated) else ()


def describe_execution(execution: Execution, program: Program | None) -> dict[str, Any]:
    """The body of `GET /executions/{id}`. `program` None: its nodes are not here, so that steps have no names."""
    address = execution.branches[""].address if execution.branches and not execution.has_ended else None
    described: dict[str, Any] = {
        "executionId": execution.id,
        "workflowId": execution.workflow,
        "workflowVersion": execution.workflow_version,
        "definitionHash": execution.definition_hash,
        "status": execution.status,
        "version": execution.version,
        "startTime": iso(execution.started),
        "endTime": iso(execution.ended) if execution.ended is not None else None,
        "currentStep": _step_name(execution, address, program),
        "currentAddress": address,
        "loops": _describe_loops(execution, program),
        "waiting": _describe_waits(execution),
        "branches": _describe_branches(execution, program),
        "labels": execution.labels,
        "parent": _describe_parent(execution),
        "source": _describe_source(execution),
        "spent": {"cost": execution.spent.cost, "tokens": execution.spent.tokens},
        "error": _describe_failure(execution, program),
    }
    if execution.has_ended:
        described["finalState"] = execution.state
    described["links"] = links(execution.id)
    return described


def _describe_parent(execution: Execution) -> dict[str, Any] | None:
    """What runs an execution as its child."""
    parent = execution.parent
    if parent is None:
        return None
    return {
        "executionId": parent.execution,
        "address": parent.address,
        "visit": parent.visit,
        "depth": parent.depth,
    }


def _describe_source(execution: Execution) -> dict[str, Any] | None:
    """What an execution was forked off, and at which version of it."""
    source = execution.source
    return {"executionId": source.execution, "version": source.version} if source is not None else None


def _step_name(execution: Execution, address: str | None, program: Program | None) -> str | None:
    if address is None:
        return None
    if program is not None and address in program.index:
        return program.at(address).name or address
    return execution.step_names.get(address) or address


def _describe_waits(execution: Execution) -> list[dict[str, Any]]:
    """What an execution waits for, longest waiting first; that a step waits for its own branches says nothing."""
    if execution.has_ended:
        return []
    waits = ((name, visit) for name, visit, wait in execution.waits() if wait.kind != "branches")
    return [describe_wait(visit) | ({"branch": name} if name else {}) for name, visit in waits]


def _describe_branches(execution: Execution, program: Program | None) -> list[dict[str, Any]]:
    """Where each open branch stands; none while there is only the one that an execution begins with."""
    if execution.has_ended or len(execution.branches) == 1:
        return []
    return [
        {
            "branch": name,
            "address": branch.address,
            "step": _step_name(execution, branch.address, program),
            "waiting": branch.visit.wait.kind if branch.visit is not None and branch.visit.wait is not None else None,
        }
        for name, branch in execution.branches.items()
    ]


def _describe_loops(execution: Execution, program: Program | None) -> list[dict[str, Any]]:
    """The loops that it is in (or failed in), outermost first: the pass, and how many there will be if that is known."""
    frames = [frame for branch in execution.branches.values() for frame in branch.frames]
    once = {(frame.address, frame.entry, frame.index): frame for frame in frames}
    return [
        {
            "address": frame.address,
            "step": _step_name(execution, frame.address, program),
            "index": frame.index,
            "total": frame.total,
        }
        for frame in once.values()
    ]


def describe_wait(visit: Visit) -> dict[str, Any]:
    """What a parked visit waits for, with what its step tells people about it."""
    wait = visit.wait
    assert wait is not None, f"the visit of {visit.address} is not parked"
    described: dict[str, Any] = {
        "kind": wait.kind,
        "address": visit.address,
        "visit": visit.number,
        "since": iso(wait.since),
        "due": iso(wait.due) if wait.due is not None else None,
    }
    if wait.takes_signals:
        described["name"] = wait.name
    if wait.kind == "approval":
        described["choices"] = list(wait.choices)
    described.update({key: value for key, value in wait.about.items() if value is not None})
    return described


def describe_error(error: ErrorInfo) -> dict[str, Any]:
    """An error object as it is on the wire."""
    return error.as_json()


def _describe_failure(execution: Execution, program: Program | None) -> dict[str, Any] | None:
    failure = execution.failure or execution.exhausted
    if failure is None:
        return None
    step = program.at(failure.address) if program is not None and failure.address in program.index else None
    return {
        **describe_error(failure.error),
        "address": failure.address,
        "step": step.name if step is not None else execution.step_names.get(failure.address),
        "node": step.node if step is not None else None,
        "visit": failure.visit,
    }


def describe_summary(summary: Summary) -> dict[str, Any]:
    """A row of `GET /executions`."""
    return {
        "executionId": summary.execution_id,
        "workflowId": summary.workflow_id,
        "workflowVersion": summary.workflow_version,
        "status": summary.status,
        "version": summary.version,
        "startTime": iso(summary.start_time),
        "updateTime": iso(summary.update_time),
        "endTime": iso(summary.end_time) if summary.end_time is not None else None,
        "currentAddress": summary.current_address,
        "due": iso(summary.due) if summary.due is not None else None,
        "errorCode": summary.error_code,
        "labels": summary.labels,
        "parent": summary.parent,
        "source": summary.source,
        "links": links(summary.execution_id),
    }


def describe_workflow(row: Mapping[str, Any]) -> dict[str, Any]:
    """A row of `GET /workflows`."""
    return {**row, "lastStart": iso(row["lastStart"]) if row["lastStart"] is not None else None}


def describe_published(event: WorkflowPublished) -> dict[str, Any]:
    """A published version."""
    return {
        "workflowId": event.workflow,
        "workflowVersion": event.workflow_version,
        "name": event.name,
        "definitionHash": event.definition_hash,
        "publishTime": iso(event.time),
        "actor": event.actor or None,
        "nodes": event.nodes,
    }


def describe_node(listing: NodeListing, breaker: BreakerView | None = None) -> dict[str, Any]:
    """A node: its metadata with an example, where it came from, and its circuit breaker if some step has guarded it."""
    described: dict[str, Any] = msgspec.to_builtins(listing.metadata)
    described.setdefault("effect", listing.metadata.effect)
    described["example"] = msgspec.to_builtins(example_of(listing.metadata))
    if breaker is not None:
        until = iso(breaker.open_until) if breaker.open_until is not None else None
        described["breaker"] = {"state": breaker.state, "failures": breaker.failures, "openUntil": until}
    return {**described, "source": listing.source}


def describe_snapshot(name: str, recorded: Recorded) -> dict[str, Any]:
    """A version that has a name; `address` is that of the step that gave it."""
    event = recorded.event
    described = {
        "name": name,
        "version": recorded.version,
        "time": iso(event.time),
        "actor": event.actor or None,
        "reason": getattr(event, "reason", "") or None,
    }
    address = getattr(event, "address", "")
    return described | ({"address": address} if address else {})


def links(execution_id: str) -> dict[str, str]:
    """Where to go on from an execution."""
    base = f"/executions/{execution_id}"
    return {"self": base, "state": f"{base}/state", "events": f"{base}/events"}
