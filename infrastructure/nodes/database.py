"""`database`: tables of JSON records, kept across runs."""

from __future__ import annotations

import re
from collections.abc import Callable
from hashlib import sha256
from typing import TYPE_CHECKING, Any, ClassVar, Final

import msgspec

from domain import json
from domain.durations import iso, microseconds
from domain.node import Answer, Edge, Effect, NodeMetadata, Parameter
from domain.patches import apply, assignment
from domain.paths import MISSING, get
from infrastructure.nodes.allowance import Allowance
from infrastructure.nodes.base import LIBRARY_VERSION, LibraryNode, invalid, shown
from infrastructure.nodes.companions import companion
from infrastructure.nodes.fields import field
from infrastructure.nodes.selections import MAX_RECORDS, Selection, selection_of
from infrastructure.table_records import Records
from infrastructure.table_store import TableStore, not_configured

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Iterable, Mapping

    from domain.context import ExecutionContext

_KEYS: Final[dict[str, tuple[str, ...]]] = {
    "find": ("dbRecord",),
    "findMany": ("dbRecords",),
    "list": ("dbRecords",),
    "count": (),
    "insert": ("dbInserted",),
    "createMany": ("dbInserted",),
    "update": ("dbUpdated",),
    "upsert": ("dbInserted", "dbUpdated"),
    "delete": ("dbDeleted",),
}
_TABLE: Final = re.compile(r"[A-Za-z0-9_]{1,64}")
_FOUND: Final = ("find", "findMany", "update", "delete")
"""Operations that take `not_found` when no record matches."""


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


class Database(LibraryNode):
    """Finds and keeps records. Runs in a thread: what it writes is on the disk when it returns."""

    inline: ClassVar[bool] = False
    metadata = NodeMetadata(
        id="database",
        name="Database",
        version=LIBRARY_VERSION,
        description="Finds, inserts, updates and deletes records in tables that are kept across runs.",
        outputs=tuple(dict.fromkeys(key for keys in _KEYS.values() for key in keys)),
        edges=("found", "not_found", "success"),
        exit_edges=("not_found",),
        effect="writes",
        parameters={
            "operation": Parameter(types=("string",), required=True, enum=tuple(_KEYS)),
            "table": Parameter(
                types=("string",), required=True, description="Letters, digits and _; made by the first insert."
            ),
            "query": Parameter(types=("object",), description="Fields, dotted or not, and the values they equal."),
            "where": Parameter(types=("array",), description="Conditions as in filter."),
            "data": Parameter(types=("object", "array"), description="What to store; its id also says which record."),
            "orderBy": Parameter(
                types=("string", "object", "array"),
                description="A field, {fieldName, order: ascending or descending}, or a list of those.",
            ),
            "limit": Parameter(types=("integer",), description=f"At most {MAX_RECORDS:,} records are given at once."),
            "offset": Parameter(types=("integer",), default=0),
        },
    )

    def __init__(self, tables: TableStore | None = None) -> None:
        self._tables = tables

    def run(self, context: ExecutionContext, config: dict[str, Any]) -> Answer:
        """Do one operation."""
        request = _request(context, config)
        if self._tables is None:
            raise not_configured("database")
        operation = request.operation
        if operation in _READING:
            with self._tables.reading() as connection:
                outcome = _READING[operation](Records(connection, request.table), request)
        else:
            outcome = _write(self._tables, request)
        for key, value in _state(request, outcome).items():
            context.state[key] = value
        return _edge(request, outcome)

    def effect(self, config: Mapping[str, Any]) -> Effect:
        """Reading operations are `reads`, the others `writes`."""
        return "reads" if config.get("operation") in _READING else "writes"

    def state_keys(self, config: Mapping[str, Any]) -> frozenset[str] | None:
        """The keys of the operation, if that is a literal; all of them, if it is not."""
        return frozenset(self.result_keys(config))

    def result_keys(self, config: Mapping[str, Any]) -> Iterable[str]:
        """The keys of the operation; all of them when that is unknown."""
        operation = config.get("operation")
        if isinstance(operation, str) and operation in _KEYS:
            return _KEYS[operation]
        return self.metadata.outputs or ()


