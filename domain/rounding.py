"""Numbers rounded as NODES says: half away from zero, by the digits that are written."""

from __future__ import annotations

from decimal import ROUND_CEILING, ROUND_FLOOR, ROUND_HALF_UP, Context, Decimal
from math import ceil, floor
from typing import Final

from domain.operators import MAX_EXACT, finish

MAX_PLACES: Final = 400  # more than any float has, before and after its point

_HALF_AWAY: Final = Context(prec=2 * MAX_PLACES, rounding=ROUND_HALF_UP)
_UP: Final = Context(prec=2 * MAX_PLACES, rounding=ROUND_CEILING)
_DOWN: Final = Context(prec=2 * MAX_PLACES, rounding=ROUND_FLOOR)


def rounded(value: int | float, places: int = 0) -> int | float:
    """To so many places: 2.5 is 3, -2.5 is -3, and 1.005 to two places is 1.01, whatever binary makes of it."""
    return _to_places(value, places, _HALF_AWAY)


def rounded_up(value: int | float, places: int = 0) -> int | float:
    """The next number with so many places from there on; a float past 2^53 is a whole one already."""
    if places == 0:
        return value if abs(value) > MAX_EXACT else ceil(value)
    return _to_places(value, places, _UP)


def rounded_down(value: int | float, places: int = 0) -> int | float:
    """The last number with so many places up to there."""
    if places == 0:
        return value if abs(value) > MAX_EXACT else floor(value)
    return _to_places(value, places, _DOWN)


def _to_places(value: int | float, places: int, context: Context) -> int | float:
    if places > MAX_PLACES or (places >= 0 and isinstance(value, int)):
        return value
    places = max(places, -MAX_PLACES)
    exact = context.quantize(Decimal(repr(value)), Decimal(1).scaleb(-places))
    return finish(int(exact) if isinstance(value, int) else float(exact), "round")
