"""`mathOperations`: arithmetic on fields of the state."""

from __future__ import annotations

from math import sqrt
from typing import TYPE_CHECKING, Any, Final

from domain.comparison import number
from domain.expression_errors import expression_error
from domain.node import Answer, Edge, NodeMetadata, Parameter
from domain.operators import finish
from domain.paths import MISSING
from domain.rounding import rounded, rounded_down, rounded_up
from infrastructure.nodes.arithmetic import fold
from infrastructure.nodes.base import LIBRARY_VERSION, example, invalid, notes, shown, taken
from infrastructure.nodes.needs import need
from infrastructure.nodes.rounding import precision_of
from infrastructure.nodes.state_fields import FieldNode, path_of, read, store

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from domain.context import ExecutionContext

Number = int | float


def _root(value: Number) -> float:
    if value < 0:
        raise expression_error(f"sqrt does not work on {value}: the number is negative.")
    return sqrt(value)


_SINGLE: Final[Mapping[str, Callable[[Number], Number]]] = {
    "sqrt": _root,
    "round": rounded,
    "ceil": rounded_up,
    "floor": rounded_down,
    "abs": abs,
}
_MULTIPLE: Final = ("add", "subtract", "multiply", "divide", "power", "modulo", "min", "max")
_AGGREGATE: Final = ("sum", "add", "average", "min", "max", "multiply")
_OPERATIONS: Final[Mapping[str, tuple[str, ...]]] = {
    "single_field": tuple(_SINGLE),
    "multiple_fields": _MULTIPLE,
    "aggregate": _AGGREGATE,
}


class MathOperations(FieldNode):
    """Computes one number from fields of the state and stores it."""

    sources = ("field1", "field2", "fields")

    metadata = NodeMetadata(
        id="mathOperations",
        name="Math operations",
        version=LIBRARY_VERSION,
        description="Arithmetic on one field, on two or more, or over all of a list of fields.",
        example=example(
            {
                "mathOperations": {
                    "operation": "average",
                    "mode": "aggregate",
                    "fields": ["scores"],
                    "outputField": "mean",
                    "precision": 1,
                }
            },
            scores=[4, 8, 15],
        ),
        outputs=("mathOperationsResult",),
        edges=("success",),
        effect="none",
        edge_info={"success": taken("always", "result outputField operation mode")},
        output_info={"<outputField>": "The number.", "mathOperationsResult": "The same."},
        notes=notes(
            """
            `single_field`: `sqrt`, `round`, `ceil`, `floor`, `abs` of `field1`. `multiple_fields`:
            `add`, `subtract`, `multiply`, `divide`, `power`, `modulo`, `min`, `max` of `field1`,
            `field2` or `value`, and `fields`. `aggregate`: `sum`, `add`, `average`, `min`, `max`,
            `multiply` over `fields`, and over lists in them, without nulls.
            """
        ),
        parameters={
            "operation": Parameter(
                types=("string",), required=True, enum=tuple(dict.fromkeys((*_SINGLE, *_MULTIPLE, *_AGGREGATE)))
            ),
            "mode": Parameter(types=("string",), default="multiple_fields", enum=tuple(_OPERATIONS)),
            "field1": Parameter(types=("string",), description="The path of the first number."),
            "field2": Parameter(types=("string",), description="The path of the second one, or value."),
            "value": Parameter(types=("number", "string"), description="The second number itself."),
            "fields": Parameter(types=("array",), description="Paths of numbers; of aggregate also of lists of them."),
            "outputField": Parameter(
                types=("string",), default="result", description="The path of the result in the state."
            ),
            "precision": Parameter(types=("integer",), description="Places to round to, half away from zero."),
        },
    )

    needs = (
        need("field1", mode="single_field"),
        need("field1", "fields", mode="multiple_fields"),
        need("field2", "value", "fields", mode="multiple_fields"),
        need("fields", mode="aggregate"),
    )

    def run(self, context: ExecutionContext, config: dict[str, Any]) -> Answer:
        """Compute."""
        operation, mode = config["operation"], config["mode"]
        if operation not in _OPERATIONS[mode]:
            message = f"operation can't be {operation} with mode {mode}"
            raise invalid(message, parameter="operation", allowed=_OPERATIONS[mode])
        places = precision_of(config.get("precision"))
        target = path_of(config["outputField"], "outputField")
        result = _computed(context, config, places)
        if result is not None and places is not None:
            result = rounded(result, places)
        store(context, target, result)
        context.state["mathOperationsResult"] = result
        return Edge(
            "success", {"result": result, "outputField": config["outputField"], "operation": operation, "mode": mode}
        )


def _computed(context: ExecutionContext, config: Mapping[str, Any], places: int | None) -> Number | None:
    operation = config["operation"]
    if config["mode"] == "aggregate":
        return _aggregated(operation, _collected(context, config))
    if config["mode"] == "multiple_fields":
        return fold(operation, _operands(context, config))
    if "field1" not in config:
        raise invalid("mode single_field needs field1", parameter="field1")
    value = _field(context, config["field1"], "field1")
    if operation == "round" and places is not None:
        return value  # rounded to these places by the caller
    return finish(_SINGLE[operation](value), operation)


def _aggregated(operation: str, numbers: list[Number]) -> Number | None:
    """The sum of nothing is 0; nothing has no average, product, least or greatest number."""
    name = "add" if operation == "sum" else operation
    if numbers:
        return fold(name, numbers)
    return 0 if name == "add" else None


def _operands(context: ExecutionContext, config: Mapping[str, Any]) -> list[Number]:
    """field1, field2 or value, and the fields, in this order."""
    if "field2" in config and "value" in config:
        raise invalid("give field2 or value, not both", parameter="value")
    named = [(name, config[name]) for name in ("field1", "field2") if name in config]
    operands = [_field(context, path, name) for name, path in named]
    if "value" in config:
        operands.append(_number(config["value"], "value", "value"))
    operands += [_field(context, path, where) for where, path in _listed(config)]
    if len(operands) < 2:
        message = f"{config['operation']} needs two numbers: field1 with field2 or value, or at least two fields"
        raise invalid(message, parameter="field2" if "field1" in config else "field1")
    return operands


def _collected(context: ExecutionContext, config: Mapping[str, Any]) -> list[Number]:
    """The numbers of all fields, those in lists too; what is null or missing is left out."""
    if "fields" not in config:
        raise invalid("mode aggregate needs fields", parameter="fields")
    numbers: list[Number] = []
    for where, name in _listed(config):
        found = read(context, path_of(name, where))
        values = found if isinstance(found, list) else [found]
        numbers += [_number(value, name, where) for value in values if value is not MISSING and value is not None]
    return numbers


def _listed(config: Mapping[str, Any]) -> list[tuple[str, Any]]:
    return [(f"fields[{place}]", name) for place, name in enumerate(config.get("fields", ()))]


def _field(context: ExecutionContext, name: Any, where: str) -> Number:
    value = read(context, path_of(name, where))
    if value is MISSING:
        raise invalid(f"the field {name} is missing from the state", parameter=where)
    return _number(value, name, where)


def _number(value: Any, name: str, where: str) -> Number:
    found = number(value)
    if found is None:
        raise invalid(f"{name} is {shown(value)}, which is not a number", parameter=where)
    return finish(found, name)
