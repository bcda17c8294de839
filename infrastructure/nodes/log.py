"""`log`: one line in the service's log, about one moment of an execution."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from domain.node import Answer, Edge, NodeMetadata, Parameter
from infrastructure.nodes.base import LIBRARY_VERSION, LibraryNode, as_text, example, notes, taken

if TYPE_CHECKING:
    from domain.context import ExecutionContext

_LEVELS: Final = ("debug", "info", "warn", "error")


class Log(LibraryNode):
    """Writes a line to the log of the execution, and lets the data of the node before it pass."""

    metadata = NodeMetadata(
        id="log",
        name="Log",
        version=LIBRARY_VERSION,
        description="Writes one line to the execution's log. Further parameters become fields of the line.",
        example=example(
            {"log": {"message": "Charged {{$.amount}}", "level": "info", "customer": "$.customer"}},
            amount=20,
            customer="Ada",
        ),
        outputs=("lastLoggedMessage",),
        edges=("success",),
        effect="none",
        edge_info={"success": taken("always", "message fields")},
        output_info={"lastLoggedMessage": "The message."},
        notes=notes(
            """
            The node after it still gets the edge data of the node before it.

            What is missing in a parameter is null, with a warning. In `message`, `$.path` in a text is
            filled in as `{{$.path}}` would be, with a warning: write the braces.
            """
        ),
        parameters={
            "message": Parameter(description="Default: the previous edge data.", lenient=True, fill_bare=True),
            "level": Parameter(types=("string",), default="info", enum=_LEVELS, lenient=True),
        },
        keeps_input=True,
        extra=Parameter(lenient=True, description="A field of the line."),
    )

    def run(self, context: ExecutionContext, config: dict[str, Any]) -> Answer:
        """Write the line."""
        message = config.get("message", context.previous)
        known = self.metadata.parameters or {}
        fields = {key: value for key, value in config.items() if key not in known and not key.startswith("_")}
        context.log(_line(config["level"], message, fields))
        context.state["lastLoggedMessage"] = message
        return Edge("success", {"message": message, "fields": fields})


def _line(level: str, message: Any, fields: dict[str, Any]) -> str:
    """One line whatever is in the values: a line break in a message must not look like another entry of the log."""
    pieces = [f"{level}: {as_text(message)}", *(f"{key}={as_text(value)}" for key, value in fields.items())]
    return "\\n".join(" ".join(pieces).splitlines())
