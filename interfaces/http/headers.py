"""What requests say in their headers."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Final

from starlette.datastructures import Headers

from interfaces.http.problems import HttpProblem

LONGEST_WAIT_S: Final = 60
"""How long a request may ask to be kept waiting."""
IDEMPOTENCY_KEY: Final = re.compile(r"[!-~]{1,255}")
ACTOR: Final = re.compile(r"[^\x00-\x1f\x7f]{1,255}")
WAIT: Final = re.compile(r"\s*wait\s*=\s*\"?([0-9]{1,9})\"?\s*(?:;.*)?", re.IGNORECASE | re.ASCII)
POSITION: Final = re.compile(r"[0-9]{1,18}", re.ASCII)
VERSION_TAG: Final = re.compile(r"\"v([1-9][0-9]{0,14})\"", re.ASCII)
TAG: Final = re.compile(r"(?:W/)?\"[^\"]*\"")


def idempotency_key(headers: Headers) -> str | None:
    """The `Idempotency-Key`. Raises HttpProblem (400) for one that can't be."""
    return _one(headers, "Idempotency-Key", IDEMPOTENCY_KEY, "1 to 255 visible ASCII characters")


def actor(headers: Headers) -> str:
    """Who says to be asking: `Clew-Actor`, empty when nobody does. Raises HttpProblem (400)."""
    return _one(headers, "Clew-Actor", ACTOR, "1 to 255 characters that print", read=_utf8) or ""


def position(headers: Headers) -> int | None:
    """The `Clew-Position` that lists are to have reached. Raises HttpProblem (400)."""
    found = _one(headers, "Clew-Position", POSITION, "the number that a mutation answered with")
    return None if found is None else int(found)


def preferred_wait(headers: Headers) -> int | None:
    """The seconds of `Prefer: wait=N` (RFC 7240), capped. A preference that can't be understood is none."""
    for line in headers.getlist("Prefer"):
        for preference in line.split(","):
            found = WAIT.fullmatch(preference)
            if found is not None:
                return min(int(found[1]), LONGEST_WAIT_S)
    return None


def expected_versions(headers: Headers) -> tuple[int, ...] | None:
    """The versions of `If-Match`, compared strongly (RFC 9110, 13.1.1); None for any: there is no such header, or `*`."""
    wanted = _tags(headers, "If-Match")
    if wanted is None or "*" in wanted:
        return None
    return tuple(sorted(int(found[1]) for tag in wanted if (found := VERSION_TAG.fullmatch(tag))))


def known_versions(headers: Headers) -> frozenset[str]:
    """The entity tags of `If-None-Match`, compared weakly (RFC 9110, 13.1.2)."""
    return frozenset(tag.removeprefix("W/") for tag in _tags(headers, "If-None-Match") or ())


def _tags(headers: Headers, name: str) -> frozenset[str] | None:
    lines = headers.getlist(name)
    if not lines:
        return None
    text = ",".join(lines)
    return frozenset(("*",)) if text.strip() == "*" else frozenset(TAG.findall(text))


def _utf8(value: str) -> str:
    """A header that was read as Latin-1, as clients mean it that send names of people as UTF-8."""
    try:
        return value.encode("latin-1").decode("utf-8")
    except UnicodeError:
        return value


def _one(
    headers: Headers, name: str, form: re.Pattern[str], what: str, *, read: Callable[[str], str] = str
) -> str | None:
    values = [read(value) for value in headers.getlist(name)]
    if not values:
        return None
    if len(values) > 1 or not form.fullmatch(values[0]):
        raise HttpProblem(400, "INVALID_HEADER", f"The header {name} must be given once, as {what}.")
    return values[0]
