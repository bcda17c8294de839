"""What a step calls: the definition that its child is to run, found or stored, and the state that it begins with."""

from __future__ import annotations

import asyncio
import logging
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Final

from application.ports import Clock, StoreUnavailable, VersionConflict
from application.programs import Programs
from application.publications import Publications
from application.writer import Writer
from domain import json
from domain.commands import Called
from domain.errors import ClewError, ErrorInfo, InvalidDefinition, StepFailure
from domain.node import Call
from domain.program import Program

logger = logging.getLogger("clew.engine")
AGAIN_S: Final = 1.0
"""How long after a failed commit a definition is stored again."""


class Calls:
    """Resolves calls: published versions as they are now, and definitions that a step has itself."""

    def __init__(self, programs: Programs, publications: Publications, *, writer: Writer, clock: Clock) -> None:
        self._programs = programs
        self._publications = publications
        self._writer = writer
        self._clock = clock
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="clew-calls")

    def close(self) -> None:
        """Take no more calls."""
        self._thread.shutdown(wait=False, cancel_futures=True)

    async def resolve(self, call: Call) -> Called:
        """What to run, its definition durable. Raises StepFailure when there is no such thing, or it can't run here."""
        loop = asyncio.get_running_loop()
        try:  # in a thread: it may have to be compiled, and nobody else should wait for that
            program = await loop.run_in_executor(self._thread, self._find, call)
        except InvalidDefinition as error:
            raise _invalid(error) from error
        except StepFailure:
            raise
        except ClewError as error:
            raise StepFailure(_refusal(error)) from error
        if call.definition is not None:
            await self._store(program.hash, dict(call.definition))
        given = json.normal(dict(call.state), "the initial state of the child")
        return Called(
            workflow=program.id,
            workflow_version=program.version,
            definition_hash=program.hash,
            initial_state={**program.initial_state, **given},
            due=call.due,
        )

    def _find(self, call: Call) -> Program:
        if call.definition is not None:
            return self._programs.compile(json.normal(dict(call.definition), "the definition"))
        return self._programs.of(self._publications.startable(call.workflow, call.version).definition_hash)

    async def _store(self, digest: str, definition: dict[str, Any]) -> None:
        """Store a definition, as often as it takes: what `ChildStarted` names must be in the log before it."""
        while (stored := self._programs.storing(digest, definition, self._clock.now())) is not None:
            try:
                await self._writer.submit(stored)
            except VersionConflict:  # somebody stored the same
                continue
            except StoreUnavailable as error:
                logger.error("the definition of a child can't be stored yet: %s", error.message)
                await asyncio.sleep(AGAIN_S)


def _refusal(error: ClewError) -> ErrorInfo:
    """Why a published workflow can't be had: for now, or as the step has it."""
    passing = isinstance(error, StoreUnavailable)
    return ErrorInfo(
        type="system" if passing else "configuration",
        code=error.code,
        message=error.message,
        recoverable=passing,
        details=error.details,
    )


def _invalid(error: InvalidDefinition) -> StepFailure:
    problems = [
        {"code": one.code, "path": one.path, "message": one.message}
        for one in error.problems
        if one.severity == "error"
    ]
    message = f"The definition of the child is not valid. {error.message}"
    return StepFailure(ErrorInfo(type="validation", code="INVALID_DEFINITION", message=message, details=problems))
