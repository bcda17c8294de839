"""Results that are taken again: a fork with `effects: reuse` asks its source's history before it runs a node."""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from itertools import islice
from threading import Lock
from typing import Final

import msgspec
from msgspec.structs import replace

from application.children import observation
from application.folds import Folds
from application.ports import EventLog, Nodes
from application.programs import Programs
from application.reading import execution_event, history
from application.recorded import SURROUNDINGS, Attempt, Records, usable
from application.running import Ran
from domain.commands import Called, Erred, Parked
from domain.errors import InvalidDefinition, NotFound
from domain.events import Reused, Source
from domain.execution import Execution
from domain.node import Effect
from domain.preparing import Prepared
from domain.program import Step

CACHED: Final = 16
"""Cuts whose records are kept."""
MOST_EVENTS: Final = 100_000
"""Events behind a cut that are looked through. What came later is not taken again: it runs."""


class Behind(msgspec.Struct, frozen=True, kw_only=True):
    """What was recorded behind a cut up to a version (None: there is no looking further), and the walk at the cut."""

    walk: int
    records: Records
    upto: int | None


class Recordings:
    """What was recorded behind the cuts of forks. Thread-safe."""

    def __init__(self, log: EventLog, folds: Folds, programs: Programs, nodes: Nodes) -> None:
        self._log = log
        self._folds = folds
        self._programs = programs
        self._nodes = nodes
        self._cache: OrderedDict[tuple[str, int], Behind | None] = OrderedDict()
        self._lock = Lock()

    async def take(
        self, execution: Execution, name: str, step: Step, prepared: Prepared, *, effect: Effect
    ) -> Ran | None:
        """What the open visit of a branch came to in the source of the execution, if that can be taken again.

        In the fork's first walk only: whoever tries it again, or goes back, wants the nodes to run.
        """
        source = execution.source
        if source is None or execution.effects != "reuse" or execution.walk > 1:
            return None
        known = self._cache.get((source.execution, source.version), ...)
        if known is ...:  # in a thread: a long history takes its time
            known = await asyncio.to_thread(self._read, source)
        if known is None:
            return None
        ran = self._taken(execution, name, step, prepared, known, effect=effect)
        if (
            ran is None
            and known.upto is not None
            and await asyncio.to_thread(self._log.version, source.execution) > known.upto
        ):
            newer = await asyncio.to_thread(self._read, source)  # the source has gone on since it was read
            return self._taken(execution, name, step, prepared, newer, effect=effect) if newer is not None else None
        return ran

    def _read(self, source: Source) -> Behind | None:
        """What is recorded by now; None: what the source has run does not compile here any more."""
        try:
            base = self._folds.load(source.execution, upto=source.version)
            program = self._programs.of(base.definition_hash)
        except (InvalidDefinition, NotFound):
            found = None
        else:
            head = self._log.version(source.execution)
            behind = history(self._log, source.execution, after=source.version, upto=head)
            events = map(execution_event, islice(behind, MOST_EVENTS))
            records = Records.of(events, program, self._nodes, base=base)
            upto = head if head - source.version < MOST_EVENTS else None
            found = Behind(walk=base.walk, records=records, upto=upto)
        with self._lock:
            self._cache[source.execution, source.version] = found
            while len(self._cache) > CACHED:
                self._cache.popitem(last=False)
        return found

    def _taken(
        self,
        execution: Execution,
        name: str,
        step: Step,
        prepared: Prepared,
        behind: Behind,
        *,
        effect: Effect,
    ) -> Ran | None:
        visit = execution.branches[name].visit
        node = self._nodes.find(step.node)
        if visit is None or node is None or execution.source is None:
            return None
        attempt = behind.records.last(behind.walk, visit.address, visit.pass_)
        if attempt is None or not usable(attempt, step, node.metadata, prepared, execution, name):
            return None
        ran = self._of_child(execution, attempt) if attempt.child else _of_node(attempt, step, visit.started, effect)
        reused = Reused(execution=execution.source.execution, version=attempt.version)
        return replace(ran, spent=None, reused=reused) if ran is not None else None

    def _of_child(self, execution: Execution, attempt: Attempt) -> Ran | None:
        """The call of a child that has completed since, and how it did."""
        called = attempt.ran.outcome
        if execution.children == "restart" or not isinstance(called, Called):
            return None
        child = self._folds.load(attempt.child)
        if child.status != "completed":
            return None
        return replace(attempt.ran, outcome=replace(called, child=attempt.child), ended=observation(child, 0))


def _of_node(attempt: Attempt, step: Step, now: int, effect: Effect) -> Ran | None:
    """What a node with an effect came to. An error that nobody deals with, or that another attempt may help with, is none."""
    outcome = attempt.ran.outcome
    if effect == "none":
        return None
    if isinstance(outcome, Erred):
        dealt_with = "error" in step.routes and step.options.retry is None
        return attempt.ran if dealt_with and outcome.error.code not in SURROUNDINGS else None
    if isinstance(outcome, Parked) and outcome.answer.due is not None:  # it waits as long as it did
        answer = replace(outcome.answer, due=now + outcome.answer.due - attempt.ended)
        return replace(attempt.ran, outcome=Parked(answer=answer))
    return attempt.ran
