"""One writer per store: an advisory lock that PostgreSQL gives back when its holder dies, and a token behind it."""

from __future__ import annotations

import logging
import os
import socket
from threading import Event, Lock, Thread
from typing import TYPE_CHECKING, Any, Final

import psycopg
from psycopg import errors
from psycopg.sql import SQL, Identifier

from application.ports import StoreHeld, StoreUnavailable
from infrastructure.postgres_connections import Use, connect
from infrastructure.postgres_errors import explained, unavailable

if TYPE_CHECKING:
    from infrastructure.postgres_address import Address
    from infrastructure.postgres_connections import Connection

TAKE_MS: Final = 1_500
"""How long to wait for a holder that may have died just now, before saying that the store is held."""
BEAT_S: Final = 1.0
"""How often the holder makes sure that its connection lives, and tries to get the lock back when it doesn't."""
_logger = logging.getLogger("clew.postgres")
HOLDING: Final = Use("holder", statement_s=4.0, options=f"-c lock_timeout={TAKE_MS}")


class Hold:
    """The right to append to a store.

    The lock keeps a second server away. It is PostgreSQL's to give back, though, when the connection that has it dies, and
    another server may get it then. So whoever gets it also gets a new token, and only the newest token may append: what
    counts is decided by the database in the transaction of the append, not by what a server believes.
    """

    def __init__(self, address: Address) -> None:
        """Take the store. Raises StoreHeld, which names the holder, and StoreUnavailable."""
        self._address = address
        self._holder = f"{socket.gethostname()}:{os.getpid()}"
        self._ending = Event()
        self._state = Lock()
        self._trouble: StoreUnavailable | None = None
        self._is_lost = False
        with explained(address):
            self._connection = connect(address, HOLDING)
            try:
                self._backend = self._connection.info.backend_pid
                if not self._locked(self._connection):
                    raise self._held(self._connection)
                [(self.token, self.position)] = self._ask(self._connection, "SELECT * FROM {}.take(%s)", self._holder)
            except BaseException:
                self._connection.close()
                raise
        self._watcher = Thread(target=self._watch, name="clew-hold", daemon=True)
        self._watcher.start()

    def check(self) -> None:
        """Raise StoreUnavailable while the lock is not held, or when the store is somebody else's now."""
        with self._state:
            trouble = self._trouble
        if trouble is not None:
            raise StoreUnavailable(trouble.message)

    def refuse_if_lost(self) -> None:
        """Raise StoreUnavailable when the store is somebody else's now."""
        with self._state:
            trouble = self._trouble if self._is_lost else None
        if trouble is not None:
            raise StoreUnavailable(trouble.message)

    def lost_to(self, holder: str) -> StoreUnavailable:
        """Note that somebody else has taken the store: nothing is appended from here any more."""
        with self._state:
            self._is_lost = True
            found = self._trouble = StoreUnavailable(
                f"{self._address.shown} was taken over by {holder}, while the connection that held it was dead. "
                "Nothing is recorded here any more: stop this server, or that one and then start this again."
            )
        _logger.error(found.message)
        return found

    def release(self) -> None:
        """Let go of the store; doing it twice does nothing."""
        self._ending.set()
        self._watcher.join()
        self._connection.close()

    def _watch(self) -> None:
        while not self._ending.wait(BEAT_S) and not self._is_lost:
            try:
                if self._connection.closed:
                    self._regain()
                else:
                    self._is_ours(self._connection)
            except psycopg.Error as error:
                self._connection.close()
                self._is_interrupted(unavailable(self._address, error))
        if self._is_lost:
            self._connection.close()  # whatever it still has must keep nobody away

    def _regain(self) -> None:
        connection = connect(self._address, HOLDING)
        try:
            locked = self._locked(connection) or self._outlived(connection)
            if not self._is_ours(connection):
                return
            if not locked:
                self._is_interrupted(self._held(connection))
                return
            self._connection, self._backend = connection, connection.info.backend_pid
        finally:
            if self._connection is not connection:
                connection.close()
        with self._state:
            self._trouble = None
        _logger.warning("%s is held again.", self._address.shown)

    def _outlived(self, connection: Connection) -> bool:
        """Whether it was our own dead connection that still had the lock, and doesn't any more.

        When the network fails, the server takes its time to notice that nobody is there.
        """
        ended = self._ask(
            connection,
            "SELECT pg_terminate_backend(l.pid) FROM pg_locks AS l, {}.writer AS w WHERE l.locktype = 'advisory' "
            "AND l.granted AND (l.classid::bigint << 32 | l.objid::bigint) = %s AND l.pid = %s AND w.token = %s",
            self._address.key("hold"),
            self._backend,
            self.token,
        )
        return bool(ended) and self._locked(connection)

    def _is_ours(self, connection: Connection) -> bool:
        """Whether nobody has taken the store since. Somebody may have, and have left again."""
        [(token, holder)] = self._ask(connection, "SELECT token, holder FROM {}.writer")
        if token != self.token:
            self.lost_to(holder)
        return bool(token == self.token)

    def _is_interrupted(self, why: StoreUnavailable | StoreHeld) -> None:
        found = StoreUnavailable(f"The hold on the store is interrupted: {why.message}")
        with self._state:
            is_new = self._trouble is None
            self._trouble = self._trouble if self._is_lost else found
        if is_new:
            _logger.warning(found.message)

    def _locked(self, connection: Connection) -> bool:
        try:
            connection.execute("SELECT pg_advisory_lock(%s)", (self._address.key("hold"),))
        except errors.LockNotAvailable:
            return False
        return True

    def _held(self, connection: Connection) -> StoreHeld:
        [(holder, since)] = self._ask(
            connection, "SELECT holder, to_char(since AT TIME ZONE 'UTC', 'YYYY-MM-DD HH24:MI:SS') FROM {}.writer"
        )
        host, _, pid = holder.rpartition(":")
        who = f"process {pid} on {host} (since {since} UTC)" if host else "another process"
        return StoreHeld(
            f"{self._address.shown} is being written by {who}. Stop that one first, or ask it instead of opening its store.",
            details={"pid": int(pid) if pid else None, "host": host},
        )

    def _ask(self, connection: Connection, statement: str, *parameters: Any) -> list[tuple[Any, ...]]:
        query = SQL(statement).format(Identifier(self._address.schema))
        return connection.execute(query, parameters).fetchall()
