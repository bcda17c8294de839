"""Where in a source text the problems of its document stand, and how to show the place to a person.

The text is parsed again, by tree-sitter, and only when there is something to say about it.
"""

from __future__ import annotations

import json
import re
import unicodedata
from itertools import islice
from typing import TYPE_CHECKING, Final, NamedTuple

import msgspec
import tree_sitter_json
from tree_sitter import Language, Node, Parser

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from domain.problems import Problem

EXCERPT_CHARACTERS: Final = 100

_JSON: Final = Language(tree_sitter_json.language())
_INDEX: Final = re.compile(r"0|[1-9][0-9]{0,8}")
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
    spans = _spans(text, unplaced)
    places = _places(text, (byte for span in spans.values() for byte in span))
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


# -- from pointers to bytes -------------------------------------------------------------------------------------------


class _Branch:
    """The pointers that go through one place of the document: those that end here, and those that go on, by token."""

    __slots__ = ("below", "ending")

    def __init__(self) -> None:
        self.ending: list[str] = []
        self.below: dict[str, _Branch] = {}


class _Spot(NamedTuple):
    """A place of the document: the bytes of a key or of the beginning of an element, and the value there."""

    start: int
    end: int
    value: Node | None


def _spans(text: bytes, wanted: Iterable[tuple[str, int | None]]) -> dict[tuple[str, int | None], tuple[int, int]]:
    """Of each pointer, and character of the text there, the bytes that are meant."""
    offsets: dict[str, list[int]] = {}
    for path, offset in wanted:
        offsets.setdefault(path, []).extend([] if offset is None else [offset])
    spans: dict[tuple[str, int | None], tuple[int, int]] = {}
    for path, spot in _spots(text, offsets).items():
        spans[path, None] = (spot.start, spot.end)
        spans.update({(path, offset): span for offset, span in _inside(spot, offsets[path]).items()})
    return spans


def _inside(spot: _Spot, offsets: list[int]) -> dict[int, tuple[int, int]]:
    """Of characters of a text, the bytes at which the word begins and ends that stands there."""
    if spot.value is None or spot.value.type != "string":
        return dict.fromkeys(offsets, (spot.start, spot.end))
    first = spot.value.start_byte + 1
    content = (spot.value.text or b"")[1:-1].decode("utf-8", "replace")
    starts = [found.start() for found in islice(_CHARACTER.finditer(content), max(offsets, default=0) + 1)]
    spans = {}
    for offset in offsets:
        at = starts[offset] if offset < len(starts) else len(content)
        word = _WORD.match(content, at)
        size = len(word[0].encode()) if word is not None else 1  # at the end it is the closing quote
        begin = first + len(content[:at].encode())
        spans[offset] = (begin, begin + size)
    return spans


def _spots(text: bytes, paths: Iterable[str]) -> dict[str, _Spot]:
    """The place of each pointer; containers that no pointer enters are not looked at."""
    spots: dict[str, _Spot] = {}
    document = Parser(_JSON).parse(text).root_node
    value = document.named_child(0) if document.named_child_count else None
    todo: list[tuple[_Spot, _Branch]] = [(_Spot(0, 1, value), _branches(paths))]
    while todo:
        spot, branch = todo.pop()
        for path in branch.ending:
            spots[path] = spot
        if branch.below:
            found = _children(spot.value, branch.below.keys())
            for token, below in branch.below.items():
                todo.append((found.get(token, spot._replace(value=None)), below))
    return spots


def _branches(paths: Iterable[str]) -> _Branch:
    root = _Branch()
    for path in paths:
        branch = root
        for token in path.split("/")[1:]:
            branch = branch.below.setdefault(token.replace("~1", "/").replace("~0", "~"), _Branch())
        branch.ending.append(path)
    return root


def _children(node: Node | None, tokens: Iterable[str]) -> dict[str, _Spot]:
    """Those of `tokens` that `node` has."""
    found: dict[str, _Spot] = {}
    if node is None:
        return found
    if node.type == "object":
        for pair in node.named_children:
            key = pair.child_by_field_name("key")
            if key is not None and (name := _text(key)) in tokens:
                found[name] = _Spot(key.start_byte, key.end_byte, pair.child_by_field_name("value"))
    elif node.type == "array":
        for token in tokens:
            if _INDEX.fullmatch(token) and int(token) < node.named_child_count:
                element = node.named_child(int(token))
                if element is not None:
                    is_long = element.type in ("object", "array") and element.named_child_count > 0
                    end = element.start_byte + 1 if is_long else element.end_byte
                    found[token] = _Spot(element.start_byte, end, element)
    return found


def _text(key: Node) -> str:
    literal = (key.text or b"").decode("utf-8", "replace")
    if "\\" not in literal:
        return literal[1:-1]
    try:
        return str(json.loads(literal))
    except ValueError:  # only in a text that is not JSON
        return literal[1:-1]


# -- from bytes to lines and columns ----------------------------------------------------------------------------------


def _places(text: bytes, offsets: Iterable[int]) -> dict[int, tuple[int, int]]:
    """Line and column of each byte, in one pass over the text: a line may be as long as the document."""
    places: dict[int, tuple[int, int]] = {}
    line, column, at = 1, 1, 0
    for offset in sorted(set(offsets)):
        passed = text[at:offset]
        breaks = passed.count(b"\n")
        if breaks:
            line, column = line + breaks, 1
        column += len(passed[passed.rfind(b"\n") + 1 :].decode("utf-8", "replace"))
        places[offset] = (line, column)
        at = offset
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
