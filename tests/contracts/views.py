"""The contract of the `Views` port. A store's tests inherit it and say how one is opened."""

from __future__ import annotations

import base64
from abc import ABC, abstractmethod
from secrets import token_bytes, token_hex
from threading import Thread
from typing import TYPE_CHECKING, Any

import pytest
from msgspec.structs import replace

from application.ports import Status, StoreUnavailable, Summary, Views
from domain.errors import Unacceptable
from domain.events import WorkflowPublished

if TYPE_CHECKING:
    from collections.abc import Iterator


def row(n: int, *, status: Status = "running", workflow: str = "audit", version: str = "1.0.0") -> Summary:
    """The row of an execution that began at position n."""
    return Summary(
        execution_id=f"e{n}",
        workflow_id=workflow,
        workflow_version=version,
        status=status,
        version=3,
        position=n + 2,
        started_position=n,
        start_time=1000 + n,
        update_time=2000 + n,
    )


def published(workflow: str, version: str) -> WorkflowPublished:
    """A version that was published."""
    return WorkflowPublished(
        time=5, workflow=workflow, workflow_version=version, name="N", definition_hash="c0ffee", nodes={}
    )


def listed(
    workflow: str,
    version: str,
    published_version: str | None = None,
    *,
    executions: int = 0,
    last_start: int | None = None,
) -> dict[str, Any]:
    """A row of the list of workflows."""
    return {
        "workflowId": workflow,
        "workflowVersion": version,
        "publishedVersion": published_version,
        "executions": executions,
        "lastStart": last_start,
    }


def ids(rows: tuple[Summary, ...]) -> list[str]:
    """The ids of a page."""
    return [each.execution_id for each in rows]


