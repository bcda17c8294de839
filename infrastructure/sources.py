"""Where in a source text the problems of its document stand, and how to show the place to a person.

The text is gone through again, once, and only when there is something to say about it.
"""

from __future__ import annotations

import re
import unicodedata
from itertools import islice
from typing import TYPE_CHECKING, Final

import msgspec

from domain.document import DUPLICATE_KEY
from domain.json_text import end_of
from infrastructure.spots import Spot, spots

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from domain.problems import Problem

EXCERPT_CHARACTERS: Final = 100

_CHARACTER: Final = re.compile(
    r"\\u[dD][89abAB][0-9a-fA-F]{2}\\u[dD][c-fC-F][0-9a-fA-F]{2}|\\u[0-9a-fA-F]{4}|\\.|.", re.DOTALL
)
"""A character of a JSON text, as it is written."""
_WORD: Final = re.compile(r"\$(?:\.?\w+|\[\w+\])+|\w+|[&|=!<>*/]+|" + _CHARACTER.pattern, re.DOTALL)
"""What is underlined from a character of an expression on: a path, a name, a number, an operator."""
_TOKEN: Final = re.compile(r'"(?:[^"\\]|\\.)*"|[\w.+-]+')
"""What is underlined from a place on of which nothing more is known."""


def locate(text: bytes, problems: Sequence[Problem]) -> tuple[Problem, ...]:
    """The same problems, in the same order, with line and columns (in characters) set.

    A pointer that ends in a key gets the place of the key, one that ends in an index the place of the element (of a
    container: its bracket), the root 1:1; one that goes further than the document does, the deepest place that exists.
    With an `offset`, it is the place of that character in the text there, however it is escaped. Of a key that stands
    twice it is the last one, whose value counts. A problem that has a place already keeps it. `text` is a document that
    `parse_definition` takes; in any other the places are only as good as the text is sound.
    """
    unplaced = {(each.path, each.offset) for each in problems if each.line is None or each.column is None}
    if not unplaced:
        return tuple(problems)
    source = text.decode("utf-8", "replace")
    repeated = any(problem.code == DUPLICATE_KEY for problem in problems)
    spans = _spans(source, unplaced, repeated=repeated)
    places = _places(source, (at for span in spans.values() for at in span))
    located = []
    for problem in problems:
        if problem.line is None or problem.column is None:
            start, end = spans[problem.path, problem.offset]
            (line, column), (end_line, end_column) = places[start], places[end]
            after = end_column if end_line == line and end_column > column else column + 1
            located.append(msgspec.structs.replace(problem, line=line, column=column, end_column=after))
        else:
            located.append(problem)
    return tuple(located)


def excerpt(text: bytes, line: int, column: int, end_column: int | None = None) -> str:
    """That line of `text` with its number, and under it carets from `column` up to `end_column`: two lines without a
    final break. Without an end, what begins at the column is underlined, if it is a word or a quoted text.

    A long line is cut around the column. Tabs are shown as one space and other characters that don't print (or that
    would move the cursor) as a dot, so that the carets stand right and a terminal can't be written to.
    """
    lines = text.split(b"\n", max(line, 1))
    number = min(max(line, 1), len(lines))
    source = lines[number - 1].decode("utf-8", "replace").rstrip("\r")
    at = min(max(column, 1), len(source) + 1) - 1
    start = max(min(at - EXCERPT_CHARACTERS // 2, len(source) - EXCERPT_CHARACTERS), 0)
    end = start + EXCERPT_CHARACTERS
    before = ("…" if start else "") + _printable(source[start:at])
    after = _printable(source[at:end]) + ("…" if end < len(source) else "")
    meant = _printable(source[at : min(_end(source, at, end_column), end)])
    margin = " " * len(str(number))
    carets = "^" * max(_width(meant), 1)
    return f"{number} | {before}{after}".rstrip() + f"\n{margin} | {' ' * _width(before)}{carets}"


def _end(source: str, at: int, end_column: int | None) -> int:
    if end_column is not None:
        return max(end_column - 1, at + 1)
    found = _TOKEN.match(source, at)
    return found.end() if found is not None else at + 1


# -- from pointers to characters ---------------------------------------------------------------------------------------

_Wanted = tuple[str, "int | None"]
_Span = tuple[int, int]


def _spans(text: str, wanted: Iterable[_Wanted], *, repeated: bool) -> dict[_Wanted, _Span]:
    """Of each pointer, and character of the text there, what is meant."""
    offsets: dict[str, list[int]] = {}
    for path, offset in wanted:
        offsets.setdefault(path, []).extend([] if offset is None else [offset])
    spans: dict[_Wanted, _Span] = {}
    for path, spot in spots(text, offsets, repeated=repeated).items():
        spans[path, None] = (spot.start, spot.end)
        spans.update({(path, offset): span for offset, span in _inside(text, spot, offsets[path]).items()})
    return spans


def _inside(text: str, spot: Spot, offsets: list[int]) -> dict[int, _Span]:
    """Of characters of a text, where the word begins and ends that stands there."""
    if spot.value is None or text[spot.value : spot.value + 1] != '"':
        return dict.fromkeys(offsets, (spot.start, spot.end))
    first, last = spot.value + 1, end_of(text, spot.value) - 1
    starts = [found.start() for found in islice(_CHARACTER.finditer(text, first, last), max(offsets, default=0) + 1)]
    spans = {}
    for offset in offsets:
        at = starts[offset] if offset < len(starts) else last
        word = _WORD.match(text, at, last)
        spans[offset] = (at, word.end() if word is not None else at + 1)  # at the end it is the closing quote
    return spans


# -- from characters to lines and columns -----------------------------------------------------------------------------


def _places(text: str, offsets: Iterable[int]) -> dict[int, tuple[int, int]]:
    """Line and column of each character, in one pass over the text: a line may be as long as the document."""
    places: dict[int, tuple[int, int]] = {}
    line, column, at = 1, 1, 0
    for offset in sorted(set(offsets)):
        breaks = text.count("\n", at, offset)
        column = offset - text.rfind("\n", at, offset) if breaks else column + offset - at
        line, at = line + breaks, offset
        places[offset] = (line, column)
    return places


# -- what a terminal shows --------------------------------------------------------------------------------------------


def _printable(text: str) -> str:
    return "".join(" " if char == "\t" else char if char.isprintable() else "·" for char in text)


def _width(text: str) -> int:
    """Columns of a terminal: two for wide characters, none for marks that stand on the one before."""
    return sum(
        2 if unicodedata.east_asian_width(char) in "WF" else unicodedata.category(char) not in ("Mn", "Me")
        for char in text
    )
