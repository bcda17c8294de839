"""Definitions inside a definition: those that a step runs as its child."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

from domain.node import NodeCatalog
from domain.problems import pointer
from domain.program import Step
from domain.value_forms import Constant


def inner_definitions(steps: Iterable[Step], nodes: NodeCatalog) -> Iterator[tuple[str, dict[str, Any]]]:
    """(pointer, definition) of every definition that is written out as a parameter of a step."""
    for step in steps:
        node = nodes.find(step.node) if step.node else None
        for name, spec in (node.metadata.parameters or {}).items() if node is not None else ():
            value = step.parameters.get(name)
            if spec.definition and isinstance(value, Constant) and isinstance(value.value, dict):
                yield step.address + pointer(name), value.value
