"""Commands: what people ask of an execution."""

from __future__ import annotations

from typing import Any, Final

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response

from application.presenting import links
from domain import json
from domain.commands import Cancel, OutsideCommand, Pause, PersonCommand, Resume, Retry, Signal
from domain.document import parse
from domain.errors import Unacceptable
from domain.events import CommandKey
from domain.problems import Problem
from interfaces.http import headers
from interfaces.http.api import Api, Endpoint, json_response
from interfaces.http.bodies import LONGEST_REASON, limits, read_reason, read_text
from interfaces.http.parameters import Parameter, read
from interfaces.http.problems import HttpProblem
from interfaces.http.waits import applied, settled_response

SIGNAL_PARAMETERS: Final = (
    Parameter(name="reason", description="Why; kept in the log."),
    Parameter(name="address", description="The wait at this address, instead of the oldest of that name."),
    Parameter(name="visit", description="The wait of this visit of the address.", type="integer", default=0),
)


def _person_endpoint(name: str, kind: type[PersonCommand]) -> Endpoint:
    async def endpoint(request: Request, api: Api) -> Response:
        read(request.query_params, ())
        text = await read_text(request, api.body_limit)
        body, reason = read_reason(text, api.body_limit)
        actor, key = headers.actor(request.headers), _key(request, name, body)
        command = kind(now=0, actor=actor, reason=reason, key=key)
        assert isinstance(command, OutsideCommand), command
        return await _command(request, api, command)

    return endpoint


pause: Final = _person_endpoint("pause", Pause)
resume: Final = _person_endpoint("resume", Resume)
retry: Final = _person_endpoint("retry", Retry)
cancel: Final = _person_endpoint("cancel", Cancel)


async def signal(request: Request, api: Api) -> Response:
    """Send a signal; the body is its payload, and none is null."""
    asked = read(request.query_params, SIGNAL_PARAMETERS)
    _check_signal(asked)
    text = await read_text(request, api.body_limit)
    payload = parse(text, limits=limits(api.body_limit)) if text.strip() else None
    command = Signal(
        now=0,
        name=request.path_params["name"],
        payload=payload,
        address=asked["address"] or "",
        visit=asked["visit"],
        actor=headers.actor(request.headers),
        reason=asked["reason"] or "",
        key=_key(request, "signals", [payload, *asked.values()]),
    )
    return await _command(request, api, command)


def _check_signal(asked: dict[str, Any]) -> None:
    if asked["visit"] and not asked["address"]:
        raise _bad_parameter("visit", "visit belongs to an address: say which one with address=.")
    if len(asked["reason"] or "") > LONGEST_REASON:
        raise _bad_parameter("reason", f"A reason has at most {LONGEST_REASON:,} characters.")


def _bad_parameter(name: str, message: str) -> Unacceptable:
    problem = Problem(code="INVALID_PARAMETER", path=f"?{name}", message=message)
    return Unacceptable(message, code="INVALID_PARAMETER", details=[problem])


def _key(request: Request, route: str, asked: Any) -> CommandKey | None:
    key = headers.idempotency_key(request.headers)
    if key is None:
        return None
    return CommandKey(key=key, request=json.digest([f"POST {route}", request.url.path, asked]))


async def _command(request: Request, api: Api, command: OutsideCommand) -> Response:
    """202 when it changed something, 200 when that was so already."""
    execution_id = request.path_params["id"]
    await _check_version(request, api, execution_id, command)
    done = await api.service.command(execution_id, command)
    body = {
        "executionId": execution_id,
        "status": done.status,
        "version": done.version,
        "links": links(execution_id),
    }
    wait_s = headers.preferred_wait(request.headers)
    answered = {"Clew-Position": str(done.position), "ETag": f'"v{done.version}"', **applied(wait_s)}
    if done.replayed:
        answered["Idempotency-Replayed"] = "true"
    settled = await settled_response(api, execution_id, wait_s, answered)
    return settled or json_response(body, 202 if done.changed or done.replayed else 200, answered)


async def _check_version(request: Request, api: Api, execution_id: str, command: OutsideCommand) -> None:
    """Honour `If-Match`. It guards against what a person has not seen: a running execution may be decided on later,
    for the decision is made on the live fold, a moment after this look at the durable one.
    """
    wanted = headers.wanted_versions(request.headers)
    if wanted is None:
        return
    now = await run_in_threadpool(api.service.queries.fold, execution_id)
    if command.key is not None and command.key.key in now.keys:
        return  # sent again: what it was sent for has moved the version
    if "*" in wanted or f'"v{now.version}"' in wanted:
        return
    message = f"The execution is at version {now.version} by now: look at it again, and decide on that."
    raise HttpProblem(
        412,
        "VERSION_MISMATCH",
        message,
        headers={"ETag": f'"v{now.version}"'},
        extra={"version": now.version},
    )


COMMANDS: Final[tuple[tuple[str, Endpoint, str], ...]] = (
    ("resume", resume, "Go on after a pause, or try a failed execution again"),
    ("pause", pause, "Let no further step begin"),
    ("retry", retry, "Try a failed execution again from the step that failed"),
    ("cancel", cancel, "End an execution now"),
)
