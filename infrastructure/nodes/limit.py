"""`limit`: the first or last items of a list."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from domain.node import Answer, Edge, NodeMetadata, Parameter
from infrastructure.nodes.base import LIBRARY_VERSION, LibraryNode, example, items_of, taken
from infrastructure.nodes.companions import at_least, whole

if TYPE_CHECKING:
    from domain.context import ExecutionContext


class Limit(LibraryNode):
    """Keeps so many items from the beginning or the end, and can say that nothing was cut."""

    metadata = NodeMetadata(
        id="limit",
        name="Limit",
        version=LIBRARY_VERSION,
        description="Keeps the first or last items. all_items: nothing was cut, if the step routes it.",
        example=example({"limit": {"items": "$.scores", "maxItems": 3, "keepFrom": "end"}}, scores=[4, 8, 15, 16, 23]),
        inputs=("items",),
        outputs=("limitedItems", "limitCount", "limitOriginalCount"),
        edges=("success", "all_items"),
        effect="none",
        edge_info={
            "success": taken(
                "items are cut, or all_items is not routed", "items limitedItems count originalCount itemsRemoved"
            ),
            "all_items": taken(
                "nothing was cut, if the step routes it", "items limitedItems count originalCount itemsRemoved"
            ),
        },
        output_info={
            "limitedItems": "What is kept.",
            "limitCount": "How many that are.",
            "limitOriginalCount": "How many there were.",
        },
        parameters={
            "items": Parameter(types=("array",), description="Default: from the previous edge data, else the state."),
            "maxItems": Parameter(types=("integer",), required=True, description="At least 1."),
            "keepFrom": Parameter(
                types=("string",), default="beginning", enum=("beginning", "end"), description="Which end is kept."
            ),
        },
    )

    trials = (at_least(1, "maxItems"),)

    def run(self, context: ExecutionContext, config: dict[str, Any]) -> Answer:
        """Cut."""
        most = whole(config, "maxItems", least=1)
        items = items_of(context)
        kept = items[:most] if config["keepFrom"] == "beginning" else items[-most:]
        removed = len(items) - len(kept)
        context.state["limitedItems"] = kept
        context.state["limitCount"] = len(kept)
        context.state["limitOriginalCount"] = len(items)
        data = {
            "items": kept,
            "limitedItems": kept,
            "count": len(kept),
            "originalCount": len(items),
            "itemsRemoved": removed,
        }
        return Edge("all_items" if removed == 0 and "all_items" in context.step.routed else "success", data)
