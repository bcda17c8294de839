"""An engine on one loop with everything around it in the hands of a test: its store, its clock, its nodes."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Coroutine, Iterable, Sequence
from contextlib import asynccontextmanager
from typing import Any

from application.engine import Engine, EngineSettings
from application.folds import Folds
from application.ports import Append, EventLog, Recorded, StoreUnavailable, Summary, VersionConflict
from application.programs import Programs
from application.reading import execution_event, load
from application.requests import Submission
from application.summaries import summarise
from domain.commands import OutsideCommand
from domain.events import (
    AnyEvent,
    ExecutionEvent,
)
from domain.execution import Execution
from domain.node import Edge, WorkflowNode
from infrastructure.json_schemas import check_schema
from infrastructure.memory_log import MemoryLog
from infrastructure.nodes.registry import NodeRegistry
from tests.support.workflows import NOON, Script, scripted, workflow

MINUTE = 60_000_000


class ManualClock:
    """Time that stands still until a test moves it."""

    def __init__(self) -> None:
        self.time = NOON

    def now(self) -> int:
        """Microseconds."""
        return self.time


class CountedIds:
    """Ids in order."""

    def __init__(self) -> None:
        self._count = 0

    def new(self, prefix: str) -> str:
        """The next one."""
        self._count += 1
        return f"{prefix}{self._count}"


new_log: Callable[[], EventLog] = MemoryLog
"""What a world's log is unless the test has one: the fixture `every_store` sets it to a log of each kind in turn."""


class FailingLog(EventLog):
    """A log that fails when it is told to; `doubtful`: after it has recorded what it was given."""

    def __init__(self) -> None:
        self._log = new_log()
        self.commits_inline = self._log.commits_inline
        self.failures = 0
        self.doubtful = False
        self.when: Callable[[AnyEvent], bool] = lambda event: True

    def append(self, batch: Sequence[Append]) -> list[tuple[Recorded, ...] | VersionConflict]:
        """Fail as often as was asked, for a batch that has such an event."""
        if self.failures and any(self.when(event) for append in batch for event in append.events):
            self.failures -= 1
            if self.doubtful:
                self._log.append(batch)
            raise StoreUnavailable("The disk is full.")
        return self._log.append(batch)

    def read(
        self,
        stream: str,
        *,
        after: int = 0,
        upto: int | None = None,
        limit: int | None = None,
        newest_first: bool = False,
    ) -> list[Recorded]:
        """As ever."""
        return self._log.read(stream, after=after, upto=upto, limit=limit, newest_first=newest_first)

    def search(
        self,
        stream: str,
        *,
        tags: Sequence[str],
        texts: Sequence[Sequence[bytes]] = (),
        after: int = 0,
        upto: int | None = None,
        limit: int | None = None,
        newest_first: bool = False,
    ) -> list[Recorded]:
        """As ever."""
        return self._log.search(
            stream, tags=tags, texts=texts, after=after, upto=upto, limit=limit, newest_first=newest_first
        )

    def follow(self, after: int, limit: int) -> list[Recorded]:
        """As ever."""
        return self._log.follow(after, limit)

    def version(self, stream: str) -> int:
        """As ever."""
        return self._log.version(stream)

    def position(self) -> int:
        """As ever."""
        return self._log.position()

    def close(self) -> None:
        """As ever."""
        self._log.close()


class World:
    """An engine with everything around it."""

    def __init__(self, engine: Engine, log: EventLog, clock: ManualClock) -> None:
        self.engine = engine
        self.log = log
        self.clock = clock

    async def submit(self, *steps: Any, state: dict[str, Any] | None = None, **settings: Any) -> str:
        """Begin an execution of these steps."""
        accepted = await self.engine.submit(Submission(definition=workflow(*steps, state=state, **settings)))
        return accepted.execution_id

    async def settle(self, execution_id: str) -> Execution:
        """The execution as the log has it when it has ended, parked or paused."""
        assert await self.engine.settled(execution_id, 10.0)
        return self.fold(execution_id)

    async def run(self, *steps: Any, state: dict[str, Any] | None = None, **settings: Any) -> Execution:
        """Begin and settle."""
        return await self.settle(await self.submit(*steps, state=state, **settings))

    async def ask(self, execution_id: str, command: OutsideCommand) -> bool:
        """Give a command; whether it changed anything."""
        return (await self.engine.command(execution_id, command)).changed

    def fold(self, execution_id: str) -> Execution:
        """The execution as the log has it."""
        return load(self.log, execution_id)

    def events(self, execution_id: str) -> list[ExecutionEvent]:
        """Its history."""
        return [execution_event(recorded) for recorded in self.log.read(execution_id)]

    def count(self, execution_id: str, kind: type[ExecutionEvent]) -> int:
        """How many events of a kind it has."""
        return sum(isinstance(event, kind) for event in self.events(execution_id))

    def row(self, execution_id: str) -> Summary:
        """Its row in the lists."""
        row = None
        for recorded in self.log.read(execution_id):
            row = summarise(row, recorded)
        assert row is not None
        return row


@asynccontextmanager
async def world(
    nodes: NodeRegistry,
    *,
    log: EventLog | None = None,
    clock: ManualClock | None = None,
    settings: EngineSettings | None = None,
    secrets: dict[str, str] | None = None,
    unfinished: Iterable[Summary] = (),
    folds: Folds | None = None,
) -> AsyncIterator[World]:
    """A started engine, stopped at the end."""
    log, clock = log or new_log(), clock or ManualClock()
    settings = settings or EngineSettings(worker="w")
    engine = Engine(
        log=log,
        nodes=nodes,
        clock=clock,
        ids=CountedIds(),
        check_schema=check_schema,
        programs=Programs(log, nodes, settings.limits),
        settings=settings,
        secrets=secrets,
        folds=folds,
    )
    await engine.start(unfinished)
    try:
        yield World(engine, log, clock)
    finally:
        await engine.stop()


def run(test: Coroutine[Any, Any, None]) -> None:
    """Run a test's coroutine, for at most as long as any should take."""
    asyncio.run(asyncio.wait_for(test, 20))


def node(node_id: str, act: Callable[..., Any], *, inline: bool = False, **metadata: Any) -> type[WorkflowNode]:
    """A node whose `execute` is this function, which is given the context (and the config if it takes two)."""
    made = scripted(node_id, Script(), **metadata)
    if asyncio.iscoroutinefunction(act):

        async def execute(self: Any, context: Any, config: Any) -> Any:
            return await act(context, config)
    else:

        def execute(self: Any, context: Any, config: Any) -> Any:  # type: ignore[misc]
            return act(context, config)

    made.execute = execute  # type: ignore[method-assign]
    made.inline = inline
    return made


def held(events: dict[str, asyncio.Event]) -> type[WorkflowNode]:
    """A node that says when it has `begun`, and ends when it may `go`."""

    async def hold(context: Any, config: Any) -> Any:
        events["begun"].set()
        await events["go"].wait()
        return Edge("x", "done")

    return node("held", hold)


def closed_gates() -> dict[str, asyncio.Event]:
    """The events of a node that is held."""
    return {"begun": asyncio.Event(), "go": asyncio.Event()}


async def until(condition: Callable[[], bool]) -> None:
    """Let the loop turn until it is so."""
    async with asyncio.timeout(10):
        while not condition():
            await asyncio.sleep(0)
