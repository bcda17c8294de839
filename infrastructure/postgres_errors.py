"""What PostgreSQL and its driver report, in words that say what to do."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING, Final

import psycopg

from application.ports import StoreUnavailable

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from infrastructure.postgres_address import Address

MIGRATE: Final = "has no tables of this Clew. Run `clew migrate` with this store, and try again."
TOO_LATE: Final = "did not finish in time. Look at what keeps the database busy, and try again."
ADVICE: Final[Mapping[str, str]] = {
    "53100": "is on a full disk. Free some space, and try again.",
    "53200": "has not enough memory. Free some, and try again.",
    "53300": "has no connection left. Raise max_connections, or stop what takes them.",
    "25006": "can only be read: it is a standby, or set so. Give the address of the primary.",
    "57014": TOO_LATE,
    "55P03": TOO_LATE,
    "3D000": "is not there. Make the database, or choose another store.",
    "3F000": MIGRATE,
    "42P01": MIGRATE,
    "42883": MIGRATE,
    "42501": "doesn't allow this user what Clew needs. Grant it the rights on the schema.",
    "28000": "doesn't let this user in. Check the user, the password and pg_hba.conf.",
    "28P01": "doesn't let this user in. Check the user and the password.",
    "57P03": "is starting or stopping. Try again in a moment.",
}
"""What to say and do for each kind of failure, by SQLSTATE."""
LOST_CLASSES: Final = ("08", "57P")
"""SQLSTATEs of connections that are no more, whatever the driver thinks of them yet."""


class ConnectionLost(psycopg.OperationalError):
    """The connection died in the middle: what it was asked may have been done or not."""


class Silent(psycopg.OperationalError):
    """The database did not answer in time."""


def lost(error: BaseException) -> bool:
    """Whether an error says that its connection is no more."""
    return (getattr(error, "sqlstate", None) or "").startswith(LOST_CLASSES)


def unavailable(address: Address, error: BaseException) -> StoreUnavailable:
    """The error to raise for what the driver reported."""
    state = getattr(error, "sqlstate", None) or getattr(error.__cause__, "sqlstate", None) or ""
    advice = ADVICE.get(state, "can't be reached. Check that the database runs, and the address.")
    if not state and "FATAL:" in str(error):
        advice = "refuses the connection. Check the name of the database, the user and the password."
    if state and state not in ADVICE and not state.startswith(LOST_CLASSES):
        advice = "can't be used. Look at the database's log, and try again."
    lines = str(error).strip().splitlines()
    return StoreUnavailable(f"{address.shown} {advice} ({lines[0] if lines else type(error).__name__})")


@contextlib.contextmanager
def explained(address: Address) -> Iterator[None]:
    """Raise StoreUnavailable, which says what to do, for every error of the driver in the block."""
    try:
        yield
    except psycopg.Error as error:
        raise unavailable(address, error) from error
