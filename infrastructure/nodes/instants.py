"""Points in time as JSON values write them."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any, Final

from domain.comparison import kind
from domain.durations import microseconds

_EARLIEST: Final = microseconds(datetime.min.replace(tzinfo=UTC))
_LATEST: Final = microseconds(datetime.max.replace(tzinfo=UTC))


def instant(value: Any) -> int | None:
    """Microseconds since the epoch, of ISO 8601 text (UTC if it has no offset) or epoch milliseconds; else None."""
    if isinstance(value, bool):
        return None
    if isinstance(value, (int, float)):
        found = round(value * 1_000)
        return found if _EARLIEST <= found <= _LATEST else None
    if not isinstance(value, str):
        return None
    try:
        moment = datetime.fromisoformat(value.strip())
    except ValueError:
        return None
    return microseconds(moment if moment.tzinfo is not None else moment.replace(tzinfo=UTC))


def not_an_instant(value: Any) -> str:
    """What to tell a person about a value that `instant` does not take."""
    found = repr(value[:80]) if isinstance(value, str) else kind(value)
    return f"a time is ISO 8601 text such as '2026-11-22T10:00:00Z', or epoch milliseconds, not {found}"
