"""Dates as `dateTime` reads and writes them: ISO 8601 text, epoch milliseconds, and formats such as `DD.MM.YYYY`."""

from __future__ import annotations

import re
from datetime import UTC, datetime, tzinfo
from functools import lru_cache
from typing import TYPE_CHECKING, Any, Final
from zoneinfo import ZoneInfo

from domain.durations import moment
from infrastructure.nodes.base import invalid, shown
from infrastructure.nodes.instants import instant, not_an_instant

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

MAX_FORMAT: Final = 256  # characters
_TOKEN: Final = re.compile(r"\[([^\]]*)\]|(YYYY|YY|MM|M|DD|D|HH|H|mm|m|ss|s|SSS)")
_PIVOT: Final = 68  # `YY` up to here is 20YY, beyond 19YY, as POSIX has it

_WRITTEN: Final[Mapping[str, Callable[[datetime], str]]] = {
    "YYYY": lambda date: f"{date.year:04d}",
    "YY": lambda date: f"{date.year % 100:02d}",
    "MM": lambda date: f"{date.month:02d}",
    "M": lambda date: str(date.month),
    "DD": lambda date: f"{date.day:02d}",
    "D": lambda date: str(date.day),
    "HH": lambda date: f"{date.hour:02d}",
    "H": lambda date: str(date.hour),
    "mm": lambda date: f"{date.minute:02d}",
    "m": lambda date: str(date.minute),
    "ss": lambda date: f"{date.second:02d}",
    "s": lambda date: str(date.second),
    "SSS": lambda date: f"{date.microsecond // 1_000:03d}",
}
_PARTS: Final = {"Y": "year", "M": "month", "D": "day", "H": "hour", "m": "minute", "s": "second", "S": "microsecond"}


def zone(name: Any, parameter: str) -> tzinfo:
    """The time zone of an IANA name. Raises `INVALID_PARAMETER`."""
    if name == "UTC":
        return UTC
    try:
        return ZoneInfo(name)
    except (KeyError, ValueError, OSError, TypeError) as error:
        message = f"{parameter} is an IANA name such as Europe/Berlin, not {shown(name)}"
        raise invalid(message, parameter=parameter) from error


def read_date(value: Any, *, within: tzinfo, input_format: str | None = None) -> datetime:
    """The moment that a value means, in the zone; a text without an offset is that zone's own time.

    Raises ValueError, with a sentence, for what is no date.
    """
    if input_format is not None:
        return _by_format(value, input_format).replace(tzinfo=within)
    if isinstance(value, str):
        try:
            date = datetime.fromisoformat(value.strip())
        except ValueError as error:
            raise ValueError(not_an_instant(value)) from error
        return date.replace(tzinfo=within) if date.tzinfo is None else date.astimezone(within)
    found = instant(value)
    if found is None:
        raise ValueError(not_an_instant(value))
    return moment(found).astimezone(within)


def write_iso(date: datetime) -> str:
    """ISO 8601 with milliseconds, `Z` for UTC."""
    return date.isoformat(timespec="milliseconds").replace("+00:00", "Z")


def write_date(date: datetime, output_format: str) -> str:
    """By a format: `YYYY YY MM M DD D HH H mm m ss s SSS`; what stands in `[…]` and all else is itself."""
    return _TOKEN.sub(lambda match: _WRITTEN[match[2]](date) if match[2] else match[1], output_format)


def check_format(text: Any, parameter: str, *, reads: bool = False) -> None:
    """Raise `INVALID_PARAMETER` for a format that is too long, or (`reads`) that no date can be read by."""
    if not text or len(text) > MAX_FORMAT:
        raise invalid(f"{parameter} is a format of at most {MAX_FORMAT} characters", parameter=parameter)
    if not reads:
        return
    parts = [match[2][0] for match in _TOKEN.finditer(text) if match[2]]
    if "Y" not in parts:
        raise invalid(f"{parameter} needs YYYY or YY", parameter=parameter)
    if len(set(parts)) < len(parts):
        raise invalid(f"{parameter} has a part of the date twice", parameter=parameter)


def _by_format(value: Any, input_format: str) -> datetime:
    """The date without a zone; parts that the format lacks are the first of their kind."""
    pattern, written = _reader(input_format)
    match = pattern.fullmatch(value.strip()) if isinstance(value, str) else None
    if match is None:
        raise ValueError(f"{shown(value)} is not a date of the format {input_format}")
    parts = {"year": 1, "month": 1, "day": 1}
    for part, digits in zip(written, match.groups(), strict=True):
        parts[_PARTS[part[0]]] = _amount(part, int(digits))
    try:
        return datetime(**parts)  # type: ignore[arg-type]  # the zone is not among the parts
    except ValueError as error:
        raise ValueError(f"{shown(value)} is no date: {error}") from error


def _amount(part: str, digits: int) -> int:
    if part == "SSS":
        return digits * 1_000
    if part == "YY":
        return digits + (2_000 if digits <= _PIVOT else 1_900)
    return digits


@lru_cache(maxsize=256)
def _reader(input_format: str) -> tuple[re.Pattern[str], tuple[str, ...]]:
    """A pattern with one group for each part as it is written (`MM`). Each stands once, so that matching takes no time."""
    source, written, at = "", [], 0
    for match in _TOKEN.finditer(input_format):
        source += re.escape(input_format[at : match.start()])
        at = match.end()
        if match[2]:
            written.append(match[2])
            source += r"([0-9]{1,2})" if len(match[2]) == 1 else rf"([0-9]{{{len(match[2])}}})"
        else:
            source += re.escape(match[1])
    return re.compile(source + re.escape(input_format[at:])), tuple(written)
