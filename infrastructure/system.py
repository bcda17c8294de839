"""The clock and identity: small adapters of what the machine offers."""

from __future__ import annotations

import secrets
import time
from typing import Final

_ALPHABET: Final = "0123456789abcdefghjkmnpqrstvwxyz"


class SystemClock:
    """The machine's clock."""

    def now(self) -> int:
        """Microseconds since the epoch."""
        return time.time_ns() // 1000


class TimeSortedIds:
    """Ids that sort by the time they were made: 48 bits of milliseconds and 80 of chance, as 26 characters (like ULID)."""

    def new(self, prefix: str) -> str:
        """A new id."""
        number = (time.time_ns() // 1_000_000) << 80 | secrets.randbits(80)
        return prefix + "".join(_ALPHABET[number >> shift & 31] for shift in range(125, -1, -5))
