"""The views on PostgreSQL: their tables, how pages are read, and what lost connections do to them."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from application.ports import StoreUnavailable
from infrastructure import postgres_connections, postgres_view_tables, view_rows
from infrastructure.postgres_address import Address, parse
from infrastructure.postgres_log import open_log
from infrastructure.postgres_view_tables import hashed
from infrastructure.postgres_views import PostgresViews, open_views
from infrastructure.view_rows import page_query
from tests.contracts.views import row
from tests.support import postgres
from tests.support.waiting import until


@pytest.fixture
def address() -> Iterator[Address]:
    """Where the views are."""
    with postgres.schema() as url:
        yield parse(url)


@pytest.fixture
def views(address: Address) -> Iterator[PostgresViews]:
    """Empty views."""
    views = open_views(address)
    yield views
    views.close()


@pytest.mark.parametrize("status", [[], ["failed"], ["failed", "running"]])
@pytest.mark.parametrize(("workflow", "source"), [(None, None), ("audit", None), (None, "e1")])
def test_no_list_scans_the_table(
    views: PostgresViews, address: Address, status: list[str], workflow: str | None, source: str | None
) -> None:
    """Every way of filtering walks along an index in the order of the list, and no further than a page."""
    with postgres.connected() as connection:
        connection.execute(
            f"INSERT INTO {address.schema}.executions (execution_id, workflow_id, source, status, started_position) "
            "SELECT n, 'w' || n % 50, 'e' || n % 50, (ARRAY['running', 'failed', 'completed', 'paused'])[n % 4 + 1], n "
            "FROM generate_series(1, 20000) AS n; "
            f"ANALYZE {address.schema}.executions"
        )
    sql, parameters = page_query(
        f"{address.schema}.executions",
        status=status,
        workflow=workflow,
        source=source,
        before=15_000,
        mark=lambda name: f"%({name})s",
        same_workflow=f"{hashed('workflow_id')} = {hashed('%(workflow)s::text')} AND workflow_id = %(workflow)s",
    )
    plan = [line for (line,) in views._readers.rows(f"EXPLAIN {sql}".encode(), {**parameters, "limit": 5})]
    scans = [line for line in plan if "Scan" in line and "executions" in line]
    assert len(scans) == max(len(status), 1)
    assert all("Index Scan Backward" in line for line in scans), plan


def test_views_of_another_version_are_built_anew(
    views: PostgresViews, address: Address, monkeypatch: pytest.MonkeyPatch
) -> None:
    """By whoever writes them; readers say that they can't read them, and the log is as it was."""
    log = open_log(address)
    views.put([row(1)], 3)
    open_views(address).close()
    assert views.position() == 3
    monkeypatch.setattr(postgres_view_tables, "VERSION", view_rows.VERSION + 1)
    with pytest.raises(StoreUnavailable, match="Start a server to build them"):
        open_views(address, read_only=True)
    open_views(address).close()
    assert views.position() == 0
    assert views.executions().items == ()
    log.close()


def test_readers_only_read(views: PostgresViews, address: Address) -> None:
    """What is put beside them they see."""
    reader = open_views(address, read_only=True)
    try:
        views.put([row(1)], 3)
        assert reader.position() == 3
        for change in (reader.clear, lambda: reader.put([], 1)):
            with pytest.raises(StoreUnavailable, match="for reading only"):
                change()
    finally:
        reader.close()


def test_a_failed_batch_leaves_rows_and_position_as_they_were(views: PostgresViews, address: Address) -> None:
    """The rows of a batch are not there without its position, and a retry is a plain repetition."""
    views.put([row(1)], 3)
    with postgres.connected() as other:
        other.execute(f"ALTER TABLE {address.schema}.executions ADD CONSTRAINT c CHECK (execution_id <> 'e3')".encode())
    with pytest.raises(StoreUnavailable, match="violates check constraint"):
        views.put([row(2), row(3)], 4)
    assert views.position() == 3
    assert views.get(["e1", "e2", "e3"]) == {"e1": row(1)}
    views.put([row(2)], 4)
    assert views.position() == 4


def test_connections_that_die_are_replaced(views: PostgresViews) -> None:
    """Nobody notices."""
    views.put([row(1)], 3)
    assert views.position() == 3
    assert postgres.terminate("views writer") == 1
    assert postgres.terminate("views reader") == 1
    views.put([row(2)], 4)
    assert views.position() == 4
    assert set(views.get(["e1", "e2"])) == {"e1", "e2"}


def test_an_answer_that_is_lost_and_a_database_that_is_gone(monkeypatch: pytest.MonkeyPatch) -> None:
    """The first is asked for again; the second is told at once, and passes."""
    monkeypatch.setattr(postgres_connections, "PROBE_S", 0.02)
    with postgres.proxied() as (proxy, url):
        views = open_views(parse(url))
        try:
            views.put([row(1)], 3)
            assert views.position() == 3
            proxy.lose_an_answer()
            views.put([row(1), row(2)], 4)
            proxy.lose_a_question()
            assert views.position() == 4
            proxy.cut()
            for ask in (views.position, lambda: views.put([row(3)], 5)):
                with pytest.raises(StoreUnavailable, match="can't be reached"):
                    ask()
            proxy.mend()
            until(lambda: _position(views) == 4)
            until(lambda: _is_put(views))
            assert set(views.get(["e1", "e2", "e3"])) == {"e1", "e2", "e3"}
        finally:
            views.close()


def _position(views: PostgresViews) -> int | None:
    try:
        return views.position()
    except StoreUnavailable:
        return None


def _is_put(views: PostgresViews) -> bool:
    try:
        views.put([row(3)], 5)
    except StoreUnavailable:
        return False
    return True
