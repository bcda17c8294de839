"""`snapshot`: a version to go back to."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from domain.node import Answer, Mark, NodeMetadata, Parameter
from infrastructure.nodes.base import LIBRARY_VERSION, LibraryNode, example, invalid, taken

if TYPE_CHECKING:
    from domain.context import ExecutionContext


class Snapshot(LibraryNode):
    """Names this version."""

    metadata = NodeMetadata(
        id="snapshot",
        name="Snapshot",
        version=LIBRARY_VERSION,
        description="Names this version of the execution, to look at it or go back to it later.",
        example=example({"snapshot": {"name": "before charging"}}, {"$.charged": True}),
        outputs=(),
        edges=("success",),
        effect="none",
        edge_info={"success": taken("always", "name version")},
        parameters={
            "name": Parameter(types=("string",), required=True, description="A name used again moves to this version.")
        },
    )

    def run(self, context: ExecutionContext, config: dict[str, Any]) -> Answer:
        """Ask for it."""
        if not config["name"]:
            raise invalid("name can't be empty", parameter="name")
        return Mark(config["name"])
