"""What every store of views shares: the cursors of pages, and how workflows are listed."""

from __future__ import annotations

import base64
import re
from typing import TYPE_CHECKING, Any, Final

from application.ports import Page, Summary
from domain.errors import Unacceptable
from domain.publishing import newest

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

_CURSOR: Final = re.compile(r"after:([0-9]{1,18}):(.+)", re.DOTALL)


def page(rows: Sequence[Summary], limit: int) -> Page:
    """A page of rows that were read one beyond the limit, to see whether there are more."""
    items = tuple(rows[:limit])
    return Page(items=items, next=_cursor(items[-1]) if items and len(rows) > limit else None)


def _cursor(last: Summary) -> str:
    text = f"after:{last.started_position}:{last.execution_id}"
    return base64.urlsafe_b64encode(text.encode()).decode().rstrip("=")


def started_before(cursor: str) -> int:
    """The position that a page begins behind. Raises Unacceptable for a cursor that was not made here."""
    try:
        padded = cursor.encode() + b"=" * (-len(cursor) % 4)
        text = base64.b64decode(padded, altchars=b"-_", validate=True).decode()
    except ValueError as error:
        raise _foreign(cursor) from error
    match = _CURSOR.fullmatch(text)
    if match is None:
        raise _foreign(cursor)
    return int(match[1])


def _foreign(cursor: str) -> Unacceptable:
    return Unacceptable(
        "The cursor is not one of this list's. Take it unchanged from `next` of the page before, or leave it out.",
        code="INVALID_CURSOR",
        details={"cursor": cursor[:200]},
    )


def workflows(
    counted: Iterable[tuple[str, str, int, int]], published: Iterable[tuple[str, str]]
) -> list[dict[str, Any]]:
    """The list of workflows from (id, version, number of executions, last start) of each version that was run, and
    (id, version) of each that was published.
    """
    found: dict[str, dict[str, Any]] = {}
    for workflow_id, version, executions, last_start in counted:
        row = _seen(found, workflow_id, "workflowVersion", version)
        row["executions"] += executions
        row["lastStart"] = max(row["lastStart"] or 0, last_start)
    for workflow_id, version in published:
        _seen(found, workflow_id, "workflowVersion", version)
        _seen(found, workflow_id, "publishedVersion", version)
    return [found[workflow_id] for workflow_id in sorted(found)]


def _seen(found: dict[str, dict[str, Any]], workflow_id: str, key: str, version: str) -> dict[str, Any]:
    """The row of a workflow, once `key` in it has this version if there it is the newest."""
    empty = {"workflowVersion": None, "publishedVersion": None, "executions": 0, "lastStart": None}
    row = found.setdefault(workflow_id, {"workflowId": workflow_id, **empty})
    row[key] = newest(filter(None, (row[key], version)))
    return row
