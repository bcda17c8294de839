"""Comparison and truth of JSON values, the same for operators, nodes and conditions (NODES, "Comparison")."""

from __future__ import annotations

import re
from collections.abc import Mapping
from math import isfinite
from typing import Any, Final

from domain.expression_errors import expression_error

MAX_NUMERIC_TEXT: Final = 1_024  # characters; Python itself refuses whole numbers of more than 4,300 digits

_NUMERIC = re.compile(r"\s*([+-]?)((?:0|[1-9][0-9]*)(\.[0-9]+)?([eE][+-]?[0-9]+)?)\s*")


def kind(value: Any) -> str:
    """The name of the value's JSON type, for messages."""
    match value:
        case None:
            return "null"
        case bool():
            return "a boolean"
        case int() | float():
            return "a number"
        case str():
            return "a text"
        case list():
            return "a list"
        case Mapping():
            return "an object"
        case _:
            return f"something that is not JSON ({type(value).__name__})"


def number(value: Any) -> int | float | None:
    """The value as a number: a finite one, or a text that is a JSON number, with sign and blanks allowed."""
    if isinstance(value, bool):
        return None
    if isinstance(value, int):
        return value
    if isinstance(value, float):
        return value if isfinite(value) else None
    return _numeric_text(value) if isinstance(value, str) else None


def equal(left: Any, right: Any) -> bool:
    """JSON equality: `1 == 1.0`, `true != 1`; a numeric text equals the number that it writes.

    Inside lists and objects a text equals only a text.
    """
    if isinstance(left, str) and _is_number(right):
        return bool(_numeric_text(left) == right)
    if isinstance(right, str) and _is_number(left):
        return bool(_numeric_text(right) == left)
    return _same(left, right)


def order(left: Any, right: Any) -> int:
    """-1, 0 or 1. Texts by code point; a numeric text against a number as number. Anything else is EXPRESSION_ERROR."""
    if isinstance(left, str) and isinstance(right, str):
        return (left > right) - (left < right)
    one, other = number(left), number(right)
    if one is None or other is None:
        raise expression_error(
            f"{_shown(left)} and {_shown(right)} have no order: compare numbers with numbers, or texts with texts."
        )
    return (one > other) - (one < other)


def truth(value: Any) -> bool:
    """False for null, false, 0, the empty text, the empty list and the empty object; true for everything else."""
    return bool(value)


def contains(container: Any, element: Any) -> bool:
    """Whether a list has an element equal to it, a text has that text in it, an object has that key.

    Anything else is EXPRESSION_ERROR.
    """
    if isinstance(container, list):
        if isinstance(element, str) and _numeric_text(element) is None:
            return element in container  # it equals only itself, and this needs no Python call for each
        return any(equal(each, element) for each in container)
    if isinstance(container, str) and isinstance(element, str):
        return element in container
    if isinstance(container, Mapping) and isinstance(element, str):
        return element in container
    if isinstance(container, str | Mapping):
        raise expression_error(f"Only a text can be in {kind(container)}, not {kind(element)}.")
    raise expression_error(f"Nothing can be in {kind(container)}: `in` takes a list, a text or an object on its right.")


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _numeric_text(text: str) -> int | float | None:
    if len(text) > MAX_NUMERIC_TEXT:
        return None
    match = _NUMERIC.fullmatch(text)
    if match is None:
        return None
    sign, digits, fraction, exponent = match.groups()
    if fraction is None and exponent is None:
        return int(sign + digits)
    found = float(sign + digits)
    return found if isfinite(found) else None


def _same(left: Any, right: Any) -> bool:
    """Equality without conversion, by a worklist: values may be nested deeper than Python calls may be."""
    todo = [(left, right)]
    while todo:
        one, other = todo.pop()
        if isinstance(one, bool) or isinstance(other, bool):
            if one is not other:
                return False
        elif isinstance(one, list) and isinstance(other, list):
            if len(one) != len(other):
                return False
            todo.extend(zip(one, other, strict=True))
        elif isinstance(one, Mapping) and isinstance(other, Mapping):
            if one.keys() != other.keys():
                return False
            todo.extend((one[key], other[key]) for key in one)
        elif isinstance(one, list | Mapping) or isinstance(other, list | Mapping) or one != other:
            return False
    return True


def _shown(value: Any) -> str:
    if isinstance(value, str):
        return f"a text ({value[:40]!r})"
    return f"a number ({value})" if _is_number(value) else kind(value)
