"""Numbers rounded as NODES says: half away from zero, by the digits that are written."""

from __future__ import annotations

from decimal import ROUND_HALF_UP, Context, Decimal
from math import ceil, floor
from typing import Any, Final

from domain.operators import MAX_EXACT, finish
from infrastructure.nodes.base import invalid

MAX_PRECISION: Final = 20  # places after the point
_EXACT: Final = Context(prec=400, rounding=ROUND_HALF_UP)  # the largest float has 309 digits before the point


def rounded(value: int | float, places: int = 0) -> int | float:
    """To so many places: 2.5 is 3, -2.5 is -3, and 1.005 to two places is 1.01, whatever binary makes of it."""
    if isinstance(value, int):
        return value
    return finish(float(_EXACT.quantize(Decimal(repr(value)), Decimal(1).scaleb(-places))), "round")


def rounded_up(value: int | float) -> int | float:
    """The next whole number from there on; a float past 2^53 is one already."""
    return value if abs(value) > MAX_EXACT else ceil(value)


def rounded_down(value: int | float) -> int | float:
    """The last whole number up to there."""
    return value if abs(value) > MAX_EXACT else floor(value)


def precision_of(value: Any, parameter: str = "precision") -> int | None:
    """The places to round to, or None for no rounding. Raises `INVALID_PARAMETER` past MAX_PRECISION."""
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, (int, float)) or value != int(value):
        raise invalid(f"{parameter} is a whole number of places", parameter=parameter)
    if not 0 <= value <= MAX_PRECISION:
        raise invalid(f"{parameter} is from 0 to {MAX_PRECISION} places, not {value}", parameter=parameter)
    return int(value)
