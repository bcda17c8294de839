"""`logic`: the truth value of an operation, and the operations that other nodes use too."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from domain.comparison import contains, equal, order, truth
from domain.node import Answer, Edge, NodeMetadata, Parameter
from infrastructure.nodes.base import LIBRARY_VERSION, LibraryNode, example, invalid, notes, shown, taken

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from domain.context import ExecutionContext

COMPARISONS: Final[Mapping[str, Callable[[Any, Any], bool]]] = {
    "equal": equal,
    "notEqual": lambda left, right: not equal(left, right),
    "greater": lambda left, right: order(left, right) > 0,
    "less": lambda left, right: order(left, right) < 0,
    "greaterOrEqual": lambda left, right: order(left, right) >= 0,
    "lessOrEqual": lambda left, right: order(left, right) <= 0,
    "in": lambda left, right: contains(right, left),
    "contains": contains,
}
OPERATIONS: Final = ("and", "or", "not", *COMPARISONS)
_SPELLINGS: Final = {
    **{name: name for name in OPERATIONS},
    "not_equal": "notEqual",
    "greater_equal": "greaterOrEqual",
    "greater_or_equal": "greaterOrEqual",
    "less_equal": "lessOrEqual",
    "less_or_equal": "lessOrEqual",
    "==": "equal",
    "!=": "notEqual",
    ">": "greater",
    "<": "less",
    ">=": "greaterOrEqual",
    "<=": "lessOrEqual",
}


def operation_named(spelling: Any) -> str:
    """The operation that a spelling means. Raises `INVALID_PARAMETER` naming all of them."""
    name = _SPELLINGS.get(spelling) if isinstance(spelling, str) else None
    if name is None:
        raise invalid(f"operation can't be {shown(spelling)}", parameter="operation", allowed=OPERATIONS)
    return name


def is_operation(value: Any) -> bool:
    """Whether a value is `{operation, values}`, to be evaluated rather than taken as it is."""
    return isinstance(value, dict) and value.keys() == {"operation", "values"}


def evaluate(operation: Any, values: Any) -> bool:
    """The truth value of an operation. `and` and `or` stop where they are decided, once all of it is known to be sound.

    Raises `INVALID_PARAMETER` for an operation that is unknown or has the wrong number of values, `EXPRESSION_ERROR`
    for values that can't be compared.
    """
    _check(operation, values)
    return _holds(operation, values)


def _check(operation: Any, values: Any) -> None:
    name = operation_named(operation)
    if not isinstance(values, list):
        raise invalid(f"{name} takes a list of values, not {shown(values)}", parameter="values")
    wanted = 2 if name in COMPARISONS else 1
    if len(values) < wanted or (len(values) > wanted and name not in ("and", "or")):
        number = f"{wanted} or more" if name in ("and", "or") else f"exactly {wanted}"
        raise invalid(f"{name} takes {number} values, not {len(values)}", parameter="values")
    for value in values:
        if is_operation(value):
            _check(value["operation"], value["values"])


def _holds(operation: str, values: list[Any]) -> bool:
    name = _SPELLINGS[operation]
    if name == "and":
        return all(truth(_value(value)) for value in values)
    if name == "or":
        return any(truth(_value(value)) for value in values)
    if name == "not":
        return not truth(_value(values[0]))
    return COMPARISONS[name](_value(values[0]), _value(values[1]))


def _value(value: Any) -> Any:
    return _holds(value["operation"], value["values"]) if is_operation(value) else value


class Logic(LibraryNode):
    """Takes the edge that an operation's truth value names."""

    metadata = NodeMetadata(
        id="logic",
        name="Logic",
        version=LIBRARY_VERSION,
        description="Decides by the truth value of an operation. As a loop, its true? is the body.",
        example=example(
            {
                "logic": {
                    "operation": "greater",
                    "values": ["$.total", 100],
                    "true?": [{"$.discount": 10}],
                    "false?": [{"$.discount": 0}],
                }
            },
            total=120,
        ),
        outputs=("logicResult",),
        edges=("true", "false"),
        effect="none",
        edge_info={"true": taken("it holds", "result"), "false": taken("it does not", "result")},
        output_info={"logicResult": "true or false."},
        notes=notes(
            """
            `and`, `or`: one value or more. `not`: one. `equal`, `notEqual`, `greater`, `less`,
            `greaterOrEqual`, `lessOrEqual`, `in` (the first in the second), `contains` (the second in
            the first): two.

            A missing reference in `values` is null, with a warning, so that a guard can ask for what
            was never set.
            """
        ),
        parameters={
            "operation": Parameter(types=("string",), required=True, enum=tuple(_SPELLINGS)),
            "values": Parameter(
                types=("array",),
                required=True,
                lenient=True,
                description="What is compared. An element {operation, values} is evaluated first, to any depth.",
            ),
        },
    )

    def run(self, context: ExecutionContext, config: dict[str, Any]) -> Answer:
        """Evaluate."""
        result = evaluate(config["operation"], config["values"])
        context.state["logicResult"] = result
        return Edge("true" if result else "false", {"result": result})
