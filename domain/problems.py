"""What is wrong with a definition, and where."""

from __future__ import annotations

from difflib import get_close_matches
from typing import TYPE_CHECKING, Literal

import msgspec

if TYPE_CHECKING:
    from collections.abc import Iterable


class Problem(msgspec.Struct, frozen=True, omit_defaults=True, kw_only=True, rename="camel"):
    """One thing a person should know about a document they sent.

    `path` is the JSON Pointer of the offending value (of a key: the pointer that ends in that key), `offset` the
    character of the text there that is meant, from 0. `line` and `column` count from 1, columns in characters;
    `end_column`, on the same line, is the one after the last that is meant. They are filled in from the source text by
    whoever has it.
    """

    code: str
    path: str
    message: str
    severity: Literal["error", "warning"] = "error"
    nearest: str | None = None
    line: int | None = None
    column: int | None = None
    end_column: int | None = None
    offset: int | None = None


def nearest(name: str, known: Iterable[str]) -> str | None:
    """The known name that `name` was most probably meant to be, or None."""
    found = all_near(name, known, most=1)
    return found[0] if found else None


def all_near(name: str, known: Iterable[str], *, most: int = 3) -> list[str]:
    """The known names that `name` may have been meant to be, the nearest first."""
    return get_close_matches(name, list(known), n=most, cutoff=0.6)


def pointer(*tokens: str | int) -> str:
    """The JSON Pointer (RFC 6901) of a sequence of keys and indexes."""
    return "".join("/" + str(token).replace("~", "~0").replace("/", "~1") for token in tokens)
