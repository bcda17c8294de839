"""What if: questions of one execution, and of the last of a workflow."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from concurrent.futures import Future
from typing import Any, Final

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response

from application.what_if_questions import read_many, read_one
from domain.document import parse
from interfaces.http import headers, wire_what_if
from interfaces.http.api import Api, json_response, lists_shown
from interfaces.http.bodies import limits, read_text
from interfaces.http.operations import BODY_REFUSALS, Operation
from interfaces.http.parameters import read


async def one(request: Request, api: Api) -> Response:
    """Walk an execution again."""
    question = read_one(await _body(request, api))
    execution_id = request.path_params["id"]
    return await _answered(request, api, lambda stop: api.service.what_if.one(execution_id, question, stop=stop))


async def many(request: Request, api: Api) -> Response:
    """Walk the last executions of a workflow again; with `Clew-Position`, once the lists have reached it."""
    asked = read_many(await _body(request, api))
    await lists_shown(request, api)
    workflow_id = request.path_params["workflowId"]

    def ask(stop: threading.Event) -> Future[dict[str, Any]]:
        return api.service.what_if.many(workflow_id, asked.question, last=asked.last, status=asked.status, stop=stop)

    return await _answered(request, api, ask)


async def _body(request: Request, api: Api) -> Any:
    read(request.query_params, ())
    headers.idempotency_key(request.headers)  # it is a question: asked again, it is answered again
    text = await read_text(request, api.body_limit)
    return await run_in_threadpool(parse, text, limits=limits(api.body_limit)) if text.strip() else {}


async def _answered(request: Request, api: Api, ask: Callable[[threading.Event], Future[dict[str, Any]]]) -> Response:
    """The answer. It is given up when nobody waits for it any more, or the server is to stop."""
    stop = threading.Event()
    work = asyncio.ensure_future(asyncio.wrap_future(ask(stop)))
    gone = asyncio.ensure_future(_gone(request))
    closing = asyncio.ensure_future(api.closing.wait())
    try:
        await asyncio.wait((work, gone, closing), return_when=asyncio.FIRST_COMPLETED)
        if not work.done():
            stop.set()
        return json_response(await work)
    finally:
        stop.set()
        gone.cancel()
        closing.cancel()


async def _gone(request: Request) -> None:
    """Wait until the client is."""
    while (await request.receive())["type"] != "http.disconnect":
        continue


OPERATIONS: Final = (
    Operation(
        method="POST",
        path="/executions/{id}/what-if",
        endpoint=one,
        summary="Walk an execution again on another state, under another definition, or with other answers: nothing runs",
        tag="executions",
        answers={200: (wire_what_if.WhatIfAnswerBody,)},
        refusals=(*BODY_REFUSALS, 404, 409, 422, 503),
        headers=("Idempotency-Key",),
        takes=(wire_what_if.WhatIfBody,),
    ),
    Operation(
        method="POST",
        path="/workflows/{workflowId}/what-if",
        endpoint=many,
        summary="Walk the last executions of a workflow again, and say how many would end otherwise",
        tag="workflows",
        answers={200: (wire_what_if.WhatIfSummaryBody,)},
        refusals=(*BODY_REFUSALS, 404, 409, 422, 503),
        headers=("Idempotency-Key", "Clew-Position"),
        takes=(wire_what_if.WhatIfManyBody,),
    ),
)
