"""Keys that stand twice in an object of a JSON text: decoders drop them in silence."""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import lru_cache
from itertools import pairwise
from typing import Final, NamedTuple

from domain.json_text import GAP, TEXT, skip_elements, skip_gap, unquoted

LEVELS: Final = 130
"""Containers inside one another: no text is taken that has more than 128."""

_BETWEEN: Final = rf'(?:[^"{{}}]++|{TEXT}(?!{GAP}:))'


def _of_one_key(levels: int) -> str:
    """Objects with one key each, inside one another."""
    inner = rf"|{_of_one_key(levels - 1)}" if levels else ""
    return rf"\{{{GAP}{TEXT}{GAP}:(?:{_BETWEEN}{inner})*+\}}"


def _of_different_keys() -> str:
    """Objects of two or three keys, none of them with an escape, that hold no other object."""
    key, rest = r'"[^"\\]*+"', rf"{GAP}:{_BETWEEN}*+"
    pair = rf"(?P<one>{key}){rest}(?!(?P=one){GAP}:)(?P<two>{key}){rest}"
    return rf"\{{{GAP}{pair}(?:(?!(?P=one){GAP}:|(?P=two){GAP}:){key}{rest})?+\}}"


# Only braces and keys are looked at one by one. Everything between, small objects of different keys included, is passed
# over in one go; and so is an object without another one in it, whose keys are compared together.
_TOKEN: Final = re.compile(
    rf"(?:{_BETWEEN}|{_of_one_key(3)}|{_of_different_keys()})*+"
    rf"(?:(?P<flat>\{{[^\"{{}}]*+(?:{TEXT}[^\"{{}}]*+)*+\}})"
    rf"|(?P<open>\{{){GAP}(?:(?P<first>{TEXT}){GAP}:)?+|(?P<next>{TEXT}){GAP}:|(?P<close>\}}(?:[^\"{{}}]*+\}})*+)|\Z)",
    re.DOTALL,
)
_KEY: Final = re.compile(rf"({TEXT}){GAP}:|{TEXT}", re.DOTALL)


class Duplicate(NamedTuple):
    """A key that stands in its object already: the way to it, where it stands, and where it stood first."""

    tokens: tuple[str | int, ...]
    offset: int
    first: int


def duplicates(text: str) -> Iterator[Duplicate]:
    """Each key of `text`, which is valid JSON, that stands before in the same object; in document order."""
    way = _Way(text)
    around: list[re.Match[str] | dict[str, int]] = []  # a match stands for an object of whose keys it holds the first
    for token in _TOKEN.finditer(text):
        kind = token.lastgroup
        if kind == "next":
            keys = around[-1]
            if not isinstance(keys, dict):
                keys = around[-1] = {unquoted(keys["first"]): keys.start("first")}
            key, start = unquoted(token["next"]), token.start("next")
            first = keys.setdefault(key, start)
            if first != start:
                yield Duplicate((*way.to(start), key), start, first)
        elif kind in ("first", "open"):
            around.append(token if kind == "first" else {})
        elif kind == "close":
            del around[-token["close"].count("}") :]
        elif kind == "flat" and _may_repeat(token["flat"]):
            for key, start, first in _repeated_in(text, token.span("flat")):
                yield Duplicate((*way.to(start), key), start, first)


def _may_repeat(flat: str) -> bool:
    """Whether an object that holds no other may have a key twice. Texts that are no keys count as empty ones."""
    keys = _KEY.findall(flat)
    different = set(keys)
    return (
        len(different) != len(keys) and len(different) - ("" in different) != len(keys) - keys.count("")
    ) or "\\" in flat


def _repeated_in(text: str, span: tuple[int, int]) -> Iterator[tuple[str, int, int]]:
    seen: dict[str, int] = {}
    for found in _KEY.finditer(text, *span):
        if found[1] is not None:
            key, start = unquoted(found[1]), found.start()
            first = seen.setdefault(key, start)
            if first != start:
                yield key, start, first


class _Frame:
    """A container that is not closed yet: where it opens, and how many of its elements end before which place."""

    __slots__ = ("at", "index", "opening")

    def __init__(self, opening: int) -> None:
        self.opening = opening
        self.at = opening + 1
        self.index = 0


class _Way:
    """The way to places in a text, each further than the one before: what was passed is not looked at again."""

    def __init__(self, text: str) -> None:
        self._text = text
        # Escapes are overwritten by as many characters, so that a quote is always the beginning or end of a text.
        self._plain = text.replace("\\\\", "__").replace('\\"', "__")
        self._frames: list[_Frame] = []
        self._at = 0

    def to(self, place: int) -> tuple[str | int, ...]:
        """The keys and indexes that lead to the object in which a key begins at this place."""
        known = _patterns()
        while self._frames and (closed := known.closing.match(self._plain, self._at, place)) is not None:
            self._frames.pop()
            self._at = closed.end()
        self._frames += map(_Frame, self._openings(place))
        self._at = place
        return tuple(self._token(frame, child.opening) for frame, child in pairwise(self._frames))

    def _openings(self, place: int) -> list[int]:
        """Where the containers open that are open at the place and were not before.

        Found backwards: every container that closes in the part has opened in it, so that nothing is tried in vain.
        """
        backwards = self._plain[self._at : place][::-1]
        found: list[int] = []
        at = 0
        while (match := _patterns().opening.match(backwards, at)) is not None:
            at = match.end()
            found.append(place - at)
        return found[::-1]

    def _token(self, frame: _Frame, child: int) -> str | int:
        if self._text[frame.opening] == "[":
            frame.at, passed = skip_elements(self._text, skip_gap(self._text, frame.at), child, before=child)
            frame.index += passed
            return frame.index
        colon = self._plain.rindex(":", 0, child)
        end = self._plain.rindex('"', 0, colon)
        return unquoted(self._text[self._plain.rindex('"', 0, end) : end + 1])


class _Patterns(NamedTuple):
    closing: re.Pattern[str]
    opening: re.Pattern[str]


@lru_cache(maxsize=1)
def _patterns() -> _Patterns:
    """(everything up to the bracket that closes a container; backwards, up to the one that opens it)."""
    inside = '[^"\\[\\]{}]++|"[^"]*+"'
    closed = backwards = "(?!)"
    for _ in range(LEVELS):
        closed = rf"[\[{{](?:{inside}|{closed})*+[\]}}]"
        backwards = rf"[\]}}](?:{inside}|{backwards})*+[\[{{]"
    return _Patterns(
        re.compile(rf"(?:{inside}|{closed})*+[\]}}]", re.DOTALL),
        re.compile(rf"(?:{inside}|{backwards})*+[\[{{]", re.DOTALL),
    )
