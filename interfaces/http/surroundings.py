"""What stands around every request: its id, and a net under everything unexpected."""

from __future__ import annotations

import logging
import re
import secrets
from typing import Final

from starlette.datastructures import Headers, MutableHeaders
from starlette.requests import ClientDisconnect, Request
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from interfaces.http.problems import INTERNAL, Refusal, problem_response

logger = logging.getLogger("clew.http")
REQUEST_ID: Final = re.compile(r"[A-Za-z0-9._:-]{1,128}")


class Surroundings:
    """Gives each request an id (the client's own, if it is a plain one), and answers 500 where a fault gets through."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        request_id = request_id_of(Headers(scope=scope))
        scope.setdefault("state", {})["request_id"] = request_id
        begun = False

        async def send_with_id(message: Message) -> None:
            nonlocal begun
            if message["type"] == "http.response.start":
                begun = True
                MutableHeaders(scope=message)["X-Request-Id"] = request_id
            await send(message)

        try:
            await self._app(scope, receive, send_with_id)
        except ClientDisconnect:
            logger.info("request %s: the client left before it had sent everything", request_id)
        except Exception:
            logger.exception("request %s: %s %s failed", request_id, scope["method"], scope["path"])
            if begun:  # too late for another answer: the connection breaks, and the client sees that
                raise
            refusal = Refusal(status=500, code="INTERNAL_ERROR", message=INTERNAL)
            await problem_response(Request(scope), refusal)(scope, receive, send_with_id)


def request_id_of(headers: Headers) -> str:
    """The client's id for the request if it is fit for logs and headers, else a new one."""
    offered = headers.get("X-Request-Id", "")
    return offered if REQUEST_ID.fullmatch(offered) else "req_" + secrets.token_hex(12)
