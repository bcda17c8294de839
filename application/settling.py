"""Waiting for executions: until they have ended, parked or paused, with the children that they wait for themselves."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

from application.children import Children
from application.live import Live
from application.ports import EventLog
from domain.children import open_children
from domain.errors import Refused
from domain.execution import Execution


class Settling:
    """Who waits for which execution. Lives on the engine's loop; `live_of` is the engine's own."""

    def __init__(self, log: EventLog, children: Children, live_of: Callable[[str], Awaitable[Live]]) -> None:
        self._log = log
        self._children = children
        self._live_of = live_of
        self._waiters: dict[str, list[asyncio.Future[Execution]]] = {}

    def rests(self, execution: Execution) -> None:
        """An execution has ended, parked or paused, durably: tell who waits."""
        for waiter in self._waiters.pop(execution.id, ()):
            if not waiter.done():
                waiter.set_result(execution)

    async def settled(self, execution_id: str, timeout_s: float) -> bool:
        """Wait until it rests, and its children with it (see `Engine.settled`)."""
        try:
            async with asyncio.timeout(timeout_s):
                while not await self._settles(execution_id):
                    continue
        except TimeoutError:
            return False
        return True

    async def _settles(self, execution_id: str) -> bool:
        """Wait until the execution rests. False: it goes on by itself, because a child of it does or has ended."""
        with self._children.news(execution_id) as news:
            live = await self._live_of(execution_id)
            execution = live.execution
            if execution.status == "running":
                execution = await self._stops_running(execution_id)
            else:
                await live.flush()
            if execution.status == "suspended":
                for child in open_children(execution):
                    if not await self._child_settles(child):
                        await news.wait()
                        return False
        return True

    async def _child_settles(self, child: str) -> bool:
        """Wait until a child rests. False: it has ended, or is still to begin."""
        if not self._log.version(child) or self._children.has_ended(child):
            return False
        try:
            while not await self._settles(child):
                continue
            return not (await self._live_of(child)).execution.has_ended
        except Refused:  # its nodes are not here: it rests until they are
            return True

    async def _stops_running(self, execution_id: str) -> Execution:
        waiter: asyncio.Future[Execution] = asyncio.get_running_loop().create_future()
        waiters = self._waiters.setdefault(execution_id, [])
        waiters.append(waiter)
        try:
            return await waiter
        finally:
            if waiter in waiters:
                waiters.remove(waiter)
