"""`summarize`: a list in groups, each made into one row."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, NamedTuple

from domain.node import Answer, Edge, NodeMetadata, Parameter
from domain.paths import MISSING
from infrastructure.nodes.aggregations import Aggregation, Names, check_distinct, compile_aggregation
from infrastructure.nodes.allowance import MAX_FIELDS, Allowance
from infrastructure.nodes.base import LIBRARY_VERSION, LibraryNode, example, invalid, items_of, notes, taken
from infrastructure.nodes.fields import Field, check_work, fields, objects
from infrastructure.nodes.sameness import keys_of

if TYPE_CHECKING:
    from collections.abc import Hashable, Iterable, Mapping, Sequence

    from domain.context import ExecutionContext

_RESULTS: Final = ("summarizeResult", "summarizeGroups", "summarizeMetadata")
_NAMES: Final = Names(source="fieldToAggregate", operation="aggregation", output="outputFieldName")
_COUNT: Final = "_itemCount"
_NUMBER: Final = 8  # bytes of a number with what JSON puts around it


class _Group(NamedTuple):
    """The values of the split fields, in their order, and the items that have them."""

    split: tuple[Any, ...]
    items: list[Any]


class Summarize(LibraryNode):
    """Groups items by fields and aggregates others."""

    metadata = NodeMetadata(
        id="summarize",
        name="Summarize",
        version=LIBRARY_VERSION,
        description="Groups items and aggregates their fields. The overall values go into the state by their names.",
        example=example(
            {
                "summarize": {
                    "items": "$.orders",
                    "fieldsToSummarize": [
                        {"fieldToAggregate": "total", "aggregation": "sum", "outputFieldName": "revenue"}
                    ],
                    "fieldsToSplitBy": ["country"],
                }
            },
            orders=[{"country": "NO", "total": 20}, {"country": "NO", "total": 5}],
        ),
        inputs=("items",),
        edges=("success",),
        effect="none",
        edge_info={"success": taken("always", "result items groups itemCount groupCount")},
        output_info={
            "<outputFieldName>": "The value over all items.",
            "summarizeResult": "As result.",
            "summarizeGroups": "The rows.",
            "summarizeMetadata": "{itemCount, groupCount, outputFormat, fieldsToSplitBy}.",
        },
        notes=notes(
            """
            `aggregation` is `append`, `average`, `concatenate`, `count`, `countUnique`, `max`, `min` or
            `sum`. Nulls are passed over unless `includeEmptyValues`; `average`, `max` and `min` of
            nothing are null.

            A row has the fields to split by, the values, and `_itemCount`. `result` is the list of
            rows; with `single_item` one object: the row, or {groups, groupCount, totalItems} if it is
            split.
            """
        ),
        parameters={
            "items": Parameter(types=("array",), description="Default: from the previous edge data, else the state."),
            "fieldsToSummarize": Parameter(
                types=("array",),
                required=True,
                description="Each {fieldToAggregate, aggregation, outputFieldName, separator?, includeEmptyValues?}.",
            ),
            "fieldsToSplitBy": Parameter(types=("array",), default=[], description="Fields; none: one group of all."),
            "outputFormat": Parameter(
                types=("string",),
                default="separate_items",
                enum=("separate_items", "single_item"),
                description="separate_items: a row for each group; single_item: one object.",
            ),
            "skipMissingFields": Parameter(
                types=("boolean",), default=False, description="Leave out items without a value in a field to split by."
            ),
            "disableDotNotation": Parameter(
                types=("boolean",), default=False, description="Take a dot in a field's name literally."
            ),
        },
    )

    def run(self, context: ExecutionContext, config: dict[str, Any]) -> Answer:
        """Group and aggregate."""
        split = fields(config["fieldsToSplitBy"], "fieldsToSplitBy", literal=config["disableDotNotation"], empty=True)
        entries = _entries(config, split)
        items = items_of(context)
        check_work(items, [*split, *(entry.source for entry in entries)])
        allowance = Allowance()
        groups = _groups(items, split, skip=config["skipMissingFields"])
        rows = [_row(group, split, entries, allowance) for group in groups]
        overall = rows[0] if not split else _row(_all_of(groups), (), entries, allowance)
        result = rows if config["outputFormat"] == "separate_items" else _single(rows, split, items)
        counts = {"itemCount": len(items), "groupCount": len(rows)}
        context.state.update({entry.output: overall[entry.output] for entry in entries})
        context.state["summarizeResult"] = result
        context.state["summarizeGroups"] = rows
        context.state["summarizeMetadata"] = {
            **counts,
            "outputFormat": config["outputFormat"],
            "fieldsToSplitBy": [each.name for each in split],
        }
        listed = result if isinstance(result, list) else [result]
        return Edge("success", {"result": result, "items": listed, "groups": rows, **counts})

    def result_keys(self, config: Mapping[str, Any]) -> Iterable[str]:
        """The three that are always written, and the names of the overall values as far as they can be told."""
        entries = config.get("fieldsToSummarize")
        listed = entries[:MAX_FIELDS] if isinstance(entries, list) else []
        names = [entry.get(_NAMES.output) for entry in listed if isinstance(entry, dict)]
        return dict.fromkeys((*(name for name in names if isinstance(name, str) and name), *_RESULTS))

    def state_keys(self, config: Mapping[str, Any]) -> frozenset[str] | None:
        """Those, if the names are literals."""
        return frozenset(self.result_keys(config)) if "fieldsToSummarize" in config else None


def _entries(config: Mapping[str, Any], split: Sequence[Field]) -> list[Aggregation]:
    literal = config["disableDotNotation"]
    found = []
    for where, entry in objects(config["fieldsToSummarize"], "fieldsToSummarize"):
        if _NAMES.output not in entry:
            raise invalid(f"{where} needs {_NAMES.output}", parameter=f"{where}.{_NAMES.output}")
        found.append(compile_aggregation(entry, where, _NAMES, literal=literal))
    check_distinct((*_RESULTS, *(entry.output for entry in found)), "fieldsToSummarize")
    check_distinct((*(each.name for each in split), *(entry.output for entry in found), _COUNT), "fieldsToSummarize")
    return found


def _groups(items: list[Any], split: Sequence[Field], *, skip: bool) -> list[_Group]:
    """In the order of their first items. A missing field counts as null."""
    if not split:
        return [_Group((), items)]
    columns = [[None if value is MISSING else value for value in each.column(items)] for each in split]
    keys = zip(*map(keys_of, columns), strict=True)
    groups: dict[Hashable, _Group] = {}
    for item, key, values in zip(items, keys, zip(*columns, strict=True), strict=True):
        if skip and None in key:
            continue
        groups.setdefault(key, _Group(values, [])).items.append(item)
    return list(groups.values())


def _all_of(groups: Sequence[_Group]) -> _Group:
    return _Group((), [item for group in groups for item in group.items])


def _row(group: _Group, split: Sequence[Field], entries: Sequence[Aggregation], allowance: Allowance) -> dict[str, Any]:
    """The values to split by are the first item's, with their types."""
    allowance.spend(sum(len(each.name) for each in split) + sum(len(entry.output) + _NUMBER for entry in entries))
    row = {each.name: value for each, value in zip(split, group.split, strict=True)}
    for entry in entries:
        row[entry.output] = entry.of(group.items, allowance)
    return {**row, _COUNT: len(group.items)}


def _single(rows: list[dict[str, Any]], split: Sequence[Field], items: Sequence[Any]) -> dict[str, Any]:
    return {"groups": rows, "groupCount": len(rows), "totalItems": len(items)} if split else rows[0]
