"""The campaign of PostgreSQL that crashes: backends ended and killed, and the server restarted, under load."""

from __future__ import annotations

import logging
import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from random import Random
from time import monotonic, sleep
from typing import Any, Final
from unittest.mock import patch

import httpx2
import psycopg
from starlette.testclient import TestClient

import application.engine
import application.projector
import application.writer
from domain.context import ExecutionContext
from domain.node import Edge, NodeMetadata, WorkflowNode
from infrastructure import postgres_connections, postgres_hold, postgres_log
from infrastructure.postgres_address import parse
from tests.simulation.faults import Ledger
from tests.simulation.invariants import History, violations
from tests.support.http import client, definition
from tests.torture.cluster import Cluster, cluster
from tests.torture.forking import forked
from tests.torture.rounds import Cases, Round, Size, folder

CRASHES: Final[dict[Size, int]] = {"short": 1, "long": 12}
CLIENTS: Final = 2
STEPS: Final = 10
PATIENCE_S: Final = 60.0
LOOP: Final = {"range...": {"stop": STEPS, "loop?": ["effects"]}}
PARKED: Final = {"ask": {"$node": "signal", "name": "go"}}


def postgres(seed: str, size: Size, told: Round) -> Cases:
    """Clients submit and signal while the server is ended again and again; afterwards the log is looked at."""
    told.runs += 1

    def work() -> list[Any]:
        logging.disable(logging.CRITICAL)
        with cluster() as server, folder() as home, impatient():
            return list(_under_load(server, home, Random(f"postgres {seed}"), crashes=CRASHES[size]))

    outcome = forked(work)
    if outcome.end == "done":
        crashes, found = outcome.given
        told.faults += crashes
        told.found += found
    else:
        told.found.append(str(outcome.given))
    yield


@contextmanager
def impatient() -> Iterator[None]:
    """Everything that happens by itself after a while happens soon."""
    with ExitStack() as stack:
        for module, name, value in (
            (postgres_connections, "PROBE_S", 0.02),
            (postgres_hold, "BEAT_S", 0.05),
            (application.engine, "REVIVE_S", 0.05),
            (application.projector, "FIRST_BACKOFF_S", 0.05),
            (application.writer, "PROBE_S", 0.05),
        ):
            stack.enter_context(patch.object(module, name, value))
        yield


class Clients:
    """Threads that ask for work without end, each request again under its key until it is answered."""

    def __init__(self, http: TestClient) -> None:
        self.history = History()
        self.wrong: list[str] = []
        self.stopping = threading.Event()
        self._http = http
        self._threads = [threading.Thread(target=self._work, args=(number,)) for number in range(CLIENTS)]

    def start(self) -> None:
        """All of them."""
        for thread in self._threads:
            thread.start()

    def stop(self) -> None:
        """Each ends when what it has asked for last is answered."""
        self.stopping.set()
        for thread in self._threads:
            thread.join(PATIENCE_S)
            if thread.is_alive():
                self.wrong.append("a client was never answered")

    def _work(self, number: int) -> None:
        count = 0
        try:
            while not self.stopping.is_set():
                count += 1
                self._once(f"{number}-{count}", PARKED if count % 3 == 0 else LOOP)
        except Exception as error:  # noqa: BLE001 - it is told with what is found
            self.wrong.append(f"a client failed: {error!r}")

    def _once(self, key: str, step: dict[str, Any]) -> None:
        answer = self._asked("/workflows", definition(step), key)
        execution_id = answer.json()["executionId"]
        self.history.accept(execution_id, key, int(answer.headers["clew-position"]))
        if step is PARKED:
            signalled = self._asked(f"/executions/{execution_id}/signals/go", {}, f"go-{key}", too_early=409)
            self.history.command(execution_id, f"go-{key}", signalled.json()["version"])

    def _asked(self, path: str, body: Any, key: str, *, too_early: int = 503) -> httpx2.Response:
        until = monotonic() + PATIENCE_S
        while True:
            answer = self._http.post(path, json=body, headers={"Idempotency-Key": key})
            if answer.status_code in (200, 202):
                return answer
            if answer.status_code not in (503, too_early) or monotonic() > until:
                raise AssertionError(f"{path}: {answer.status_code} {answer.text}")
            sleep(0.01)


def _under_load(server: Cluster, home: Path, chance: Random, *, crashes: int) -> Iterator[Any]:
    """How many faults there were, and what was found."""
    ledger = Ledger()
    url = f"{server.url}?schema=torture"
    with client(_effects_into(ledger), store=url, home=home) as http:
        clients = Clients(http)
        clients.start()
        try:
            for _ in range(crashes):
                sleep(chance.uniform(0.1, 0.4))
                _disturb(server, chance)
        finally:
            clients.stop()
        wrong = clients.wrong + list(_unfinished(http, clients.history))
    log = postgres_log.open_log(parse(url), read_only=True)
    try:
        yield crashes
        yield [*wrong, *violations(log, clients.history, ledger, crashes=crashes)]
    finally:
        log.close()


def _disturb(server: Cluster, chance: Random) -> None:
    """The server is crashed and started again, or one backend is killed (which ends them all), or all are told to end."""
    match chance.choice(("crash", "kill", "terminate")):
        case "crash":
            server.crash()
            sleep(chance.choice((0.0, 0.2)))
            server.start()
        case "kill":
            backends = _backends(server)
            if backends:
                server.kill(chance.choice(backends))
        case "terminate":
            _backends(server, "pg_terminate_backend(pid)")


def _backends(server: Cluster, column: str = "pid") -> list[int]:
    """The backends that serve Clew, or what was done to each."""
    until = monotonic() + PATIENCE_S
    query = f"SELECT {column}::int FROM pg_stat_activity WHERE application_name LIKE 'clew %'"
    while True:
        try:
            with psycopg.connect(server.url, autocommit=True, connect_timeout=2) as connection:
                return [row[0] for row in connection.execute(query.encode())]
        except psycopg.OperationalError:  # it recovers
            if monotonic() > until:
                raise
            sleep(0.05)


def _unfinished(http: TestClient, history: History) -> Iterator[str]:
    """What was accepted and does not come to its end, now that nothing disturbs it any more."""
    until = monotonic() + PATIENCE_S
    for execution_id in history.accepted:
        status = ""
        while status != "completed" and monotonic() < until:
            answer = http.get(f"/executions/{execution_id}")
            status = answer.json()["status"] if answer.status_code == 200 else str(answer.status_code)
        if status != "completed":
            yield f"{execution_id} was accepted and is {status}"


def _effects_into(ledger: Ledger) -> type[WorkflowNode]:
    class Effects(WorkflowNode):
        """Has an effect, which is counted."""

        metadata = NodeMetadata(id="effects", name="Effects", version="1.0.0", effect="writes")

        def execute(self, context: ExecutionContext, config: dict[str, Any]) -> Edge:
            """Count."""
            ledger.did(context.execution_id, context.step.address, str(context.step.visit), context.idempotency_key)
            context.state["n"] = context.state.get("n", 0) + 1
            return Edge("success")

    return Effects
