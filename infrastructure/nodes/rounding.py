"""How many places a node is asked to round to."""

from __future__ import annotations

from typing import Any, Final

from infrastructure.nodes.base import invalid

MAX_PRECISION: Final = 20  # places after the point


def precision_of(value: Any, parameter: str = "precision") -> int | None:
    """The places to round to, or None for no rounding. Raises `INVALID_PARAMETER` past MAX_PRECISION."""
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, (int, float)) or value != int(value):
        raise invalid(f"{parameter} is a whole number of places", parameter=parameter)
    if not 0 <= value <= MAX_PRECISION:
        raise invalid(f"{parameter} is from 0 to {MAX_PRECISION} places, not {value}", parameter=parameter)
    return int(value)
