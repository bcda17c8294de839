"""Answers that refuse, turned back into Clew's own errors."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

import msgspec

from domain.errors import ClewError, InvalidDefinition, NotFound, NotJson, Outdated, Refused, Unacceptable, Unavailable
from domain.problems import Problem

_KINDS: Final[Mapping[int, type[ClewError]]] = {
    400: Unacceptable,
    404: NotFound,
    409: Refused,
    412: Outdated,
    413: Unacceptable,
    415: Unacceptable,
    422: Unacceptable,
}


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
