"""Connections to PostgreSQL: made when needed, replaced when they die, refused at once while the database is gone.

Not psycopg's pool: there a caller waits its whole time for a database that is gone, and is not told why; and the pause
between its attempts to connect grows, so that it notices late when the database is back.
"""

from __future__ import annotations

import contextlib
import logging
import os
import socket
from collections.abc import Mapping, Sequence
from threading import Event, Lock, Semaphore, Thread
from time import monotonic
from typing import TYPE_CHECKING, Any, Final, NamedTuple

import psycopg
from psycopg.conninfo import conninfo_to_dict

from application.ports import StoreUnavailable
from infrastructure import postgres_arrays
from infrastructure.postgres_errors import ConnectionLost, Silent, explained, lost, unavailable

if TYPE_CHECKING:
    from collections.abc import Generator, Iterator

    from psycopg.abc import PQGen
    from psycopg.rows import TupleRow

    from infrastructure.postgres_address import Address

_logger = logging.getLogger("clew.postgres")
Parameters = Sequence[Any] | Mapping[str, Any]
CONNECT_S: Final = 2
"""How long a connection may take to come about; libpq's own default is minutes."""
SILENCE_S: Final = 5.0
"""How long the database may say nothing while something is asked of it: then the connection counts as dead."""
PROBE_S: Final = 0.25
"""How often a database that is gone is tried again."""
FREE_S: Final = 5.0
"""How long to wait until one of the connections is free."""
LOCK_S: Final = 3.0
"""How long a statement waits for a lock."""
KEEPALIVE: Final[dict[str, Any]] = {"keepalives_idle": 10, "keepalives_interval": 3, "keepalives_count": 3}
"""Either side notices within 20 s when the other's machine is gone, instead of after two hours."""
APPLICATION_NAME_CHARACTERS: Final = 63


class Connection(psycopg.Connection["TupleRow"]):
    """A connection that does not wait for ever for a database that has fallen silent."""

    silence_s = SILENCE_S

    def wait(self, gen: PQGen[Any], interval: float = 0.1, timeout: float | None = None) -> Any:
        """Wait for an answer. Raises Silent when nothing at all comes for too long."""
        return super().wait(_answered(gen, self.silence_s), interval, timeout)


def _answered(gen: PQGen[Any], silence_s: float) -> Generator[Any, Any, Any]:
    """The driver's own steps, as long as there are signs of life between them."""
    deadline = monotonic() + silence_s
    try:
        wanted = next(gen)
        while True:
            ready = yield wanted
            now = monotonic()
            if ready:
                deadline = now + silence_s
            elif now > deadline:
                raise Silent(f"no answer within {silence_s:g} s")
            wanted = gen.send(ready)
    except StopIteration as done:
        return done.value


class Use(NamedTuple):
    """What connections are for, and so how patient they are."""

    name: str
    """How `pg_stat_activity` calls it."""
    statement_s: float = 60.0
    """How long one statement may take."""
    silence_s: float = SILENCE_S
    """How long the database may say nothing to it."""
    options: str = ""


def connect(address: Address, use: Use) -> Connection:
    """A connection on which every statement is a transaction of its own. Raises what the driver raises."""
    keepalive = " ".join(f"-c tcp_{name}={value}" for name, value in KEEPALIVE.items())
    theirs = conninfo_to_dict(address.conninfo).get("options") or ""
    settings = (
        f"{theirs} -c statement_timeout={use.statement_s * 1000:.0f} -c lock_timeout={LOCK_S * 1000:.0f} "
        "-c idle_in_transaction_session_timeout=10000 -c default_transaction_isolation=read\\ committed "
        f"-c search_path=pg_catalog -c jit=off {keepalive} {use.options}"
    )
    connection = Connection.connect(
        address.conninfo,
        autocommit=True,
        connect_timeout=CONNECT_S,
        application_name=f"clew {use.name} {socket.gethostname()}:{os.getpid()}"[:APPLICATION_NAME_CHARACTERS],
        client_encoding="utf8",
        options=settings,
        **KEEPALIVE,
    )
    connection.silence_s = use.silence_s
    postgres_arrays.register(connection)
    return connection


