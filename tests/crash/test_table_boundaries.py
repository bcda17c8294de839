"""A crash between any two events: what nodes keep in tables is kept once, and the same way is taken again."""

from __future__ import annotations

import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from application.ports import Recorded
from application.requests import Submission
from domain.events import EdgeTaken
from infrastructure.memory_log import MemoryLog
from infrastructure.nodes.database import Database
from infrastructure.nodes.library import standard_registry
from infrastructure.table_records import Records
from infrastructure.table_store import TableStore
from tests.crash.test_every_boundary import is_boundary
from tests.support.engines import everything, log_with, service_on
from tests.support.nodes import run

EXECUTION = "exec-1"
SHAPES: dict[str, list[Any]] = {
    "inserts in a loop": [
        {"each...": {"items": ["a", "b"], "loop?": [
            {"database": {"operation": "insert", "table": "t", "data": {"name": "$.currentItem"}}}]}},
    ],
    "an insert, its update and its end": [
        {"a": {"$node": "database", "operation": "insert", "table": "t", "data": {"n": 1}}},
        {"b": {"$node": "database", "operation": "update", "table": "t", "query": {"n": 1}, "data": {"n": 2}}},
        {"c": {"$node": "database", "operation": "delete", "table": "t", "query": {"n": 2}, "not_found?": "$fail"}},
        {"d": {"$node": "database", "operation": "insert", "table": "t", "data": {"id": "mine"}}},
        {"e": {"$node": "database", "operation": "upsert", "table": "t", "query": {"k": 1}, "data": {"v": 1}}},
    ],
    "a step that is visited twice by a jump": [
        {"a": {"$node": "database", "operation": "insert", "table": "t", "data": {"n": 1}}},
        {"$.i": "$.i + 1"},
        {"again": {"$node": "logic", "operation": "less", "values": ["$.i", 2], "true?": "a"}},
    ],
    "a history": [
        {"a": {"$node": "removeDuplicates", "operation": "previous_executions", "items": [1, 2, 1],
               "discarded?": "$fail"}},
        {"b": {"$node": "removeDuplicates", "operation": "previous_executions", "items": [2, 3], "scope": "workflow"}},
    ],
    "a resource": [
        {"a": {"$node": "resource-write", "mode": "create", "path": "p", "content": "x"}},
        {"b": {"$node": "resource-write", "mode": "update", "path": "p", "content": "y"}},
    ],
}  # fmt: skip
KEPT = {"inserts in a loop": 2, "an insert, its update and its end": 2, "a step that is visited twice by a jump": 2}


def finish(events: list[Recorded], tables: TableStore) -> tuple[list[Any], dict[str, Any]]:
    """(the edges in order, the final state) of an execution that a service takes up from these events."""
    nodes = standard_registry(files_root=None, entry_points=False, tables=tables)
    log = log_with(events)
    with service_on(log, nodes) as service:
        assert service.wait_settled(EXECUTION, 10)
        execution = service.queries.fold(EXECUTION)
        assert execution.status == "completed", execution.failure
        return way(everything(log)), execution.state


def way(events: list[Recorded]) -> list[Any]:
    """Each visit's address, number and edge."""
    taken = [recorded.event for recorded in events if isinstance(recorded.event, EdgeTaken)]
    return [(event.address, event.visit, event.edge) for event in taken]


def without_times(value: Any) -> Any:
    """The value without what a clock put in it: a visit whose begin was lost begins later."""
    if isinstance(value, dict):
        return {key: without_times(each) for key, each in value.items() if key not in ("createdAt", "updatedAt")}
    return [without_times(each) for each in value] if isinstance(value, list) else value


@pytest.mark.parametrize("shape", SHAPES)
def test_every_boundary(shape: str, tmp_path: Path) -> None:
    """The tables have everything already; a service that takes up less of the log ends the same, and adds nothing."""
    path = tmp_path / "tables.db"
    tables = TableStore(path)
    definition = {"id": "w", "name": "W", "version": "1.0.0", "initialState": {"i": 0}, "workflow": SHAPES[shape]}
    log = MemoryLog()
    nodes = standard_registry(files_root=None, entry_points=False, tables=tables)
    with service_on(log, nodes) as service:
        service.submit_and_wait(Submission(definition=definition, execution_id=EXECUTION))
        assert service.wait_settled(EXECUTION, 10)
        whole = everything(log)
    expected = finish(whole, tables)
    tables.close()
    cuts = [cut for cut in range(2, len(whole)) if is_boundary(whole, cut)]
    assert len(cuts) >= len(SHAPES[shape])
    for cut in cuts:
        tables = TableStore(path)
        edges, state = finish(whole[:cut], tables)
        assert (edges, without_times(state)) == (expected[0], without_times(expected[1])), f"cut after {cut}"
        with tables.reading() as connection:
            assert len(list(Records(connection, "t").where({}))) == KEPT.get(shape, 0)
        tables.close()


VISIT = """
import os, signal, sys
from pathlib import Path
from infrastructure import table_store
from infrastructure.nodes.database import Database
from infrastructure.table_records import Records
from tests.support.nodes import run

def die(*_):
    os.kill(os.getpid(), signal.SIGKILL)

path, when = Path(sys.argv[1]), sys.argv[2]
if when == "before the commit":
    add = Records.add
    Records.add = lambda records, record: (add(records, record), die())
run(Database(table_store.TableStore(path)), {"operation": "insert", "table": "t", "data": {"n": 1}}, key="visit")
die()
"""


@pytest.mark.parametrize("when", ["before the commit", "after the commit"])
def test_a_killed_process_leaves_a_whole_record_or_none(when: str, tmp_path: Path) -> None:
    """And the second attempt, in the next process, makes it one."""
    path = tmp_path / "tables.db"
    root = Path(__file__).resolve().parents[2]
    killed = subprocess.run([sys.executable, "-c", VISIT, str(path), when], cwd=root, timeout=60, check=False)
    assert killed.returncode == -signal.SIGKILL
    tables = TableStore(path)
    with tables.reading() as connection:
        left = [found.record for found in Records(connection, "t").where({})]
    assert len(left) == (1 if when == "after the commit" else 0)
    visit = run(Database(tables), {"operation": "insert", "table": "t", "data": {"n": 1}}, key="visit")
    assert visit.edge == "success"
    with tables.reading() as connection:
        after = [found.record for found in Records(connection, "t").where({})]
    tables.close()
    assert after == [visit.data["record"]]
    assert left in ([], after)
