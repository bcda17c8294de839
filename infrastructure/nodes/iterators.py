"""`each`, `range` and `batch`: loops that know how many passes they make.

The engine keeps the position, shows it in the state while a pass runs, and puts back what was there.
"""

from __future__ import annotations

from math import ceil, isfinite
from typing import TYPE_CHECKING, Any, ClassVar, Final

import msgspec

from domain.node import Answer, Edge, Fork, NodeMetadata, Parameter, Pass
from domain.operators import finish
from domain.position import pass_data
from infrastructure.nodes.base import LIBRARY_VERSION, LibraryNode, example, invalid, notes, taken
from infrastructure.nodes.companions import at_least, whole
from infrastructure.nodes.trials import trial

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from domain.context import ExecutionContext


GONE: Final = ("stateKey",)
"""Where the original nodes kept their position: it is the engine's now."""


ENDED: Final = {
    "done": taken("after the last pass", "count"),
    "complete": taken("instead of `done`, if the step routes it", "count"),
}
"""What there is to know of the edges that end a loop."""


class Iterator(LibraryNode):
    """What iterators share: they write nothing themselves, and name the state keys that show the position."""

    original_edge: ClassVar[str] = ""
    """The pass edge of the original design, taken if the step routes it."""
    position_keys: ClassVar[tuple[str, ...]] = ()
    """The parameters that name state keys."""

    def result_keys(self, config: Mapping[str, Any]) -> Iterable[str]:
        """None: the engine writes the position."""
        del config
        return ()

    def state_keys(self, config: Mapping[str, Any]) -> frozenset[str] | None:
        """The position keys, where they are literals."""
        known = self.metadata.parameters or {}
        names = [config.get(name, known[name].default) for name in self.position_keys]
        if any(not isinstance(name, str) or "{{" in name or name.startswith("$") for name in names):
            return None
        return frozenset(names)

    def bound(self, config: Mapping[str, Any], *values: Any) -> dict[str, Any]:
        """The position keys with their values. Raises `INVALID_PARAMETER` for keys that are empty or the same."""
        keys = [config[name] for name in self.position_keys]
        for parameter, key in zip(self.position_keys, keys, strict=True):
            if not key:
                raise invalid(f"{parameter} names a state key, and can't be empty", parameter=parameter)
        if len(set(keys)) < len(keys):
            message = f"{' and '.join(self.position_keys)} name the same state key {keys[0]!r}"
            raise invalid(message, parameter=self.position_keys[-1])
        return dict(zip(keys, values, strict=True))

    def edge(self, context: ExecutionContext) -> str:
        """The edge of a pass."""
        return self.original_edge if self.original_edge in context.step.routed else "loop"


def index_of(context: ExecutionContext) -> int:
    """The index of the pass to decide on; 0 outside a loop."""
    return context.loop.index if context.loop is not None else 0


def finished(context: ExecutionContext, count: int) -> Edge:
    """The answer after the last pass."""
    return Edge("complete" if "complete" in context.step.routed else "done", {"count": count})


def place(index: int, total: int) -> dict[str, Any]:
    """Where a pass stands among all of them."""
    return {"index": index, "total": total, "isFirst": index == 0, "isLast": index == total - 1}


def _key(default: str, shows: str, alias: str = "") -> Parameter:
    description = f"The state key that shows {shows} during a pass."
    return Parameter(types=("string",), default=default, aliases=(alias,) if alias else (), description=description)


class Each(Iterator):
    """One pass per element of a list."""

    metadata = NodeMetadata(
        id="each",
        name="Each",
        version=LIBRARY_VERSION,
        description="Runs its body once per element of a list.",
        example=example(
            {
                "each...": {
                    "items": "$.orders",
                    "as": "order",
                    "loop?": [{"log": {"message": "Order {{$.order.id}}"}}],
                    "done?": [],
                }
            },
            orders=[{"id": "a1"}, {"id": "a2"}],
        ),
        outputs=("currentItem", "currentIndex"),
        edges=("loop", "current-item", "done", "complete"),
        effect="none",
        gone=GONE,
        edge_info={
            "loop": taken("a pass", "item index total isFirst isLast remaining"),
            "current-item": taken(
                "instead of `loop`, if the step routes it", "item index total isFirst isLast remaining"
            ),
            **ENDED,
        },
        output_info={"<as>": "During a pass: the element.", "<indexAs>": "During a pass: its index."},
        notes=notes(
            """
            With $concurrency above 1 the two state keys are not written; `loop.item` and `loop.index`
            are there always.
            """
        ),
        parameters={
            "items": Parameter(
                types=("array",), required=True, description="The list, as it is when the loop is entered."
            ),
            "as": _key("currentItem", "the element", "itemKey"),
            "indexAs": _key("currentIndex", "its index", "indexKey"),
        },
        iterates=True,
        resolved_at="entry",
        concurrent=True,
    )
    original_edge = "current-item"
    position_keys = ("as", "indexAs")

    def run(self, context: ExecutionContext, config: dict[str, Any]) -> Answer:
        """The next element."""
        items = config["items"]
        index, total = index_of(context), len(items)
        if index >= total:
            return finished(context, total)
        if context.step.concurrency > 1:
            return Fork(items=items, edge=self.edge(context))
        bind = self.bound(config, items[index], index)
        return Pass(edge=self.edge(context), data=pass_data(items, index), bind=bind)


