"""Conversations of several requests: waiting for an execution, and running one to its end."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any, Final

from application.requests import Accepted
from domain.errors import NotFound, Unavailable
from interfaces.client import operations
from interfaces.client.operations import Object
from interfaces.client.requests import Call
from interfaces.client.wire import Pause, Server, Talk

FIRST_LOOK_S: Final = 0.02
"""How long `wait` leaves an execution alone between two looks; each time half as long again, up to LONGEST_LOOK_S."""
LONGEST_LOOK_S: Final = 0.5
LONGEST_WAIT_S: Final = 30
"""How long a server is asked to hold an answer back. Proxies often give up after 60."""
LONG_WAITS: Final = 32
"""Answers of one client that may be held back at once: each holds a connection. Past them it looks again and again."""


def ready(server: Server) -> Talk[bool]:
    """Whether the server is there and can do its work; asks once."""
    try:
        return (yield from server.ask(operations.ready(), attempts=1))
    except Unavailable:
        return False


def wait(server: Server, execution_id: str, timeout_s: float) -> Talk[bool]:
    """Wait until an execution has ended, parked or paused. False when the time was not enough."""
    return (yield from _settled(server, execution_id, timeout_s)) is not None


def run(server: Server, begun: Call[Accepted], timeout_s: float) -> Talk[Object]:
    """Begin an execution, and wait for it. Raises TimeoutError."""
    accepted = yield from server.ask(begun)
    execution = yield from _settled(server, accepted.execution_id, timeout_s)
    if execution is None:
        raise TimeoutError(f"{accepted.execution_id} is still running after {timeout_s} s.")
    return execution


def _settled(server: Server, execution_id: str, timeout_s: float) -> Talk[Object | None]:
    """The execution once it has settled; None when the time was not enough."""
    deadline = time.monotonic() + timeout_s
    pause_s = FIRST_LOOK_S
    while True:
        with _long_wait(server, deadline - time.monotonic()) as wait_s:
            execution = yield from server.ask(operations.execution(execution_id, wait_s=wait_s))
        if not (yield from _goes_on(server, execution)):
            return execution
        left_s = deadline - time.monotonic()
        if left_s <= 0:
            return None
        yield Pause(min(pause_s, left_s))
        pause_s = min(pause_s * 1.5, LONGEST_LOOK_S)


@contextmanager
def _long_wait(server: Server, left_s: float) -> Iterator[int]:
    """The whole seconds that an answer may be held back; 0: no answer more may be."""
    if server.long_waits >= LONG_WAITS:
        yield 0
        return
    server.long_waits += 1
    try:
        yield max(0, min(int(left_s), LONGEST_WAIT_S))
    finally:
        server.long_waits -= 1


def _goes_on(server: Server, execution: Mapping[str, Any]) -> Talk[bool]:
    """Whether it runs, or waits for a child that does or whose end it has still to see."""
    if execution["status"] != "suspended":
        return bool(execution["status"] == "running")
    for each in execution.get("waiting", ()):
        if each["kind"] == "child" and (yield from _child_goes_on(server, each["executionId"])):
            return True
    return False


def _child_goes_on(server: Server, child: str) -> Talk[bool]:
    try:
        execution = yield from server.ask(operations.execution(child))
    except NotFound:  # it is to begin in a moment
        return True
    return "finalState" in execution or (yield from _goes_on(server, execution))
