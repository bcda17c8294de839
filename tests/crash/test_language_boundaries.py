"""LANGUAGE 10, case 23: each of the other cases, killed at every boundary between events, ends as if undisturbed."""

from __future__ import annotations

import os
from typing import Any

import pytest

from application.ports import Recorded
from application.requests import Submission
from domain.context import ExecutionContext
from domain.events import EdgeTaken, ExecutionStarted, NodeFailed, NodeStarted
from domain.execution import Execution
from domain.node import Answer, Edge
from infrastructure.memory_log import MemoryLog
from tests.crash.test_every_boundary import is_boundary
from tests.support.engines import everything, log_with, service_on
from tests.support.language_cases import CASES, LanguageCase
from tests.support.workflows import Act, Script, nodes_of, workflow

EXECUTION = "case"
TORTURE = os.environ.get("CLEW_TORTURE") == "1"
FEW = 200 if TORTURE else 10
"""Boundaries that are tried of the 1,500 passes of case 25; of every other case all are."""


class ByVisit(Script):
    """A script that a restart does not lose: what a step does is known by the number of its visit."""

    def __init__(self, acts: dict[str, list[Act]]) -> None:
        super().__init__()
        self._by_step = acts
        self.visits: list[tuple[str, int]] = []

    def play(self, context: ExecutionContext, config: dict[str, Any]) -> Answer:
        """The act of this visit."""
        self.ran.append(context.step.name)
        self.configs.append(config)
        self.visits.append((context.step.address, context.step.visit))
        acts = self._by_step.get(context.step.name, [])
        act = acts[context.step.visit - 1] if context.step.visit <= len(acts) else None
        if isinstance(act, BaseException):
            raise act
        assert act is None or isinstance(act, str), act
        return None if act is None else Edge(act)


def run(case: LanguageCase, kept: list[Recorded] | None) -> tuple[list[Recorded], ByVisit, Execution]:
    """Begin the case, or take up what a crash has left of it; (the whole log, what ran now, the end)."""
    script = ByVisit(case.acts)
    log = MemoryLog() if kept is None else log_with(kept)
    with service_on(log, nodes_of(script)) as service:
        if kept is None:
            service.submit_and_wait(Submission(definition=workflow(*case.steps), execution_id=EXECUTION))
        assert service.wait_settled(EXECUTION, 20.0), "it does not come to an end"
        return everything(log), script, service.queries.fold(EXECUTION)


def path(events: list[Recorded]) -> list[tuple[str, int, str | None]]:
    """Each visit's address, number and edge, in order."""
    return [
        (event.address, event.visit, event.edge if isinstance(event, EdgeTaken) else "failed")
        for event in (recorded.event for recorded in events)
        if isinstance(event, EdgeTaken | NodeFailed)
    ]


@pytest.mark.parametrize("case", CASES.values(), ids=CASES)
def test_killed_between_any_two_events_a_case_ends_the_same(case: LanguageCase) -> None:
    """The same final state and the same edges, and of all nodes only the one in flight is run again."""
    whole, undisturbed, expected = run(case, None)
    assert undisturbed.order == case.order
    cuts = [cut for cut in range(2, len(whole) + 1) if is_boundary(whole, cut)]
    step = 1 if len(cuts) < 200 else len(cuts) // FEW
    for cut in cuts[::step]:
        kept = whole[:cut]
        after, script, ended = run(case, kept)
        where = f"killed after event {cut} of {len(whole)}"
        assert (ended.state, ended.status) == (expected.state, case.status), where
        assert (ended.outputs, ended.failure) == (expected.outputs, expected.failure), where
        assert path(after) == path(whole), where
        over = {visit[:2] for visit in path(kept)}
        left = [visit for visit in undisturbed.visits if visit not in over]
        assert script.visits == left, where
        again = [event for event in started(after[cut:]) if event.attempt > 1]
        assert [(event.address, event.visit) for event in again] == in_flight(kept), where


def started(events: list[Recorded]) -> list[NodeStarted]:
    """The visits and attempts that begin."""
    return [recorded.event for recorded in events if isinstance(recorded.event, NodeStarted)]


def in_flight(events: list[Recorded]) -> list[tuple[str, int]]:
    """The visit that the newest event leaves begun and not ended."""
    last = events[-1].event
    return [(last.address, last.visit)] if isinstance(last, NodeStarted) else []


def test_a_boundary_is_where_a_crash_can_leave_the_log() -> None:
    """After the start and around every visit; never within what one decision led to."""
    whole, _, _ = run(CASES["15 a loop that leaves by null"], None)
    kinds = [type(recorded.event) for recorded in whole]
    cuts = [cut for cut in range(2, len(whole) + 1) if is_boundary(whole, cut)]
    assert kinds[1] is ExecutionStarted and cuts[0] == 2
    assert len(cuts) == 2 * kinds.count(NodeStarted) + 1
