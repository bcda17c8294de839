"""`splitOut`: one item for each element of a list."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from domain.node import Answer, Edge, NodeMetadata, Parameter
from domain.paths import MISSING, Path, get
from infrastructure.nodes.allowance import Allowance, weight_of
from infrastructure.nodes.base import LIBRARY_VERSION, LibraryNode, example, invalid, items_of, shown, taken
from infrastructure.nodes.state_fields import path_of, read

if TYPE_CHECKING:
    from collections.abc import Mapping

    from domain.context import ExecutionContext

Found = tuple[Any, dict[str, Any]]
"""The list, and the fields beside it in the object that holds it."""


class SplitOut(LibraryNode):
    """Makes items of the elements of a list, with the fields beside it."""

    metadata = NodeMetadata(
        id="splitOut",
        name="Split out",
        version=LIBRARY_VERSION,
        description="One item for each element of a list, with the other fields of the object that holds it.",
        example=example(
            {"splitOut": {"arrayPath": "lines", "as": "line", "data": "$.order"}},
            order={"id": "a1", "lines": [{"sku": "tea"}, {"sku": "milk"}]},
        ),
        inputs=("items",),
        outputs=("splitOutResult", "splitOutCount"),
        edges=("success", "empty"),
        exit_edges=("empty",),
        effect="none",
        gone=("includeBinaries", "includeBinaryData"),
        edge_info={
            "success": taken("there are elements", "items count arrayPath"),
            "empty": taken("the list is empty or null", "items count arrayPath"),
        },
        output_info={"splitOutResult": "The items.", "splitOutCount": "How many."},
        parameters={
            "arrayPath": Parameter(types=("string",), description="Where the list is, instead of items."),
            "items": Parameter(
                types=("array", "null"),
                aliases=("sourceField",),
                description="The list itself. Default: from the previous edge data, else the state.",
            ),
            "as": Parameter(
                types=("string",),
                default="item",
                aliases=("fieldName",),
                description="The field of each item that holds its element.",
            ),
            "keepParentData": Parameter(
                types=("boolean",),
                default=True,
                description="Whether items have the other fields of the object that holds the list.",
            ),
            "data": Parameter(
                types=("object",),
                description="Where arrayPath starts. Default: the previous edge data, else the state.",
            ),
        },
    )

    def run(self, context: ExecutionContext, config: dict[str, Any]) -> Answer:
        """Split."""
        if not config["as"]:
            raise invalid("as can't be empty: it is the name of each element", parameter="as")
        elements, beside = _found(context, config)
        if elements is not None and not isinstance(elements, list):
            raise invalid(f"only a list can be split, not {shown(elements)}", parameter="arrayPath")
        elements = elements or []
        parent = beside if config["keepParentData"] else {}
        Allowance().spend(len(elements) * (weight_of(parent) + weight_of(config["as"])))
        items = [{**parent, config["as"]: element} for element in elements]
        context.state["splitOutResult"] = items
        context.state["splitOutCount"] = len(items)
        data = {"items": items, "count": len(items), "arrayPath": config.get("arrayPath")}
        return Edge("success" if items else "empty", data)


def _found(context: ExecutionContext, config: Mapping[str, Any]) -> Found:
    if "arrayPath" not in config:
        items = context.inputs.get("items", MISSING)
        return (None if items is None else items_of(context)), {}
    if "items" in config:
        raise invalid("give arrayPath or items, not both", parameter="items")
    return _at(context, config, path_of(config["arrayPath"], "arrayPath"))


def _at(context: ExecutionContext, config: Mapping[str, Any], path: Path) -> Found:
    """In `data`, else in the previous edge data, else in the state, which is never taken for a parent."""
    source = config.get("data", context.previous)
    elements = get(source, path)
    if elements is not MISSING:
        return elements, _beside(get(source, path[:-1]), path)
    elements = MISSING if "data" in config else read(context, path)
    if elements is MISSING:
        where = "data" if "data" in config else "the previous edge data, nor in the state"
        raise invalid(f"arrayPath: there is no {config['arrayPath']} in {where}", parameter="arrayPath")
    return elements, _beside(read(context, path[:-1]), path) if len(path) > 1 else {}


def _beside(holder: Any, path: Path) -> dict[str, Any]:
    return {key: value for key, value in holder.items() if key != path[-1]} if isinstance(holder, dict) else {}
