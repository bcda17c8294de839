"""Values turned into another JSON type: gently in conditions, with a reason for every refusal in `editFields`."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final

from domain import document
from domain.comparison import kind, number
from domain.document import JsonLimits
from domain.errors import NotJson
from domain.json import MAX_DEPTH
from infrastructure.nodes.base import as_text

_PARSED: Final = JsonLimits(depth=MAX_DEPTH, size=4_194_304)  # what a state may hold altogether
_BOOLEANS: Final = {"true": True, "1": True, "false": False, "0": False}


def scalar_text(value: Any) -> str | None:
    """Text of a text, number or boolean; None of anything else."""
    return as_text(value) if isinstance(value, (str, int, float)) else None


def boolean(value: Any) -> bool | None:
    """A boolean, 1 or 0, or the text `true`, `1`, `false` or `0` in any case; None of anything else."""
    if isinstance(value, str):
        return _BOOLEANS.get(value.strip().lower())
    if isinstance(value, bool):
        return value
    return bool(value) if isinstance(value, (int, float)) and value in (0, 1) else None


def parse_json(text: str) -> Any:
    """The JSON value that a text stands for. Raises ValueError, with the place."""
    try:
        return document.parse(text.encode(), limits=_PARSED)
    except NotJson as error:
        raise ValueError(f"{error.message} (line {error.line}, column {error.column})") from error


def _to_number(value: Any) -> int | float:
    found = number(value)
    if found is None:
        raise ValueError(f"{_described(value)} is not a number")
    return found


def _to_boolean(value: Any) -> bool:
    found = boolean(value)
    if found is None:
        raise ValueError(f"{_described(value)} is not a boolean: use true, false, 1 or 0")
    return found


def to_object(value: Any) -> dict[str, Any]:
    """An object, or the object that a JSON text stands for. Raises ValueError for anything else."""
    if isinstance(value, str):
        value = parse_json(value)
    if isinstance(value, dict):
        return value
    raise ValueError(f"{_described(value)} is not an object, nor the JSON text of one")


def _to_array(value: Any) -> list[Any]:
    """A list; of a text its JSON, else what stands between its commas; anything else as the one element."""
    if not isinstance(value, str):
        return value if isinstance(value, list) else [value]
    try:
        parsed = parse_json(value)
    except ValueError:
        parsed = None
    if isinstance(parsed, list):
        return parsed
    return [piece.strip() for piece in value.split(",")] if value.strip() else []


def _unchanged(value: Any) -> Any:
    return value


CONVERSIONS: Final[Mapping[str, Callable[[Any], Any]]] = {
    "string": as_text,
    "number": _to_number,
    "boolean": _to_boolean,
    "object": to_object,
    "array": _to_array,
    "any": _unchanged,
    "expression": _unchanged,
}
"""By the name of the type that `editFields` makes; each raises ValueError for a value that can't become it."""


def _described(value: Any) -> str:
    return f"the text {value[:80]!r}" if isinstance(value, str) else kind(value)
