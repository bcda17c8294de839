"""A real server, killed with SIGKILL at random moments of one long execution."""

from __future__ import annotations

import json
import os
import random
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from infrastructure import postgres_log, sqlite_log
from infrastructure.chain import broken_link
from infrastructure.postgres_address import parse
from infrastructure.postgres_log import PostgresLog
from infrastructure.sqlite_log import SqliteLog
from tests.support import postgres, stores
from tests.support.process import ServerProcess
from tests.support.stores import DURABLE

ITEMS = 240
KILLS = 20
LEDGER_NODE = '''
import os
from pathlib import Path
from clew import Edge, ExecutionContext, NodeMetadata, WorkflowNode

LEDGER = Path(__file__).with_name("ledger")


class Ledger(WorkflowNode):
    """Has an effect outside that every run of it leaves a line of."""

    metadata = NodeMetadata(id="ledger", name="Ledger", version="1.0.0", effect="writes")

    def execute(self, context: ExecutionContext, config: dict) -> Edge:
        descriptor = os.open(LEDGER, os.O_WRONLY | os.O_APPEND | os.O_CREAT)
        os.write(descriptor, f"{context.idempotency_key} {config['item']}\\n".encode())
        os.fsync(descriptor)
        os.close(descriptor)
        context.state["total"] = context.state.get("total", 0) + config["item"]
        return Edge("even" if config["item"] % 2 == 0 else "odd", {"item": config["item"]})
'''
DEFINITION: dict[str, Any] = {
    "id": "long",
    "name": "A long execution",
    "version": "1.0.0",
    "initialState": {"evens": 0, "odds": [], "total": 0},
    "workflow": [
        {
            "range...": {
                "stop": ITEMS,
                "loop?": [
                    {
                        "ledger": {
                            "item": "$.rangeValue",
                            "even?": {"$.evens": "$.evens + 1"},
                            "odd?": [{"$.odds[0]": "$.rangeValue"}],
                        }
                    },
                    {"log": {"message": "{{$.rangeValue}} of {{execution.workflow}}: {{$.total}}"}},
                ],
            }
        },
        {"end": {"result": "$.total"}},
    ],
}


@pytest.fixture(params=DURABLE)
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """A store of each kind in turn."""
    with stores.stores(request.param, tmp_path) as kind:
        yield kind.url()


@pytest.fixture
def server(tmp_path: Path, store: str) -> Iterator[ServerProcess]:
    """A server that has started, with the ledger node."""
    nodes = tmp_path / "nodes"
    nodes.mkdir()
    (nodes / "ledger.py").write_text(LEDGER_NODE)
    server = ServerProcess(tmp_path, nodes=nodes, store=store)
    try:
        server.start()
        yield server
    finally:
        server.close()


def ledger(tmp_path: Path) -> list[str]:
    path = tmp_path / "nodes" / "ledger"
    return path.read_text().splitlines() if path.exists() else []


def submit(server: ServerProcess, execution_id: str) -> None:
    answer = server.http.post("/workflows", json={"definition": DEFINITION, "executionId": execution_id})
    assert answer.status_code == 202, answer.text


def outcome(server: ServerProcess, execution_id: str) -> tuple[Any, list[Any]]:
    """(final state, each visit's address, number and edge)."""
    while server.get(f"/executions/{execution_id}")["status"] == "running":
        pass
    execution = server.get(f"/executions/{execution_id}")
    assert execution["status"] == "completed", execution["error"]
    taken = [event for event in server.events(execution_id) if event["type"] == "EdgeTaken"]
    return execution["finalState"], [(event["address"], event["visit"], event["data"]["edge"]) for event in taken]


def test_killed_twenty_times_it_ends_as_if_undisturbed(server: ServerProcess, store: str, tmp_path: Path) -> None:
    """After twenty kills the state and the edges are those of a quiet run, and only nodes in flight had run again."""
    submit(server, "quiet")
    expected = outcome(server, "quiet")
    quiet_lines = len(ledger(tmp_path))
    assert quiet_lines == ITEMS

    seed = int(os.environ.get("CLEW_SEED", random.SystemRandom().randrange(2**32)))
    chance = random.Random(seed)
    moments = sorted(chance.sample(range(1, ITEMS - 2 * KILLS), KILLS))
    submit(server, "killed")
    for moment in moments:
        # One more effect at least: a server that is killed before it has recorded anything leaves no trace of itself.
        wanted = max(quiet_lines + moment, len(ledger(tmp_path)) + 1)
        while len(ledger(tmp_path)) < wanted:
            pass
        for _ in range(chance.randrange(2_000)):  # anywhere between two effects
            pass
        server.kill()
        server.start()

    assert outcome(server, "killed") == expected, f"CLEW_SEED={seed}"
    check_history(server.events("killed"), ledger(tmp_path)[quiet_lines:], seed)
    check_lists_are_rebuilt(server, store)
    server.terminate()
    check_chain(store)


def check_history(events: list[dict[str, Any]], lines: list[str], seed: int) -> None:
    """What the log and the ledger must say after the kills."""
    context = f"CLEW_SEED={seed}"
    assert [event["version"] for event in events] == list(range(1, len(events) + 1)), context
    recovered = [event for event in events if event["type"] == "Recovered"]
    assert len(recovered) == KILLS, context
    again = [event for event in events if event["type"] == "NodeStarted" and event["attempt"] > 1]
    interrupted = [event for event in recovered if event.get("address")]
    assert [(e["address"], e["visit"]) for e in again] == [(e["address"], e["visit"]) for e in interrupted], context
    visits = Counter(
        event["visit"] for event in events if event["type"] == "EdgeTaken" and event.get("step") == "ledger"
    )
    assert visits == Counter(range(1, ITEMS + 1)), context
    keys = Counter(line.split()[0] for line in lines)
    assert len(keys) == ITEMS, context
    assert len(lines) - ITEMS <= KILLS, context


def check_lists_are_rebuilt(server: ServerProcess, store: str) -> None:
    """Without the views the lists are the same after a start."""
    before = server.get("/executions"), server.get("/workflows")
    assert [item["status"] for item in before[0]["items"]] == ["completed", "completed"]
    assert server.terminate() == 0
    lose_views(store)
    server.start()
    assert (server.get("/executions"), server.get("/workflows")) == before


def lose_views(store: str) -> None:
    """Whatever keeps the lists is gone."""
    if store.startswith("sqlite:///"):
        path = Path(store.removeprefix("sqlite:///"))
        parts = list(path.parent.glob(f"{path.stem}-views.db*"))
        assert parts
        for part in parts:
            part.unlink()
        return
    with postgres.connected() as connection:
        schema = parse(store).schema
        connection.execute(f"DROP TABLE {schema}.executions, {schema}.published, {schema}.tracking".encode())


def check_chain(store: str) -> None:
    """The hash chain holds over all crashes."""
    log: SqliteLog | PostgresLog
    if store.startswith("sqlite:///"):
        log = sqlite_log.open_log(Path(store.removeprefix("sqlite:///")), read_only=True)
    else:
        log = postgres_log.open_log(parse(store), read_only=True)
    try:
        rows = log.rows("killed")
    finally:
        log.close()
    assert broken_link(rows) is None
    assert json.loads(rows[-1].state)["time"] > 0
