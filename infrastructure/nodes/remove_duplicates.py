"""`removeDuplicates`: a list without its repeats, within itself or over all executions."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, ClassVar, Final, NamedTuple

from domain.node import Answer, Edge, NodeMetadata, Parameter
from domain.paths import MISSING
from infrastructure import table_history
from infrastructure.nodes.base import LIBRARY_VERSION, LibraryNode, example, invalid, items_of, notes, taken
from infrastructure.nodes.companions import companion, whole
from infrastructure.nodes.fields import Field, check_work, fields, only, without
from infrastructure.nodes.needs import need
from infrastructure.nodes.past_items import MAX_HISTORY, Past, scope_of
from infrastructure.nodes.sameness import keys_of
from infrastructure.table_store import TableStore, not_configured

if TYPE_CHECKING:
    from collections.abc import Hashable, Mapping

    from domain.context import ExecutionContext

_OPERATIONS: Final = ("current_input", "previous_executions", "clear_history")
_MODES: Final = ("all_fields", "all_except", "selected_fields")


class _Comparison(NamedTuple):
    """How items are compared: `keys` are equal for repeats, `part` is what is compared of one item.

    `mark` is that part as JSON which is the same for the same part in any run.
    """

    keys: Callable[[list[Any]], list[Hashable]]
    part: Callable[[Any], Any]
    mark: Callable[[Any], Any]
    read: list[Field]


class RemoveDuplicates(LibraryNode):
    """Keeps the first of the items that are the same. Runs in a thread: the history is on a disk."""

    inline: ClassVar[bool] = False
    metadata = NodeMetadata(
        id="removeDuplicates",
        name="Remove duplicates",
        version=LIBRARY_VERSION,
        description="Drops repeated items, keeping the first, within one input or over all executions.",
        example=example(
            {
                "removeDuplicates": {
                    "items": "$.contacts",
                    "compareMode": "selected_fields",
                    "fieldsToCompare": ["email"],
                    "kept?": [{"$.contacts": "$.keptItems"}],
                }
            },
            contacts=[{"email": "a@example.org"}, {"email": "a@example.org"}],
        ),
        inputs=("items",),
        outputs=("keptItems", "discardedItems", "deduplicationSummary"),
        edges=("kept", "discarded", "cleared"),
        exit_edges=("discarded",),
        effect="writes",
        effects={"current_input": "none"},
        edge_info={
            "kept": taken("something is kept, or there were no items", "items keptCount discardedCount discarded"),
            "discarded": taken("there were items, and all were repeats", "items discardedCount"),
            "cleared": taken("`clear_history`", "operation scope clearedCount"),
        },
        output_info={
            "keptItems": "What is kept.",
            "discardedItems": "The repeats.",
            "deduplicationSummary": "{keptCount, discardedCount, totalCount, operation, compareMode}, or the data of cleared.",
        },
        notes=notes("The history is kept by the service, across executions."),
        parameters={
            "items": Parameter(types=("array",), description="Default: from the previous edge data, else the state."),
            "operation": Parameter(
                types=("string",),
                default="current_input",
                enum=_OPERATIONS,
                description="previous_executions compares with what earlier runs kept too; clear_history forgets it.",
            ),
            "compareMode": Parameter(
                types=("string",), default="all_fields", enum=_MODES, description="Which fields make items the same."
            ),
            "fieldsToCompare": Parameter(types=("array",), description="For selected_fields."),
            "fieldsToExclude": Parameter(types=("array",), description="For all_except."),
            "removeOtherFields": Parameter(
                types=("boolean",), default=False, description="Whether kept items have only the fields compared."
            ),
            "disableDotNotation": Parameter(
                types=("boolean",), default=False, description="Take a dot in a field's name literally."
            ),
            "scope": Parameter(
                types=("string",),
                default="node",
                enum=("node", "workflow"),
                description="Whose history: of this step, or one that the steps of this workflow share.",
            ),
            "historySize": Parameter(
                types=("integer",), default=1_000, description=f"Items that are remembered: 1 to {MAX_HISTORY:,}."
            ),
        },
    )

    needs = (
        need("fieldsToCompare", compareMode="selected_fields"),
        need("fieldsToExclude", compareMode="all_except"),
    )

    def __init__(self, tables: TableStore | None = None) -> None:
        self._tables = tables

    def run(self, context: ExecutionContext, config: dict[str, Any]) -> Answer:
        """Compare, or forget."""
        size = whole(config, "historySize", least=1)
        if size > MAX_HISTORY:
            raise invalid(f"historySize is at most {MAX_HISTORY:,}, not {size:,}", parameter="historySize")
        comparison = _comparison(config)
        if config["operation"] == "clear_history":
            return self._clear(context, config)
        items = items_of(context)
        check_work(items, comparison.read)
        keys = comparison.keys(items)
        past: set[int] = set()
        if config["operation"] == "previous_executions":
            marks = [comparison.mark(item) for item in items]
            past = Past(self._store(), context, config["scope"]).places_of(marks, size=size)
        kept, discarded = _split(items, keys, past)
        if config["removeOtherFields"]:
            kept = [comparison.part(item) for item in kept]
        return _answer(context, config, kept, discarded)

    def _clear(self, context: ExecutionContext, config: Mapping[str, Any]) -> Edge:
        scope = scope_of(context, config["scope"])
        with self._store().writing() as connection:
            count = table_history.clear(connection, scope)
        summary = {"operation": config["operation"], "scope": config["scope"], "clearedCount": count}
        context.state["keptItems"] = context.state["discardedItems"] = None
        context.state["deduplicationSummary"] = summary
        return Edge("cleared", summary)

    def _store(self) -> TableStore:
        if self._tables is None:
            raise not_configured("removeDuplicates")
        return self._tables


def _answer(context: ExecutionContext, config: Mapping[str, Any], kept: list[Any], discarded: list[Any]) -> Edge:
    counts = {"keptCount": len(kept), "discardedCount": len(discarded)}
    context.state["keptItems"] = kept
    context.state["discardedItems"] = discarded
    context.state["deduplicationSummary"] = {
        **counts,
        "totalCount": len(kept) + len(discarded),
        "operation": config["operation"],
        "compareMode": config["compareMode"],
    }
    if discarded and not kept:
        return Edge("discarded", {"items": discarded, "discardedCount": len(discarded)})
    return Edge("kept", {"items": kept, **counts, "discarded": discarded})


def _comparison(config: Mapping[str, Any]) -> _Comparison:
    match config["compareMode"]:
        case "selected_fields":
            return _selected(_named("fieldsToCompare", config))
        case "all_except":
            return _all_except(_named("fieldsToExclude", config))
        case _:
            return _Comparison(keys_of, lambda item: item, lambda item: item, [])


def _named(parameter: str, config: Mapping[str, Any]) -> list[Field]:
    names = companion(config, parameter, f"compareMode {config['compareMode']}")
    return fields(names, parameter, literal=config["disableDotNotation"])


def _selected(compared: list[Field]) -> _Comparison:
    def keys(items: list[Any]) -> list[Hashable]:
        return list(zip(*(keys_of(each.column(items)) for each in compared), strict=True))

    def mark(item: Any) -> list[Any]:
        """A value in a list of its own, so that none is told apart from null."""
        values = [each.of(item) for each in compared]
        return [[] if value is MISSING else [value] for value in values]

    return _Comparison(keys, lambda item: only(item, compared), mark, compared)


def _all_except(excluded: list[Field]) -> _Comparison:
    def part(item: Any) -> Any:
        for each in excluded:
            item = without(item, each.path)
        return item

    return _Comparison(lambda items: keys_of([part(item) for item in items]), part, part, excluded)


def _split(items: list[Any], keys: list[Hashable], past: set[int]) -> tuple[list[Any], list[Any]]:
    """(the first of each key, the others); those at the places in `past` count as repeats."""
    seen: set[Hashable] = set()
    kept: list[Any] = []
    discarded: list[Any] = []
    for place, (item, key) in enumerate(zip(items, keys, strict=True)):
        (discarded if key in seen or place in past else kept).append(item)
        seen.add(key)
    return kept, discarded