def _request(context: ExecutionContext, config: Mapping[str, Any]) -> Request:
    operation, table = config["operation"], config["table"]
    if not _TABLE.fullmatch(table):
        raise invalid(f"table is 1 to 64 letters, digits and _, not {shown(table)}", parameter="table")
    selection = selection_of(config)
    if operation in ("update", "delete") and not selection.narrows:
        raise invalid(f"{operation} needs query, where or data.id, to say which records", parameter="query")
    return Request(
        operation=operation,
        table=table,
        selection=selection,
        data=_data(config) if operation in ("insert", "createMany", "update", "upsert") else None,
        now=iso(microseconds(context.now())),
        seed=f"{context.idempotency_key}/{operation}/{table}",
    )


def _data(config: Mapping[str, Any]) -> Any:
    data = companion(config, "data", config["operation"])
    if config["operation"] != "createMany":
        if not isinstance(data, dict):
            raise invalid(f"{config['operation']} takes one object as data; createMany takes a list", parameter="data")
        return data
    listed = data if isinstance(data, list) else [data]
    for place, record in enumerate(listed):
        if not isinstance(record, dict):
            raise invalid(f"data[{place}] is an object, not {shown(record)}", parameter=f"data[{place}]")
    if len(listed) > MAX_RECORDS:
        raise invalid(f"data has {len(listed):,} records; at most {MAX_RECORDS:,} are taken at once", parameter="data")
    return listed


# Reading


def _find(records: Records, request: Request) -> Outcome:
    found = request.selection._replace(limit=1).of(records)
    return Outcome(records=[each.record for each in found], count=len(found))


def _find_many(records: Records, request: Request) -> Outcome:
    found = request.selection.of(records)
    return Outcome(records=[each.record for each in found], count=len(found))


def _count(records: Records, request: Request) -> Outcome:
    return Outcome(count=sum(1 for _ in request.selection.matches(records)))


_READING: Final[dict[str, Callable[[Records, Request], Outcome]]] = {
    "find": _find,
    "findMany": _find_many,
    "list": _find_many,
    "count": _count,
}


# Writing


def _write(tables: TableStore, request: Request) -> Outcome:
    def work(connection: sqlite3.Connection) -> Any:
        return msgspec.to_builtins(_WRITING[request.operation](Records(connection, request.table), request))

    visit = sha256(request.seed.encode()).hexdigest()
    return msgspec.convert(tables.once(visit, work), Outcome)


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


_WRITING: Final[dict[str, Callable[[Records, Request], Outcome]]] = {
    "insert": _insert,
    "createMany": _insert,
    "update": _update,
    "upsert": _upsert,
    "delete": _delete,
}


# What the workflow sees


def _state(request: Request, outcome: Outcome) -> dict[str, Any]:
    """The keys of the operation: null for what was not found, or did not happen."""
    values: dict[str, Any] = dict.fromkeys(_KEYS[request.operation])
    missed = request.operation in _FOUND and not outcome.count
    summary = {"table": request.table, "id": _first(outcome, "id"), "count": outcome.count}
    match request.operation:
        case _ if missed:
            pass
        case "find":
            values["dbRecord"] = _first(outcome)
        case "findMany" | "list":
            values["dbRecords"] = outcome.records
        case "createMany":
            values["dbInserted"] = outcome.records
        case "insert" | "upsert" if outcome.inserted:
            values["dbInserted"] = _first(outcome)
        case "update" | "upsert":
            values["dbUpdated"] = summary
        case "delete":
            values["dbDeleted"] = summary
    return values


def _edge(request: Request, outcome: Outcome) -> Edge:
    common = {"count": outcome.count, "table": request.table}
    first, records = _first(outcome), outcome.records
    if request.operation in _FOUND and not outcome.count:
        return Edge("not_found", {"table": request.table, "query": request.selection.query})
    if request.operation == "find":
        return Edge("found", {"record": first, "data": first, **common})
    if request.operation == "findMany":
        return Edge("found", {"records": records, "items": records, **common})
    return Edge("success", {"record": first, "items": records, "records": records, **common})


def _first(outcome: Outcome, key: str | None = None) -> Any:
    first = outcome.records[0] if outcome.records else None
    return first if key is None or first is None else first.get(key)
