"""JSON values as lines, with what is marked in sight and what is large in short."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final, NamedTuple

import msgspec

from domain.problems import pointer as joined
from interfaces.cli.wording import plain

OPENED: Final = 40
"""A container with no more values than this in all is shown whole."""
CHILDREN: Final = 60
"""Children of one container that are shown, besides those that are marked and their neighbours."""
NEIGHBOURS: Final = 2
LONGEST: Final = 200
"""Characters of one value."""


class TreeLine(NamedTuple):
    """A line: the pointer of what it shows, how deep that is, its text, and its mark, if any."""

    pointer: str
    depth: int
    text: str
    mark: str


class Marks:
    """What is to be in sight: marks by pointer, and what is gone, with its value, by the pointer it had.

    What stands under `opened` is shown below it, not beside it.
    """

    def __init__(
        self, by_pointer: Mapping[str, str], gone: Mapping[str, Any] | None = None, *, opened: str | None = None
    ) -> None:
        self.opened = opened
        self.by_pointer = by_pointer
        self.gone: dict[str, list[tuple[str, Any]]] = {}
        """By the pointer of what it was in: the name that it had there, and its value."""
        self._below: dict[str, set[str]] = {}
        for pointer, value in (gone or {}).items():
            parent, _, token = pointer.rpartition("/")
            self.gone.setdefault(parent, []).append((token.replace("~1", "/").replace("~0", "~"), value))
            self._leads(parent)
        for pointer in by_pointer:
            self._leads(pointer)

    def _leads(self, pointer: str) -> None:
        self._below.setdefault(pointer, set())
        while pointer:
            pointer, _, token = pointer.rpartition("/")
            self._below.setdefault(pointer, set()).add(token.replace("~1", "/").replace("~0", "~"))

    def leads_to(self, pointer: str) -> bool:
        """Whether something below is marked or gone."""
        return bool(self._below.get(pointer)) or pointer in self.gone

    def below(self, pointer: str) -> set[str]:
        """The names right below that are marked or lead to what is."""
        return self._below.get(pointer, set())


def tree(value: Mapping[str, Any], marks: Marks) -> list[TreeLine]:
    """The lines of an object. How many there are depends on what is marked, hardly on how large it is."""
    return list(_children(value, "", 0, marks, marks.by_pointer.get("", "")))


def _children(value: Any, pointer: str, depth: int, marks: Marks, mark: str) -> Iterator[TreeLine]:
    keys: Sequence[Any] = list(value) if isinstance(value, Mapping) else range(len(value))
    for index, hidden in _chosen(keys, marks.below(pointer)):
        if hidden:
            yield TreeLine(pointer, depth, f"… {hidden:,} more", "")
        else:
            key = keys[index]
            yield from _lines(str(key), value[key], pointer + joined(key), depth, marks, mark)
    for name, old in marks.gone.get(pointer, ()):
        yield TreeLine(pointer, depth, f"{plain(name)}: {short(old)}", "-")


def _chosen(keys: Sequence[Any], wanted: set[str]) -> Iterator[tuple[int, int]]:
    """(index, 0) of each child to show, in order, and (index, how many) where some are left out."""
    shown = set(range(min(len(keys), CHILDREN)))
    if len(keys) > CHILDREN and wanted:
        for index, key in enumerate(keys):
            if str(key) in wanted:
                shown.update(range(max(index - NEIGHBOURS, 0), min(index + NEIGHBOURS + 1, len(keys))))
    before = -1
    for index in (*sorted(shown), len(keys)):
        if index > before + 1:
            yield index, index - before - 1
        if index < len(keys):
            yield index, 0
        before = index


def _lines(name: str, value: Any, pointer: str, depth: int, marks: Marks, inherited: str) -> Iterator[TreeLine]:
    mark = marks.by_pointer.get(pointer, inherited)
    label = plain(name)
    if isinstance(value, dict | list) and value:
        whole = _inline(value)
        leads = marks.leads_to(pointer) or pointer == marks.opened
        if leads or (whole is None and _is_small(value)):
            yield TreeLine(pointer, depth, f"{label}:", mark)
            yield from _children(value, pointer, depth + 1, marks, mark)
            return
        yield TreeLine(pointer, depth, f"{label}: {whole if whole is not None else short(value)}", mark)
        return
    yield TreeLine(pointer, depth, f"{label}: {short(value)}", mark)


def short(value: Any) -> str:
    """A value in a few characters."""
    if isinstance(value, dict) and _inline(value) is None:
        return f"{{{len(value):,} keys}}"
    if isinstance(value, list) and _inline(value) is None:
        return f"[{len(value):,} items]"
    if isinstance(value, str) and len(value) > LONGEST:
        return plain(f"{msgspec.json.encode(value[:LONGEST]).decode()[:-1]}… ({len(value):,} characters)", longest=300)
    return plain(msgspec.json.encode(value).decode(), longest=LONGEST)


INLINE: Final = 40
"""Characters of a container that is shown on its line."""


def _inline(value: Any) -> str | None:
    """A small container on one line; None when it is larger."""
    if not _is_small(value):
        return None
    text = msgspec.json.encode(value).decode()
    return plain(text) if len(text) <= INLINE else None


def _is_small(value: Any) -> bool:
    """Whether it has few values in all; looks at no more of them than that."""
    seen = 0
    waiting = [value]
    while waiting:
        seen += 1
        if seen > OPENED:
            return False
        each = waiting.pop()
        if isinstance(each, dict):
            if len(each) > OPENED:
                return False
            waiting.extend(each.values())
        elif isinstance(each, list):
            if len(each) > OPENED:
                return False
            waiting.extend(each)
        elif isinstance(each, str) and len(each) > LONGEST:
            return False
    return True
