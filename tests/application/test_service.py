"""The service as another thread and loop sees it."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Sequence
from typing import Any

import pytest

from application.ports import Append, Recorded, VersionConflict
from application.requests import Submission
from domain.commands import Cancel
from domain.errors import Unavailable
from domain.events import EdgeTaken, ExecutionStarted, NodeStarted
from domain.node import Edge
from infrastructure.memory_log import MemoryLog
from tests.support.engines import service_on
from tests.support.workflows import Script, nodes_of, workflow
from tests.support.worlds import node


class GatedLog(MemoryLog):
    """A log whose appends wait at a gate."""

    def __init__(self) -> None:
        super().__init__()
        self.reached = threading.Event()
        self.gate = threading.Event()

    def append(self, batch: Sequence[Append]) -> list[tuple[Recorded, ...] | VersionConflict]:
        """Wait to be let through."""
        self.reached.set()
        assert self.gate.wait(10)
        return super().append(batch)


def test_a_submission_is_carried_out_though_its_sender_has_gone() -> None:
    """What is being recorded when the request is given up is recorded, and then it runs: nothing is left half done."""
    log, script = GatedLog(), Script()
    with service_on(log, nodes_of(script)) as service:

        async def ask_and_leave() -> None:
            submission = Submission(definition=workflow("a"), execution_id="left")
            asked = asyncio.ensure_future(service.submit(submission))
            await asyncio.to_thread(log.reached.wait, 10)
            asked.cancel()
            await asyncio.gather(asked, return_exceptions=True)
            assert asked.cancelled()

        asyncio.run(ask_and_leave())
        log.gate.set()
        while not log.version("left"):
            continue
        assert service.wait_settled("left", 10)
        assert (script.order, service.queries.fold("left").status) == ("a", "completed")


def test_it_says_why_it_can_not_work() -> None:
    """Before it has started and after it was stopped; meanwhile there is nothing to say."""
    with service_on(MemoryLog(), nodes_of(Script())) as service:
        assert service.sickness() is None
    assert service.sickness() == "The service is starting or stopping."


class KeptLog(MemoryLog):
    """A log that can be read when the service has let go of it."""

    def close(self) -> None:
        """Stay as it is."""


def test_one_that_stops_takes_nothing_new_and_begins_no_step() -> None:
    """A submission is refused, to be made again later; what had begun a step ends it, and answers are given until the end."""
    log, script = KeptLog(), Script()
    reached, gate = threading.Event(), threading.Event()

    def wait(context: Any, config: Any) -> Edge:
        reached.set()
        assert gate.wait(10)
        return Edge("x")

    with service_on(log, nodes_of(script, node("gated", wait))) as service:
        service.submit_and_wait(Submission(definition=workflow("gated", "a"), execution_id="early"))
        assert reached.wait(10)
        service.stop_taking_work()
        with pytest.raises(Unavailable, match="stopping"):
            service.submit_and_wait(Submission(definition=workflow("a"), execution_id="late"))
        with pytest.raises(Unavailable, match="stopping"):
            service.command_and_wait("early", Cancel(now=0))
        assert service.queries.fold("early").status == "running"
        gate.set()
    types = [type(one.event) for one in log.read("early")]
    assert types == [ExecutionStarted, NodeStarted, EdgeTaken]
    assert (script.order, log.version("late")) == ("", 0)
