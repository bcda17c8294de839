"""The operations of `database` on the records of a table."""

from __future__ import annotations

from collections.abc import Callable
from hashlib import sha256
from typing import TYPE_CHECKING, Any, Final

import msgspec

from domain import json
from domain.patches import apply, assignment
from domain.paths import MISSING, get
from infrastructure.nodes.allowance import Allowance
from infrastructure.nodes.base import invalid, shown
from infrastructure.nodes.fields import field
from infrastructure.nodes.selections import Selection
from infrastructure.table_records import Records
from infrastructure.table_store import TableStore

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Mapping


class Outcome(msgspec.Struct, frozen=True, kw_only=True):
    """What an operation did: the records it found or left, how many, and whether they are new."""

    records: list[dict[str, Any]] = []
    count: int = 0
    inserted: bool = False


class Request(msgspec.Struct, frozen=True, kw_only=True):
    """One operation as asked for, with what its visit adds: the time, and the source of ids that it makes."""

    operation: str
    table: str
    selection: Selection
    data: Any
    now: str
    seed: str


def perform(tables: TableStore, request: Request) -> Outcome:
    """Do one operation; one that writes, once for its visit, however often that is attempted."""
    if request.operation in READING:
        with tables.reading() as connection:
            return READING[request.operation](Records(connection, request.table), request)

    def work(connection: sqlite3.Connection) -> Any:
        return msgspec.to_builtins(WRITING[request.operation](Records(connection, request.table), request))

    visit = sha256(request.seed.encode()).hexdigest()
    return msgspec.convert(tables.once(visit, work), Outcome)


def _find(records: Records, request: Request) -> Outcome:
    found = request.selection._replace(limit=1).of(records)
    return Outcome(records=[each.record for each in found], count=len(found))


def _find_many(records: Records, request: Request) -> Outcome:
    found = request.selection.of(records)
    return Outcome(records=[each.record for each in found], count=len(found))


def _count(records: Records, request: Request) -> Outcome:
    return Outcome(count=sum(1 for _ in request.selection.matches(records)))


READING: Final[dict[str, Callable[[Records, Request], Outcome]]] = {
    "find": _find,
    "findMany": _find_many,
    "list": _find_many,
    "count": _count,
}


def _insert(records: Records, request: Request) -> Outcome:
    allowance = Allowance()
    data = request.data if isinstance(request.data, list) else [request.data]
    stored = [allowance.made(_inserted(records, each, request, place)) for place, each in enumerate(data)]
    return Outcome(records=stored, count=len(stored), inserted=True)


def _inserted(records: Records, data: Mapping[str, Any], request: Request, place: int) -> dict[str, Any]:
    """A record as it is stored: under its own id or one that the visit always makes the same."""
    identity = data.get("id")
    if identity is None:
        identity = sha256(f"{request.seed}/{place}".encode()).hexdigest()[:32]
        known = next(records.where({("id",): identity}), None)
        if known is not None:  # by an attempt of this visit whose outcome is no longer remembered
            return known.record
    elif isinstance(identity, bool) or not isinstance(identity, (str, int, float)) or identity == "":
        raise invalid(f"an id is a text or a number, not {shown(identity)}", parameter="data.id")
    times = {"createdAt": data.get("createdAt", request.now), "updatedAt": data.get("updatedAt", request.now)}
    record = {**data, "id": identity, **times}
    records.add(record)
    return record


def _update(records: Records, request: Request) -> Outcome:
    """Lay the fields over what is there. An id stays: one in the data says which record is meant."""
    changed = []
    allowance = Allowance()
    for found in request.selection.of(records):
        record = {**found.record, **request.data, "updatedAt": request.now}
        record.update({key: found.record[key] for key in ("id", "createdAt") if key in found.record})
        records.replace(found, record)
        changed.append(allowance.made(record))
    return Outcome(records=changed, count=len(changed))


def _upsert(records: Records, request: Request) -> Outcome:
    """Update what is meant; insert, with the fields that the query asks for, where there is nothing."""
    if request.selection.narrows:
        updated = _update(records, request)
        if updated.count:
            return updated
    data = request.data
    for name, value in request.selection.query.items():
        path = field(name, "query").path
        if get(data, path) is MISSING:
            data = apply(data, (assignment(data, path, json.copy(value)),))
    return _insert(records, msgspec.structs.replace(request, data=data))


def _delete(records: Records, request: Request) -> Outcome:
    found = request.selection.of(records)
    for each in found:
        records.remove(each)
    return Outcome(records=[each.record for each in found], count=len(found))


WRITING: Final[dict[str, Callable[[Records, Request], Outcome]]] = {
    "insert": _insert,
    "createMany": _insert,
    "update": _update,
    "upsert": _upsert,
    "delete": _delete,
}
