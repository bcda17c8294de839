"""Compiled definitions, by content hash: made once, found again, stored in the log."""

from __future__ import annotations

from collections import OrderedDict
from threading import Lock
from typing import Any, Final

from application.ports import Append, EventLog
from domain import json
from domain.compiler import compile_definition
from domain.errors import NotFound
from domain.events import DefinitionStored
from domain.limits import Limits
from domain.node import NodeCatalog
from domain.problems import Problem
from domain.program import Program

CACHED: Final = 1_000
"""Programs kept compiled."""


def definition_stream(digest: str) -> str:
    """The stream that holds a definition."""
    return f"definition:{digest}"


class Programs:
    """The programs of this process. Thread-safe."""

    def __init__(self, log: EventLog, nodes: NodeCatalog, limits: Limits) -> None:
        self._log = log
        self._nodes = nodes
        self._limits = limits
        self._cache: OrderedDict[str, Program] = OrderedDict()
        self._stored: set[str] = set()
        self._lock = Lock()

    @property
    def limits(self) -> Limits:
        """What they are compiled within."""
        return self._limits

    def compile(self, definition: Any, known: tuple[Problem, ...] = ()) -> Program:
        """The program of a definition. Raises InvalidDefinition with everything that is wrong with it."""
        if known or not isinstance(definition, dict):
            return compile_definition(definition, self._nodes, limits=self._limits, known=known)
        digest = json.digest(definition)
        with self._lock:
            program = self._cache.get(digest)
            if program is not None:
                self._cache.move_to_end(digest)
                return program
        return self._keep(compile_definition(definition, self._nodes, limits=self._limits))

    def of(self, digest: str) -> Program:
        """The program of a stored definition. Raises NotFound, or InvalidDefinition if its nodes are not here now."""
        with self._lock:
            program = self._cache.get(digest)
        return program if program is not None else self.compile(self.definition(digest))

    def definition(self, digest: str) -> dict[str, Any]:
        """A stored definition. Raises NotFound."""
        stored = self._log.read(definition_stream(digest), limit=1)
        if not stored or not isinstance(stored[0].event, DefinitionStored):
            raise NotFound(f"There is no definition with the hash {digest}.")
        return stored[0].event.definition

    def storing(self, digest: str, definition: dict[str, Any], now: int) -> Append | None:
        """What stores a definition; None when the log has it."""
        if self._is_stored(digest):
            return None
        event = DefinitionStored(time=now, definition=definition)
        return Append(stream=definition_stream(digest), after=0, events=(event,))

    def _is_stored(self, digest: str) -> bool:
        if digest not in self._stored and self._log.version(definition_stream(digest)):
            self._stored.add(digest)
        return digest in self._stored

    def _keep(self, program: Program) -> Program:
        with self._lock:
            self._cache[program.hash] = program
            while len(self._cache) > CACHED:
                self._cache.popitem(last=False)
        return program
