"""Requests that are sent again when it is safe, and answers turned back into Clew's own errors."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any, Final
from urllib.parse import urlsplit

import httpx2
import msgspec

from domain.durations import microseconds
from domain.errors import ClewError, InvalidDefinition, NotFound, NotJson, Refused, Unacceptable, Unavailable
from domain.events import WorkflowPublished
from domain.problems import Problem

JSON_HEADERS: Final = {"Content-Type": "application/json"}
FIRST_PAUSE_S: Final = 0.1
LONGEST_PAUSE_S: Final = 2.0
LOOPBACK: Final = frozenset({"127.0.0.1", "localhost", "::1"})
LOST: Final = (httpx2.NetworkError, httpx2.RemoteProtocolError, httpx2.ConnectTimeout)
"""The connection was refused or broke. A slow answer is not among them: the server is at it."""


class Wire:
    """One server, and how often it is asked again.

    What is sent again may have been done the first time: each POST must carry an idempotency key.
    """

    def __init__(
        self,
        url: str,
        *,
        timeout_s: float,
        attempts: int,
        headers: Mapping[str, str],
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        if urlsplit(url).scheme not in ("http", "https") or not urlsplit(url).hostname:
            raise Unacceptable(f"{url!r} is not the address of a server: write it as http://127.0.0.1:8484.")
        self.url = url.rstrip("/")
        self._attempts = max(attempts, 1)
        self._sleep = sleep
        # A proxy of the environment is for the world outside, not for this machine.
        outside = urlsplit(url).hostname not in LOOPBACK
        self._http = httpx2.Client(timeout=timeout_s, headers=dict(headers), trust_env=outside)

    def close(self) -> None:
        """Let go of the connections."""
        self._http.close()

    def get(
        self, path: str, params: Mapping[str, Any] | None = None, *, headers: Mapping[str, str] | None = None
    ) -> httpx2.Response:
        """Ask. Parameters that are None or empty are left out. Raises what `error_of` makes of a refusal."""
        chosen = {name: value for name, value in (params or {}).items() if value not in (None, "", (), [])}
        return self._answered("GET", path, params=chosen, headers=dict(headers or {}))

    def post(
        self, path: str, body: bytes, *, headers: Mapping[str, str], params: Mapping[str, Any] | None = None
    ) -> httpx2.Response:
        """Send JSON. Parameters that are None or empty are left out."""
        chosen = {name: value for name, value in (params or {}).items() if value not in (None, "")}
        return self._answered("POST", path, params=chosen, content=body, headers={**JSON_HEADERS, **headers})

    def put(self, path: str, body: bytes) -> httpx2.Response:
        """Send JSON that is to be what stands there: the same again changes nothing."""
        return self._answered("PUT", path, content=body, headers=JSON_HEADERS)

    def once(self, path: str) -> httpx2.Response | None:
        """Ask a single time, and take any answer; None when the server can't be reached."""
        try:
            return self._http.get(self.url + path)
        except httpx2.HTTPError:
            return None

    def _answered(self, method: str, path: str, **request: Any) -> httpx2.Response:
        pause_s = FIRST_PAUSE_S
        for attempt in range(1, self._attempts + 1):
            last = attempt == self._attempts
            try:
                response = self._http.request(method, self.url + path, **request)
            except LOST as error:
                if last:
                    raise self._unreachable(error) from error
            except httpx2.HTTPError as error:
                raise Unavailable(f"{self.url} gave no answer to {method} {path}: {_reason(error)}.") from error
            else:
                if response.status_code != 503 or last:
                    return _checked(response)
                pause_s = max(pause_s, _retry_after_s(response))
            self._sleep(min(pause_s, LONGEST_PAUSE_S))
            pause_s *= 2
        raise AssertionError("the last attempt returns or raises")

    def _unreachable(self, error: httpx2.HTTPError) -> Unavailable:
        return Unavailable(
            f"No server answers at {self.url} ({_reason(error)}). Start one with `clew serve`, or name another address.",
            code="UNREACHABLE",
        )


def decoded(response: httpx2.Response) -> Any:
    """The JSON body of an answer. Raises ClewError when it is none."""
    try:
        return msgspec.json.decode(response.content)
    except msgspec.DecodeError as error:
        message = f"{response.request.url} answered with something that is not JSON. Is a Clew server there?"
        raise ClewError(message, code="NOT_CLEW") from error


def error_of(status: int, body: Any) -> ClewError:
    """The error that an answer with a problem body stands for."""
    members = body if isinstance(body, dict) else {}
    told = members["error"] if isinstance(members.get("error"), dict) else {}
    code = str(told.get("code") or f"HTTP_{status}")
    message = str(told.get("message") or members.get("detail") or members.get("title") or f"HTTP status {status}")
    details = told.get("details")
    if code == InvalidDefinition.code:
        return InvalidDefinition(tuple(problems_of(details)) + tuple(problems_of(members.get("warnings"), "warning")))
    if status == 400 and (placed := [each for each in problems_of(details) if each.line and each.column]):
        return NotJson(message, line=placed[0].line or 1, column=placed[0].column or 1, code=code)
    kind = _KINDS.get(status, Unavailable if status in (502, 503, 504) else ClewError)
    if kind is ClewError and told.get("requestId"):
        message = f"{message} (request {told['requestId']})"
    return kind(message, code=code, details=details)


def problems_of(found: Any, severity: str = "error") -> list[Problem]:
    """The problems in a list of an answer; what is no problem is left out."""
    problems = []
    for each in found if isinstance(found, list) else []:
        try:
            problems.append(msgspec.convert({"code": "PROBLEM", "severity": severity, **each}, Problem))
        except (msgspec.ValidationError, TypeError):  # an entry for other eyes, such as {"head": 42}
            continue
    return problems


def published_of(answer: Mapping[str, Any]) -> WorkflowPublished:
    """The event that a published version in an answer stands for."""
    return WorkflowPublished(
        time=microseconds(datetime.fromisoformat(answer["publishTime"])),
        actor=answer["actor"] or "",
        workflow=answer["workflowId"],
        workflow_version=answer["workflowVersion"],
        name=answer["name"],
        definition_hash=answer["definitionHash"],
        nodes=dict(answer["nodes"]),
    )


_KINDS: Final[Mapping[int, type[ClewError]]] = {
    400: Unacceptable,
    404: NotFound,
    409: Refused,
    412: Refused,
    413: Unacceptable,
    415: Unacceptable,
    422: Unacceptable,
}


def _checked(response: httpx2.Response) -> httpx2.Response:
    if response.is_success:
        return response
    try:
        body = msgspec.json.decode(response.content)
    except msgspec.DecodeError:  # some proxy's page
        body = {"title": f"{response.request.url} answered with the HTTP status {response.status_code}."}
    raise error_of(response.status_code, body)


def _retry_after_s(response: httpx2.Response) -> float:
    told = response.headers.get("Retry-After", "")
    return float(told) if told.isascii() and told.isdecimal() and len(told) < 6 else 0.0


def _reason(error: Exception) -> str:
    return str(error).rstrip(".") or type(error).__name__
