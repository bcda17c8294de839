"""Burr: an application whose one action follows itself, persisted after every step."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from importlib.metadata import version
from pathlib import Path
from typing import Any

import aiosqlite
from burr.core import ApplicationBuilder, Condition, State, action
from burr.integrations.persisters.b_aiosqlite import AsyncSQLitePersister

from benchmarks.peers.effects import Effects
from benchmarks.peers.load import Peer, main
from benchmarks.peers.stores import file_of, set_wal, sqlite_sync


class Burr:
    """An application of its own for each run, all on one connection, as its persister has it."""

    name = f"Burr {version('apache-burr')}"
    note = "asked to resume"

    def __init__(self, path: Path, persister: Any, effects: Effects) -> None:
        self._path = path
        self._persister = persister
        self._step = action_of(effects)
        self._ended = action(reads=[], writes=[])(ended)

    async def run(self, run: str, steps: int) -> None:
        """Begin an application, or go on with one."""
        builder = (
            ApplicationBuilder()
            .with_actions(step=self._step, ended=self._ended)
            .with_transitions(("step", "ended", Condition.expr("done >= steps")), ("step", "step"))
            .with_identifiers(app_id=run)
            .initialize_from(
                self._persister,
                resume_at_next_action=True,
                default_state={"steps": steps, "done": 0},
                default_entrypoint="step",
            )
            .with_state_persister(self._persister)
        )
        application = await builder.abuild()
        _, _, state = await application.arun(halt_before=["ended"])
        assert state["done"] == steps

    async def resume(self, run: str, steps: int) -> None:
        """The same."""
        await self.run(run, steps)

    def sync(self) -> str:
        """The persister leaves the connection as it is."""
        return sqlite_sync(self._path)


def action_of(effects: Effects) -> Any:
    """The action of a step."""

    async def step(state: State) -> State:
        await effects.step(state["done"])
        return state.update(done=state["done"] + 1)

    return action(reads=["done"], writes=["done"])(step)


def ended(state: State) -> State:
    """Where a run stops: this is not run itself."""
    return state


@asynccontextmanager
async def new_peer(store: str, home: Path, effects: Effects) -> AsyncIterator[Peer]:
    """A persister on a file of its own."""
    path = file_of(store)
    set_wal(path)
    async with aiosqlite.connect(path) as connection:
        persister = AsyncSQLitePersister(connection)
        await persister.initialize()
        yield Burr(path, persister, effects)


if __name__ == "__main__":
    main(new_peer)
