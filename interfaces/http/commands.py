"""Commands: what people ask of an execution."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any, Final, TypeVar

from starlette.requests import Request
from starlette.responses import Response

from application.presenting import links
from application.requests import Done
from domain import json
from domain.commands import Cancel, OutsideCommand, Pause, PersonCommand, Resume, Signal
from domain.document import parse
from domain.errors import Unacceptable
from domain.events import CommandKey
from domain.problems import Problem
from interfaces.http import headers
from interfaces.http.api import Api, Endpoint, json_response
from interfaces.http.bodies import LONGEST_REASON, limits, read_reason, read_text
from interfaces.http.parameters import Parameter, read
from interfaces.http.waits import applied, settled_response

Asked = TypeVar("Asked", bound=OutsideCommand)
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
        command = kind(**asked_by(request, f"POST {name}", body), reason=reason)
        assert isinstance(command, OutsideCommand), command
        return await carried_out(request, api, command)

    return endpoint


pause: Final = _person_endpoint("pause", Pause)
resume: Final = _person_endpoint("resume", Resume)
cancel: Final = _person_endpoint("cancel", Cancel)


async def signal(request: Request, api: Api) -> Response:
    """Send a signal; the body is its payload, and none is null."""
    asked = read(request.query_params, SIGNAL_PARAMETERS)
    _check_signal(asked)
    text = await read_text(request, api.body_limit)
    payload = parse(text, limits=limits(api.body_limit)) if text.strip() else None
    command = Signal(
        **asked_by(request, "POST signals", [payload, *asked.values()]),
        name=request.path_params["name"],
        payload=payload,
        address=asked["address"] or "",
        visit=asked["visit"],
        reason=asked["reason"] or "",
    )
    return await carried_out(request, api, command)


def _check_signal(asked: dict[str, Any]) -> None:
    if asked["visit"] and not asked["address"]:
        raise bad_parameter("visit", "visit belongs to an address: say which one with address=.")
    check_reason(asked["reason"])


def check_reason(reason: str | None) -> None:
    """Raise Unacceptable for a `?reason=` that is too long."""
    if len(reason or "") > LONGEST_REASON:
        raise bad_parameter("reason", f"A reason has at most {LONGEST_REASON:,} characters.")


def bad_parameter(name: str, message: str) -> Unacceptable:
    """The error of a parameter of the query that can't be."""
    problem = Problem(code="INVALID_PARAMETER", path=f"?{name}", message=message)
    return Unacceptable(message, code="INVALID_PARAMETER", details=[problem])


def asked_by(request: Request, route: str, asked: Any) -> dict[str, Any]:
    """What every command has of the headers of its request: actor, key and the versions that it is for."""
    return {
        "now": 0,
        "actor": headers.actor(request.headers),
        "key": _key(request, route, asked),
        "expected": headers.expected_versions(request.headers),
    }


def _key(request: Request, route: str, asked: Any) -> CommandKey | None:
    key = headers.idempotency_key(request.headers)
    if key is None:
        return None
    return CommandKey(key=key, request=json.digest([route, request.url.path, asked]))


async def carried_out(
    request: Request,
    api: Api,
    command: Asked,
    *,
    status: int = 202,
    carry_out: Callable[[str, Asked], Awaitable[Done]] | None = None,
) -> Response:
    """The answer to a command: `status` when it changed something, 200 when that was so already.

    `carry_out` does it, unless that is the service as with any command.
    """
    execution_id = request.path_params["id"]
    done = await (carry_out or api.service.command)(execution_id, command)
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
    elif not done.changed:
        answered["Clew-Unchanged"] = "true"
    settled = await settled_response(api, execution_id, wait_s, answered)
    return settled or json_response(body, status if done.changed or done.replayed else 200, answered)


COMMANDS: Final[tuple[tuple[str, Endpoint, str], ...]] = (
    ("resume", resume, "Go on after a pause, or try a failed execution again"),
    ("pause", pause, "Let no further step begin"),
    ("cancel", cancel, "End an execution now"),
)
