"""`removeDuplicates`: a list without its repeats."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from domain.errors import ErrorInfo, StepFailure
from domain.node import Answer, Edge, NodeMetadata, Parameter
from infrastructure.nodes.base import LIBRARY_VERSION, LibraryNode, items_of
from infrastructure.nodes.companions import companion, whole
from infrastructure.nodes.fields import Field, check_work, fields, only, without
from infrastructure.nodes.sameness import keys_of

if TYPE_CHECKING:
    from collections.abc import Hashable, Mapping

    from domain.context import ExecutionContext

_OPERATIONS: Final = ("current_input", "previous_executions", "clear_history")
_MODES: Final = ("all_fields", "all_except", "selected_fields")


class _Comparison(NamedTuple):
    """How items are compared: `keys` are equal for repeats, `part` is what is compared of one item."""

    keys: Callable[[list[Any]], list[Hashable]]
    part: Callable[[Any], Any]
    read: list[Field]


class RemoveDuplicates(LibraryNode):
    """Keeps the first of the items that are the same."""

    metadata = NodeMetadata(
        id="removeDuplicates",
        name="Remove duplicates",
        version=LIBRARY_VERSION,
        description="Drops repeated items, keeping the first. This release compares within one input only.",
        inputs=("items",),
        outputs=("keptItems", "discardedItems", "deduplicationSummary"),
        edges=("kept", "discarded", "cleared"),
        exit_edges=("discarded",),
        effect="none",
        parameters={
            "items": Parameter(types=("array",), description="Default: from the previous edge data, else the state."),
            "operation": Parameter(types=("string",), default="current_input", enum=_OPERATIONS),
            "compareMode": Parameter(types=("string",), default="all_fields", enum=_MODES),
            "fieldsToCompare": Parameter(types=("array",), description="For selected_fields."),
            "fieldsToExclude": Parameter(types=("array",), description="For all_except."),
            "removeOtherFields": Parameter(
                types=("boolean",), default=False, description="Whether kept items have only the fields compared."
            ),
            "disableDotNotation": Parameter(types=("boolean",), default=False),
            "scope": Parameter(types=("string",), default="node", enum=("node", "workflow")),
            "historySize": Parameter(types=("integer",), default=1_000, description="At least 1."),
        },
    )

    def run(self, context: ExecutionContext, config: dict[str, Any]) -> Answer:
        """Compare."""
        whole(config, "historySize", least=1)
        comparison = _comparison(config)
        if config["operation"] != "current_input":
            raise _no_history(config["operation"])
        items = items_of(context)
        check_work(items, comparison.read)
        kept, discarded = _split(items, comparison.keys(items))
        if config["removeOtherFields"]:
            kept = [comparison.part(item) for item in kept]
        counts = {"keptCount": len(kept), "discardedCount": len(discarded)}
        context.state["keptItems"] = kept
        context.state["discardedItems"] = discarded
        context.state["deduplicationSummary"] = {
            **counts,
            "totalCount": len(items),
            "operation": config["operation"],
            "compareMode": config["compareMode"],
        }
        return Edge("kept", {"items": kept, **counts, "discarded": discarded})


def _comparison(config: Mapping[str, Any]) -> _Comparison:
    match config["compareMode"]:
        case "selected_fields":
            return _selected(_named("fieldsToCompare", config))
        case "all_except":
            return _all_except(_named("fieldsToExclude", config))
        case _:
            return _Comparison(keys_of, lambda item: item, [])


def _named(parameter: str, config: Mapping[str, Any]) -> list[Field]:
    names = companion(config, parameter, f"compareMode {config['compareMode']}")
    return fields(names, parameter, literal=config["disableDotNotation"])


def _selected(compared: list[Field]) -> _Comparison:
    def keys(items: list[Any]) -> list[Hashable]:
        return list(zip(*(keys_of(each.column(items)) for each in compared), strict=True))

    return _Comparison(keys, lambda item: only(item, compared), compared)


def _all_except(excluded: list[Field]) -> _Comparison:
    def part(item: Any) -> Any:
        for each in excluded:
            item = without(item, each.path)
        return item

    return _Comparison(lambda items: keys_of([part(item) for item in items]), part, excluded)


def _split(items: list[Any], keys: list[Hashable]) -> tuple[list[Any], list[Any]]:
    seen: set[Hashable] = set()
    kept: list[Any] = []
    discarded: list[Any] = []
    for item, key in zip(items, keys, strict=True):
        (discarded if key in seen else kept).append(item)
        seen.add(key)
    return kept, discarded


def _no_history(operation: str) -> StepFailure:
    message = (
        f"removeDuplicates can't do {operation} in this release: it has no store that spans executions yet. "
        "Use operation current_input, or leave the step out."
    )
    return StepFailure(ErrorInfo(type="configuration", code="NOT_SUPPORTED", message=message))
