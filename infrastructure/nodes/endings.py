"""`fail` and `end`: the two ways in which a workflow says that it is over."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec

from domain.errors import ErrorInfo
from domain.node import Answer, Edge, End, NodeMetadata, Parameter
from infrastructure.nodes.base import LIBRARY_VERSION, LibraryNode, example, notes

if TYPE_CHECKING:
    from domain.context import ExecutionContext


class Fail(LibraryNode):
    """Takes `error` with an error object of the author's own."""

    metadata = NodeMetadata(
        id="fail",
        name="Fail",
        version=LIBRARY_VERSION,
        description="Fails the execution, unless its error? route leads on.",
        example=example(
            {"fail": {"message": "{{$.missing}} is out of stock", "code": "OUT_OF_STOCK", "type": "validation"}},
            missing="tea",
        ),
        outputs=(),
        edges=(),
        effect="none",
        notes=notes("It takes `error`. It is never tried again."),
        parameters={
            "message": Parameter(types=("string",), required=True, description="What went wrong, for people."),
            "code": Parameter(
                types=("string",), default="FAILED", description="What went wrong, for routes and programs."
            ),
            "type": Parameter(
                types=("string",),
                default="runtime",
                enum=("validation", "configuration", "state", "runtime", "system"),
                description="The kind of error.",
            ),
            "details": Parameter(description="Anything further."),
            "recoverable": Parameter(types=("boolean",), default=False, description="Whether trying again may help."),
        },
    )

    def run(self, context: ExecutionContext, config: dict[str, Any]) -> Answer:
        """Fail."""
        del context
        error = ErrorInfo(
            type=config["type"],
            code=config["code"] or "FAILED",
            message=config["message"],
            recoverable=config["recoverable"],
            details=config.get("details"),
        )
        return Edge("error", error.as_json())


class Finish(LibraryNode):
    """Completes the execution from wherever it is."""

    metadata = NodeMetadata(
        id="end",
        name="End",
        version=LIBRARY_VERSION,
        description="Completes the execution, first storing result under the state key of that name.",
        example=example({"end": {"result": {"total": "$.total"}}}, total=25),
        outputs=("result",),
        edges=(),
        effect="none",
        output_info={"result": "The value of result, if it is given."},
        notes=notes("It takes no edge, and works from anywhere: inside loops and branches too."),
        parameters={"result": Parameter(description="Stored under the state key result.")},
    )

    def run(self, context: ExecutionContext, config: dict[str, Any]) -> Answer:
        """Complete."""
        del context
        return End(config.get("result", msgspec.UNSET))
