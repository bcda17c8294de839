"""The service as its interfaces use it: the engine on a thread and loop of its own, questions from any thread."""

from __future__ import annotations

import asyncio
import logging
import threading
from collections.abc import Callable, Coroutine
from concurrent.futures import Future
from contextlib import suppress
from typing import Any, Final, TypeVar

import msgspec

from application.breakers import BreakerView
from application.engine import Engine
from application.folds import Folds
from application.forking import SAME, Target
from application.ports import EventLog, Nodes, StoreUnavailable, Summary, Views
from application.programs import Programs
from application.projector import Projector
from application.queries import Queries
from application.requests import Accepted, Done, ForkRequest, Published, Submission, ToPublish
from application.what_if import WhatIf
from domain.commands import OutsideCommand, Retry
from domain.errors import ClewError, Unavailable

logger = logging.getLogger("clew.service")
T = TypeVar("T")
UNFINISHED_PAGE: Final = 1_000
LIST_WAIT_S: Final = 2.0
"""How long a list waits at most for the views to reach a position."""
LIST_GLANCE_S: Final = 0.3
"""How long one waits that names no position."""
ENGINE_STOP_S: Final = 6.5
"""How long the engine may take to stop: the time of nodes in flight, and a little to record what came of them."""
LOOP_END_S: Final = 1.0
"""How long its loop may take to end after that."""


