"""What is published: folds of the streams `workflow:<id>`, one event for each version."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterable
from threading import Lock
from typing import Final

import msgspec

from application.ports import EventLog
from application.programs import Programs
from domain.circles import circles
from domain.errors import InvalidDefinition, NotFound, Refused
from domain.events import WorkflowPublished
from domain.node import NodeCatalog
from domain.problems import Problem
from domain.program import Program
from domain.publishing import LATEST, check_nodes, choose, newest

CACHED: Final = 64
"""Workflows whose versions are kept in memory, so that only what came later is read."""


def workflow_stream(workflow_id: str) -> str:
    """The stream of what is published of a workflow."""
    return f"workflow:{workflow_id}"


class Publication(msgspec.Struct, frozen=True):
    """A published version, and the position of the log at which it was recorded."""

    event: WorkflowPublished
    position: int


class Publications:
    """The published versions of all workflows. Thread-safe."""

    def __init__(self, log: EventLog, programs: Programs, nodes: NodeCatalog) -> None:
        self._log = log
        self._programs = programs
        self._nodes = nodes
        self._cache: OrderedDict[str, tuple[Publication, ...]] = OrderedDict()
        self._lock = Lock()

    def of(self, workflow_id: str) -> tuple[Publication, ...]:
        """Everything that is published of a workflow, oldest first."""
        with self._lock:
            known = self._cache.get(workflow_id, ())
        tail = self._log.read(workflow_stream(workflow_id), after=len(known))
        if not tail and not known:
            return ()
        found = (*known, *(Publication(_published(one.event), one.position) for one in tail))
        with self._lock:
            self._cache[workflow_id] = found
            self._cache.move_to_end(workflow_id)
            while len(self._cache) > CACHED:
                self._cache.popitem(last=False)
        return found

    def by_version(self, workflow_id: str) -> dict[str, WorkflowPublished]:
        """The same by version."""
        return {one.event.workflow_version: one.event for one in self.of(workflow_id)}

    def choose(self, workflow_id: str, version: str = LATEST, *, known: Iterable[str] = ()) -> WorkflowPublished:
        """One version. Raises NotFound, which names the nearest of the `known` ids or of the versions."""
        return choose(workflow_id, version, self.by_version(workflow_id), known=known)

    def startable(self, workflow_id: str, version: str = LATEST, *, known: Iterable[str] = ()) -> WorkflowPublished:
        """One version that can run here and now. Raises NotFound; Refused when its nodes are not what they were."""
        chosen = self.choose(workflow_id, version, known=known)
        check_nodes(chosen, self._nodes)
        try:
            self._programs.of(chosen.definition_hash)
        except InvalidDefinition as error:
            message = f"{chosen.workflow} {chosen.workflow_version} can't run with the nodes of today: {error.message}"
            raise Refused(message, code="NODES_CHANGED") from error
        return chosen

    def warnings_of(self, program: Program) -> tuple[Problem, ...]:
        """What a person is warned of: what the compiler says, and workflows that run each other in a circle."""
        return (
            *program.warnings,
            *circles(program, lambda workflow, version: self._called(program, workflow, version)),
        )

    def _called(self, program: Program, workflow: str, version: str) -> Program | None:
        """What a step runs by that name, as if the program was published."""
        published = self.by_version(workflow)
        if workflow == program.id:
            last = newest((*published, program.version))
            if version == program.version or (version == LATEST and last == program.version):
                return program
        try:
            return self._programs.of(choose(workflow, version, published).definition_hash)
        except (NotFound, InvalidDefinition):
            return None


def _published(event: object) -> WorkflowPublished:
    assert isinstance(event, WorkflowPublished), f"the stream of a workflow holds a {type(event).__name__}"
    return event
