"""Clew: a durable, event-sourced engine for agentic workflows.

The public names are resolved when they are first used, so that importing `clew` costs nothing.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from domain.context import ExecutionContext
    from domain.errors import ClewError
    from domain.node import Edge, EdgeInfo, NodeMetadata, Parameter, WorkflowNode
    from interfaces.client.async_client import AsyncClient
    from interfaces.client.client import Client
    from interfaces.embedded import Engine

__all__ = [
    "AsyncClient",
    "ClewError",
    "Client",
    "Edge",
    "EdgeInfo",
    "Engine",
    "ExecutionContext",
    "NodeMetadata",
    "Parameter",
    "WorkflowNode",
]
__version__ = "0.1.0"

_PLACES = {
    "AsyncClient": "interfaces.client.async_client",
    "Client": "interfaces.client.client",
    "ClewError": "domain.errors",
    "Edge": "domain.node",
    "EdgeInfo": "domain.node",
    "Engine": "interfaces.embedded",
    "ExecutionContext": "domain.context",
    "NodeMetadata": "domain.node",
    "Parameter": "domain.node",
    "WorkflowNode": "domain.node",
}


def __getattr__(name: str) -> Any:
    if name not in _PLACES:
        raise AttributeError(f"module 'clew' has no attribute {name!r}")
    return getattr(import_module(_PLACES[name]), name)


def __dir__() -> list[str]:
    return sorted([*globals(), *_PLACES])
