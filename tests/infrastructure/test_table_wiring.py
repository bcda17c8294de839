"""Where a service keeps its tables, and which nodes get them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from domain.errors import StepFailure
from infrastructure.nodes.library import LIBRARY, standard_registry
from infrastructure.table_store import TableStore
from interfaces.bootstrap import library_nodes, make_nodes
from interfaces.embedded import Engine
from interfaces.settings import Settings
from tests.support.nodes import run
from tests.support.workflows import workflow

INSERT = workflow({"database": {"operation": "insert", "table": "t", "data": {"a": 1}}})
COUNT = workflow({"database": {"operation": "count", "table": "t"}})


def counted(engine: Engine) -> Any:
    """How many records the table has."""
    execution = engine.run(COUNT)
    return engine.state(execution["executionId"])["state"]["database_output"]["count"]


def test_tables_are_beside_the_log_and_outlive_the_service(tmp_path: Path) -> None:
    """In a file that is made when a workflow first keeps something."""
    store = f"sqlite:///{tmp_path}/sub/log.db"
    with Engine(store) as engine:
        engine.run(workflow("empty"))
        assert not (tmp_path / "sub" / "log-tables.db").exists()
        assert engine.run(INSERT)["status"] == "completed"
        assert (tmp_path / "sub" / "log-tables.db").exists()
    with Engine(store) as engine:
        assert counted(engine) == 1


def test_tables_of_a_store_in_memory_are_in_memory(tmp_path: Path, monkeypatch: Any) -> None:
    """Each service has its own, and leaves no file."""
    monkeypatch.chdir(tmp_path)
    with Engine() as engine, Engine() as other:
        engine.run(INSERT)
        assert counted(engine) == 1
        assert counted(other) == 0
    assert list(tmp_path.rglob("*.db")) == []


def test_who_only_looks_at_a_store_has_no_tables(tmp_path: Path) -> None:
    """`clew validate` makes no file, and neither does a reader."""
    for nodes in (library_nodes(), make_nodes(Settings(store=f"sqlite:///{tmp_path}/log.db"))):
        with nodes.borrow("database") as node:
            assert run(node, {"operation": "find", "table": "t"}).code == "TABLES_NOT_CONFIGURED"
    assert list(tmp_path.iterdir()) == []


def test_every_node_that_takes_tables_gets_them() -> None:
    """And they share the one store."""
    tables = TableStore()
    registry = standard_registry(files_root=None, entry_points=False, tables=tables)
    holders = set()
    for node_id in LIBRARY:
        try:
            with registry.borrow(node_id) as node:
                if "_tables" in vars(node):
                    assert vars(node)["_tables"] is tables
                    holders.add(node_id)
        except StepFailure as failure:
            raise AssertionError(f"{node_id} can't be made") from failure
    assert holders == {
        "database", "removeDuplicates", "resource-interpolate", "resource-list", "resource-read", "resource-write",
    }  # fmt: skip
