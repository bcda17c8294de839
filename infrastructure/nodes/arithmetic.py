"""`math`: numbers folded into one, by the language's own arithmetic."""

from __future__ import annotations

from functools import reduce
from typing import TYPE_CHECKING, Any, Final

from domain.bounds import Meter
from domain.comparison import number
from domain.node import Answer, Edge, NodeMetadata, Parameter
from domain.operators import BINARY, finish
from infrastructure.nodes.base import LIBRARY_VERSION, LibraryNode, example, invalid, notes, shown, taken

if TYPE_CHECKING:
    from collections.abc import Mapping

    from domain.context import ExecutionContext

_SYMBOLS: Final[Mapping[str, str]] = {
    "add": "+",
    "subtract": "-",
    "multiply": "*",
    "divide": "/",
    "modulo": "%",
    "power": "**",
}
OPERATIONS: Final = (*_SYMBOLS, "min", "max", "average")


def fold(operation: str, values: list[Any]) -> int | float:
    """The numbers folded from the left. Raises `INVALID_PARAMETER` for what is not a number or numeric text, and
    `EXPRESSION_ERROR` for a division by zero and a result that is not finite or past 64 bits.
    """
    if not values:
        raise invalid(f"{operation} needs at least one value", parameter="values")
    numbers = [_number(value, place) for place, value in enumerate(values)]
    return finish(_compute(operation, numbers), operation)


def _compute(operation: str, numbers: list[int | float]) -> int | float:
    if operation == "min":
        return min(numbers)
    if operation == "max":
        return max(numbers)
    if operation == "average":
        return _apply("/", _fold("+", numbers), len(numbers))
    return _fold(_SYMBOLS[operation], numbers)


def _fold(symbol: str, numbers: list[int | float]) -> int | float:
    return reduce(lambda left, right: _apply(symbol, left, right), numbers)


def _apply(symbol: str, left: int | float, right: int | float) -> int | float:
    result: int | float = BINARY[symbol](left, right, Meter())
    return result


def _number(value: Any, place: int) -> int | float:
    found = number(value)
    if found is None:
        raise invalid(f"values[{place}] is {shown(value)}, which is not a number", parameter="values")
    return found


class Math(LibraryNode):
    """Folds its values, from the left, into one number."""

    metadata = NodeMetadata(
        id="math",
        name="Math",
        version=LIBRARY_VERSION,
        description="Folds numbers, or texts that are numbers, from the left.",
        example=example(
            {"math": {"operation": "add", "values": ["$.net", "$.tax"], "success?": [{"$.total": "$.mathResult"}]}},
            net=20,
            tax=4,
        ),
        outputs=("mathResult",),
        edges=("success",),
        effect="none",
        edge_info={"success": taken("always", "result")},
        output_info={"mathResult": "The number."},
        notes=notes(
            """
            A text that is a number counts as one; anything else is an error, and so are a division by
            zero and a result that is no number.
            """
        ),
        parameters={
            "operation": Parameter(types=("string",), required=True, enum=OPERATIONS),
            "values": Parameter(types=("array",), required=True, description="Numbers, from the left."),
        },
    )

    def run(self, context: ExecutionContext, config: dict[str, Any]) -> Answer:
        """Compute."""
        result = fold(config["operation"], config["values"])
        context.state["mathResult"] = result
        return Edge("success", {"result": result})
