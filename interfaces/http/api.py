"""What every endpoint is given, and the forms of answers they share."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any, Final

import msgspec
from anyio import CapacityLimiter, to_thread
from starlette.requests import Request
from starlette.responses import Response

from application.service import Service
from domain.limits import Limits
from interfaces.http import headers

LISTS_WAITING: Final = 32
"""Lists that may wait for their position at once. They have threads of their own, so that no other request waits too."""
FOREVER: Final = "private, max-age=31536000, immutable"
"""What is named by a version never changes."""
ASK_AGAIN: Final = "no-cache"


class Api:
    """The service behind the interface. `closing` is set when the server wants to stop: nobody is kept waiting then."""

    def __init__(self, service: Service, *, limits: Limits, version: str, openapi: bytes) -> None:
        self.service = service
        self.limits = limits
        self.version = version
        self.openapi = openapi
        self.closing = asyncio.Event()
        self.list_waits = CapacityLimiter(LISTS_WAITING)

    @property
    def body_limit(self) -> int:
        """Bytes of the largest body that is taken."""
        return self.limits.definition_bytes


Endpoint = Callable[[Request, Api], Awaitable[Response]]


def json_response(body: Any, status: int = 200, told: dict[str, str] | None = None) -> Response:
    """An answer in JSON."""
    return Response(msgspec.json.encode(body), status_code=status, headers=told or {}, media_type="application/json")


def tagged(request: Request, body: Any, tag: str, cache: str, more: dict[str, str] | None = None) -> Response:
    """An answer in JSON under an entity tag, or 304 when the client has it. `more` are further headers."""
    told = {"ETag": tag, "Cache-Control": cache, **(more or {})}
    known = headers.known_versions(request.headers)
    if tag in known or "*" in known:
        return Response(status_code=304, headers=told)
    return json_response(body, told=told)


async def lists_shown(request: Request, api: Api) -> None:
    """Wait a little until the lists show what is recorded at the request's `Clew-Position`, or a moment for what is now."""
    position = headers.position(request.headers)
    if position is not None:
        await to_thread.run_sync(api.service.lists_reach, position, limiter=api.list_waits)
    else:
        await to_thread.run_sync(api.service.glance_at_lists, limiter=api.list_waits)
