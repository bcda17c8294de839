"""Where in a source text the problems of its document stand, and how to show the place to a person.

The text is parsed again, by tree-sitter, and only when there is something to say about it.
"""

from __future__ import annotations

import json
import re
import unicodedata
from typing import TYPE_CHECKING

import msgspec
import tree_sitter_json
from tree_sitter import Language, Node, Parser

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from domain.problems import Problem

EXCERPT_CHARACTERS = 100

_JSON = Language(tree_sitter_json.language())
_INDEX = re.compile(r"0|[1-9][0-9]{0,8}")


def locate(text: bytes, problems: Sequence[Problem]) -> tuple[Problem, ...]:
    """The same problems, in the same order, with line and column (in characters) set.

    A pointer that ends in a key gets the place of the key, one that ends in an index the place of the element, the
    root 1:1; one that goes further than the document does, the deepest place that exists. Of a key that stands twice
    it is the last one, whose value counts. A problem that has a place already keeps it. `text` is a document that
    `parse_definition` takes; in any other the places are only as good as the text is sound.
    """
    unplaced = {problem.path for problem in problems if problem.line is None or problem.column is None}
    if not unplaced:
        return tuple(problems)
    offsets = _offsets(text, unplaced)
    places = _places(text, offsets.values())
    located = []
    for problem in problems:
        if problem.line is None or problem.column is None:
            line, column = places[offsets[problem.path]]
            located.append(msgspec.structs.replace(problem, line=line, column=column))
        else:
            located.append(problem)
    return tuple(located)


def excerpt(text: bytes, line: int, column: int) -> str:
    """That line of `text` with its number, and under it a caret below `column`; two lines without a final break.

    A long line is cut around the column. Tabs are shown as one space and other characters that don't print (or that
    would move the cursor) as a dot, so that the caret stands right and a terminal can't be written to.
    """
    lines = text.split(b"\n", max(line, 1))
    number = min(max(line, 1), len(lines))
    source = lines[number - 1].decode("utf-8", "replace").rstrip("\r")
    at = min(max(column, 1), len(source) + 1) - 1
    start = max(min(at - EXCERPT_CHARACTERS // 2, len(source) - EXCERPT_CHARACTERS), 0)
    end = start + EXCERPT_CHARACTERS
    before = ("…" if start else "") + _printable(source[start:at])
    after = _printable(source[at:end]) + ("…" if end < len(source) else "")
    margin = " " * len(str(number))
    return f"{number} | {before}{after}".rstrip() + f"\n{margin} | {' ' * _width(before)}^"


# -- from pointers to bytes -------------------------------------------------------------------------------------------


class _Branch:
    """The pointers that go through one place of the document: those that end here, and those that go on, by token."""

    __slots__ = ("below", "ending")

    def __init__(self) -> None:
        self.ending: list[str] = []
        self.below: dict[str, _Branch] = {}


def _offsets(text: bytes, paths: Iterable[str]) -> dict[str, int]:
    """Of each pointer, the byte at which its place begins; containers that no pointer enters are not looked at."""
    offsets: dict[str, int] = {}
    document = Parser(_JSON).parse(text).root_node
    value = document.named_child(0) if document.named_child_count else None
    todo: list[tuple[Node | None, int, _Branch]] = [(value, 0, _branches(paths))]
    while todo:
        node, offset, branch = todo.pop()
        for path in branch.ending:
            offsets[path] = offset
        if branch.below:
            found = _children(node, branch.below.keys())
            for token, below in branch.below.items():
                child, place = found.get(token, (None, offset))
                todo.append((child, place, below))
    return offsets


def _branches(paths: Iterable[str]) -> _Branch:
    root = _Branch()
    for path in paths:
        branch = root
        for token in path.split("/")[1:]:
            branch = branch.below.setdefault(token.replace("~1", "/").replace("~0", "~"), _Branch())
        branch.ending.append(path)
    return root


def _children(node: Node | None, tokens: Iterable[str]) -> dict[str, tuple[Node | None, int]]:
    """Those of `tokens` that `node` has: the value under each, and the byte at which its key or it itself begins."""
    found: dict[str, tuple[Node | None, int]] = {}
    if node is None:
        return found
    if node.type == "object":
        for pair in node.named_children:
            key = pair.child_by_field_name("key")
            if key is not None and (name := _text(key)) in tokens:
                found[name] = (pair.child_by_field_name("value"), key.start_byte)
    elif node.type == "array":
        for token in tokens:
            if _INDEX.fullmatch(token) and int(token) < node.named_child_count:
                element = node.named_child(int(token))
                if element is not None:
                    found[token] = (element, element.start_byte)
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
    """Columns of a terminal: two for wide characters, none for marks that combine with the one before."""
    return sum(2 if unicodedata.east_asian_width(char) in "WF" else not unicodedata.combining(char) for char in text)
