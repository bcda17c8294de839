"""Finding the few elements of a value that may hold something to resolve, among very many that don't."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

from domain import json
from domain.value_forms import Value

FEW: Final = 8
"""Elements that are looked at one by one."""
MAX_ENCODED: Final = 4_194_304
"""Bytes that are looked at many elements at a time; beyond, which takes lists in lists in lists, each is looked at alone."""


class Search:
    """Looks at many elements at once by their JSON: that is fast, and most lists hold no `$` and no `{{` anywhere."""

    def __init__(self) -> None:
        self._left = MAX_ENCODED

    def doubtful(self, elements: list[Any]) -> Iterator[int]:
        """The indexes of the elements that may hold something to resolve, in order."""
        ranges = [(0, len(elements))]
        while ranges:
            first, end = ranges.pop()
            if end - first <= FEW or self._left < 0:
                yield from (at for at in range(first, end) if _may_hold_something(elements[at]))
            elif not self._is_plain(elements[first:end]):
                middle = (first + end) // 2
                ranges += [(middle, end), (first, middle)]

    def _is_plain(self, elements: list[Any]) -> bool:
        try:
            encoded = json.encode(elements)
        except (TypeError, ValueError, OverflowError, RecursionError):  # not JSON, which is for others to say
            return False
        self._left -= len(encoded)
        return b"$" not in encoded and b"{{" not in encoded


def is_plain_text(text: str) -> bool:
    """Whether a text means itself whatever surrounds it."""
    return "$" not in text and "{{" not in text


def _may_hold_something(value: Any) -> bool:
    if isinstance(value, str):
        return not is_plain_text(value)
    return bool(value) if isinstance(value, list | dict) else isinstance(value, Value)
