"""JSON Pointers (RFC 6901) that people write: whether one is well formed, and where it is not."""

from __future__ import annotations

from typing import Final

import msgspec

from domain.errors import Unacceptable
from domain.json import MAX_DEPTH
from domain.problems import Problem

LONGEST: Final = 8_192
"""Characters of a pointer that is taken."""
DEEPEST: Final = 2 * MAX_DEPTH
"""Its parts: no state is nested deeper."""
SHOWN: Final = 80
"""Characters of it in a message."""
ESCAPED: Final = ("0", "1")


def checked(text: str, where: str, *, offset: int = 0) -> str:
    """The pointer itself, which is well formed: empty, or `/` before each part, in which `~1` is `/` and `~0` is `~`.

    `where` is what it was given as (`?pointer`), `offset` where it begins in there. Raises Unacceptable, whose problem
    says at which character it goes wrong.
    """
    shown = text if len(text) <= SHOWN else f"{text[:SHOWN]}…"
    if len(text) > LONGEST or text.count("/") > DEEPEST:
        raise invalid(f"A pointer has at most {LONGEST:,} characters and {DEEPEST} parts; this one has more.", where)
    if not text.isascii() and any("\ud800" <= char <= "\udfff" for char in text):
        raise invalid("Half a character is none: no key has it.", where)
    if text and not text.startswith("/"):
        raise invalid(f"{shown} is no JSON Pointer: it begins with `/`, as in /{shown}.", where, offset=offset)
    at = text.find("~")
    while at >= 0:
        if text[at + 1 : at + 2] not in ESCAPED:
            message = f"{shown} is no JSON Pointer: write the `~` at character {at + 1} as `~0`, or `~1` if it is to be a `/`."
            raise invalid(message, where, offset=offset + at)
        at = text.find("~", at + 1)
    return text


def listed(text: str, where: str) -> list[str]:
    """The pointers in a text: a comma in front of a `/` stands between two, any other is part of a key; or a JSON array.

    Raises Unacceptable.
    """
    if text.startswith("["):
        try:
            return msgspec.json.decode(text, type=list[str])
        except (msgspec.MsgspecError, UnicodeEncodeError) as error:
            raise invalid(f"This is no JSON array of pointers: {error}.", where) from error
    found: list[str] = []
    offset = 0
    for part in text.split(",/"):
        pointer = f"/{part}" if found else part
        found.append(checked(pointer, where, offset=offset))
        offset += len(pointer) + 1
    return found


def invalid(message: str, where: str, *, offset: int | None = None) -> Unacceptable:
    """The refusal of a pointer."""
    problem = Problem(code="INVALID_POINTER", path=where, message=message, offset=offset)
    return Unacceptable(message, code="INVALID_POINTER", details=[problem])
