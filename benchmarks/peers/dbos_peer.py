"""DBOS: a workflow that runs its steps in a loop, each recorded before the next."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from importlib.metadata import version
from pathlib import Path
from typing import Any

from dbos import DBOS, SetWorkflowID

from benchmarks.peers.effects import Effects
from benchmarks.peers.load import Peer, main
from benchmarks.peers.stores import file_of, is_sqlite, set_wal, sync_of


class Dbos:
    """A workflow of its own for each run."""

    name = f"DBOS {version('dbos')}"
    note = "resumes by itself"

    def __init__(self, store: str, workflow: Any) -> None:
        self._store = store
        self._workflow = workflow

    async def run(self, run: str, steps: int) -> None:
        """Begin a workflow."""
        with SetWorkflowID(run):
            assert await self._workflow(steps) == steps

    async def resume(self, run: str, steps: int) -> None:
        """It was taken up at the launch."""
        handle = await DBOS.retrieve_workflow_async(run)
        assert await handle.get_result() == steps

    def sync(self) -> str:
        """It leaves the connections as they are."""
        return sync_of(self._store)


def workflow_of(effects: Effects) -> Any:
    """The workflow, registered."""

    async def step(number: int) -> int:
        await effects.step(number)
        return number

    durable_step = DBOS.step()(step)

    async def workflow(steps: int) -> int:
        for number in range(steps):
            await durable_step(number)
        return steps

    return DBOS.workflow()(workflow)


@asynccontextmanager
async def new_peer(store: str, home: Path, effects: Effects) -> AsyncIterator[Peer]:
    """DBOS, launched."""
    if is_sqlite(store):
        set_wal(file_of(store))
    DBOS(
        config={
            "name": "bench",
            "system_database_url": store,
            "application_version": "1",
            "executor_id": "local",
            "log_level": "ERROR",
        }
    )
    workflow = workflow_of(effects)
    DBOS.launch()
    try:
        yield Dbos(store, workflow)
    finally:
        DBOS.destroy()


if __name__ == "__main__":
    main(new_peer)
