"""What stands where in a JSON text, found without decoding it: in C, by patterns that never look twice."""

from __future__ import annotations

import json
import re
from functools import lru_cache
from typing import Final, NamedTuple

TEXT: Final = r'"[^"\\]*+(?:\\.[^"\\]*+)*+"'
GAP: Final = r"[ \t\r\n]*+"
LEVELS: Final = 128
"""Containers inside one another that the patterns pass over in one go."""
MANY: Final = 1_000

_BRACKETS: Final = bytes.maketrans(b"{}", b"[]")
_NO_BRACKETS: Final = bytes(set(range(256)) - set(b"[]{}"))


class Skeleton:
    """A JSON text without the insides of its texts, of each of which one quote is left: its brackets, numbers and signs.

    Exact up to the first syntax error.
    """

    def __init__(self, source: bytes) -> None:
        # Escapes are overwritten by as many bytes, so that lengths stay true.
        plain = source.replace(b"\\\\", b"__").replace(b'\\"', b"__") if b"\\" in source else source
        self._pieces = plain.split(b'"')
        self.bones = b'"'.join(self._pieces[::2])

    def offset(self, at: int) -> int:
        """Where the byte `at` of the bones stands in the source."""
        texts_before = self.bones.count(b'"', 0, at)
        return at + texts_before + sum(map(len, self._pieces[1 : 2 * texts_before : 2]))

    def deeper_than(self, limit: int) -> bool:
        """Whether containers are nested deeper, or not closed."""
        if self.bones.count(b"[") + self.bones.count(b"{") <= limit:
            return False
        return _closed(limit).fullmatch(self.bones.translate(_BRACKETS, _NO_BRACKETS)) is None


@lru_cache(maxsize=16)
def _closed(levels: int) -> re.Pattern[bytes]:
    """Brackets that all close, at most so deep."""
    pattern = rb"\[\]"
    for _ in range(levels - 1):
        pattern = rb"\[(?:" + pattern + rb")*+\]"
    return re.compile(rb"(?:" + pattern + rb")*+")


class _Patterns(NamedTuple):
    """What a sound JSON text consists of. Elements have their comma."""

    value: re.Pattern[str]
    many_elements: re.Pattern[str]
    element: re.Pattern[str]


@lru_cache(maxsize=1)
def _patterns() -> _Patterns:
    """The patterns, which take some milliseconds to make."""
    container = _FLAT
    for _ in range(LEVELS - 1):
        container = rf"[\[{{](?:{_INSIDE}|{container})*+[\]}}]"
    value = rf"(?:{TEXT}|{_SCALAR}|{container})"
    element = rf"{value}{GAP},{GAP}"
    found = (value, rf"(?:{element}){{{MANY}}}+", element)
    return _Patterns(*(re.compile(pattern, re.DOTALL) for pattern in found))


_SCALAR: Final = r'[^"\[\]{},: \t\r\n]++'
_INSIDE: Final = rf'[^"\[\]{{}}]++|{TEXT}'
_FLAT: Final = rf"[\[{{](?:{_INSIDE})*+[\]}}]"
FLAT_VALUE: Final = rf"(?:{TEXT}|{_SCALAR}|{_FLAT})"
"""A value that holds no container in a container."""
_KEY: Final = re.compile(rf"({TEXT}){GAP}:{GAP}", re.DOTALL)
_BLANKS: Final = re.compile(GAP)
_MARK: Final = re.compile(rf"{TEXT}|[\[\]{{}}]", re.DOTALL)


def end_of(text: str, start: int) -> int:
    """Where the value that begins at `start` ends; -1 if it does not."""
    found = _patterns().value.match(text, start)
    if found is not None:
        return found.end()
    depth = 0  # nested deeper than the pattern
    for mark in _MARK.finditer(text, start):
        depth += (mark[0] in "[{") - (mark[0] in "]}")
        if depth <= 0:
            return mark.end()
    return -1


def skip_gap(text: str, at: int) -> int:
    """Where the blanks that begin there end."""
    found = _BLANKS.match(text, at)
    return found.end() if found is not None else at


def skip_elements(text: str, at: int, count: int, before: int | None = None) -> tuple[int, int]:
    """Pass over elements of a list with their commas, at most so many and only what ends before some place.

    (Where the next element begins, how many were passed.)
    """
    before, passed, known = len(text) if before is None else before, 0, _patterns()
    while count - passed >= MANY and (found := known.many_elements.match(text, at, before)) is not None:
        at, passed = found.end(), passed + MANY
    while passed < count and (found := known.element.match(text, at, before)) is not None:
        at, passed = found.end(), passed + 1
    return at, passed


def key_at(text: str, at: int) -> re.Match[str] | None:
    """The key that begins there, as group 1, with its colon; None at the end of an object."""
    return _KEY.match(text, at)


def unquoted(literal: str) -> str:
    """The text that a JSON text literal stands for; of one that is broken, what is between the quotes."""
    if "\\" not in literal:
        return literal[1:-1]
    try:
        return str(json.loads(literal))
    except ValueError:
        return literal[1:-1]
