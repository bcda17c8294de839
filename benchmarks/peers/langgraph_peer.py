"""LangGraph: a graph whose one node is its own successor, with a checkpointer and durability="sync"."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from importlib.metadata import version
from pathlib import Path
from typing import Any, TypedDict

from langgraph.checkpoint.postgres.aio import AsyncPostgresSaver
from langgraph.checkpoint.sqlite.aio import AsyncSqliteSaver
from langgraph.graph import END, START, StateGraph
from psycopg.rows import dict_row
from psycopg_pool import AsyncConnectionPool

from benchmarks.peers.effects import Effects
from benchmarks.peers.load import Peer, main
from benchmarks.peers.stores import file_of, is_sqlite, sync_of

CONNECTIONS = 20


class State(TypedDict):
    """How many steps a run has, and how many are done."""

    steps: int
    done: int


class LangGraph:
    """A thread of its own for each run."""

    name = f"LangGraph {version('langgraph')}"
    note = "durability=sync; asked to resume"

    def __init__(self, store: str, graph: Any) -> None:
        self._store = store
        self._graph = graph

    async def run(self, run: str, steps: int) -> None:
        """Begin a thread."""
        await self._invoke({"steps": steps, "done": 0}, run, steps)

    async def resume(self, run: str, steps: int) -> None:
        """Go on from its newest checkpoint."""
        await self._invoke(None, run, steps)

    async def _invoke(self, begin: State | None, run: str, steps: int) -> None:
        config = {"configurable": {"thread_id": run}, "recursion_limit": steps + 10}
        ended = await self._graph.ainvoke(begin, config, durability="sync")
        assert ended["done"] == steps

    def sync(self) -> str:
        """The checkpointer leaves the connections as they are."""
        return sync_of(self._store)


def graph_of(effects: Effects) -> Any:
    """The graph: one step, again and again."""

    async def step(state: State) -> dict[str, int]:
        await effects.step(state["done"])
        return {"done": state["done"] + 1}

    def next_one(state: State) -> str:
        return END if state["done"] >= state["steps"] else "step"

    graph = StateGraph(State)
    graph.add_node("step", step)
    graph.add_edge(START, "step")
    graph.add_conditional_edges("step", next_one, ["step", END])
    return graph


def checkpointer(store: str) -> AbstractAsyncContextManager[Any]:
    """One connection to a file, or a pool of them to a server, as its documentation has it."""
    if is_sqlite(store):
        saver: AbstractAsyncContextManager[Any] = AsyncSqliteSaver.from_conn_string(str(file_of(store)))
        return saver
    return _pooled(store)


@asynccontextmanager
async def _pooled(store: str) -> AsyncIterator[Any]:
    settings = {"autocommit": True, "prepare_threshold": 0, "row_factory": dict_row}
    async with AsyncConnectionPool(store, min_size=1, max_size=CONNECTIONS, kwargs=settings, open=False) as pool:
        yield AsyncPostgresSaver(pool)


@asynccontextmanager
async def new_peer(store: str, home: Path, effects: Effects) -> AsyncIterator[Peer]:
    """A compiled graph on a checkpointer."""
    async with checkpointer(store) as saver:
        await saver.setup()
        yield LangGraph(store, graph_of(effects).compile(checkpointer=saver))


if __name__ == "__main__":
    main(new_peer)
