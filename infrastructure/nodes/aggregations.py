"""Many values of a field made into one, as `summarize` and `aggregate` write it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from math import fsum
from typing import Any, Final, NamedTuple

from domain.comparison import number
from domain.expression_errors import expression_error
from domain.operators import finish
from domain.paths import MISSING
from infrastructure.nodes.allowance import Allowance
from infrastructure.nodes.base import as_text, invalid, shown
from infrastructure.nodes.fields import Field, field
from infrastructure.nodes.sameness import keys_of

ALL_ITEMS: Final = "*"


class Aggregation(NamedTuple):
    """One compiled entry: what is made of which field, and the name it gets."""

    source: Field
    operation: str
    output: str
    separator: str = ", "
    includes_empty: bool = False

    def of(self, items: Sequence[Any], allowance: Allowance) -> Any:
        """The value for these items. Raises `INVALID_PARAMETER` for values that the operation can't take."""
        if self.source.name == ALL_ITEMS and self.operation == "count":
            return len(items)
        column = [None if value is MISSING else value for value in self.source.column(items)]
        values = column if self.includes_empty else [value for value in column if value is not None]
        if self.operation == "concatenate":
            allowance.spend(len(self.separator) * len(values))
        result = _OPERATIONS[self.operation](values, self)
        return allowance.made(result) if isinstance(result, str | list) else result


class Names(NamedTuple):
    """What a node calls the parts of an entry."""

    source: str
    operation: str
    output: str


def compile_aggregation(entry: Mapping[str, Any], where: str, names: Names, *, literal: bool = False) -> Aggregation:
    """An entry of the list that stands at `where`. Without a name for the output it is `<field>_<operation>`."""
    source = field(entry.get(names.source), f"{where}.{names.source}", literal=literal)
    operation = entry.get(names.operation)
    if not isinstance(operation, str) or operation not in OPERATIONS:
        place = f"{where}.{names.operation}"
        raise invalid(f"{place} can't be {shown(operation)}", parameter=place, allowed=OPERATIONS)
    output = entry.get(names.output, f"{source.name}_{operation}")
    if not isinstance(output, str) or not output:
        place = f"{where}.{names.output}"
        raise invalid(f"{place} is the name of a field, not {shown(output)}", parameter=place)
    separator, empty = entry.get("separator", ", "), entry.get("includeEmptyValues", False)
    if not isinstance(separator, str):
        raise invalid(f"{where}.separator is a text, not {shown(separator)}", parameter=f"{where}.separator")
    if not isinstance(empty, bool):
        place = f"{where}.includeEmptyValues"
        raise invalid(f"{place} is true or false, not {shown(empty)}", parameter=place)
    return Aggregation(source, operation, output, separator, empty)


def check_distinct(names: Iterable[str], parameter: str) -> None:
    """Raise `INVALID_PARAMETER` when two values of one object would have the same name."""
    seen: set[str] = set()
    for name in names:
        if name in seen:
            raise invalid(
                f"{parameter}: two values would be called {name}; give each its own name", parameter=parameter
            )
        seen.add(name)


def _append(values: list[Any], entry: Aggregation) -> list[Any]:
    del entry
    return values


def _concatenate(values: list[Any], entry: Aggregation) -> str:
    return entry.separator.join("" if value is None else as_text(value) for value in values)


def _count(values: list[Any], entry: Aggregation) -> int:
    del entry
    return len(values)


def _count_unique(values: list[Any], entry: Aggregation) -> int:
    del entry
    return len(set(keys_of(values)))


def _sum(values: list[Any], entry: Aggregation) -> int | float:
    return finish(_total(_numbers(values, entry), entry), entry.operation)


def _average(values: list[Any], entry: Aggregation) -> int | float | None:
    numbers = _numbers(values, entry)
    if not numbers:
        return None
    total = _total(numbers, entry)
    if isinstance(total, int) and total % len(numbers) == 0:
        return finish(total // len(numbers), entry.operation)
    try:
        return finish(total / len(numbers), entry.operation)
    except OverflowError as error:
        raise _too_large(entry) from error


def _total(numbers: list[int | float], entry: Aggregation) -> int | float:
    """Whole numbers exactly; with others among them, rounded once (`math.fsum`), in whatever order they come."""
    if all(isinstance(each, int) for each in numbers):
        return sum(numbers)
    try:
        return fsum(numbers)
    except OverflowError as error:
        raise _too_large(entry) from error


def _too_large(entry: Aggregation) -> Exception:
    return expression_error(f"The {entry.operation} of {entry.source.name} is too large.")


def _extreme(choose: Callable[[list[Any]], Any]) -> Callable[[list[Any], Aggregation], Any]:
    """Numbers, or texts of which not all are numeric."""

    def run(values: list[Any], entry: Aggregation) -> Any:
        present = [value for value in values if value is not None]
        if not present:
            return None
        if all(isinstance(value, str) for value in present) and any(number(value) is None for value in present):
            return choose(present)
        return finish(choose(_numbers(present, entry)), entry.operation)

    return run


def _numbers(values: list[Any], entry: Aggregation) -> list[int | float]:
    """The values as numbers. A null has none, also where empty values are included."""
    found = []
    for value in values:
        each = number(value)
        if each is not None:
            found.append(each)
        elif value is not None:
            message = f"{entry.operation} can't take {shown(value)}, a value of {entry.source.name}: it is not a number"
            raise invalid(message, parameter=entry.source.name)
    return found


_OPERATIONS: Final[Mapping[str, Callable[[list[Any], Aggregation], Any]]] = {
    "append": _append,
    "average": _average,
    "concatenate": _concatenate,
    "count": _count,
    "countUnique": _count_unique,
    "max": _extreme(max),
    "min": _extreme(min),
    "sum": _sum,
}
OPERATIONS: Final = tuple(_OPERATIONS)
