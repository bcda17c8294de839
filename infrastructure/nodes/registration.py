"""One registered node: its class, loaded when first needed, and the instances that visits borrow."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager, nullcontext
from importlib import import_module
from threading import RLock
from typing import Any, Final

from domain.errors import ErrorInfo, StepFailure
from domain.node import Reuse, WorkflowNode
from infrastructure.nodes.discovery import InvalidNode, checked_metadata, explained

POOL_SIZE: Final = 10
"""Idle instances kept of a pooled node. A visit that finds none idle gets a new one: waiting could stop the engine."""


class Registration:
    """A node under its id. `load` gives the class; `options` are what its constructor is given. Thread-safe."""

    def __init__(
        self,
        node_id: str,
        target: type[WorkflowNode] | str,
        *,
        source: str,
        reserved: bool = False,
        reuse: Reuse | None = None,
        options: Mapping[str, Any] | None = None,
    ) -> None:
        self.node_id = node_id
        self.source = source
        self.reserved = reserved
        """Whether it belongs to the library, so that its id says what it does in every workflow."""
        self._target = target
        self._reuse = reuse
        self._options = dict(options or {})
        self._lock = RLock()
        self._class: type[WorkflowNode] | None = None
        self._specimen: WorkflowNode | None = None
        self._idle: list[WorkflowNode] = []

    def node_class(self) -> type[WorkflowNode]:
        """The class, imported now if it was not yet. Raises InvalidNode, or what importing it raises."""
        with self._lock:
            if self._class is None:
                found = _imported(self._target) if isinstance(self._target, str) else self._target
                metadata = checked_metadata(found)
                if metadata.id != self.node_id:
                    raise InvalidNode(f"{self._target} is registered as {self.node_id}, but its id is {metadata.id}.")
                self._class = found
            return self._class

    def specimen(self) -> WorkflowNode:
        """An instance for its metadata. One whose constructor fails is shown unconstructed: its visits say why."""
        if self._specimen is not None:
            return self._specimen
        with self._lock:
            if self._specimen is None:
                node_class = self.node_class()
                try:
                    self._specimen = node_class(**self._options)
                except Exception:  # noqa: BLE001 - a stranger's constructor raises what it likes; `borrow` reports it
                    return node_class.__new__(node_class)
            return self._specimen

    def borrow(self) -> AbstractContextManager[WorkflowNode]:
        """An instance for one visit. Raises StepFailure `NODE_UNAVAILABLE` when there can be none."""
        try:
            reuse = self._reuse or self.node_class().metadata.reuse
        except Exception as error:
            raise self._unavailable(error) from error
        if reuse == "singleton":
            return nullcontext(self._singleton())
        return self._from_pool() if reuse == "pool" else nullcontext(self._made())

    def _singleton(self) -> WorkflowNode:
        with self._lock:
            if self._specimen is None:
                self._specimen = self._made()
            return self._specimen

    @contextmanager
    def _from_pool(self) -> Iterator[WorkflowNode]:
        """An idle instance or a new one. One whose visit raised is not used again: who knows what state it is in."""
        with self._lock:
            instance = self._idle.pop() if self._idle else None
        if instance is None:
            instance = self._made()
        yield instance
        with self._lock:
            if len(self._idle) < POOL_SIZE:
                self._idle.append(instance)

    def _made(self) -> WorkflowNode:
        try:
            return self.node_class()(**self._options)
        except Exception as error:
            raise self._unavailable(error) from error

    def _unavailable(self, error: Exception) -> StepFailure:
        return unavailable(f"the node {self.node_id} ({self.source}) can't be made: {explained(error)}")


def unavailable(message: str) -> StepFailure:
    """The failure of a step whose node can't be had."""
    return StepFailure(ErrorInfo(type="configuration", code="NODE_UNAVAILABLE", message=message))


def _imported(target: str) -> type[WorkflowNode]:
    module, _, name = target.partition(":")
    found = getattr(import_module(module), name)
    if not (isinstance(found, type) and issubclass(found, WorkflowNode)):
        raise InvalidNode(f"{target} is not a node class.")
    return found
