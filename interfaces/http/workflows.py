"""Workflows: run one, validate one, list those that are known."""

from __future__ import annotations

from typing import Any

import msgspec
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response

from application.presenting import links
from application.requests import RUN, Accepted, Submission
from domain import json
from domain.events import CommandKey
from domain.problems import Problem
from interfaces.bootstrap import locate
from interfaces.collector import paused_for
from interfaces.http import headers
from interfaces.http.api import Api, json_response, lists_shown
from interfaces.http.bodies import read_text
from interfaces.http.parameters import read
from interfaces.http.problems import shown
from interfaces.http.submissions import Draft, moved, read_draft
from interfaces.http.waits import applied, settled_response


async def submit(request: Request, api: Api) -> Response:
    """Begin an execution: 202, or 200 with the execution when it settles within the time of `Prefer: wait`."""
    read(request.query_params, ())
    key, actor = headers.idempotency_key(request.headers), headers.actor(request.headers)
    text = await read_text(request, api.body_limit)
    draft, command_key, warnings = await run_in_threadpool(_draft, text, api, key)
    request.state.execution_id = draft.submission.execution_id
    submission = msgspec.structs.replace(draft.submission, actor=actor, key=command_key)
    return await begin(request, api, submission, warnings)


async def begin(request: Request, api: Api, submission: Submission, warnings: list[dict[str, Any]]) -> Response:
    """Begin an execution, and answer."""
    wait_s = headers.preferred_wait(request.headers)
    accepted = await api.service.submit(submission)
    answered = {
        "Location": f"/executions/{accepted.execution_id}",
        "Clew-Position": str(accepted.position),
        **({"Idempotency-Replayed": "true"} if accepted.replayed and not accepted.existing else {}),
        **applied(wait_s),
    }
    settled = await settled_response(api, accepted.execution_id, wait_s, answered)
    return settled or json_response(_accepted(accepted, warnings), 202, answered)


def _accepted(accepted: Accepted, warnings: list[dict[str, Any]]) -> dict[str, Any]:
    # The same request gets the same answer: a replay says what was true when the execution was accepted.
    status = "running" if accepted.replayed and not accepted.existing else accepted.status
    body = {"executionId": accepted.execution_id, "status": status, "links": links(accepted.execution_id)}
    return {**body, "warnings": warnings} if warnings else body


def _draft(text: bytes, api: Api, key: str | None) -> tuple[Draft, CommandKey | None, list[dict[str, Any]]]:
    with paused_for(text):
        draft = read_draft(text, api.service.programs, api.limits)
    command_key = None
    if key is not None:
        command_key = CommandKey(key=key, request=json.digest([RUN, draft.body]))
    warnings = api.service.queries.warnings_of(draft.program)
    return draft, command_key, warnings_of(text, moved(warnings, draft.prefix))


def warnings_of(text: bytes, found: tuple[Problem, ...]) -> list[dict[str, Any]]:
    """The warnings about a text, with their places."""
    return [shown(problem) for problem in locate(text, found)] if found else []


async def validate(request: Request, api: Api) -> Response:
    """Say everything that is wrong with a definition, and run nothing: 200 when it would be taken, else 422."""
    read(request.query_params, ())
    headers.idempotency_key(request.headers)
    text = await read_text(request, api.body_limit)
    draft, _, warnings = await run_in_threadpool(_draft, text, api, None)
    body = {
        "valid": True,
        "workflowId": draft.program.id,
        "workflowVersion": draft.program.version,
        "steps": len(draft.program.steps),
        "warnings": warnings,
    }
    return json_response(body)


async def listing(request: Request, api: Api) -> Response:
    """The workflows that have been run or published, by id."""
    read(request.query_params, ())
    await lists_shown(request, api)
    return json_response(await run_in_threadpool(api.service.queries.workflows))
