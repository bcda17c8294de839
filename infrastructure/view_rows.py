"""The tables of the views, whatever keeps them, and the one query for a page."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import msgspec

from application.ports import Summary

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

VERSION: Final = 6
"""Raise it with any change to the tables or to what a row means: the views are then built anew."""
COLUMNS: Final[Mapping[str, type]] = {
    "execution_id": str,
    "workflow_id": str,
    "workflow_version": str,
    "status": str,
    "version": int,
    "position": int,
    "started_position": int,
    "start_time": int,
    "update_time": int,
    "end_time": int,
    "current_address": str,
    "due": int,
    "paused_at": int,
    "branches": int,
    "parked": str,
    "children": str,
    "parent": str,
    "source": str,
    "error_code": str,
    "labels": str,
}
MAPPINGS: Final[Mapping[str, Any]] = {
    "labels": dict[str, str],
    "parked": dict[str, int | None],
    "children": dict[str, str],
}
"""Columns that hold JSON."""
PUBLISHED: Final[Mapping[str, type]] = {"workflow_id": str, "workflow_version": str}
INDEXES: Final = (
    ("started_position",),
    ("status", "started_position"),
    ("workflow_id", "started_position"),
    ("workflow_id", "status", "started_position"),
    ("source", "started_position"),
)
"""One for each way of filtering, each ending in the order of the list, so that a page is read and never sorted."""


def record(row: Summary) -> dict[str, Any]:
    """The columns of a row."""
    columns = msgspec.structs.asdict(row)
    return columns | {name: msgspec.json.encode(columns[name]).decode() for name in MAPPINGS}


def summary(columns: Mapping[str, Any]) -> Summary:
    """The row of some columns."""
    mappings = {name: msgspec.json.decode(columns[name], type=kind) for name, kind in MAPPINGS.items()}
    return Summary(**{**columns, **mappings})


def page_query(
    table: str,
    *,
    status: Sequence[str],
    workflow: str | None,
    source: str | None,
    before: int | None,
    mark: Callable[[str], str],
    same_workflow: str,
) -> tuple[str, dict[str, Any]]:
    """The SQL of a page, and its parameters but for `limit`; `mark` says how one is written.

    It is one query for each status, each along its index and no further than a page, and the newest of them all.
    `same_workflow` is the condition that a row is one of the parameter `workflow`.
    """
    parameters: dict[str, Any] = {f"status{index}": name for index, name in enumerate(status)}
    filters = [[f"status = {mark(name)}"] for name in parameters] or [[]]
    if workflow is not None:
        filters = [[*each, same_workflow] for each in filters]
        parameters["workflow"] = workflow
    if source is not None:
        filters = [[*each, f"source = {mark('source')}"] for each in filters]
        parameters["source"] = source
    if before is not None:
        filters = [[*each, f"started_position < {mark('before')}"] for each in filters]
        parameters["before"] = before
    newest = f"ORDER BY started_position DESC LIMIT {mark('limit')}"
    parts = [
        f"SELECT * FROM (SELECT {', '.join(COLUMNS)} FROM {table} "  # noqa: S608 - constants
        f"{'WHERE ' if each else ''}{' AND '.join(each)} {newest}) AS page"
        for each in filters
    ]
    return f"{' UNION ALL '.join(parts)} {newest}", parameters