class Connections:
    """Some connections for one use, at most `size` at once. Thread-safe."""

    def __init__(self, address: Address, use: Use, *, size: int) -> None:
        self._address = address
        self._use = use
        self._size = size
        self._free = Semaphore(size)
        self._lock = Lock()
        self._idle: list[Connection] = []
        self._gone: StoreUnavailable | None = None
        self._closed = Event()

    def check(self) -> None:
        """Raise StoreUnavailable when it is known that the database can't be reached, or these were closed."""
        with self._lock:
            self._refuse()

    def rows(self, statement: bytes, parameters: Parameters = ()) -> list[TupleRow]:
        """What a query answers. Asked again on another connection if the first one turns out to be dead."""
        with explained(self._address):
            try:
                return self._rows(statement, parameters)
            except ConnectionLost:
                return self._rows(statement, parameters)

    def _rows(self, statement: bytes, parameters: Parameters) -> list[TupleRow]:
        with self.borrow() as connection, connection.cursor(binary=True) as cursor:
            return cursor.execute(statement, parameters, prepare=True).fetchall()

    @contextlib.contextmanager
    def borrow(self) -> Iterator[Connection]:
        """A connection for the block. Raises ConnectionLost when it dies in there, StoreUnavailable when there is none.

        Whatever else the driver raises leaves the connection in use.
        """
        if not self._free.acquire(timeout=FREE_S):
            raise StoreUnavailable(f"All {self._size} connections to {self._address.shown} are busy. Try again.")
        try:
            connection = self._take()
            try:
                yield connection
            except psycopg.Error as error:
                if isinstance(error, Silent):
                    self._is_gone(error)
                if connection.closed or isinstance(error, Silent) or lost(error):
                    connection.close()
                    self._drop_idle()  # what killed one has probably killed the others
                    raise ConnectionLost(*error.args) from error
                raise
            except BaseException:
                connection.close()  # nobody knows what it was at
                raise
            finally:
                self._give_back(connection)
        finally:
            self._free.release()

    def close(self) -> None:
        """Close them all, once nobody uses them: closing one under a running statement crashes the process."""
        self._closed.set()
        deadline = monotonic() + SILENCE_S
        taken = sum(self._free.acquire(timeout=max(deadline - monotonic(), 0)) for _ in range(self._size))
        self._drop_idle()
        if taken:
            self._free.release(taken)  # whoever asks is told that it is closed; late users close their own

    def _take(self) -> Connection:
        with self._lock:
            self._refuse()
            if self._idle:
                return self._idle.pop()
        try:
            return connect(self._address, self._use)
        except psycopg.Error as error:
            self._is_gone(error)
            raise

    def _refuse(self) -> None:
        if self._closed.is_set():
            raise StoreUnavailable(f"{self._address.shown} was closed.")
        if self._gone is not None:
            raise StoreUnavailable(self._gone.message)

    def _give_back(self, connection: Connection) -> None:
        with self._lock:
            if not connection.closed and not self._closed.is_set():
                self._idle.append(connection)
                return
        connection.close()

    def _drop_idle(self) -> None:
        with self._lock:
            idle, self._idle = self._idle, []
        for connection in idle:
            connection.close()

    def _is_gone(self, error: psycopg.Error) -> None:
        """From here on refuse at once, until a thread has seen that the database is back."""
        with self._lock:
            if self._gone is not None or self._closed.is_set():
                return
            self._gone = unavailable(self._address, error)
        _logger.warning("%s (%s)", self._gone.message, self._use.name)
        Thread(target=self._probe, name=f"clew-probe-{self._use.name}", daemon=True).start()

    def _probe(self) -> None:
        while not self._closed.wait(PROBE_S):
            try:
                connection = connect(self._address, self._use)
            except psycopg.Error as error:
                reason = unavailable(self._address, error)
                with self._lock:
                    self._gone = reason
                continue
            with self._lock:
                self._gone = None
            self._give_back(connection)
            _logger.warning("%s is back (%s).", self._address.shown, self._use.name)
            return
