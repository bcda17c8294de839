"""What the nodes share that wait for an answer from outside."""

from __future__ import annotations

from abc import abstractmethod
from typing import TYPE_CHECKING, Any, ClassVar

from domain.durations import milliseconds
from domain.errors import ErrorInfo, StepFailure
from domain.node import Answer, Edge
from infrastructure.nodes.base import NeedingNode, completed, invalid
from infrastructure.nodes.trials import Trial, trial

if TYPE_CHECKING:
    from collections.abc import Mapping

    from domain.context import ExecutionContext


def timeout_s(config: Mapping[str, Any]) -> float | None:
    """The parameter `timeout` in seconds; None without one. Raises `INVALID_PARAMETER`."""
    if "timeout" not in config:
        return None
    try:
        found = milliseconds(config["timeout"])
    except ValueError as error:
        raise invalid(f"timeout: {error}", parameter="timeout") from error
    if found == 0:
        raise invalid("timeout is more than 0", parameter="timeout")
    return found / 1000


class OutwardNode(NeedingNode):
    """A node of the library that waits without a thread. What fails in `reach` is returned on the `error` edge."""

    keeps_config: ClassVar[bool] = True
    trials: ClassVar[tuple[Trial, ...]] = (trial("timeout", attempt=timeout_s),)

    async def execute(self, context: ExecutionContext, config: dict[str, Any]) -> Answer:
        """Check the parameters, reach out, and return what goes wrong on the `error` edge."""
        try:
            return await self.reach(context, completed(self.metadata, config))
        except StepFailure as failure:
            return self.refused(context, failure)

    def invalid(self, context: ExecutionContext, config: Mapping[str, Any], error: ErrorInfo) -> Answer:
        """As for a bad value that the node finds itself: returned, not raised."""
        del config
        return self.refused(context, StepFailure(error))

    def refused(self, context: ExecutionContext, failure: StepFailure) -> Edge:
        """The `error` edge, with the result keys written as null."""
        for key in self.metadata.outputs or ():
            context.state[key] = None
        return Edge("error", failure.error.as_json())

    @abstractmethod
    async def reach(self, context: ExecutionContext, config: dict[str, Any]) -> Answer:
        """Do the work of one visit."""
