"""The views in memory: the twin of the durable ones, for tests and play."""

from __future__ import annotations

from collections import Counter
from threading import Lock
from typing import TYPE_CHECKING, Any

from application.ports import Page, Status, StoreUnavailable, Summary, Views
from infrastructure import view_pages

if TYPE_CHECKING:
    from collections.abc import Sequence

    from domain.events import WorkflowPublished


class MemoryViews(Views):
    """Rows by execution."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._rows: dict[str, Summary] = {}
        self._published: set[tuple[str, str]] = set()
        self._position = 0
        self._closed = False

    def position(self) -> int:
        """The position that was put last."""
        with self._lock:
            self._refuse_if_closed()
            return self._position

    def get(self, execution_ids: Sequence[str]) -> dict[str, Summary]:
        """Look the rows up."""
        with self._lock:
            self._refuse_if_closed()
            return {name: self._rows[name] for name in execution_ids if name in self._rows}

    def put(self, rows: Sequence[Summary], position: int, *, published: Sequence[WorkflowPublished] = ()) -> None:
        """Replace the rows, add the versions."""
        with self._lock:
            self._refuse_if_closed()
            self._published.update((event.workflow, event.workflow_version) for event in published)
            self._rows.update({row.execution_id: row for row in rows})
            self._position = position

    def clear(self) -> None:
        """Forget the rows."""
        with self._lock:
            self._refuse_if_closed()
            self._rows.clear()
            self._published.clear()
            self._position = 0

    def executions(
        self,
        *,
        status: Sequence[Status] = (),
        workflow: str | None = None,
        source: str | None = None,
        limit: int = 100,
        cursor: str | None = None,
    ) -> Page:
        """Sort and cut what fits the filter."""
        before = None if cursor is None else view_pages.started_before(cursor)
        rows = [
            row
            for row in self._all()
            if (not status or row.status in status)
            and (workflow is None or row.workflow_id == workflow)
            and (source is None or row.source == source)
            and (before is None or row.started_position < before)
        ]
        rows.sort(key=lambda row: row.started_position, reverse=True)
        return view_pages.page(rows, limit)

    def workflows(self) -> list[dict[str, Any]]:
        """Count the rows of each workflow."""
        rows, published = self._all(), self._all_published()
        counts = Counter((row.workflow_id, row.workflow_version) for row in rows)
        starts: dict[tuple[str, str], int] = {}
        for row in rows:
            key = (row.workflow_id, row.workflow_version)
            starts[key] = max(starts.get(key, 0), row.start_time)
        return view_pages.workflows([(*key, counts[key], starts[key]) for key in counts], published)

    def published(self) -> list[str]:
        """Sort the ids."""
        return sorted({workflow_id for workflow_id, _ in self._all_published()})

    def close(self) -> None:
        """Refuse everything from here on."""
        with self._lock:
            self._closed = True

    def _all(self) -> list[Summary]:
        with self._lock:
            self._refuse_if_closed()
            return list(self._rows.values())

    def _all_published(self) -> list[tuple[str, str]]:
        with self._lock:
            self._refuse_if_closed()
            return list(self._published)

    def _refuse_if_closed(self) -> None:
        if self._closed:
            raise StoreUnavailable("The views in memory were closed.")
