"""Durations as definitions write them, and times as text."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from typing import Any, Final

_UNITS: Final = {"ms": 1, "s": 1_000, "m": 60_000, "h": 3_600_000, "d": 86_400_000}
_SHORT: Final = re.compile(r"(\d{1,15}(?:\.\d{1,6})?)(ms|s|m|h|d)", re.ASCII)
_ISO: Final = re.compile(
    r"P(?:(?P<w>\d{1,9})W)?(?:(?P<d>\d{1,9})D)?"
    r"(?:T(?=\d)(?:(?P<h>\d{1,9})H)?(?:(?P<m>\d{1,9})M)?(?:(?P<s>\d{1,9}(?:\.\d{1,6})?)S)?)?",
    re.ASCII,
)
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
MAX_DURATION_MS: Final = 100 * 365 * 86_400_000
"""A hundred years: longer waits are mistakes."""


def milliseconds(value: Any) -> int:
    """A duration in milliseconds: a number is milliseconds, text is `90s`, `5m`, `2h`, `1d`, `250ms` or ISO 8601 (`PT5M`).

    Raises ValueError, with a sentence, for anything else, negative ones and those over a hundred years.
    """
    if isinstance(value, (int, float)) and not isinstance(value, bool):
        amount = float(value)
    elif isinstance(value, str):
        amount = _from_text(value.strip())
    else:
        raise ValueError(f"a duration is a number of milliseconds or a text such as '90s', not {value!r}")
    if not 0 <= amount <= MAX_DURATION_MS:
        raise ValueError(f"a duration is between 0 and a hundred years, not {value!r}")
    return round(amount)


def _from_text(text: str) -> float:
    if short := _SHORT.fullmatch(text):
        return float(short[1]) * _UNITS[short[2]]
    iso = _ISO.fullmatch(text)
    if iso and any(iso.groups()):
        weeks, days, hours, minutes, seconds = (float(iso[key] or 0) for key in "wdhms")
        return ((weeks * 7 + days) * 86_400 + hours * 3_600 + minutes * 60 + seconds) * 1_000
    raise ValueError(f"{text!r} is not a duration: write milliseconds, '90s', '5m', '2h', '1d' or ISO 8601 ('PT5M')")


def iso(time: int) -> str:
    """Microseconds since the epoch as UTC ISO 8601 text with microseconds."""
    moment = _EPOCH + timedelta(microseconds=time)
    return moment.strftime("%Y-%m-%dT%H:%M:%S.") + f"{time % 1_000_000:06d}Z"


def moment(time: int) -> datetime:
    """Microseconds since the epoch as an aware datetime."""
    return _EPOCH + timedelta(microseconds=time)


def microseconds(value: datetime) -> int:
    """An aware datetime as microseconds since the epoch."""
    delta = value - _EPOCH
    return (delta.days * 86_400 + delta.seconds) * 1_000_000 + delta.microseconds
