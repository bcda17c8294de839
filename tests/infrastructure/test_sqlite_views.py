"""The views on SQLite: their settings, how pages are read, and what a failing disk does to them."""

from __future__ import annotations

import contextlib
import sqlite3
from typing import TYPE_CHECKING

import msgspec
import pytest

from application.ports import StoreUnavailable, Summary
from infrastructure.sqlite_views import SqliteViews, open_views
from infrastructure.view_rows import COLUMNS, page_query
from tests.contracts.views import row

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@pytest.fixture
def views(tmp_path: Path) -> Iterator[SqliteViews]:
    """Empty views."""
    views = open_views(tmp_path / "views.db")
    yield views
    views.close()


def test_every_field_of_a_summary_has_its_column() -> None:
    """A new field needs a column, and with it a new schema version."""
    assert set(COLUMNS) == {field.name for field in msgspec.structs.fields(Summary)}


def test_the_writer_leaves_syncing_to_checkpoints(views: SqliteViews) -> None:
    """WAL with synchronous=NORMAL: what is lost is projected again."""
    with views._write() as database:
        assert database.execute("PRAGMA journal_mode").fetchone()[0] == "wal"
        assert database.execute("PRAGMA synchronous").fetchone()[0] == 1


@pytest.mark.parametrize("status", [[], ["failed"], ["failed", "running"]])
@pytest.mark.parametrize(("workflow", "source"), [(None, None), ("audit", None), (None, "e1")])
def test_no_list_scans_or_sorts_the_table(
    views: SqliteViews, status: list[str], workflow: str | None, source: str | None
) -> None:
    """Every way of filtering walks along an index; only rows of pages are sorted."""
    sql, parameters = page_query(
        "executions",
        status=status,
        workflow=workflow,
        source=source,
        before=7,
        mark=lambda name: f":{name}",
        same_workflow="workflow_id = :workflow",
    )
    with views._read() as database:
        plan = [step["detail"] for step in database.query(f"EXPLAIN QUERY PLAN {sql}", {**parameters, "limit": 5})]
    of_the_table = [step for step in plan if "executions" in step]
    assert len(of_the_table) == max(len(status), 1)
    assert all(step.startswith("SEARCH executions USING INDEX") for step in of_the_table)


def test_a_failed_batch_leaves_rows_and_position_as_they_were(views: SqliteViews) -> None:
    """The rows of a batch are not there without its position, and a retry is a plain repetition."""
    views.put([row(1)], 3)
    with views._write() as database:
        database.execute("PRAGMA query_only=ON")
    with pytest.raises(StoreUnavailable, match=r"can't be written"):
        views.put([row(2)], 4)
    assert views.position() == 3
    assert views.get(["e2"]) == {}
    views.put([row(2)], 4)
    assert views.position() == 4


def test_a_batch_that_fails_half_way_is_rolled_back(views: SqliteViews, tmp_path: Path) -> None:
    """Rows that were already upserted go with the position that was not."""
    views.put([row(1)], 3)
    with contextlib.closing(sqlite3.connect(tmp_path / "views.db")) as other:
        other.execute(
            "CREATE TRIGGER refuse BEFORE UPDATE ON tracking BEGIN SELECT RAISE(ABORT, 'no room'); END",
        )
    with pytest.raises(StoreUnavailable, match="no room"):
        views.put([row(2)], 4)
    assert views.get(["e2"]) == {}
    assert views.position() == 3
