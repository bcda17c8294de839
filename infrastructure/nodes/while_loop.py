"""`while`: a loop that goes on as long as a condition holds."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from domain.comparison import truth
from domain.node import Answer, NodeMetadata, Parameter, Pass
from infrastructure.nodes.base import LIBRARY_VERSION, example, invalid, notes, shown, taken
from infrastructure.nodes.iterators import ENDED, GONE, Iterator, finished, index_of
from infrastructure.nodes.logic import COMPARISONS, evaluate, is_operation, operation_named

if TYPE_CHECKING:
    from collections.abc import Mapping

    from domain.context import ExecutionContext

_COMPARISON_KEYS: Final = frozenset({"left", "operator", "right"})
_ITERATION_KEY: Final = "whileIteration"


class While(Iterator):
    """Asks its condition before every pass."""

    metadata = NodeMetadata(
        id="while",
        name="While",
        version=LIBRARY_VERSION,
        description="Runs its body as long as a condition holds, resolved anew before each pass.",
        example=example({"while...": {"condition": "$.stock < 10", "loop?": [{"$.stock": "$.stock + 4"}]}}, stock=1),
        outputs=(_ITERATION_KEY,),
        edges=("loop", "do", "done", "complete"),
        effect="none",
        gone=GONE,
        edge_info={
            "loop": taken("the condition holds: a pass", "index isFirst"),
            "do": taken("instead of `loop`, if the step routes it", "index isFirst"),
            **ENDED,
        },
        output_info={"<iterationKey>": "During a pass, and for the condition: the index of the pass."},
        notes=notes(
            """
            At most $maxIterations passes (1,000): one more is LOOP_LIMIT. A condition that is a text is
            an error: it was meant as an expression (`$.i < 5`).
            """
        ),
        parameters={
            "condition": Parameter(
                required=True,
                late=True,
                description="A value, {left, operator, right}, or {operation, values} as in logic; not a text.",
            ),
            "iterationKey": Parameter(
                types=("string",), default=_ITERATION_KEY, description="The state key that shows the index of the pass."
            ),
            "maxIterations": Parameter(types=("integer",), description="Means $maxIterations."),
        },
        iterates=True,
    )
    original_edge = "do"
    position_keys = ("iterationKey",)

    def run(self, context: ExecutionContext, config: dict[str, Any]) -> Answer:
        """Ask."""
        index = index_of(context)
        bind = self.bound(config, index)
        if not holds(config["condition"]):
            return finished(context, index)
        return Pass(edge=self.edge(context), data={"index": index, "isFirst": index == 0}, bind=bind, bounded=False)

    def overlay(self, config: Mapping[str, Any], index: int) -> Mapping[str, Any]:
        """The condition sees the index of the pass that it decides on."""
        key = config.get("iterationKey", _ITERATION_KEY)
        return {key: index} if isinstance(key, str) and key else {}


def holds(condition: Any) -> bool:
    """Whether to go on. A text is refused: it is an expression that the engine did not take for one."""
    if isinstance(condition, str):
        message = f"condition is the text {shown(condition)}: write an expression ('$.i < 5'), a comparison or a value"
        raise invalid(message, parameter="condition")
    if is_operation(condition):
        return evaluate(condition["operation"], condition["values"])
    if isinstance(condition, dict) and "operator" in condition:
        return _compared(condition)
    return truth(condition)


def _compared(condition: Mapping[str, Any]) -> bool:
    missing = _COMPARISON_KEYS - condition.keys()
    if missing:
        raise invalid(f"condition needs {', '.join(sorted(missing))}", parameter="condition")
    operation = operation_named(condition["operator"])
    if operation not in COMPARISONS:
        raise invalid(f"operator can't be {shown(operation)}", parameter="condition", allowed=COMPARISONS)
    return COMPARISONS[operation](condition["left"], condition["right"])
