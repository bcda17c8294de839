"""Arithmetic, text, indexing and slicing on JSON values, each bounded in what it can make."""

from __future__ import annotations

import operator
from collections.abc import Callable, Mapping
from math import isfinite
from typing import Any, Final

from domain.bounds import MAX_RESULT, NUMBER_COST, Meter, as_text, check_size, too_large
from domain.comparison import contains, equal, kind, order
from domain.expression_errors import expression_error
from domain.paths import MISSING

MAX_INTEGER: Final = 2**63 - 1
MIN_INTEGER: Final = -(2**63)
MAX_EXACT: Final = 2**53  # whole floats up to here are written as integers, as JSON has one kind of number
MAX_RANGE: Final = MAX_RESULT // NUMBER_COST
CONTAINER_FACTOR: Final = 3  # comparing containers takes longer than measuring them
ELEMENT_COST: Final = 16  # of looking at one element of a list for `in`
LONG: Final = 4_096  # characters; comparing longer texts is paid for

Operation = Callable[[Any, Any, Meter], Any]


def finish(result: Any, text: str) -> int | float:
    """The result of arithmetic as a JSON number, whole ones as integers. EXPRESSION_ERROR past 64 bits or infinity."""
    if type(result) is int:
        if MIN_INTEGER <= result <= MAX_INTEGER:
            return result
        raise expression_error(f"The result of `{text}` is past 64 bits.")
    if isinstance(result, float) and isfinite(result):
        return int(result) if result.is_integer() and abs(result) <= MAX_EXACT else result
    raise expression_error(f"The result of `{text}` is not a number that JSON has.")


def is_number(value: Any) -> bool:
    """Whether it is a JSON number; a boolean is none."""
    return isinstance(value, int | float) and value is not True and value is not False


def _arithmetic(symbol: str, compute: Callable[[Any, Any], Any]) -> Operation:
    def run(left: Any, right: Any, meter: Meter) -> Any:
        if not (is_number(left) and is_number(right)):
            raise _unlike(symbol, left, right)
        try:
            return finish(compute(left, right), symbol)
        except ZeroDivisionError as error:
            raise expression_error(f"`{symbol}` divides by zero.") from error
        except OverflowError as error:
            raise expression_error(f"The result of `{symbol}` is too large.") from error

    return run


def _unlike(symbol: str, left: Any, right: Any) -> Exception:
    hint = (
        " Turn a text into a number with `| int` or `| float`."
        if isinstance(left, str) or isinstance(right, str)
        else ""
    )
    return expression_error(f"`{symbol}` does not work between {kind(left)} and {kind(right)}.{hint}")


def _power(left: int | float, right: int | float) -> Any:
    if isinstance(left, int) and isinstance(right, int) and abs(left) > 1 and right > 64:
        raise OverflowError
    if isinstance(left, int) and isinstance(right, int) and left.bit_length() > 64 and right > 1:
        raise OverflowError
    return left**right


def _divide(left: int | float, right: int | float) -> Any:
    """A quotient without a rest stays exact, also past 2**53."""
    if isinstance(left, int) and isinstance(right, int) and right and left % right == 0:
        return left // right
    return left / right


_add_numbers = _arithmetic("+", operator.add)
_multiply_numbers = _arithmetic("*", operator.mul)


def _add(left: Any, right: Any, meter: Meter) -> Any:
    if isinstance(left, str) and isinstance(right, str):
        return _text_of((left, right), meter)
    if isinstance(left, list) and isinstance(right, list):
        if len(left) + len(right) > MAX_RESULT:
            raise too_large()
        return meter.made(left + right)
    return _add_numbers(left, right, meter)


def _multiply(left: Any, right: Any, meter: Meter) -> Any:
    if isinstance(right, str | list):
        left, right = right, left
    if not isinstance(left, str | list):
        return _multiply_numbers(left, right, meter)
    if not is_number(right) or not isinstance(right, int) or right < 0:
        raise expression_error(f"`*` repeats {kind(left)} by a whole number from 0, not by {kind(right)}.")
    cost = check_size(left) * right
    if cost > MAX_RESULT:
        raise too_large()
    meter.spend(cost)
    return left * right


def _text_of(parts: tuple[str, str], meter: Meter) -> str:
    size = len(parts[0]) + len(parts[1])
    if size > MAX_RESULT:
        raise too_large()
    meter.spend(size)
    return parts[0] + parts[1]


