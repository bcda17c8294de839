"""The service itself: its nodes, its health, its version."""

from __future__ import annotations

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response

from interfaces.http.api import Api, json_response
from interfaces.http.parameters import read
from interfaces.http.problems import RETRY_AFTER, HttpProblem


async def nodes(request: Request, api: Api) -> Response:
    """All nodes, as a plain array."""
    read(request.query_params, ())
    return json_response(await run_in_threadpool(api.service.queries.nodes))


async def node(request: Request, api: Api) -> Response:
    """One node."""
    read(request.query_params, ())
    return json_response(await run_in_threadpool(api.service.queries.node, request.path_params["nodeId"]))


async def healthz(request: Request, api: Api) -> Response:
    """The process lives. Says nothing about the store, so that nobody restarts a server for a slow disk."""
    return json_response({"status": "ok"}, told={"Cache-Control": "no-store"})


async def readyz(request: Request, api: Api) -> Response:
    """Whether work can be taken in now; and what a person should look at: nodes and executions that can't be used."""
    sickness = await run_in_threadpool(api.service.sickness)
    if sickness is None and api.closing.is_set():
        sickness = "The service is stopping."
    if sickness is not None:
        raise HttpProblem(503, "NOT_READY", sickness, headers=RETRY_AFTER)
    warnings = [
        {"source": problem.source, "line": problem.line, "message": problem.message}
        for problem in api.service.nodes.problems()
    ]
    warnings += [
        {"source": execution_id, "line": None, "message": reason}
        for execution_id, reason in api.service.stranded().items()
    ]
    return json_response({"status": "ready", "warnings": warnings}, told={"Cache-Control": "no-store"})


async def version(request: Request, api: Api) -> Response:
    """Which version of Clew this is."""
    return json_response({"name": "clew", "version": api.version})


async def openapi(request: Request, api: Api) -> Response:
    """The description of the interface."""
    return Response(api.openapi, media_type="application/json")
