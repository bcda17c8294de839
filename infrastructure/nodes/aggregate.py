"""`aggregate`: a list made into one object."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, NamedTuple

from domain.node import Answer, Edge, NodeMetadata, Parameter
from domain.paths import MISSING
from infrastructure.nodes.aggregations import Aggregation, Names, check_distinct, compile_aggregation
from infrastructure.nodes.allowance import Allowance
from infrastructure.nodes.base import LIBRARY_VERSION, LibraryNode, example, invalid, items_of, notes, shown, taken
from infrastructure.nodes.companions import companion
from infrastructure.nodes.fields import Field, check_work, field, objects
from infrastructure.nodes.needs import need

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from domain.context import ExecutionContext

_NAMES: Final = Names(source="field", operation="operation", output="alias")


class _Collected(NamedTuple):
    """A field whose values become a list under `output`."""

    source: Field
    output: str
    merges: bool

    def of(self, items: Sequence[Any], *, keep_missing: bool) -> list[Any]:
        """The values of all items; of a list its elements, if lists are merged."""
        values: list[Any] = []
        for value in self.source.column(items):
            if value is MISSING:
                values += [None] if keep_missing else []
            elif self.merges and isinstance(value, list):
                values += value
            else:
                values.append(value)
        return values


class Aggregate(LibraryNode):
    """Collects items, or their fields, into one object, with aggregated values beside them."""

    metadata = NodeMetadata(
        id="aggregate",
        name="Aggregate",
        version=LIBRARY_VERSION,
        description="Turns items into one object: all of them in a list, or a list for each field.",
        example=example(
            {
                "aggregate": {
                    "items": "$.orders",
                    "mode": "individual_fields",
                    "fields": [{"inputFieldName": "id", "outputFieldName": "ids"}],
                }
            },
            {"log": {"message": "Orders {{$.aggregatedData.ids}}"}},
            orders=[{"id": "a1", "total": 20}, {"id": "a2", "total": 5}],
        ),
        inputs=("items",),
        outputs=("aggregatedData", "itemCount"),
        edges=("success", "empty"),
        exit_edges=("empty",),
        effect="none",
        gone=("includeBinaries", "includeBinaryData"),
        edge_info={
            "success": taken("there are items", "aggregatedData itemCount mode"),
            "empty": taken("there are none", "aggregatedData itemCount mode"),
        },
        output_info={"aggregatedData": "The object.", "itemCount": "How many items there were."},
        notes=notes(
            """
            `mode` `all_data` puts the list of all items under outputField; individual_fields puts the
            values of a field under its outputFieldName, and mergeLists joins values that are lists.

            Each of `operations` adds a value under its alias (without one: `<field>_<operation>`).
            """
        ),
        parameters={
            "items": Parameter(types=("array",), description="Default: from the previous edge data, else the state."),
            "mode": Parameter(
                types=("string",),
                default="all_data",
                enum=("all_data", "individual_fields"),
                description="all_data: a list of all items; individual_fields: a list for each of fields.",
            ),
            "outputField": Parameter(types=("string",), default="data", description="For all_data."),
            "fields": Parameter(
                types=("array",),
                description="For individual_fields: each {inputFieldName, outputFieldName?, mergeLists?}.",
            ),
            "keepMissingValues": Parameter(
                types=("boolean",), default=False, description="Null in the place of a missing field."
            ),
            "operations": Parameter(
                types=("array",),
                description="Each {field, operation, alias?}, as in summarize; count of * counts items.",
            ),
        },
    )

    needs = (need("fields", mode="individual_fields"),)

    def run(self, context: ExecutionContext, config: dict[str, Any]) -> Answer:
        """Collect."""
        collected = _collected(config) if config["mode"] == "individual_fields" else []
        entries = _entries(config)
        outputs = [each.output for each in collected] or [config["outputField"]]
        check_distinct([*outputs, *(entry.output for entry in entries)], "fields, operations or outputField")
        items = items_of(context) if context.inputs.get("items") is not None else []
        check_work(items, [*(each.source for each in collected), *(entry.source for entry in entries)])
        allowance = Allowance()
        result: dict[str, Any] = {} if collected else {config["outputField"]: items}
        for each in collected:
            result[each.output] = allowance.made(each.of(items, keep_missing=config["keepMissingValues"]))
        for entry in entries:
            result[entry.output] = entry.of(items, allowance)
        context.state["aggregatedData"] = result
        context.state["itemCount"] = len(items)
        data = {"aggregatedData": result, "itemCount": len(items), "mode": config["mode"]}
        return Edge("success" if items else "empty", data)


def _collected(config: Mapping[str, Any]) -> list[_Collected]:
    found = []
    for where, entry in objects(companion(config, "fields", "mode individual_fields"), "fields"):
        source = field(entry.get("inputFieldName"), f"{where}.inputFieldName")
        output, merges = entry.get("outputFieldName", source.name), entry.get("mergeLists", False)
        if not isinstance(output, str) or not output:
            place = f"{where}.outputFieldName"
            raise invalid(f"{place} is the name of a field, not {shown(output)}", parameter=place)
        if not isinstance(merges, bool):
            raise invalid(f"{where}.mergeLists is true or false, not {shown(merges)}", parameter=f"{where}.mergeLists")
        found.append(_Collected(source, output, merges))
    return found


def _entries(config: Mapping[str, Any]) -> list[Aggregation]:
    entries = objects(config["operations"], "operations") if config.get("operations") else []
    return [compile_aggregation(entry, where, _NAMES) for where, entry in entries]
