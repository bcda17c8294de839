"""`Prefer: wait=N` (RFC 7240): an answer that waits until the execution has ended, parked or paused."""

from __future__ import annotations

import asyncio
import contextlib
from typing import Any

from starlette.concurrency import run_in_threadpool
from starlette.responses import Response

from domain.errors import Refused, Unavailable
from interfaces.http.api import Api, json_response


def applied(wait_s: int | None) -> dict[str, str]:
    """The header that says that the preference was understood."""
    return {"Preference-Applied": f"wait={wait_s}"} if wait_s is not None else {}


async def settled_response(
    api: Api, execution_id: str, wait_s: int | None, answered: dict[str, str]
) -> Response | None:
    """200 with the execution when it settles in time, else None: the answer that would have been sent at once."""
    if not wait_s or not await _settled(api, execution_id, wait_s):
        return None
    body, position = await run_in_threadpool(_settled_execution, api, execution_id)
    return json_response(body, 200, {**answered, "Clew-Position": str(position)})


async def look_on(api: Api, execution_id: str, wait_s: int) -> None:
    """Wait until the execution has ended, parked or paused, at most that long; not at all if nobody can drive it here."""
    with contextlib.suppress(Refused, Unavailable):
        await _settled(api, execution_id, wait_s)


def _settled_execution(api: Api, execution_id: str) -> tuple[dict[str, Any], int]:
    """The execution, and the position of its newest event, so that lists asked with it show it as it is here."""
    newest = api.service.queries.events(execution_id, limit=1, order="desc")["items"][0]
    return api.service.queries.execution(execution_id), newest["position"]


async def _settled(api: Api, execution_id: str, wait_s: float) -> bool:
    """Wait until the execution ended, parked or paused. False: it did not in time, or the server is about to stop."""
    waits = asyncio.ensure_future(api.service.settled(execution_id, wait_s))
    closing = asyncio.ensure_future(api.closing.wait())
    try:
        await asyncio.wait((waits, closing), return_when=asyncio.FIRST_COMPLETED)
        return waits.done() and waits.result()
    finally:
        waits.cancel()
        closing.cancel()
