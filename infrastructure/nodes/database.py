"""`database`: tables of JSON records, kept across runs."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, ClassVar, Final

from domain.durations import iso, microseconds
from domain.node import Answer, Edge, NodeMetadata, Parameter
from infrastructure.nodes.base import LIBRARY_VERSION, OperationNode, example, invalid, notes, shown, taken
from infrastructure.nodes.companions import companion
from infrastructure.nodes.needs import need
from infrastructure.nodes.selections import MAX_RECORDS, selection_of
from infrastructure.nodes.table_operations import READING, Outcome, Request, perform
from infrastructure.table_store import TableStore, not_configured

if TYPE_CHECKING:
    from collections.abc import Mapping

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


class Database(OperationNode):
    """Finds and keeps records. Runs in a thread: what it writes is on the disk when it returns."""

    inline: ClassVar[bool] = False
    keys_of: ClassVar = _KEYS
    metadata = NodeMetadata(
        id="database",
        name="Database",
        version=LIBRARY_VERSION,
        description="Finds, inserts, updates and deletes records in tables that are kept across runs.",
        example=example(
            {
                "database": {
                    "operation": "find",
                    "table": "users",
                    "query": {"email": "$.email"},
                    "found?": [{"$.user": "$.dbRecord"}],
                    "not_found?": [
                        {
                            "create": {
                                "$node": "database",
                                "operation": "insert",
                                "table": "users",
                                "data": {"email": "$.email"},
                                "error?": "$fail",
                            }
                        }
                    ],
                    "error?": "$fail",
                }
            },
            email="ada@example.org",
        ),
        outputs=tuple(dict.fromkeys(key for keys in _KEYS.values() for key in keys)),
        edges=("found", "not_found", "success"),
        exit_edges=("not_found",),
        effect="writes",
        effects=dict.fromkeys(READING, "reads"),
        edge_info={
            "found": taken("`find`, `findMany`: something was found", "record? data? records? items? count table"),
            "not_found": taken("`find`, `findMany`, `update`, `delete`: nothing was", "table query"),
            "success": taken(
                "the other operations, and what `update` and `delete` have done", "record records items count table"
            ),
        },
        output_info={
            "dbRecord": "Of `find`; null if there is none.",
            "dbRecords": "Of `findMany` and `list`.",
            "dbInserted": "Of `insert`: the whole record as stored; of createMany: the list of them.",
            "dbUpdated": "Of `update`: {table, id, count}.",
            "dbDeleted": "Of `delete`: {table, id, count}.",
        },
        notes=notes(
            """
            `find` gives one record, `findMany` and `list` several, `count` only how many. `upsert`
            updates what is meant, or inserts it, and writes dbInserted or dbUpdated.

            `query` and `data.id` name records by equal fields, `where` by conditions; all must hold.
            `update` and `delete` need one of them.

            `insert` gives a record an `id` if it has none, the same in every attempt of a visit, and
            createdAt and updatedAt. An id that is taken is `CONFLICT`. A table that is not there is
            empty.
            """
        ),
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
            "offset": Parameter(types=("integer",), default=0, description="Records that are passed over."),
        },
    )

    needs = (
        need("data", operation=("insert", "createMany", "update", "upsert")),
        need("query", "where", "data", operation=("update", "delete")),
    )

    def __init__(self, tables: TableStore | None = None) -> None:
        self._tables = tables

    def run(self, context: ExecutionContext, config: dict[str, Any]) -> Answer:
        """Do one operation."""
        request = _request(context, config)
        if self._tables is None:
            raise not_configured("database")
        outcome = perform(self._tables, request)
        for key, value in _state(request, outcome).items():
            context.state[key] = value
        return _edge(request, outcome)


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
