"""Calendar arithmetic on aware datetimes, in the local time of their zone (daylight saving included)."""

from __future__ import annotations

from calendar import monthrange
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

_MONTHS: Final = {"months": 1, "years": 12}
_DAYS: Final = {"days": 1, "weeks": 7}
_MILLISECONDS: Final = {"hours": 3_600_000, "minutes": 60_000, "seconds": 1_000, "milliseconds": 1}
UNITS: Final = ("years", "months", "weeks", "days", "hours", "minutes", "seconds", "milliseconds")
WEEKDAYS: Final = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
ROUNDINGS: Final = tuple(f"{end}_of_{unit}" for end in ("start", "end") for unit in ("day", "week", "month", "year"))


def add(date: datetime, amount: int | float, unit: str) -> datetime:
    """So many units later (earlier if negative). Hours and less are elapsed time; days and more keep the local time, and
    months end at the end of a shorter month. Raises ValueError for part of a day or more, OverflowError past year 9999.
    """
    if not amount:
        return date
    if unit in _MILLISECONDS:
        return _elapsed(date, timedelta(milliseconds=amount * _MILLISECONDS[unit]))
    if amount != int(amount):
        raise ValueError(f"amount is a whole number of {unit}, not {amount}")
    if unit in _DAYS:
        return _settled(date + timedelta(days=int(amount) * _DAYS[unit]))
    return _settled(_months_later(date, int(amount) * _MONTHS[unit]))


def _elapsed(date: datetime, time: timedelta) -> datetime:
    return (date.astimezone(UTC) + time).astimezone(date.tzinfo)


def _settled(date: datetime) -> datetime:
    """A local time that the clocks skipped becomes the one that they showed instead."""
    return date.astimezone(UTC).astimezone(date.tzinfo)


def _months_later(date: datetime, months: int) -> datetime:
    year, month = divmod(date.year * 12 + date.month - 1 + months, 12)
    if not 1 <= year <= 9_999:
        raise OverflowError("the year is out of range")
    return date.replace(year=year, month=month + 1, day=min(date.day, monthrange(year, month + 1)[1]))


def round_to(date: datetime, rounding: str, week_start: str) -> datetime:
    """The first moment of the local day, week, month or year, or (`end_of_…`) its last millisecond."""
    end, _, unit = rounding.partition("_of_")
    first = _FIRST[unit](date.replace(hour=0, minute=0, second=0, microsecond=0, fold=0), week_start)
    if end == "start":
        return _settled(first)
    last = _LAST[unit](first)
    return _settled(last.replace(hour=23, minute=59, second=59, microsecond=999_000, fold=1))


_FIRST: Final[Mapping[str, Callable[[datetime, str], datetime]]] = {
    "day": lambda date, _: date,
    "week": lambda date, start: date - timedelta(days=(date.weekday() - WEEKDAYS.index(start)) % 7),
    "month": lambda date, _: date.replace(day=1),
    "year": lambda date, _: date.replace(month=1, day=1),
}
_LAST: Final[Mapping[str, Callable[[datetime], datetime]]] = {
    "day": lambda date: date,
    "week": lambda date: date + timedelta(days=6),
    "month": lambda date: date.replace(day=monthrange(date.year, date.month)[1]),
    "year": lambda date: date.replace(month=12, day=31),
}


def difference(start: datetime, end: datetime, unit: str) -> int:
    """How many whole units lie between, negative if `end` is earlier. Both are of one zone; days are local ones."""
    if end.astimezone(UTC) < start.astimezone(UTC):
        return -difference(end, start, unit)
    if unit in _MILLISECONDS:
        elapsed = end.astimezone(UTC) - start.astimezone(UTC)
        return elapsed // timedelta(milliseconds=_MILLISECONDS[unit])
    local = end.replace(tzinfo=None) - start.replace(tzinfo=None)
    if unit in _DAYS:
        return max(local // timedelta(days=_DAYS[unit]), 0)
    return max(_months_between(start.replace(tzinfo=None), end.replace(tzinfo=None)) // _MONTHS[unit], 0)


def _months_between(start: datetime, end: datetime) -> int:
    months = (end.year - start.year) * 12 + end.month - start.month
    return months - (_months_later(start, months) > end)


EXTRACTS: Final[Mapping[str, Callable[[datetime], int]]] = {
    "year": lambda date: date.year,
    "month": lambda date: date.month,
    "day": lambda date: date.day,
    "hour": lambda date: date.hour,
    "minute": lambda date: date.minute,
    "second": lambda date: date.second,
    "millisecond": lambda date: date.microsecond // 1_000,
    "dayOfWeek": lambda date: date.isoweekday() % 7,
    "dayOfYear": lambda date: date.timetuple().tm_yday,
    "weekOfYear": lambda date: date.isocalendar().week,
    "quarter": lambda date: (date.month + 2) // 3,
    "timestamp": lambda date: (date - datetime(1970, 1, 1, tzinfo=UTC)) // timedelta(milliseconds=1),
}
"""Parts of a date, in its zone: `dayOfWeek` from 0 for Sunday, `weekOfYear` as ISO has it, `timestamp` in milliseconds."""
