"""`arrayUtilities`: common operations on a list."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Mapping
from typing import TYPE_CHECKING, Any, Final

from domain.comparison import kind
from domain.node import Answer, Edge, NodeMetadata, Parameter
from domain.paths import MISSING, get
from infrastructure.nodes.base import LIBRARY_VERSION, example, invalid, items_of, notes, taken
from infrastructure.nodes.chance import shuffled
from infrastructure.nodes.companions import at_least, companion, whole
from infrastructure.nodes.derived_fields import DerivedFieldNode
from infrastructure.nodes.fields import check_work, field
from infrastructure.nodes.needs import need
from infrastructure.nodes.sameness import keys_of, without_repeats
from infrastructure.nodes.state_fields import path_of, read, store

if TYPE_CHECKING:
    from domain.context import ExecutionContext

Config = Mapping[str, Any]


class ArrayUtilities(DerivedFieldNode):
    """One operation on a list, whose result, a list again, is stored."""

    metadata = NodeMetadata(
        id="arrayUtilities",
        name="Array utilities",
        version=LIBRARY_VERSION,
        description="One operation on a list, whose result goes to <field>Result.",
        example=example(
            {"arrayUtilities": {"operation": "unique", "items": "$.tags", "outputField": "tags"}},
            tags=["new", "sale", "new"],
        ),
        inputs=("items",),
        outputs=("arrayUtilResult",),
        edges=("success", "empty"),
        exit_edges=("empty",),
        effect="none",
        edge_info={
            "success": taken("the list has elements", "result items operation inputLength outputLength"),
            "empty": taken("it has none; `union` never takes it", "result items operation inputLength outputLength"),
        },
        output_info={
            "<outputField>": "The result, a list.",
            "arrayUtilResult": "{operation, field, resultField, inputLength, outputLength}.",
        },
        notes=notes(
            """
            `chunk` makes lists of chunkSize elements; `compact` drops null, false, 0 and empty texts;
            `flatten` takes lists inside the list apart; `shuffle` and `sample` are the same in every
            attempt of a visit.

            `difference`, `intersection`, `union` and `unique` compare whole elements, or by uniqueBy.
            """
        ),
        parameters={
            "operation": Parameter(
                types=("string",),
                default="unique",
                enum=(
                    *("chunk", "compact", "difference", "intersection", "union", "unique"),
                    *("reverse", "shuffle", "flatten", "first", "last", "sample"),
                ),
            ),
            "field": Parameter(types=("string",), description="Where the list is, instead of items."),
            "items": Parameter(
                types=("array",), description="The list. Default: from the previous edge data, else the state."
            ),
            "data": Parameter(types=("object",), description="Where field and compareArray start. Default: the state."),
            "outputField": Parameter(types=("string",), description="Default: <field>Result, else itemsResult."),
            "chunkSize": Parameter(types=("integer",), default=10, description="At least 1."),
            "compareArray": Parameter(
                types=("string", "array"), description="A path or a list, for difference, intersection and union."
            ),
            "uniqueBy": Parameter(types=("string",), description="The field that elements are compared by."),
            "depth": Parameter(types=("integer",), description="How many levels flatten takes away; without it, all."),
            "sampleSize": Parameter(types=("integer",), default=1, description="Of sample."),
            "count": Parameter(types=("integer",), default=1, description="For first and last."),
        },
    )

    needs = (need("compareArray", operation=("difference", "intersection", "union")),)
    trials = (
        at_least(1, "chunkSize", operation="chunk"),
        at_least(0, "depth", operation="flatten"),
        at_least(0, "count", operation=("first", "last")),
        at_least(0, "sampleSize", operation="sample"),
    )

    def run(self, context: ExecutionContext, config: dict[str, Any]) -> Answer:
        """Do one operation."""
        operation, target = config["operation"], self.output_name(config)
        path = path_of(target, "outputField")
        items = _source(context, config)
        if operation in _COMPARING:
            config = {**config, "compareArray": _compared(context, config)}
        result = _OPERATIONS[operation](items, {**config, "seed": f"{context.idempotency_key}/arrayUtilities"})
        lengths = {"inputLength": len(items), "outputLength": len(result)}
        store(context, path, result)
        context.state["arrayUtilResult"] = {
            "operation": operation,
            "field": config.get("field"),
            "resultField": target,
            **lengths,
        }
        data = {"result": result, "items": result, "operation": operation, **lengths}
        return Edge("success" if items or operation == "union" else "empty", data)

    def suffix(self, config: Mapping[str, Any]) -> str:
        """The same for every operation."""
        del config
        return "Result"


def _source(context: ExecutionContext, config: Config) -> list[Any]:
    if "field" not in config:
        return items_of(context)
    if "items" in config:
        raise invalid("give field or items, not both", parameter="items")
    return _listed(context, config, config["field"], "field")


def _compared(context: ExecutionContext, config: Config) -> list[Any]:
    given = companion(config, "compareArray", f"operation {config['operation']}")
    return _listed(context, config, given, "compareArray") if isinstance(given, str) else given


def _listed(context: ExecutionContext, config: Config, written: str, parameter: str) -> list[Any]:
    path = path_of(written, parameter)
    value = get(config["data"], path) if "data" in config else read(context, path)
    if not isinstance(value, list):
        found = "nothing" if value is MISSING else kind(value)
        raise invalid(f"{parameter} is where a list is; there is {found} at {written}", parameter=parameter)
    return value


def _chunk(items: list[Any], config: Config) -> list[Any]:
    size = whole(config, "chunkSize", least=1)
    return [items[start : start + size] for start in range(0, len(items), size)]


def _compact(items: list[Any], config: Config) -> list[Any]:
    """Without null, false, 0 and the empty text; empty lists and objects are something."""
    del config
    return [item for item in items if item or isinstance(item, list | dict)]


def _keys(items: list[Any], config: Config, *, beside: list[Any]) -> tuple[list[Hashable], list[Hashable]]:
    """The keys of the elements and of those they are compared with, by the field `uniqueBy` if there is one.

    An element without that field is compared as a whole, apart from all that have it.
    """
    both = items + beside
    if "uniqueBy" not in config:
        keys = keys_of(both)
    else:
        by = field(config["uniqueBy"], "uniqueBy")
        check_work(both, [by])
        column = by.column(both)
        whole_keys = keys_of(both)
        keys = [
            (value is not MISSING, whole_key if value is MISSING else key)
            for value, key, whole_key in zip(column, keys_of(column), whole_keys, strict=True)
        ]
    return keys[: len(items)], keys[len(items) :]


def _difference(items: list[Any], config: Config) -> list[Any]:
    own, others = _keys(items, config, beside=config["compareArray"])
    there = set(others)
    return [item for item, key in zip(items, own, strict=True) if key not in there]


def _intersection(items: list[Any], config: Config) -> list[Any]:
    own, others = _keys(items, config, beside=config["compareArray"])
    there = set(others)
    return [item for item, key in zip(items, own, strict=True) if key in there]


def _union(items: list[Any], config: Config) -> list[Any]:
    return _unique(items + config["compareArray"], config)


def _unique(items: list[Any], config: Config) -> list[Any]:
    own, _ = _keys(items, config, beside=[])
    return without_repeats(items, own)


def _flatten(items: list[Any], config: Config) -> list[Any]:
    depth = whole(config, "depth", least=0) if "depth" in config else None
    flat: list[Any] = []
    todo = [(iter(items), depth)]
    while todo:
        elements, left = todo[-1]
        for each in elements:
            if isinstance(each, list) and left != 0:
                todo.append((iter(each), None if left is None else left - 1))
                break
            flat.append(each)
        else:
            todo.pop()
    return flat


def _first(items: list[Any], config: Config) -> list[Any]:
    return items[: whole(config, "count", least=0)]


def _last(items: list[Any], config: Config) -> list[Any]:
    return items[max(len(items) - whole(config, "count", least=0), 0) :]


def _sample(items: list[Any], config: Config) -> list[Any]:
    return shuffled(items, config["seed"])[: whole(config, "sampleSize", least=0)]


_COMPARING: Final = ("difference", "intersection", "union")
_OPERATIONS: Final[Mapping[str, Callable[[list[Any], Config], list[Any]]]] = {
    "chunk": _chunk,
    "compact": _compact,
    "difference": _difference,
    "intersection": _intersection,
    "union": _union,
    "unique": _unique,
    "reverse": lambda items, config: items[::-1],
    "shuffle": lambda items, config: shuffled(items, config["seed"]),
    "flatten": _flatten,
    "first": _first,
    "last": _last,
    "sample": _sample,
}