class ViewsContract(ABC):
    """What any store of views must do."""

    @pytest.fixture
    def views(self) -> Iterator[Views]:
        """Empty views."""
        views = self.open()
        yield views
        views.close()

    @abstractmethod
    def open(self) -> Views:
        """Open the views of this test, empty the first time."""

    def test_empty_views(self, views: Views) -> None:
        """Nothing at position 0."""
        assert views.position() == 0
        assert views.get(["e1"]) == {}
        assert views.executions().items == ()
        assert views.executions().next is None
        assert views.workflows() == []
        assert views.published() == []

    def test_rows_are_themselves_again(self, views: Views) -> None:
        """Every field, set or not."""
        full = replace(
            row(1),
            end_time=5,
            current_address="/workflow/0/a",
            due=6,
            paused_at=7,
            branches=3,
            parked={"": None, "a/ž": 8},
            children={"a/ž": "ex_1"},
            parent="e0",
            error_code="X\0\\0\\\\ ' %s",
            labels={"kunde": "Žluťoučký 🐎 \0", "": ""},
        )
        views.put([full, row(2)], 9)
        assert views.get(["e1", "e2", "e3"]) == {"e1": full, "e2": row(2)}
        assert views.executions().items == (row(2), full)
        assert views.position() == 9

    def test_forks_of_a_source(self, views: Views) -> None:
        """Newest first, page by page; with the other filters too."""
        forks = [replace(row(n, status="failed" if n % 2 else "running"), source="e1") for n in range(2, 7)]
        views.put([row(1), *forks, replace(row(7), source="e2"), row(8)], 9)
        page = views.executions(source="e1", limit=3)
        assert ids(page.items) == ["e6", "e5", "e4"]
        assert ids(views.executions(source="e1", limit=3, cursor=page.next).items) == ["e3", "e2"]
        assert ids(views.executions(source="e1", status=("failed",), workflow="audit").items) == ["e5", "e3"]
        assert views.executions(source="e8").items == ()

    def test_a_row_is_replaced(self, views: Views) -> None:
        """Whole: what was set is unset again."""
        views.put([replace(row(1), due=6, error_code="X", labels={"a": "b"})], 3)
        views.put([row(1, status="completed")], 4)
        assert views.executions().items == (row(1, status="completed"),)
        assert views.executions(status=["running"]).items == ()

    def test_the_position_moves_without_rows(self, views: Views) -> None:
        """Streams that are no executions pass by."""
        views.put([row(1)], 3)
        views.put([], 8)
        assert views.position() == 8
        assert ids(views.executions().items) == ["e1"]

    def test_cleared_views_are_empty(self, views: Views) -> None:
        """As if nothing had been."""
        views.put([row(1)], 3, published=[published("audit", "1.0.0")])
        views.clear()
        self.test_empty_views(views)

    def test_many_rows_at_once(self, views: Views) -> None:
        """More than any limit on a statement."""
        rows = [row(n) for n in range(1, 2001)]
        views.put(rows, 2001)
        assert len(views.get([each.execution_id for each in rows])) == 2000
        assert views.executions(limit=1000).items == tuple(reversed(rows[1000:]))

    def test_newest_first_by_where_they_began(self, views: Views) -> None:
        """An execution keeps its place however late it changes."""
        views.put([row(2), row(10), row(1)], 12)
        views.put([replace(row(1, status="completed"), position=99, update_time=9999)], 99)
        assert ids(views.executions().items) == ["e10", "e2", "e1"]

    def test_filters(self, views: Views) -> None:
        """By one status, by several, by workflow, by both."""
        views.put(
            [
                row(1, status="failed"),
                row(2, workflow="other"),
                row(3, status="suspended"),
                row(4, status="failed", workflow="other"),
                row(5),
            ],
            9,
        )
        assert ids(views.executions(status=["failed"]).items) == ["e4", "e1"]
        assert ids(views.executions(status=["failed", "running", "failed"]).items) == ["e5", "e4", "e2", "e1"]
        assert ids(views.executions(workflow="other").items) == ["e4", "e2"]
        assert ids(views.executions(workflow="other", status=["failed", "paused"]).items) == ["e4"]
        assert ids(views.executions(workflow="none").items) == []
        assert ids(views.executions(workflow="' OR 1=1 --").items) == []

    @pytest.mark.parametrize("status", [(), ("running", "failed")])
    @pytest.mark.parametrize("limit", [1, 2, 3, 7, 8])
    def test_pages(self, views: Views, limit: int, status: tuple[Status, ...]) -> None:
        """Following `next` gives every row once, and the last page has no next."""
        views.put([row(n, status="failed" if n % 3 else "running") for n in range(1, 8)], 9)
        seen: list[str] = []
        cursor = None
        for _ in range(10):
            page = views.executions(limit=limit, cursor=cursor, status=status)
            assert len(page.items) <= limit
            seen += ids(page.items)
            cursor = page.next
            if cursor is None:
                break
        assert seen == ["e7", "e6", "e5", "e4", "e3", "e2", "e1"]

    def test_a_page_is_not_moved_by_what_begins_meanwhile(self, views: Views) -> None:
        """New executions come before the cursor, and nothing is seen twice or left out."""
        views.put([row(n) for n in range(1, 5)], 9)
        first = views.executions(limit=2)
        views.put([row(20), row(21)], 30)
        assert ids(views.executions(limit=2, cursor=first.next).items) == ["e2", "e1"]

    @pytest.mark.parametrize(
        "cursor",
        [
            "",
            "x",
            "!!!",
            "ž",
            "1",
            base64.urlsafe_b64encode(b"\xff\xfe").decode(),
            base64.urlsafe_b64encode(b"before:1:e1").decode(),
            base64.urlsafe_b64encode(b"after:-1:e1").decode(),
            base64.urlsafe_b64encode("after:٣:e1".encode()).decode(),
            base64.urlsafe_b64encode(b"after:99999999999999999999999:e1").decode(),
            "A" * 100_000,
        ],
    )
    def test_a_foreign_cursor_is_unacceptable(self, views: Views, cursor: str) -> None:
        """Whatever it is, the refusal says where cursors come from."""
        views.put([row(1)], 3)
        with pytest.raises(Unacceptable, match="next") as refusal:
            views.executions(cursor=cursor)
        assert refusal.value.code == "INVALID_CURSOR"

    def test_workflows(self, views: Views) -> None:
        """In order of id, with the newest version by its numbers, all executions and the last start."""
        views.put(
            [
                row(1, version="1.9.0"),
                row(2, version="1.10.0"),
                row(3, version="1.9.0"),
                row(4, workflow="aardvark", version="0.1.0"),
            ],
            9,
        )
        assert views.workflows() == [
            listed("aardvark", "0.1.0", executions=1, last_start=1004),
            listed("audit", "1.10.0", executions=3, last_start=1003),
        ]
        assert views.published() == []

    def test_published_workflows(self, views: Views) -> None:
        """Are listed though they never ran; the newest version is that of all, the newest published one is told too."""
        views.put([row(1, version="1.9.0"), row(2, workflow="run", version="1.2.0")], 2)
        views.put([], 4, published=[published("audit", "1.10.0"), published("new", "1.10.0")])
        views.put([row(3, version="2.0.0")], 7, published=[published("new", "1.9.0"), published("new", "1.10.0")])
        assert views.workflows() == [
            listed("audit", "2.0.0", "1.10.0", executions=2, last_start=1003),
            listed("new", "1.10.0", "1.10.0"),
            listed("run", "1.2.0", executions=1, last_start=1002),
        ]
        assert views.published() == ["audit", "new"]
        assert views.position() == 7

    def test_a_version_that_is_put_again_is_there_once(self, views: Views) -> None:
        """As after a crash between the log and the views."""
        for position in (1, 2):
            views.put([], position, published=[published("audit", f"1.{'9' * 5_000}.0")])
        assert [each["workflowVersion"] for each in views.workflows()] == [f"1.{'9' * 5_000}.0"]

    def test_ids_and_versions_of_workflows_may_be_long(self, views: Views) -> None:
        """What a definition may have, the lists can have."""
        long, number = token_hex(20_000), "1" + "".join(str(byte % 10) for byte in token_bytes(5_000))
        views.put([row(1, workflow=long, version=f"1.0.{number}")], 1, published=[published(long, f"1.0.{number}")])
        views.put([row(2, workflow=f"{long}x")], 2)
        assert ids(views.executions(workflow=long).items) == ["e1"]
        assert ids(views.executions(workflow=long, status=["running"]).items) == ["e1"]
        assert views.published() == [long]
        assert [each["publishedVersion"] for each in views.workflows()] == [f"1.0.{number}", None]

    def test_readers_see_whole_batches(self, views: Views) -> None:
        """While one thread puts, others see rows and position of the same moment or an earlier position."""
        torn: list[str] = []

        def read() -> None:
            for _ in range(100):
                before = views.position()
                newest = max((each.position for each in views.executions(limit=5).items), default=0)
                if newest < before:
                    torn.append(f"position {before}, rows up to {newest}")

        threads = [Thread(target=read) for _ in range(4)]
        for thread in threads:
            thread.start()
        for n in range(1, 101):
            views.put([replace(row(1), position=n), replace(row(2), position=n)], n)
        for thread in threads:
            thread.join()
        assert torn == []

    def test_closed_views_say_so(self) -> None:
        """Rather than answering with nothing."""
        views = self.open()
        views.close()
        for ask in (
            views.position,
            views.clear,
            views.executions,
            views.workflows,
            views.published,
            lambda: views.get(["e1"]),
            lambda: views.put([], 1),
        ):
            with pytest.raises(StoreUnavailable, match="closed"):
                ask()
        views.close()


class DurableViewsContract(ViewsContract):
    """What a store that outlives its process must do besides."""

    def test_views_that_are_opened_again_are_the_same(self) -> None:
        """Rows, position, and cursors of before."""
        views = self.open()
        views.put([row(1), row(2), row(3)], 9)
        before = views.executions(limit=1)
        views.close()
        views = self.open()
        try:
            assert views.position() == 9
            assert views.executions(limit=1) == before
            assert ids(views.executions(cursor=before.next).items) == ["e2", "e1"]
        finally:
            views.close()