def _concatenate(left: Any, right: Any, meter: Meter) -> Any:
    return _text_of((_piece(left), _piece(right)), meter)


def _piece(value: Any) -> str:
    if not isinstance(value, str):
        check_size(value)
    return as_text(value)


def _paid(value: Any, other: Any, meter: Meter) -> None:
    """Comparing two large things costs work; what can't be equal at once does not."""
    if isinstance(value, str) and isinstance(other, str):
        if len(value) > LONG:
            meter.spend(min(len(value), len(other)) // 16)
    elif isinstance(value, list | Mapping) and isinstance(other, list | Mapping) and len(value) == len(other):
        meter.spend(check_size(value) * CONTAINER_FACTOR)


def _equal(left: Any, right: Any, meter: Meter) -> bool:
    _paid(left, right, meter)
    return equal(left, right)


def _ordered(test: Callable[[int, int], bool]) -> Operation:
    def run(left: Any, right: Any, meter: Meter) -> bool:
        _paid(left, right, meter)
        return test(order(left, right), 0)

    return run


def _in(left: Any, right: Any, meter: Meter) -> bool:
    if isinstance(right, str) and len(right) > LONG:
        meter.spend(len(right) // 16)
    elif isinstance(right, list):
        meter.spend(len(right) * (1 if isinstance(left, str) else ELEMENT_COST))
        if isinstance(left, list | Mapping):
            for each in right:
                _paid(each, left, meter)
    return contains(right, left)


BINARY: Final[Mapping[str, Operation]] = {
    "+": _add,
    "-": _arithmetic("-", operator.sub),
    "*": _multiply,
    "/": _arithmetic("/", _divide),
    "//": _arithmetic("//", operator.floordiv),
    "%": _arithmetic("%", operator.mod),
    "**": _arithmetic("**", _power),
    "~": _concatenate,
}

COMPARISONS: Final[Mapping[str, Operation]] = {
    "==": _equal,
    "!=": lambda left, right, meter: not _equal(left, right, meter),
    "<": _ordered(operator.lt),
    "<=": _ordered(operator.le),
    ">": _ordered(operator.gt),
    ">=": _ordered(operator.ge),
    "in": _in,
    "not in": lambda left, right, meter: not _in(left, right, meter),
}


def negate(value: Any) -> int | float:
    """The number with the other sign; EXPRESSION_ERROR for anything else."""
    if not is_number(value):
        raise expression_error(f"`-` does not work on {kind(value)}.")
    return finish(-value, "-")


def index(value: Any, key: Any) -> Any:
    """`value[key]`, or MISSING. A list or text counts from its end for a negative index, and has a `length`."""
    if isinstance(key, str):
        if isinstance(value, Mapping):
            return value.get(key, MISSING)
        return len(value) if key == "length" and isinstance(value, list | str) else MISSING
    if not isinstance(key, int) or isinstance(key, bool):
        raise expression_error(f"`[…]` takes a text or a whole number, not {kind(key)}.")
    return value[key] if isinstance(value, list | str) and -len(value) <= key < len(value) else MISSING


def cut(value: Any, parts: tuple[Any, Any, Any], meter: Meter) -> Any:
    """`value[first:last:step]` of a list or text; a part that is null is left out."""
    if not isinstance(value, list | str):
        raise expression_error(f"Only a list or a text can be sliced, not {kind(value)}.")
    if any(part is not None and (not isinstance(part, int) or isinstance(part, bool)) for part in parts):
        raise expression_error("A slice takes whole numbers.")
    if parts[2] == 0:
        raise expression_error("The step of a slice can't be 0.")
    return meter.made(value[slice(*parts)])


def numbers(bounds: list[Any], meter: Meter) -> list[int]:
    """The list `range(stop)`, `range(start, stop)` or `range(start, stop, step)`, of at most MAX_RANGE numbers."""
    if any(not isinstance(bound, int) or isinstance(bound, bool) for bound in bounds):
        raise expression_error("`range` takes whole numbers.")
    if len(bounds) == 3 and bounds[2] == 0:
        raise expression_error("The step of `range` can't be 0.")
    if any(not MIN_INTEGER <= bound <= MAX_INTEGER for bound in bounds):
        raise expression_error("`range` takes numbers of 64 bits.")
    found = range(*bounds)
    if (found.stop - found.start) // found.step > MAX_RANGE:
        raise expression_error(f"`range` gives at most {MAX_RANGE} numbers; a `range...` loop has no such limit.")
    meter.spend(len(found) * NUMBER_COST)
    return list(found)
