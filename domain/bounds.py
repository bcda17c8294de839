"""What the evaluation of one expression may cost, so that a hostile one ends early with a clear error."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, Final

from domain.expression_errors import expression_error

MAX_RESULT: Final = 262_144  # cost of one value that an expression makes, in characters of JSON, more or less
MAX_WORK: Final = 1_048_576  # cost of all values that one evaluation makes or compares
MAX_NESTING: Final = 100  # lists and objects inside one another, in a value that an expression makes
NUMBER_COST: Final = 8

_encode = json.JSONEncoder(ensure_ascii=False, separators=(",", ":"), allow_nan=False).encode


class Meter:
    """Counts down what one evaluation may still cost."""

    __slots__ = ("left",)

    def __init__(self) -> None:
        self.left = MAX_WORK

    def spend(self, cost: int) -> None:
        """Take `cost` off; EXPRESSION_ERROR when it is more than is left."""
        self.left -= cost
        if self.left < 0:
            raise expression_error(
                "The expression does too much work. Split it into steps, or use a node made for lists."
            )

    def made(self, value: Any) -> Any:
        """The value itself, when it is not too large for something that an expression makes."""
        self.spend(check_size(value))
        return value


def check_size(value: Any) -> int:
    """The cost of a value; EXPRESSION_ERROR past MAX_RESULT or MAX_NESTING."""
    cost = cost_of(value, most=MAX_RESULT)
    if cost > MAX_RESULT:
        raise too_large()
    return cost


def too_large() -> Exception:
    """The failure of a value larger than MAX_RESULT."""
    return expression_error(
        f"The expression works on a value larger than {MAX_RESULT // 1024} KiB. Use a node made for large data instead."
    )


def cost_of(value: Any, *, most: int) -> int:
    """About how many characters of JSON the value is; stops counting soon after `most`.

    Goes level by level, not by recursion: a value may be nested deeper than Python calls may be.
    """
    total, depth, level = 0, 0, [value]
    while level:
        depth += 1
        if depth > MAX_NESTING:
            raise expression_error(f"A value in the expression is nested more than {MAX_NESTING} deep.")
        following: list[Any] = []
        for each in level:
            if isinstance(each, str):
                total += len(each) + 2
            elif isinstance(each, list):
                total += 2 + len(each)
            elif isinstance(each, Mapping):
                total += 2 + 4 * len(each)
            else:
                total += NUMBER_COST
            if total > most:
                return total
            if isinstance(each, list):
                following += each
            elif isinstance(each, Mapping):
                total += sum(map(len, each))
                following += each.values()
        level = following
    return total


def as_text(value: Any) -> str:
    """The value inside a text: a text as it is, everything else as compact JSON.

    EXPRESSION_ERROR if it is nested too deep.
    """
    if isinstance(value, str):
        return value
    if isinstance(value, Mapping) and not isinstance(value, dict):
        value = dict(value)
    try:
        return _encode(value)
    except (ValueError, TypeError, RecursionError) as error:
        raise expression_error(f"A value can't be written as JSON: {error}.") from error
