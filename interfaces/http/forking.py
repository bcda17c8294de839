"""Forks: an execution goes on from any version of another one."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Final

from msgspec.structs import replace
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response

from application.presenting import links
from application.requests import Accepted, Done
from domain import json
from domain.commands import Retry
from domain.document import parse_definition
from domain.errors import InvalidDefinition, Unacceptable
from domain.events import CommandKey
from domain.problems import Problem
from domain.reporting import Report
from interfaces.collector import paused_for
from interfaces.forks import CHOICES, definition_problem, fork_problems, fork_request
from interfaces.http import headers, wire
from interfaces.http import wire_forking as bodies
from interfaces.http.api import Api, json_response
from interfaces.http.bodies import LONGEST_REASON, limits, read_text, unknown_key
from interfaces.http.commands import asked_by, carried_out
from interfaces.http.operations import BODY_REFUSALS, Operation, command
from interfaces.http.parameters import read
from interfaces.http.submissions import WRAPPER, moved, start_problems
from interfaces.http.waits import applied, settled_response
from interfaces.http.workflows import warnings_of

SHARED: Final = ("executionId", "labels", "priority")
"""What is said of an execution that begins in any other way, too."""
RETRY_KEYS: Final = ("reason", "definition")
KEYS: Final = ("at", "patch", "definition", *CHOICES, *SHARED, "dryRun", "reason")


async def fork(request: Request, api: Api) -> Response:
    """Begin a fork: 201, or 200 with it when it settles within the time of `Prefer: wait`; or say what that would do."""
    read(request.query_params, ())
    key, actor = headers.idempotency_key(request.headers), headers.actor(request.headers)
    wait_s = headers.preferred_wait(request.headers)
    text = await read_text(request, api.body_limit)
    body = await run_in_threadpool(_read, text, api)
    asked = fork_request(body, request.path_params["id"])
    asked = replace(asked, expected=headers.expected_versions(request.headers))
    if body.get("dryRun"):
        return json_response(await run_in_threadpool(api.service.queries.forks.preview, asked))
    command_key = CommandKey(key=key, request=json.digest([asked.route, body])) if key is not None else None
    accepted = await api.service.fork(replace(asked, actor=actor, key=command_key))
    answered = {
        "Location": f"/executions/{accepted.execution_id}",
        "Clew-Position": str(accepted.position),
        **({"Idempotency-Replayed": "true"} if accepted.replayed else {}),
        **applied(wait_s),
    }
    settled = await settled_response(api, accepted.execution_id, wait_s, answered)
    return settled or json_response(_told(accepted, text), 201, answered)


async def retry(request: Request, api: Api) -> Response:
    """Try a failed execution again, by another definition if one is named."""
    read(request.query_params, ())
    text = await read_text(request, api.body_limit)
    body = await run_in_threadpool(_read_retry, text, api)
    command = Retry(**asked_by(request, "POST retry", body or None), reason=body.get("reason", ""))

    async def carry_out(execution_id: str, command: Retry) -> Done:
        return await api.service.retry(execution_id, command, body.get("definition", "same"))

    return await carried_out(request, api, command, carry_out=carry_out)


def _told(accepted: Accepted, text: bytes) -> dict[str, Any]:
    body = {
        "executionId": accepted.execution_id,
        "status": accepted.status,
        "links": links(accepted.execution_id),
    }
    warnings = warnings_of(text, moved(accepted.warnings, WRAPPER))
    return {**body, "warnings": warnings} if warnings else body


def _read(text: bytes, api: Api) -> dict[str, Any]:
    """The body, which may be empty; a definition in it is compiled. Takes time that grows with it.

    Raises NotJson; Unacceptable, or InvalidDefinition where there is a definition, with everything that is wrong at once.
    """
    return _read_body(
        text, api, 'such as {"at": "head~3"}', lambda body: (*start_problems(body, KEYS), *_problems(body))
    )


def _read_retry(text: bytes, api: Api) -> dict[str, Any]:
    """The same for a retry."""
    return _read_body(text, api, 'such as {"reason": "…"}', _retry_problems)


def _retry_problems(body: dict[str, Any]) -> list[Problem]:
    report = Report()
    report.unknown(body, RETRY_KEYS, lambda key: unknown_key(key, RETRY_KEYS))
    form = definition_problem(body)
    return [*report.problems(), *([form] if form is not None else []), *reason_problems(body)]


def _read_body(
    text: bytes, api: Api, example: str, problems_of: Callable[[dict[str, Any]], Sequence[Problem]]
) -> dict[str, Any]:
    if not text.strip():
        return {}
    with paused_for(text):
        body, known = parse_definition(text, limits=limits(api.body_limit))
        if not isinstance(body, dict):
            message = f"The body is an object {example}, or empty."
            raise Unacceptable(message, code="SCHEMA", details=[Problem(code="SCHEMA", path="", message=message)])
        outer = (*known, *problems_of(body))
        inner = definition_problems(body.get("definition"), api)
    if outer or inner:
        problems = Report((*outer, *inner)).problems()
        if inner:
            raise InvalidDefinition(problems)
        raise Unacceptable(problems[0].message, code=problems[0].code, details=list(problems))
    return body


def definition_problems(definition: Any, api: Api) -> tuple[Problem, ...]:
    """What is wrong with a definition that is given in a body, their paths being pointers into that."""
    if not isinstance(definition, dict):
        return ()
    try:
        api.service.programs.compile(definition)
    except InvalidDefinition as error:
        return moved(error.problems, WRAPPER)
    return ()


def _problems(body: dict[str, Any]) -> list[Problem]:
    found = fork_problems(body)
    if not isinstance(body.get("dryRun", False), bool):
        found.append(Problem(code="SCHEMA", path="/dryRun", message="dryRun is true or false."))
    return [*found, *reason_problems(body)]


def reason_problems(body: dict[str, Any]) -> list[Problem]:
    """What is wrong with `reason`, if anything."""
    reason = body.get("reason", "")
    if isinstance(reason, str) and len(reason) <= LONGEST_REASON:
        return []
    message = f"A reason is a text of at most {LONGEST_REASON:,} characters."
    return [Problem(code="SCHEMA", path="/reason", message=message)]


OPERATIONS: Final = (
    Operation(
        method="POST",
        path="/executions/{id}/forks",
        endpoint=fork,
        summary="Begin an execution that goes on from any version of this one",
        tag="executions",
        answers={200: (wire.ExecutionBody, bodies.ForkPreviewBody), 201: (wire.AcceptedBody,)},
        refusals=(*BODY_REFUSALS, 404, 409, 412, 422, 503),
        headers=("Idempotency-Key", "If-Match", "Prefer", "Clew-Actor"),
        takes=(bodies.ForkBody,),
    ),
    command(
        "retry",
        retry,
        "Try a failed execution again from the step that failed, by another definition if one is named",
        takes=(bodies.RetryBody,),
    ),
)