class EveryArrayItem(Each):
    """`each` under its original name."""

    metadata = msgspec.structs.replace(
        Each.metadata,
        id="every-array-item",
        name="Every array item",
        example=example(
            {"every-array-item...": {"items": "$.tags", "current-item?": [{"log": {"message": "{{$.currentItem}}"}}]}},
            tags=["new", "sale"],
        ),
    )


class Range(Iterator):
    """One pass per number, up to but without the last."""

    metadata = NodeMetadata(
        id="range",
        name="Range",
        version=LIBRARY_VERSION,
        description="Runs its body for the numbers from start up to but without stop.",
        example=example(
            {"range...": {"start": 1, "stop": 4, "as": "page", "loop?": [{"log": {"message": "Page {{$.page}}"}}]}}
        ),
        outputs=("rangeValue", "rangeIndex"),
        edges=("loop", "current_step", "done", "complete"),
        effect="none",
        gone=GONE,
        edge_info={
            "loop": taken("a pass", "item value index total isFirst isLast remaining"),
            "current_step": taken(
                "instead of `loop`, if the step routes it", "item value index total isFirst isLast remaining"
            ),
            **ENDED,
        },
        output_info={"<as>": "During a pass: the number.", "<indexAs>": "During a pass: its index."},
        notes=notes(
            """
            A number is `start + index * step`: rounding errors don't add up. With a `step` below 0 it
            counts down.
            """
        ),
        parameters={
            "start": Parameter(types=("number",), default=0, description="The first number."),
            "stop": Parameter(types=("number",), required=True, description="The number that is no longer reached."),
            "step": Parameter(types=("number",), default=1, description="What is added each time; not 0."),
            "as": _key("rangeValue", "the number", "valueKey"),
            "indexAs": _key("rangeIndex", "its index", "indexKey"),
        },
        iterates=True,
        resolved_at="entry",
    )
    original_edge = "current_step"
    position_keys = ("as", "indexAs")
    trials = (trial("step", attempt=lambda config: passes(0, 1, config["step"])),)

    def run(self, context: ExecutionContext, config: dict[str, Any]) -> Answer:
        """The next number."""
        start, stop, step = config["start"], config["stop"], config["step"]
        index, total = index_of(context), passes(start, stop, step)
        if index >= total:
            return finished(context, total)
        value = finish(start + index * step, "start + index * step")
        data = {"item": value, "value": value, **place(index, total), "remaining": total - index - 1}
        return Pass(edge=self.edge(context), data=data, bind=self.bound(config, value, index))


def passes(start: int | float, stop: int | float, step: int | float) -> int:
    """How many numbers `start + index * step` come before `stop`: exactly, also where the quotient is rounded."""
    if step == 0:
        raise invalid("step can't be 0", parameter="step")
    if isinstance(start, int) and isinstance(stop, int) and isinstance(step, int):
        return max(0, -((start - stop) // step))
    quotient = (stop - start) / step
    if not isfinite(quotient):
        raise invalid("the numbers from start to stop can't be counted in such steps", parameter="step")
    count = max(0, ceil(quotient))
    if count and not _before(start + (count - 1) * step, stop, step):
        return count - 1
    return count + 1 if _before(start + count * step, stop, step) else count


def _before(value: float, stop: float, step: float) -> bool:
    return value < stop if step > 0 else value > stop


class Batch(Iterator):
    """One pass per group of elements of a list."""

    metadata = NodeMetadata(
        id="batch",
        name="Batch",
        version=LIBRARY_VERSION,
        description="Runs its body once per group of at most size elements of a list.",
        example=example(
            {"batch...": {"items": "$.rows", "size": 2, "loop?": [{"log": {"message": "{{$.currentBatch}}"}}]}},
            rows=[1, 2, 3],
        ),
        outputs=("currentBatch", "currentBatchIndex"),
        edges=("loop", "done", "complete"),
        effect="none",
        gone=GONE,
        edge_info={"loop": taken("a pass", "items index size total isFirst isLast"), **ENDED},
        output_info={"<as>": "During a pass: the group.", "<indexAs>": "During a pass: its index."},
        notes=notes("The last group may be smaller."),
        parameters={
            "items": Parameter(
                types=("array",), required=True, description="The list, as it is when the loop is entered."
            ),
            "size": Parameter(types=("integer",), default=10, description="Most elements of a group."),
            "as": _key("currentBatch", "the group"),
            "indexAs": _key("currentBatchIndex", "its index"),
        },
        iterates=True,
        resolved_at="entry",
    )
    position_keys = ("as", "indexAs")
    trials = (at_least(1, "size"),)

    def run(self, context: ExecutionContext, config: dict[str, Any]) -> Answer:
        """The next group."""
        items, size = config["items"], whole(config, "size", least=1)
        index, total = index_of(context), -(-len(items) // size)
        if index >= total:
            return finished(context, total)
        group = items[index * size : (index + 1) * size]
        data = {"items": group, "size": len(group), **place(index, total)}
        return Pass(edge=self.edge(context), data=data, bind=self.bound(config, group, index))
