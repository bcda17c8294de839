"""How errors look over HTTP: statuses, problem bodies (RFC 9457) and the error object inside them."""

from __future__ import annotations

import re
import time
from http import HTTPStatus
from typing import Any, Final

import msgspec
from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from application.ports import StoreUnavailable, VersionConflict
from domain.document import DUPLICATE_KEY, TOO_LARGE
from domain.durations import iso
from domain.errors import ClewError, InvalidDefinition, NotFound, NotJson, Outdated, Refused, Unacceptable, Unavailable
from domain.problems import Problem
from interfaces.bootstrap import locate

PROBLEM_JSON: Final = "application/problem+json"
RETRY_AFTER: Final = {"Retry-After": "1"}
LONGEST_POINTER: Final = 2_000
"""Characters of a pointer on the wire: a key may be as long as the body. Line and column say the place all the same."""
INTERNAL: Final = "Something went wrong inside the service. The request id names it in the service's log."


class HttpProblem(ClewError):
    """A refusal that only HTTP knows. `extra` are further members of the error object."""

    def __init__(
        self,
        status: int,
        code: str,
        message: str,
        *,
        headers: dict[str, str] | None = None,
        problems: tuple[Problem, ...] = (),
        extra: dict[str, Any] | None = None,
    ) -> None:
        super().__init__(message, code=code, details=list(problems))
        self.status = status
        self.headers = headers or {}
        self.extra = extra or {}


class Refusal(msgspec.Struct, frozen=True, kw_only=True):
    """What is told of an error: everything that a problem body is made of, but for the request's own part."""

    status: int
    code: str
    message: str
    details: tuple[dict[str, Any], ...] = ()
    warnings: tuple[dict[str, Any], ...] = ()
    extra: dict[str, Any] = {}
    headers: dict[str, str] = {}


async def on_clew_error(request: Request, error: Exception) -> Response:
    """The answer to whatever Clew refuses or can't do."""
    assert isinstance(error, ClewError), error
    text: bytes | None = getattr(request.state, "text", None)
    problems = _problems_of(error)
    if text and any(problem.line is None and not problem.path.startswith("?") for problem in problems):
        problems = await run_in_threadpool(_located, text, problems)
    return problem_response(request, refusal_of(error, problems))


async def on_http_exception(request: Request, error: Exception) -> Response:
    """The answer where no route, or no method of one, fits. OPTIONS is told the methods."""
    assert isinstance(error, HTTPException), error
    headers = dict(error.headers or {})
    if error.status_code == 405:
        headers["Allow"] = ", ".join(sorted({*headers.get("Allow", "").split(", "), "OPTIONS"} - {""}))
        if request.method == "OPTIONS":
            return Response(status_code=204, headers=headers)
        message = f"{request.url.path} takes {headers['Allow']}, not {request.method}."
        refusal = Refusal(status=405, code="METHOD_NOT_ALLOWED", message=message, headers=headers)
    elif error.status_code == 404:
        message = f"There is nothing at {request.url.path}. /openapi.json lists every path, and /docs shows them."
        refusal = Refusal(status=404, code="NO_SUCH_PATH", message=message, headers=headers)
    else:
        code = HTTPStatus(error.status_code).name
        refusal = Refusal(status=error.status_code, code=code, message=error.detail, headers=headers)
    return problem_response(request, refusal)


def refusal_of(error: ClewError, problems: tuple[Problem, ...]) -> Refusal:
    """What to tell of an error whose problems have their places."""
    found = tuple(shown(problem) for problem in problems if problem.severity == "error")
    warnings = tuple(shown(problem) for problem in problems if problem.severity == "warning")
    if isinstance(error, HttpProblem):
        return Refusal(
            status=error.status,
            code=error.code,
            message=error.message,
            details=found,
            extra=error.extra,
            headers=error.headers,
        )
    status = status_of(error)
    if status == 500:
        return Refusal(status=500, code="INTERNAL_ERROR", message=INTERNAL)
    code = Unavailable.code if isinstance(error, VersionConflict) else error.code
    extra = dict(error.details) if isinstance(error.details, dict) else {}
    details = found or (({"path": "", "code": code, "message": error.message, **extra},) if extra else ())
    headers = RETRY_AFTER if status == 503 else {}
    if isinstance(error, Outdated):
        headers = {"ETag": f'"v{extra["version"]}"'}
    return Refusal(
        status=status,
        code=code,
        message=error.message,
        details=details,
        warnings=warnings,
        extra=extra,
        headers=headers,
    )


def status_of(error: ClewError) -> int:
    """The status of an error of the domain or application."""
    match error:
        case NotJson():
            return {DUPLICATE_KEY: 422, TOO_LARGE: 413}.get(error.code, 400)
        case NotFound():
            return 404
        case Outdated():
            return 412
        case Refused():
            return 409
        case InvalidDefinition() | Unacceptable():
            return 422
        # A conflict is decided again inside; one that comes this far lost a hundred times, and asking again may help.
        case Unavailable() | StoreUnavailable() | VersionConflict():
            return 503
        case _:
            return 500


def problem_response(request: Request, refusal: Refusal) -> Response:
    """The problem body, for programs and people alike."""
    members: dict[str, Any] = {
        "type": "urn:clew:problem:" + refusal.code.lower().replace("_", "-"),
        "title": HTTPStatus(refusal.status).phrase,
        "status": refusal.status,
        "detail": refusal.message,
        "error": {
            **_free(refusal.extra),
            "code": refusal.code,
            "message": refusal.message,
            "details": refusal.details,
            "timestamp": iso(time.time_ns() // 1_000),
            "executionId": getattr(request.state, "execution_id", None) or request.path_params.get("id"),
            "requestId": getattr(request.state, "request_id", ""),
        },
    }
    if refusal.warnings:
        members["warnings"] = refusal.warnings
    headers = {"Cache-Control": "no-store", **refusal.headers}
    return Response(msgspec.json.encode(members), status_code=refusal.status, headers=headers, media_type=PROBLEM_JSON)


def shown(problem: Problem) -> dict[str, Any]:
    """A problem on the wire. Errors and warnings stand in lists of their own, so that its severity goes unsaid."""
    described: dict[str, Any] = msgspec.to_builtins(problem)
    described.pop("severity", None)
    if len(problem.path) > LONGEST_POINTER:
        described["path"] = problem.path[:LONGEST_POINTER] + "…"
    return described


_OWN: Final = frozenset({"code", "message", "details", "timestamp", "executionId", "requestId", "path", "nearest"})
"""What an error object has of its own, or each of its details."""


def _free(extra: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in extra.items() if name not in _OWN}


def _problems_of(error: ClewError) -> tuple[Problem, ...]:
    if isinstance(error, InvalidDefinition):
        return error.problems
    if isinstance(error, NotJson):
        place = Problem(code=error.code, path="", message=error.message, line=error.line, column=error.column)
        return (place,)
    if isinstance(error.details, (list, tuple)):
        return tuple(problem for problem in error.details if isinstance(problem, Problem))
    return ()


def _located(text: bytes, problems: tuple[Problem, ...]) -> tuple[Problem, ...]:
    """The problems of a body with their places, in order; those of the query (`?name`) and of headers have none."""
    placed = iter(locate(text, [problem for problem in problems if _is_in_body(problem)]))
    found = [next(placed) if _is_in_body(problem) else problem for problem in problems]
    return tuple(sorted(found, key=lambda problem: (problem.line or 0, problem.column or 0)))


_OUTSIDE: Final = re.compile(r"\?")


def _is_in_body(problem: Problem) -> bool:
    return _OUTSIDE.match(problem.path) is None
