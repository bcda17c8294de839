"""Executions: one, its state at a version, its history, and the list of all."""

from __future__ import annotations

from typing import Any, Final

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response

from application.queries import MAX_PAGE
from domain.json import digest
from interfaces.http import headers
from interfaces.http.api import ASK_AGAIN, Api, json_response, lists_shown, tagged
from interfaces.http.parameters import Parameter, read
from interfaces.http.waits import applied, look_on

STATUSES: Final = ("running", "suspended", "paused", "completed", "failed", "cancelled")
GOING_ON: Final = ("running", "suspended")
"""What may still go on by itself: a suspended one may wait for a child that does."""
LIMIT: Final = Parameter(
    name="limit", description="Most items of the page.", type="integer", default=100, minimum=1, maximum=MAX_PAGE
)
LIST_PARAMETERS: Final = (
    Parameter(name="status", description="Only these statuses.", enum=STATUSES, repeated=True),
    Parameter(name="workflow", description="Only executions of this workflow."),
    LIMIT,
    Parameter(name="cursor", description="Where the page begins: `next` of the page before."),
)
LINEAGE: Final = Parameter(
    name="lineage",
    description="Go on into what it was forked off. `after` and `next` then count the events of all, from the oldest.",
    type="boolean",
    default=False,
)
EVENT_PARAMETERS: Final = (
    Parameter(
        name="after",
        description="Only versions behind this one; in descending order, below it (0: from the head).",
        type="integer",
        default=0,
    ),
    LIMIT,
    Parameter(name="order", description="By version.", default="asc", enum=("asc", "desc")),
    LINEAGE,
)


async def listing(request: Request, api: Api) -> Response:
    """A page of all executions, newest first; with `Clew-Position`, once the lists have reached it."""
    asked = read(request.query_params, LIST_PARAMETERS)
    await lists_shown(request, api)
    return json_response(await run_in_threadpool(lambda: api.service.queries.executions(**asked)))


async def one(request: Request, api: Api) -> Response:
    """An execution as the log has it; with `Prefer: wait`, once it has settled or the time is over."""
    read(request.query_params, ())
    execution_id = request.path_params["id"]
    body = await run_in_threadpool(api.service.queries.execution, execution_id)
    wait_s = headers.preferred_wait(request.headers)
    if wait_s and body["status"] in GOING_ON:
        await look_on(api, execution_id, wait_s)
        body = await run_in_threadpool(api.service.queries.execution, execution_id)
    return _versioned(request, body, ASK_AGAIN, applied(wait_s))


async def definition(request: Request, api: Api) -> Response:
    """The definition that it runs."""
    read(request.query_params, ())
    body = await run_in_threadpool(api.service.queries.definition_of, request.path_params["id"])
    return tagged(request, body, f'"{digest(body)}"', ASK_AGAIN)


async def events(request: Request, api: Api) -> Response:
    """A page of the history."""
    asked = read(request.query_params, EVENT_PARAMETERS)
    execution_id = request.path_params["id"]
    return json_response(await run_in_threadpool(lambda: api.service.queries.events(execution_id, **asked)))


def _versioned(request: Request, body: dict[str, Any], cache: str, told: dict[str, str] | None = None) -> Response:
    """An answer under the tag of its version."""
    return tagged(request, body, f'"v{body["version"]}"', cache, told)
