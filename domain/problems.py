"""What is wrong with a definition, and where."""

from __future__ import annotations

from difflib import SequenceMatcher
from itertools import islice
from typing import TYPE_CHECKING, Final, Literal

import msgspec

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable

LONGEST_NAME: Final = 48  # characters; of a longer name it is not asked which one was meant
MOST_NAMES: Final = 1_000  # nor among more names
LIKELY: Final = 4  # names that are looked at closely
ALIKE: Final = 0.6  # of 1, by difflib's measure


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


class Untold(Problem, frozen=True, kw_only=True):
    """That there are `count` more problems than are told."""

    count: int


def nearest(name: str, known: Iterable[str]) -> str | None:
    """The known name that `name` was most probably meant to be, or None."""
    found = all_near(name, known, most=1)
    return found[0] if found else None


def all_near(name: str, known: Iterable[str], *, most: int = 3) -> list[str]:
    """The known names that `name` may have been meant to be, the nearest first."""
    names = list(islice(known, MOST_NAMES + 1))
    if not _may_be_meant(name, names):
        return []
    letters = set(name)
    shared = sorted(
        ((len(letters & set(other)) / len(letters | set(other)), other) for other in names if _is_as_long(name, other)),
        reverse=True,
    )
    compared = SequenceMatcher(b=name)
    alike: list[tuple[float, str]] = []
    for _, other in shared[: LIKELY + most]:
        compared.set_seq1(other)
        alike.append((compared.ratio(), other))
    return [other for ratio, other in sorted(alike, reverse=True)[:most] if ratio >= ALIKE]


def effort(name: str, known: Collection[str]) -> int:
    """What looking for the nearest name costs, at worst: about a tenth of a microsecond each."""
    return len(known) * 10 + (LIKELY + 1) * len(name) ** 2 if _may_be_meant(name, known) else 1


def _may_be_meant(name: str, known: Collection[str]) -> bool:
    return 0 < len(name) <= LONGEST_NAME and len(known) <= MOST_NAMES


def _is_as_long(name: str, other: str) -> bool:
    """Whether the lengths alone leave it possible that the names are alike."""
    return 2 * min(len(name), len(other)) >= ALIKE * (len(name) + len(other))


def pointer(*tokens: str | int) -> str:
    """The JSON Pointer (RFC 6901) of a sequence of keys and indexes."""
    return "".join([f"/{token}" if type(token) is int else "/" + _escaped(str(token)) for token in tokens])


def _escaped(token: str) -> str:
    return token.replace("~", "~0").replace("/", "~1") if "~" in token or "/" in token else token
