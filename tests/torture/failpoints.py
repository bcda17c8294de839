"""Named points of a life at which it can be killed: before and after everything that matters."""

from __future__ import annotations

import functools
import inspect
import os
import signal
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from typing import Any, Final, Literal, NamedTuple
from unittest.mock import patch

from application.engine import Engine
from application.running import NodeRunner
from infrastructure.sqlite_checkpoints import SqliteCheckpoints
from infrastructure.sqlite_log import SqliteLog
from infrastructure.sqlite_views import SqliteViews
from infrastructure.table_store import TableStore
from tests.simulation.invariants import History
from tests.simulation.world import Life

POINTS: Final[dict[str, tuple[type[Any], str]]] = {
    "append": (SqliteLog, "append"),
    "submission": (Engine, "submit"),
    "acknowledgement": (History, "accept"),
    "command": (Engine, "command"),
    "command acknowledgement": (History, "command"),
    "publication": (Engine, "publish"),
    "node": (NodeRunner, "run"),
    "projection": (SqliteViews, "put"),
    "checkpoint": (SqliteCheckpoints, "put"),
    "table": (TableStore, "once"),
    "start": (Engine, "start"),
    "recovery": (Engine, "_recover"),
    "timer": (Engine, "_fire"),
    "stop": (Life, "rest"),
    "close": (SqliteLog, "close"),
}
"""What stands behind each name: the method around which it is."""


class Kill(NamedTuple):
    """SIGKILL before or after the `hit`-th time (from 1) that a life comes to a point."""

    point: str
    when: Literal["before", "after"]
    hit: int

    def __str__(self) -> str:
        return f"SIGKILL {self.when} {self.point} {self.hit}"


@contextmanager
def watched(kill: Kill | None) -> Iterator[dict[str, int]]:
    """Count how often each point is come to, and die at one of them."""
    hits = dict.fromkeys(POINTS, 0)
    with ExitStack() as stack:
        for name, (owner, method) in POINTS.items():
            around = _around(getattr(owner, method), name, hits, kill)
            stack.enter_context(patch.object(owner, method, around))
        yield hits


def _around(method: Callable[..., Any], name: str, hits: dict[str, int], kill: Kill | None) -> Callable[..., Any]:
    def before() -> int:
        hits[name] += 1
        die_if("before", hits[name])
        return hits[name]

    def die_if(when: str, hit: int) -> None:
        if kill is not None and kill == (name, when, hit):
            os.kill(os.getpid(), signal.SIGKILL)

    @functools.wraps(method)
    async def asynchronous(*given: Any, **more: Any) -> Any:
        hit = before()
        answer = await method(*given, **more)
        die_if("after", hit)
        return answer

    @functools.wraps(method)
    def synchronous(*given: Any, **more: Any) -> Any:
        hit = before()
        answer = method(*given, **more)
        die_if("after", hit)
        return answer

    return asynchronous if inspect.iscoroutinefunction(method) else synchronous
