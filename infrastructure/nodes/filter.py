"""`filter`: a list split by conditions."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from domain.node import Answer, Edge, NodeMetadata, Parameter
from infrastructure.nodes.base import LIBRARY_VERSION, LibraryNode, example, items_of, notes, taken
from infrastructure.nodes.conditions import MATCH_MODES, compile_conditions, try_conditions
from infrastructure.nodes.trials import trial

if TYPE_CHECKING:
    from domain.context import ExecutionContext


class Filter(LibraryNode):
    """Keeps the items that match, and says which edge is meant: something passed, or nothing did."""

    metadata = NodeMetadata(
        id="filter",
        name="Filter",
        version=LIBRARY_VERSION,
        description="Splits items by conditions on their fields.",
        example=example(
            {
                "filter": {
                    "items": "$.orders",
                    "conditions": [{"field": "total", "operation": "gte", "value": 10}],
                    "passed?": [{"$.large": "$.filterPassed"}],
                    "filtered?": [{"$.large": []}],
                }
            },
            orders=[{"id": "a1", "total": 20}, {"id": "a2", "total": 5}],
        ),
        inputs=("items",),
        outputs=("filterPassed", "filterFiltered", "filterStats"),
        edges=("passed", "filtered"),
        exit_edges=("filtered",),
        effect="none",
        edge_info={
            "passed": taken("something passed; items are those that did", "items passedCount filteredCount totalCount"),
            "filtered": taken(
                "nothing did; items are those that did not", "items passedCount filteredCount totalCount"
            ),
        },
        output_info={
            "filterPassed": "The items that passed.",
            "filterFiltered": "The others.",
            "filterStats": "{passedCount, filteredCount, totalCount, passRate in percent}.",
        },
        notes=notes(
            """
            For any type: `exists`, `notExists`, `isEmpty`, `isNotEmpty`, `equals`, `notEquals`, and
            `contains`, `notContains` by the field's own type.

            `string`: `contains`, `notContains`, `startsWith`, `endsWith`, `regex`. `number`: `gt`,
            `gte`, `lt`, `lte`, `between`. `boolean`: `true`, `false`. `date`: `before`, `after`,
            `between`. `array`: `contains`, `notContains`, `lengthEquals`, `lengthGt`, `lengthLt`.
            `object`: `hasProperty`, `notHasProperty`.

            Without `dataType` the operation and the value decide. `between` takes `value` and `value2`.
            If some condition has `combineWith`, they are joined from left to right, each by its own;
            else matchMode decides. A missing field matches only `notExists`, `isEmpty` and `notEquals`.
            """
        ),
        parameters={
            "items": Parameter(types=("array",), description="Default: from the previous edge data, else the state."),
            "conditions": Parameter(
                types=("array",),
                required=True,
                description="Each {field, operation, dataType?, value?, value2?, combineWith?: AND or OR}.",
            ),
            "matchMode": Parameter(
                types=("string",),
                default="all",
                enum=MATCH_MODES,
                description="Whether all conditions must hold, or any.",
            ),
        },
    )

    trials = (trial("conditions", attempt=lambda config: try_conditions(config["conditions"])),)

    def run(self, context: ExecutionContext, config: dict[str, Any]) -> Answer:
        """Split."""
        matches = compile_conditions(config["conditions"], match_mode=config["matchMode"])
        items = items_of(context)
        passed: list[Any] = []
        rejected: list[Any] = []
        for item in items:
            (passed if matches(item) else rejected).append(item)
        counts = {"passedCount": len(passed), "filteredCount": len(rejected), "totalCount": len(items)}
        context.state["filterPassed"] = passed
        context.state["filterFiltered"] = rejected
        context.state["filterStats"] = {**counts, "passRate": _percent(len(passed), len(items))}
        edge, kept = ("passed", passed) if passed else ("filtered", rejected)
        return Edge(edge, {"items": kept, **counts})


def _percent(part: int, whole: int) -> int | float:
    """To two places, half away from zero; 0 of nothing."""
    if not whole:
        return 0
    hundredths = (part * 20_000 + whole) // (2 * whole)
    return hundredths // 100 if hundredths % 100 == 0 else hundredths / 100
