"""Publishing a version of a workflow: decided on what is published already, recorded with its definition."""

from __future__ import annotations

from typing import Final

from application.ports import Append, Clock, Nodes, VersionConflict
from application.programs import Programs
from application.publications import Publications, workflow_stream
from application.requests import Published, ToPublish
from application.writer import Writer
from domain.errors import Refused, Unavailable
from domain.events import WorkflowPublished
from domain.program import Program
from domain.publishing import Publish, first_difference, nodes_of, publish

DECIDE_AGAIN: Final = 100
"""Times that it is decided again after somebody else's version came first."""


class Publisher:
    """Publishes, on the engine's loop."""

    def __init__(
        self,
        publications: Publications,
        programs: Programs,
        nodes: Nodes,
        *,
        writer: Writer,
        clock: Clock,
        limit: int,
    ) -> None:
        self._publications = publications
        self._programs = programs
        self._nodes = nodes
        self._writer = writer
        self._clock = clock
        self._limit = limit

    async def publish(self, asked: ToPublish) -> Published:
        """Publish a definition under its own id and version. Durable when it returns.

        The same again changes nothing. Raises InvalidDefinition; Refused when another definition has that version.
        """
        program = self._programs.compile(asked.definition, asked.known)
        if self._writer.is_full():
            raise Unavailable("There is more waiting to be recorded than may be. Try again in a second.")
        for _ in range(DECIDE_AGAIN):
            there = {one.event.workflow_version: one for one in self._publications.of(program.id)}
            event = self._decide(program, asked, {version: one.event for version, one in there.items()})
            if event is None:
                found = there[program.version]
                return self._answer(found.event, found.position, program, new=False)
            stored = self._programs.storing(program.hash, asked.definition, event.time)
            if stored is not None:  # a conflict here only says that somebody stored the same definition first
                self._writer.submit(stored)
            append = Append(stream=workflow_stream(program.id), after=len(there), events=(event,))
            try:
                recorded = await self._writer.submit(append)
            except VersionConflict:
                continue
            return self._answer(event, recorded[-1].position, program, new=True)
        raise Unavailable(f"{program.id} is being published too quickly from elsewhere. Try again.")

    def _decide(
        self, program: Program, asked: ToPublish, there: dict[str, WorkflowPublished]
    ) -> WorkflowPublished | None:
        command = Publish(
            now=self._clock.now(),
            actor=asked.actor,
            program=program,
            nodes=nodes_of(program, self._nodes),
            limit=self._limit,
        )
        try:
            return publish(there, command)
        except Refused as refused:
            other = there.get(program.version)
            if other is None:
                raise
            where = first_difference(self._programs.definition(other.definition_hash), asked.definition)
            raise Refused(f"{refused.message} {where}", code=refused.code) from refused

    def _answer(self, event: WorkflowPublished, position: int, program: Program, *, new: bool) -> Published:
        warnings = self._publications.warnings_of(program)
        return Published(event=event, position=position, new=new, warnings=warnings)
