"""When two JSON values count as the same one, in a form that finds repeats in linear time."""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Sequence
from itertools import chain
from typing import Any

from domain.comparison import number


def key_of(value: Any) -> Hashable:
    """Equal for values that are equal as JSON (`1` and `1.0`, objects in any order; not `true` and `1`), else unequal."""
    if isinstance(value, bool):
        return ("boolean", value)
    if isinstance(value, list):
        return ("list", *map(key_of, value))
    if isinstance(value, dict):
        return ("object", frozenset((name, key_of(each)) for name, each in value.items()))
    key: Hashable = value
    return key


def keys_of(values: Sequence[Any], *, beside: Iterable[Any] = ()) -> list[Hashable]:
    """`key_of` each, but a numeric text that writes a number found among the values, or those beside them, has its key.

    So it is the comparison of NODES made transitive: with a `1` among them, `"1"` and `"1.0"` are the same too.
    """
    numbers = {value for value in chain(values, beside) if type(value) in (int, float)}
    return [_key(value, numbers) for value in values]


def without_repeats(values: Sequence[Any], keys: Sequence[Hashable]) -> list[Any]:
    """The first value of each key, in order."""
    seen: dict[Hashable, Any] = {}
    for value, key in zip(values, keys, strict=True):
        seen.setdefault(key, value)
    return list(seen.values())


def _key(value: Any, numbers: set[Any]) -> Hashable:
    if numbers and isinstance(value, str):
        written = number(value)
        return written if written is not None and written in numbers else value
    return key_of(value)
