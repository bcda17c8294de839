"""`empty`: a step that does nothing."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from domain.node import Answer, Edge, NodeMetadata
from infrastructure.nodes.base import LIBRARY_VERSION, LibraryNode, example, taken

if TYPE_CHECKING:
    from domain.context import ExecutionContext


class Empty(LibraryNode):
    """Takes its one edge, and nothing else."""

    metadata = NodeMetadata(
        id="empty",
        name="Empty",
        version=LIBRARY_VERSION,
        description="Does nothing.",
        example=example("empty"),
        outputs=(),
        edges=("nothing",),
        effect="none",
        edge_info={"nothing": taken("always")},
        parameters={},
    )

    def run(self, context: ExecutionContext, config: dict[str, Any]) -> Answer:
        """Go on."""
        del context, config
        return Edge("nothing")
