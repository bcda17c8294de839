"""Reading what requests carry: within its size while it arrives, of the right type, strictly JSON."""

from __future__ import annotations

from typing import Any, Final

from starlette.requests import Request

from domain.document import TOO_LARGE, JsonLimits, parse
from domain.errors import Unacceptable
from domain.json import MAX_DEPTH
from domain.problems import Problem, nearest
from domain.reporting import Report
from interfaces.http.problems import HttpProblem

LONGEST_REASON: Final = 2_000
"""Characters of a reason."""


async def read_text(request: Request, limit: int) -> bytes:
    """The body, also kept for telling the places of problems. Raises HttpProblem: 415, or 413 as soon as that is sure."""
    declared = request.headers.get("Content-Length", "")
    has_body = "Transfer-Encoding" in request.headers or (declared != "" and declared.strip("0") != "")
    if has_body:
        _check_type(request)
    if declared.isdecimal() and int(declared[:20]) > limit:
        raise _too_large(limit)
    # Whoever sends in chunks need not say how much comes.
    chunks: list[bytes] = []
    size = 0
    async for chunk in request.stream():
        size += len(chunk)
        if size > limit:
            raise _too_large(limit)
        chunks.append(chunk)
    text = b"".join(chunks)
    request.state.text = text
    return text


def limits(size: int) -> JsonLimits:
    """How a body is parsed. What is deeper than any value of the engine may be is no JSON that it takes."""
    return JsonLimits(depth=MAX_DEPTH, size=size)


def read_reason(text: bytes, size: int) -> tuple[Any, str]:
    """The decoded body of a command, which may be empty, and the `reason` in it. Raises NotJson or Unacceptable."""
    if not text.strip():
        return None, ""
    body = parse(text, limits=limits(size))
    if not isinstance(body, dict):
        message = 'The body is an object such as {"reason": "…"}, or empty.'
        raise Unacceptable(message, code="SCHEMA", details=[Problem(code="SCHEMA", path="", message=message)])
    report = Report()
    report.unknown(body, ("reason",), lambda key: unknown_key(key, ("reason",)))
    problems = list(report.problems())
    reason = body.get("reason", "")
    if not isinstance(reason, str) or len(reason) > LONGEST_REASON:
        message = f"A reason is a text of at most {LONGEST_REASON:,} characters."
        problems.append(Problem(code="SCHEMA", path="/reason", message=message))
    if problems:
        raise Unacceptable(problems[0].message, code=problems[0].code, details=problems)
    return body, reason


def unknown_key(key: str, known: tuple[str, ...]) -> Problem:
    """A key at the top of a body that has no meaning."""
    meant = nearest(key, known)
    hint = f"Did you mean {meant!r}?" if meant else f"Known are {', '.join(known)}."
    path = "/" + key.replace("~", "~0").replace("/", "~1")
    return Problem(code="UNKNOWN_KEY", path=path, message=f"{key!r} has no meaning here. {hint}", nearest=meant)


def _check_type(request: Request) -> None:
    given = request.headers.get("Content-Type", "")
    kind, _, rest = given.partition(";")
    kind = kind.strip().lower()
    is_json = kind == "application/json" or (kind.startswith("application/") and kind.endswith("+json"))
    charset = next((part for part in rest.lower().split(";") if part.strip().startswith("charset=")), "charset=utf-8")
    if not is_json or charset.partition("=")[2].strip().strip('"') not in ("utf-8", "utf8", "us-ascii"):
        message = f"Send JSON in UTF-8, with Content-Type: application/json; this says {given or 'nothing'!r}."
        raise HttpProblem(
            415, "UNSUPPORTED_MEDIA_TYPE", message, headers={"Accept": "application/json", "Connection": "close"}
        )
    coding = request.headers.get("Content-Encoding", "identity").strip().lower()
    if coding not in ("", "identity"):
        message = f"Send the body as it is: the coding {coding[:60]!r} (Content-Encoding) is not undone here."
        raise HttpProblem(
            415, "UNSUPPORTED_MEDIA_TYPE", message, headers={"Accept-Encoding": "identity", "Connection": "close"}
        )


def _too_large(limit: int) -> HttpProblem:
    message = f"The body is too large: at most {limit:,} bytes are taken."
    # What is still on its way is not read: the connection can't be used again.
    return HttpProblem(413, TOO_LARGE, message, headers={"Connection": "close"})
