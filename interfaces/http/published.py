"""Published workflows: publish a version, list versions, read one, run one."""

from __future__ import annotations

from typing import Any

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response

from application.presenting import describe_published
from application.requests import Submission, ToPublish
from domain import json
from domain.document import parse, parse_definition
from domain.errors import Unacceptable
from domain.events import CommandKey
from domain.problems import Problem, pointer
from domain.publishing import LATEST
from domain.versions import VERSION
from interfaces.http import headers
from interfaces.http.api import ASK_AGAIN, FOREVER, Api, json_response, tagged
from interfaces.http.bodies import limits, read_text
from interfaces.http.parameters import read
from interfaces.http.submissions import START_KEYS, start_problems
from interfaces.http.workflows import begin, warnings_of


async def publish(request: Request, api: Api) -> Response:
    """Publish a definition under the id and version of the path: 201, or 200 when that is so already."""
    read(request.query_params, ())
    actor = headers.actor(request.headers)
    text = await read_text(request, api.body_limit)
    named = {"id": request.path_params["workflowId"], "version": request.path_params["version"]}
    definition, warnings = await run_in_threadpool(_definition, text, api, named)
    published = await api.service.publish(ToPublish(definition=definition, actor=actor))
    body = describe_published(published.event)
    answered = {"Location": request.url.path, "Clew-Position": str(published.position)}
    return json_response({**body, "warnings": warnings} if warnings else body, 201 if published.new else 200, answered)


def _definition(text: bytes, api: Api, named: dict[str, str]) -> tuple[Any, list[dict[str, Any]]]:
    """The definition of a body, and what a person is warned of. Takes time that grows with it.

    Raises NotJson, and InvalidDefinition with every problem at once, among them an id or version that is not the path's.
    """
    definition, known = parse_definition(text, limits=limits(api.limits.definition_bytes))
    program = api.service.programs.compile(definition, (*known, *_mismatches(definition, named)))
    return definition, warnings_of(text, api.service.queries.warnings_of(program))


def _mismatches(definition: Any, named: dict[str, str]) -> list[Problem]:
    found = []
    for key, wanted in named.items():
        said = definition.get(key) if isinstance(definition, dict) else None
        if isinstance(said, str) and said != wanted:  # anything else is a problem of the definition's own
            message = f"The {key} is {said!r} here and {wanted!r} in the path: they must be the same."
            found.append(Problem(code="PATH_MISMATCH", path=pointer(key), message=message))
    return found


async def versions(request: Request, api: Api) -> Response:
    """What is published of a workflow, the highest version first."""
    read(request.query_params, ())
    return json_response(await run_in_threadpool(api.service.queries.versions, request.path_params["workflowId"]))


async def definition(request: Request, api: Api) -> Response:
    """The definition of a version, or of the `latest`."""
    read(request.query_params, ())
    queries, version = api.service.queries, request.path_params["version"]
    event = await run_in_threadpool(queries.published, request.path_params["workflowId"], version)
    body = await run_in_threadpool(api.service.programs.definition, event.definition_hash)
    return tagged(request, body, f'"{event.definition_hash}"', ASK_AGAIN if version == LATEST else FOREVER)


async def start(request: Request, api: Api) -> Response:
    """Begin an execution of a published version: 202, or 200 when it settles within the time of `Prefer: wait`."""
    read(request.query_params, ())
    key, actor = headers.idempotency_key(request.headers), headers.actor(request.headers)
    text = await read_text(request, api.body_limit)
    workflow_id = request.path_params["workflowId"]
    body = _read_start(text, api)
    request.state.execution_id = body.get("executionId")
    chosen = await run_in_threadpool(api.service.queries.startable, workflow_id, body.get("version", LATEST))
    route = f"POST /workflows/{workflow_id}/executions"
    submission = Submission(
        definition_hash=chosen.definition_hash,
        route=route,
        initial_state=body.get("initialState"),
        execution_id=body.get("executionId"),
        on_conflict=body.get("onConflict", "fail"),
        labels=body.get("labels", {}),
        priority=body.get("priority"),
        actor=actor,
        key=CommandKey(key=key, request=json.digest([route, body])) if key is not None else None,
    )
    return await begin(request, api, submission, [])


def _read_start(text: bytes, api: Api) -> dict[str, Any]:
    """The body, which may be empty. Raises NotJson, or Unacceptable with everything that is wrong with it."""
    body = parse(text, limits=limits(api.body_limit)) if text.strip() else {}
    if not isinstance(body, dict):
        message = 'The body is an object such as {"version": "1.0.0"}, or empty.'
        raise Unacceptable(message, code="SCHEMA", details=[Problem(code="SCHEMA", path="", message=message)])
    problems = start_problems(body, START_KEYS)
    version = body.get("version", LATEST)
    if version != LATEST and not (isinstance(version, str) and VERSION.fullmatch(version)):
        message = f'version is "{LATEST}" or the text of a published one, such as "1.0.0".'
        problems.append(Problem(code="SCHEMA", path="/version", message=message))
    if problems:
        raise Unacceptable(problems[0].message, code=problems[0].code, details=problems)
    return body
