"""Examples of nodes: the ones they give, or such as their parameters suggest."""

from __future__ import annotations

from typing import Any, Final

import msgspec

from domain.node import NodeMetadata, Parameter
from domain.outline import ALWAYS_EXITS, LOOP_MARK

_SAMPLES: Final[dict[str, Any]] = {
    "string": "text",
    "number": 1,
    "integer": 1,
    "boolean": True,
    "object": {},
    "array": [],
    "null": None,
    "any": "text",
}


def example_of(metadata: NodeMetadata) -> dict[str, Any]:
    """`workflow`, and `initialState` if that needs one, as in a definition: the node's own example, or one with every
    parameter that it can't do without.
    """
    if metadata.example is not None:
        return dict(metadata.example)
    known = metadata.parameters or {}
    config = {name: _sample(parameter) for name, parameter in known.items() if parameter.required}
    if not metadata.iterates:
        return {"workflow": [{metadata.id: config}]}
    return {"workflow": [{metadata.id + LOOP_MARK: {**config, f"{_pass_edge(metadata)}?": []}}]}


def _sample(parameter: Parameter) -> Any:
    if parameter.default is not msgspec.UNSET:
        return parameter.default
    if parameter.enum:
        return parameter.enum[0]
    return _SAMPLES[parameter.types[0] if parameter.types else "any"]


def _pass_edge(metadata: NodeMetadata) -> str:
    """The edge on which a loop's body stands."""
    exits = ALWAYS_EXITS.union(metadata.exit_edges)
    return next((edge for edge in metadata.edges or () if edge not in exits), "loop")
