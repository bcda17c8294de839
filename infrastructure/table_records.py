"""The records of one table of the table store, found by their fields."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator, Mapping
from typing import Any, Final, NamedTuple

import msgspec

from domain import json
from domain.comparison import equal, number
from domain.errors import ErrorInfo, StepFailure
from domain.paths import Path, get

MAX_RECORD_BYTES: Final = 1_048_576
MAX_RECORD_FIELDS: Final = 1_000
MAX_KEY: Final = 200
"""Characters of a text that its look-up keeps; what is found is compared as a whole."""
MAX_LOOKUPS: Final = 8
"""Equalities of one query that are looked up; more narrow nothing down."""

Equalities = Mapping[Path, Any]
"""Fields, and the values they equal."""


class Found(NamedTuple):
    """A record and its place in the order of insertion."""

    seq: int
    record: dict[str, Any]


class Records:
    """The records of a table, within a transaction of the caller's. A table that nobody wrote to is empty."""

    def __init__(self, connection: sqlite3.Connection, table: str) -> None:
        self._connection = connection
        self._table = table

    def where(self, equalities: Equalities) -> Iterator[Found]:
        """Records whose fields equal the values, as JSON values compare, in the order of insertion."""
        sql, parameters = self._query(equalities)
        for seq, text in self._connection.execute(sql, parameters):
            record = msgspec.json.decode(text)
            if all(equal(get(record, path), value) for path, value in equalities.items()):
                yield Found(seq, record)

    def add(self, record: dict[str, Any]) -> None:
        """Insert. Raises `CONFLICT` where its id is taken, `RECORD_TOO_LARGE` past the limits."""
        identity = record["id"]
        if next(self.where({("id",): identity}), None) is not None:
            message = f"{self._table} has a record with the id {_brief(identity)} already: update or upsert it"
            raise StepFailure(ErrorInfo(code="CONFLICT", message=message, details={"table": self._table}))
        text = self._encoded(record)
        added = self._connection.execute("INSERT INTO records (name, record) VALUES (?, ?)", (self._table, text))
        self._look_up(added.lastrowid or 0, record)

    def replace(self, found: Found, record: dict[str, Any]) -> None:
        """Put a record in the place of another."""
        self._connection.execute("UPDATE records SET record = ? WHERE seq = ?", (self._encoded(record), found.seq))
        self._forget(found)
        self._look_up(found.seq, record)

    def remove(self, found: Found) -> None:
        """Delete."""
        self._connection.execute("DELETE FROM records WHERE seq = ?", (found.seq,))
        self._forget(found)

    def _query(self, equalities: Equalities) -> tuple[str, list[Any]]:
        sql, parameters = "SELECT seq, record FROM records WHERE name = ?", [self._table]
        keys = [(path[0], lookup_key(value)) for path, value in equalities.items() if len(path) == 1]
        for field, key in [(field, key) for field, key in keys if key is not None][:MAX_LOOKUPS]:
            sql += " AND seq IN (SELECT seq FROM lookups WHERE name = ? AND field = ? AND value = ?)"
            parameters += [self._table, str(field), key]
        return f"{sql} ORDER BY seq", parameters

    def _encoded(self, record: dict[str, Any]) -> str:
        text = json.encode(json.normal(record, "the record"))
        if len(text) > MAX_RECORD_BYTES or len(record) > MAX_RECORD_FIELDS:
            message = f"a record has at most {MAX_RECORD_BYTES:,} bytes of JSON and {MAX_RECORD_FIELDS:,} fields"
            details = {"bytes": len(text), "fields": len(record)}
            raise StepFailure(ErrorInfo(type="validation", code="RECORD_TOO_LARGE", message=message, details=details))
        return text.decode()

    def _look_up(self, seq: int, record: dict[str, Any]) -> None:
        self._connection.executemany(
            "INSERT INTO lookups (name, field, value, seq) VALUES (?, ?, ?, ?)", self._lookups(seq, record)
        )

    def _forget(self, found: Found) -> None:
        self._connection.executemany(
            "DELETE FROM lookups WHERE name = ? AND field = ? AND value = ? AND seq = ?", self._lookups(*found)
        )

    def _lookups(self, seq: int, record: dict[str, Any]) -> list[tuple[str, str, str, int]]:
        keys = [(field, lookup_key(value)) for field, value in record.items()]
        return [(self._table, field, key, seq) for field, key in keys if key is not None]


def lookup_key(value: Any) -> str | None:
    """The same for plain values that are equal; None for null, lists and objects, which are not looked up."""
    if isinstance(value, bool):
        return f"b{value}"
    written = number(value)
    if written is not None:
        return f"n{int(written) if written == int(written) else written!r}"
    return f"t{value[:MAX_KEY]}" if isinstance(value, str) else None


def _brief(identity: Any) -> str:
    text = str(identity)
    return text if len(text) <= 80 else f"{text[:77]}..."