class Service:
    """One store, its engine and its lists. Start it, ask it from any thread or loop, stop it.

    `make_engine` is called on the engine's own loop with what is to be called after each commit, `release` at the end of
    a stop; `make_what_if` with what answers questions of the past.
    """

    def __init__(
        self,
        *,
        log: EventLog,
        views: Views,
        nodes: Nodes,
        programs: Programs,
        make_engine: Callable[[Callable[[int], None]], Engine],
        release: Callable[[], None] = lambda: None,
        folds: Folds | None = None,
        make_what_if: Callable[[Queries, Folds], WhatIf] | None = None,
    ) -> None:
        self.nodes = nodes
        self.programs = programs
        self._folds = folds or Folds(log)
        self.queries = Queries(log, views, programs, nodes, folds=self._folds, breaker_of=self._breaker_of)
        self._what_if = make_what_if(self.queries, self._folds) if make_what_if is not None else None
        self._log = log
        self._views = views
        self._projector = Projector(log, views)
        self._make_engine = make_engine
        self._release = release
        self._engine: Engine | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._thread = threading.Thread(target=self._run_loop, name="clew-engine", daemon=True)
        self._loop_is_up = threading.Event()
        self.ready = False
        self._stopping = False

    def start(self) -> None:
        """Bring the lists up to the log, take up what is unfinished, and begin. Raises ClewError when it can't."""
        self._projector.catch_up()
        unfinished = self._unfinished()
        self._thread.start()
        self._loop_is_up.wait()
        self._run(self._start_engine(unfinished)).result()
        self._projector.start()
        self.ready = True

    def stop_taking_work(self) -> None:
        """Refuse what is new, and begin no step any more; what runs may end. Safe from any thread and signal handler."""
        self._stopping = True
        if self._engine is not None and self._loop is not None and not self._loop.is_closed():
            self._loop.call_soon_threadsafe(self._engine.begin_no_more)

    def stop(self) -> None:
        """Stop beginning steps, record what is known, and release the store. Safe to call once, started or not."""
        self.stop_taking_work()
        was_ready, self.ready = self.ready, False
        if self._engine is not None and self._loop is not None and self._thread.is_alive():
            self._stop_engine(self._engine, self._loop)
        if self._what_if is not None:
            self._what_if.close()
        if was_ready:
            self._finish_lists()
        self._projector.stop()
        self._folds.close()
        self._views.close()
        self._log.close()
        self._release()

    def _stop_engine(self, engine: Engine, loop: asyncio.AbstractEventLoop) -> None:
        stopped = self._run(engine.stop())
        try:
            stopped.result(ENGINE_STOP_S)
        except TimeoutError:  # a node that blocks the loop; nothing more is recorded once the log is closed
            logger.error("The engine did not stop in time. What it runs is recovered at the next start.")
            return
        loop.call_soon_threadsafe(loop.stop)
        self._thread.join(LOOP_END_S)

    def _finish_lists(self) -> None:
        """Bring the lists to the head of the log: whoever only reads this store afterwards can't."""
        try:
            self._projector.wait_for(self._log.position(), LIST_WAIT_S)
        except ClewError as error:
            logger.warning("The lists stay behind the log until the next start: %s", error.message)

    def _unfinished(self) -> list[Summary]:
        found: list[Summary] = []
        cursor = None
        while True:
            page = self._views.executions(
                status=("running", "suspended", "paused"), limit=UNFINISHED_PAGE, cursor=cursor
            )
            found.extend(page.items)
            cursor = page.next
            if cursor is None:
                return found

    def _run_loop(self) -> None:
        loop = asyncio.new_event_loop()
        asyncio.set_event_loop(loop)
        self._loop = loop
        loop.call_soon(self._loop_is_up.set)
        try:
            loop.run_forever()
        finally:
            loop.run_until_complete(loop.shutdown_asyncgens())
            loop.close()

    async def _start_engine(self, unfinished: list[Summary]) -> None:
        self._engine = self._make_engine(lambda position: self._projector.wake())
        await self._engine.start(unfinished)

    def _run(self, work: Coroutine[Any, Any, T]) -> Future[T]:
        if self._loop is None or self._loop.is_closed():
            work.close()
            raise Unavailable("The engine is not running.")
        return asyncio.run_coroutine_threadsafe(work, self._loop)

    @property
    def what_if(self) -> WhatIf:
        """Who is asked what would be. Raises Unavailable for a service that was made without."""
        if self._what_if is None:
            raise Unavailable("This service answers no what-if.")
        return self._what_if

    def _breaker_of(self, node_id: str) -> BreakerView | None:
        return self._engine.breakers.view(node_id) if self._engine is not None else None

    def _working_engine(self) -> Engine:
        if self._engine is None:
            raise Unavailable("The engine is not running: start it first (`with Engine(...) as engine:`).")
        return self._engine

    def _taking_engine(self) -> Engine:
        """The engine, for what is new."""
        engine = self._working_engine()
        if self._stopping:
            raise Unavailable("The service is stopping. Try again when it has started anew.")
        return engine

    # From another loop

    async def submit(self, submission: Submission) -> Accepted:
        """Begin an execution (see `Engine.submit`)."""
        return await self._carried_out(self._taking_engine().submit(submission))

    async def fork(self, request: ForkRequest) -> Accepted:
        """Fork an execution (see `Forks.plan` and `Engine.fork`)."""
        engine = self._taking_engine()
        known = await self._carried_out(engine.forked(request))
        if known is not None:
            return known
        plan = await asyncio.to_thread(self.queries.forks.plan, request)
        return await self._carried_out(engine.fork(plan))

    async def publish(self, asked: ToPublish) -> Published:
        """Publish a version of a workflow (see `Engine.publish`)."""
        return await self._carried_out(self._taking_engine().publish(asked))

    async def command(self, execution_id: str, command: OutsideCommand) -> Done:
        """Ask something of an execution (see `Engine.command`)."""
        return await self._carried_out(self._taking_engine().command(execution_id, command))

    async def retry(self, execution_id: str, command: Retry, definition: Any = SAME) -> Done:
        """Try a failed execution again, by another definition if one is named (see `Forks.target`)."""
        engine = self._taking_engine()
        target = await asyncio.to_thread(self.queries.forks.target, execution_id, definition, key=command.key)
        return await self._carried_out(_retry(engine, execution_id, command, target))

    async def settled(self, execution_id: str, timeout_s: float) -> bool:
        """Wait until an execution has ended, parked or paused (see `Engine.settled`)."""
        return await asyncio.wrap_future(self._run(self._working_engine().settled(execution_id, timeout_s)))

    async def _carried_out(self, work: Coroutine[Any, Any, T]) -> T:
        """The result of what must be done to its end even if whoever asked for it has gone meanwhile."""
        return await asyncio.shield(asyncio.wrap_future(self._run(work)))

    # From a plain thread

    def submit_and_wait(self, submission: Submission) -> Accepted:
        """Like `submit`, for callers without a loop."""
        return self._run(self._taking_engine().submit(submission)).result()

    def fork_and_wait(self, request: ForkRequest) -> Accepted:
        """Like `fork`, for callers without a loop."""
        engine = self._taking_engine()
        known = self._run(engine.forked(request)).result()
        return known or self._run(engine.fork(self.queries.forks.plan(request))).result()

    def publish_and_wait(self, asked: ToPublish) -> Published:
        """Like `publish`, for callers without a loop."""
        return self._run(self._taking_engine().publish(asked)).result()

    def command_and_wait(self, execution_id: str, command: OutsideCommand) -> Done:
        """Like `command`, for callers without a loop."""
        return self._run(self._taking_engine().command(execution_id, command)).result()

    def retry_and_wait(self, execution_id: str, command: Retry, definition: Any = SAME) -> Done:
        """Like `retry`, for callers without a loop."""
        engine = self._taking_engine()
        target = self.queries.forks.target(execution_id, definition, key=command.key)
        return self._run(_retry(engine, execution_id, command, target)).result()

    def wait_settled(self, execution_id: str, timeout_s: float) -> bool:
        """Like `settled`, for callers without a loop."""
        return self._run(self._working_engine().settled(execution_id, timeout_s)).result()

    def lists_reach(self, position: int) -> bool:
        """Wait a little until the lists show what is recorded at a position. False: they don't yet."""
        return self._projector.wait_for(position, LIST_WAIT_S)

    def glance_at_lists(self) -> None:
        """Give the lists a moment to show all that is recorded by now: they may be gathering, or out of order."""
        with suppress(StoreUnavailable):  # then they are read as they are
            self._projector.wait_for(self._log.position(), LIST_GLANCE_S)

    def lists_catch_up(self) -> bool:
        """Wait a little until the lists show all that is recorded by now. False: they don't yet."""
        return self.lists_reach(self._log.position())

    def stranded(self) -> dict[str, str]:
        """The executions that should run and can't, each with the reason."""
        return dict(self._engine.stranded) if self._engine is not None else {}

    def sickness(self) -> str | None:
        """Why the service can't do its work now, or None."""
        if not self.ready:
            return "The service is starting or stopping."
        try:
            self._log.check()
        except ClewError as error:
            return error.message
        if not self._thread.is_alive():
            return "The engine has stopped. Start the service again."
        return self._engine.sickness if self._engine is not None else None


async def _retry(engine: Engine, execution_id: str, command: Retry, target: Target | None) -> Done:
    """Carry out a retry, what it is to go on by being durable first."""
    if target is None:
        return await engine.command(execution_id, command)
    if target.definition is not None:
        await engine.keep_definition(target.definition, target.program)
    return await engine.command(execution_id, msgspec.structs.replace(command, into=target.program))
