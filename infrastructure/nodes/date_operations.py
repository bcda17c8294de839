"""What each operation of `dateTime` makes of a date."""

from __future__ import annotations

from datetime import UTC, datetime, tzinfo
from typing import TYPE_CHECKING, Any, Final, NamedTuple

import msgspec

from domain.errors import StepFailure
from domain.paths import MISSING
from infrastructure.nodes.base import bad_parameter, invalid
from infrastructure.nodes.companions import companion
from infrastructure.nodes.date_arithmetic import EXTRACTS, add, difference, round_to
from infrastructure.nodes.date_values import read_date, write_date, write_iso, zone
from infrastructure.nodes.state_fields import path_of, read

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from domain.context import ExecutionContext


class NoDate(StepFailure):
    """A value that is no date, or a result past the year 9999: what `onError` is about."""


class Outcome(NamedTuple):
    """A result, and for operations with edges of their own the edge and its data (None: those of `success`).

    A result that is not `kept` was skipped: the output is left as it is.
    """

    result: Any
    edge: str = "success"
    data: dict[str, Any] | None = None
    kept: bool = True


class Request(msgspec.Struct, frozen=True, kw_only=True):
    """One visit: its parameters, and the zone that they name."""

    context: ExecutionContext
    config: dict[str, Any]
    zone: tzinfo

    def needs(self, *names: str) -> None:
        """Raise `INVALID_PARAMETER` for the first companion parameter that is not there."""
        for name in names:
            companion(self.config, name, self.config["operation"])

    def value(self) -> Any:
        """The value that `field` names or `value` is; null for a missing field."""
        if ("field" in self.config) == ("value" in self.config):
            raise invalid("give exactly one of field and value", parameter="field")
        if "value" in self.config:
            return self.config["value"]
        found = read(self.context, path_of(self.config["field"], "field"))
        return None if found is MISSING else found

    def date(self, within: tzinfo | None = None) -> datetime:
        """The date of `field` or `value`. Raises NoDate."""
        return self._read(self.value(), "field" if "field" in self.config else "value", within=within)

    def other(self, name: str) -> datetime:
        """The date of a parameter. Raises NoDate."""
        return self._read(self.config[name], name)

    def _read(self, value: Any, name: str, *, within: tzinfo | None = None) -> datetime:
        """By `inputFormat`, if there is one; the other dates of a comparison may be ISO text none the less."""
        formats = [self.config["inputFormat"]] if "inputFormat" in self.config else [None]
        if name not in ("field", "value") and formats != [None]:
            formats.append(None)
        reason: Exception | None = None
        for input_format in formats:
            try:
                return read_date(value, within=within or self.zone, input_format=input_format)
            except (ValueError, OverflowError) as error:
                reason = reason or error
        raise NoDate(bad_parameter(f"{name}: {reason}", parameter=name)) from reason

    def written(self, date: datetime) -> str:
        """By `outputFormat`, else ISO text."""
        found = self.config.get("outputFormat")
        return write_iso(date) if found is None else write_date(date, found)


def _now(request: Request) -> Outcome:
    return Outcome(request.written(request.context.now().astimezone(request.zone)))


def _format(request: Request) -> Outcome:
    request.needs("outputFormat")
    return Outcome(request.written(request.date()))


def _iso(request: Request) -> Outcome:
    return Outcome(write_iso(request.date()))


def _add(request: Request) -> Outcome:
    request.needs("amount", "unit")
    amount, unit = request.config["amount"], request.config["unit"]
    later = amount if request.config["operation"] == "add" else -amount
    try:
        return Outcome(request.written(add(request.date(), later, unit)))
    except ValueError as error:
        raise invalid(str(error), parameter="amount") from error


def _round(request: Request) -> Outcome:
    request.needs("roundTo")
    return Outcome(request.written(round_to(request.date(), request.config["roundTo"], request.config["weekStart"])))


def _extract(request: Request) -> Outcome:
    request.needs("extract")
    return Outcome(EXTRACTS[request.config["extract"]](request.date()))


def _convert(request: Request) -> Outcome:
    request.needs("toTimezone")
    target = zone(request.config["toTimezone"], "toTimezone")
    source = zone(request.config["fromTimezone"], "fromTimezone") if "fromTimezone" in request.config else request.zone
    return Outcome(request.written(request.date(source).astimezone(target)))


def _diff(request: Request) -> Outcome:
    """From `startDate`, else the date itself, to `endDate` or `compareWith`, else the date itself."""
    config = request.config
    end = next((name for name in ("endDate", "compareWith") if name in config), None)
    if end is None and "startDate" not in config:
        raise invalid("diff needs compareWith, or startDate and endDate", parameter="compareWith")
    first = request.other("startDate") if "startDate" in config else request.date()
    last = request.other(end) if end is not None else request.date()
    found = difference(first, last, config["diffUnit"])
    return Outcome(found if config["signed"] else abs(found))


def _compare(request: Request) -> Outcome:
    comparison = request.config["compareOperation"]
    between = comparison == "is_between"
    names = ("startDate", "endDate") if between else ("compareWith",)
    request.needs(*names)
    date, others = request.date(), [request.other(name) for name in names]
    holds = _COMPARISONS[comparison](date.astimezone(UTC), *(other.astimezone(UTC) for other in others))
    edge = comparison if holds else comparison.replace("is_", "is_not_", 1)
    texts = [write_iso(other) for other in others]
    data = {"date1": write_iso(date), "date2": texts if between else texts[0]}
    return Outcome(holds, edge, {"result": holds, **data, "operation": request.config["operation"]})


def _is_valid(request: Request) -> Outcome:
    try:
        request.date()
    except NoDate:
        return Outcome(False, "is_invalid")
    return Outcome(True, "is_valid")


_COMPARISONS: Final[Mapping[str, Callable[..., bool]]] = {
    "is_before": lambda date, other: date < other,
    "is_after": lambda date, other: date > other,
    "is_same": lambda date, other: date == other,
    "is_between": lambda date, start, end: start <= date <= end,
}
COMPARISONS: Final = tuple(_COMPARISONS)
OPERATIONS: Final[Mapping[str, Callable[[Request], Outcome]]] = {
    "now": _now,
    "format": _format,
    "parse": _iso,
    "to_iso": _iso,
    "add": _add,
    "subtract": _add,
    "round": _round,
    "extract": _extract,
    "convert_timezone": _convert,
    "diff": _diff,
    "compare": _compare,
    "is_valid": _is_valid,
}
"""By name. They raise `INVALID_PARAMETER` for misuse, NoDate for a value that is no date, OverflowError past 9999."""
