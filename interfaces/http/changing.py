"""What people change about an execution: where it stands, its state, and what its versions are called."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final

import msgspec
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response

from domain.commands import EditState, RollBack, TakeSnapshot
from domain.document import parse
from domain.errors import Unacceptable
from domain.json_patch import read_operations
from domain.problems import Problem, pointer
from domain.reporting import Report
from interfaces.http import wire
from interfaces.http import wire_changing as bodies
from interfaces.http.api import Api, json_response
from interfaces.http.bodies import LONGEST_REASON, limits, read_text, unknown_key
from interfaces.http.commands import asked_by, bad_parameter, carried_out, check_reason
from interfaces.http.operations import BODY_REFUSALS, Operation, command, get
from interfaces.http.parameters import Parameter, read

LONGEST_VERSION: Final = 2_000
"""Characters of what names a version."""
PREVIEW_PARAMETERS: Final = (
    Parameter(name="to", description="The version, as `at` names one, or `mark:name`. Default: head.", default="head"),
)
EDIT_PARAMETERS: Final = (Parameter(name="reason", description="Why, where the body is the patch alone; recorded."),)


async def preview(request: Request, api: Api) -> Response:
    """What a rollback would do."""
    to = read(request.query_params, PREVIEW_PARAMETERS)["to"]
    execution_id, queries = request.path_params["id"], api.service.queries
    return json_response(await run_in_threadpool(lambda: queries.rollback_preview(execution_id, to, where="?to")))


async def rollback(request: Request, api: Api) -> Response:
    """Put an execution back to a version, or say what that would do."""
    read(request.query_params, ())
    execution_id = request.path_params["id"]
    body = await _read_body(request, api, {"to": _is_version, "reason": _is_reason, "dryRun": _is_flag}, ("to",))
    to, queries = str(body["to"]), api.service.queries
    if body.get("dryRun"):
        return json_response(await run_in_threadpool(queries.rollback_preview, execution_id, to))
    asked = asked_by(request, "POST rollback", body)
    found = await run_in_threadpool(lambda: queries.rollback(execution_id, to, key=asked["key"]))
    return await carried_out(
        request,
        api,
        RollBack(**asked, target=found.target, name=found.name, program=found.program, reason=body.get("reason", "")),
    )


async def edit(request: Request, api: Api) -> Response:
    """Change the state by a JSON Patch."""
    reason = read(request.query_params, EDIT_PARAMETERS)["reason"]
    check_reason(reason)
    text = await read_text(request, api.body_limit)
    body = parse(text, limits=limits(api.body_limit))
    patch, at = body, ""
    if isinstance(body, dict):
        _check(body, {"patch": lambda value: "", "reason": _is_reason}, ("patch",))
        patch, at = body["patch"], "/patch"
        if reason and "reason" in body:
            raise bad_parameter("reason", "The body has a reason already.")
        reason = body.get("reason", reason)
    operations = read_operations(patch, at=at)
    asked = asked_by(request, "PATCH state", [body, reason])
    edited = EditState(**asked, operations=operations, at=at, reason=reason or "")
    return await carried_out(request, api, edited, status=200)


async def snapshot(request: Request, api: Api) -> Response:
    """Name the newest version."""
    read(request.query_params, ())
    body = await _read_body(request, api, {"name": _is_text, "reason": _is_reason}, ("name",))
    asked = asked_by(request, "POST snapshots", body)
    return await carried_out(request, api, TakeSnapshot(**asked, name=body["name"], reason=body.get("reason", "")))


async def snapshots(request: Request, api: Api) -> Response:
    """The versions that have a name."""
    read(request.query_params, ())
    return json_response(await run_in_threadpool(api.service.queries.snapshots, request.path_params["id"]))


Check = Callable[[Any], str]
"""What is wrong with a value, or nothing."""


async def _read_body(
    request: Request, api: Api, known: Mapping[str, Check], required: tuple[str, ...]
) -> dict[str, Any]:
    """The decoded body, an object of known members. Raises NotJson, or Unacceptable with all that is wrong with it."""
    text = await read_text(request, api.body_limit)
    body = parse(text, limits=limits(api.body_limit)) if text.strip() else {}
    _check(body, known, required)
    return dict(body)


def _check(body: Any, known: Mapping[str, Check], required: tuple[str, ...]) -> None:
    if not isinstance(body, dict):
        message = f"The body is an object with {' and '.join(required)}."
        raise Unacceptable(message, code="SCHEMA", details=[Problem(code="SCHEMA", path="", message=message)])
    report = Report()
    names = tuple(known)
    report.unknown(body, names, lambda key: unknown_key(key, names))
    for name, check in known.items():
        wrong = check(body[name]) if name in body else ""
        if wrong:
            report(Problem(code="SCHEMA", path=pointer(name), message=wrong))
        elif name in required and name not in body:
            report(Problem(code="SCHEMA", path="", message=f"{name} is missing."))
    problems = list(report.problems())
    if problems:
        raise Unacceptable(problems[0].message, code=problems[0].code, details=problems)


def _is_version(value: Any) -> str:
    is_text = isinstance(value, str) and 0 < len(value) <= LONGEST_VERSION
    return "" if is_text or type(value) is int else "to names a version: 17, head~3, a time, or mark:name."


def _is_reason(value: Any) -> str:
    fits = isinstance(value, str) and len(value) <= LONGEST_REASON
    return "" if fits else f"A reason is a text of at most {LONGEST_REASON:,} characters."


def _is_text(value: Any) -> str:
    return "" if isinstance(value, str) else "name is a text."


def _is_flag(value: Any) -> str:
    return "" if isinstance(value, bool) else "dryRun is true or false."


OPERATIONS: Final = (
    msgspec.structs.replace(
        command(
            "rollback",
            rollback,
            "Put an execution back to a version; what follows from there is a new walk",
            takes=(bodies.RollbackBody,),
        ),
        answers={
            200: (wire.DoneBody, wire.ExecutionBody, bodies.RollbackPreviewBody),
            202: (wire.DoneBody,),
        },
        body_required=True,
    ),
    get(
        "/executions/{id}/rollback",
        preview,
        "Say what a rollback would do",
        tag="executions",
        answer=bodies.RollbackPreviewBody,
        refusals=(404, 422, 503),
        parameters=PREVIEW_PARAMETERS,
    ),
    Operation(
        method="PATCH",
        path="/executions/{id}/state",
        endpoint=edit,
        summary="Change the state of an execution that stands still, by a JSON Patch",
        tag="executions",
        answers={200: (wire.DoneBody, wire.ExecutionBody)},
        refusals=(*BODY_REFUSALS, 404, 409, 412, 422, 503),
        parameters=EDIT_PARAMETERS,
        headers=("Idempotency-Key", "If-Match", "Prefer", "Clew-Actor"),
        takes=(list[bodies.PatchOperation], bodies.EditBody),
        body_required=True,
    ),
    msgspec.structs.replace(
        command("snapshots", snapshot, "Name the newest version of an execution", takes=(bodies.SnapshotBody,)),
        body_required=True,
    ),
    get(
        "/executions/{id}/snapshots",
        snapshots,
        "List the versions that have a name",
        tag="executions",
        answer=bodies.SnapshotsBody,
        refusals=(404, 422, 503),
    ),
)
