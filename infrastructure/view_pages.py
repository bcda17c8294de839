"""What every store of views shares: the cursors of pages, and how workflows are listed."""

from __future__ import annotations

import base64
import re
from typing import TYPE_CHECKING, Any, Final

from application.ports import Page, Summary
from domain.errors import Unacceptable

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


def workflows(counted: Iterable[tuple[str, str, int, int]]) -> list[dict[str, Any]]:
    """The list of workflows from (id, version, number of executions, last start) of each version."""
    found: dict[str, dict[str, Any]] = {}
    for workflow_id, version, executions, last_start in sorted(counted, key=lambda row: (row[0], _order(row[1]))):
        before = found.get(workflow_id, {"executions": 0, "lastStart": 0})
        found[workflow_id] = {
            "workflowId": workflow_id,
            "workflowVersion": version,
            "executions": before["executions"] + executions,
            "lastStart": max(before["lastStart"], last_start),
        }
    return list(found.values())


def _order(version: str) -> tuple[int, ...]:
    """Versions by their numbers: 1.10.0 is newer than 1.9.0."""
    return tuple(int(number) for number in re.findall(r"[0-9]+", version))
