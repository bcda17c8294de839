"""`transform`: one simple conversion."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from domain import json
from domain.comparison import kind
from domain.node import Answer, Edge, NodeMetadata, Parameter
from infrastructure.nodes.base import LIBRARY_VERSION, LibraryNode, as_text, example, invalid, notes, taken
from infrastructure.nodes.conversions import parse_json

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from domain.context import ExecutionContext


def _parsed(value: Any) -> Any:
    if not isinstance(value, str):
        return value
    try:
        return parse_json(value)
    except ValueError as error:
        raise invalid(f"data is not the text of a JSON value: {error}", parameter="data") from error


def _length(value: Any) -> int:
    if value is None:
        raise invalid(f"{kind(value)} has no length", parameter="data")
    return len(value if isinstance(value, (list, dict)) else as_text(value))


def _reversed(value: Any) -> Any:
    if value is None or isinstance(value, dict):
        raise invalid(f"{kind(value)} can't be reversed: give a list or a text", parameter="data")
    return (value if isinstance(value, list) else as_text(value))[::-1]


_OPERATIONS: Final[Mapping[str, Callable[[Any], Any]]] = {
    "stringify": lambda value: json.encode(value).decode(),
    "parse": _parsed,
    "uppercase": lambda value: as_text(value).upper(),
    "lowercase": lambda value: as_text(value).lower(),
    "trim": lambda value: as_text(value).strip(),
    "length": _length,
    "reverse": _reversed,
}


class Transform(LibraryNode):
    """Converts one value into another."""

    metadata = NodeMetadata(
        id="transform",
        name="Transform",
        version=LIBRARY_VERSION,
        description="One simple conversion of one value.",
        example=example(
            {"transform": {"operation": "parse", "data": "$.text", "success?": [{"$.order": "$.transformResult"}]}},
            text='{"id": "a1"}',
        ),
        outputs=("transformResult",),
        edges=("success",),
        effect="none",
        edge_info={"success": taken("always", "result")},
        output_info={"transformResult": "The result."},
        notes=notes(
            """
            `parse` leaves what is no text as it is; `length` of an object counts its keys; `reverse`
            takes a list or a text.
            """
        ),
        parameters={
            "operation": Parameter(types=("string",), required=True, enum=tuple(_OPERATIONS)),
            "data": Parameter(required=True, description="Text operations write what is no text as JSON first."),
        },
    )

    def run(self, context: ExecutionContext, config: dict[str, Any]) -> Answer:
        """Convert."""
        result = _OPERATIONS[config["operation"]](config["data"])
        context.state["transformResult"] = result
        return Edge("success", {"result": result})
