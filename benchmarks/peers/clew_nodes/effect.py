"""The node that Clew's own runs are made of."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, ClassVar

from clew import Edge, ExecutionContext, NodeMetadata, WorkflowNode


class Effect(WorkflowNode):
    """An effect that costs nothing itself: what is measured is what the engine adds."""

    metadata = NodeMetadata(id="effect", name="Effect", version="1.0.0", effect="writes")
    inline = True
    leave: ClassVar[Callable[[int], None] | None] = None
    """What else happens at a step, which is told its number from 0."""

    def execute(self, context: ExecutionContext, config: dict[str, Any]) -> Edge:
        """Leave a text in the state that no step before has left: writing an equal value is no write."""
        if Effect.leave is not None:
            Effect.leave(int(context.step.address.rpartition("/")[2]))
        context.state["done"] = f"{context.step.address} {context.step.visit}"
        return Edge("success")
