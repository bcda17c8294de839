"""`resource-interpolate`: a stored text with its `{{ … }}` filled in."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, NamedTuple

from domain.errors import ErrorInfo, StepFailure
from domain.expression_errors import InvalidExpression
from domain.expressions import compile_expression
from domain.node import Answer, Edge, NodeMetadata, Parameter
from domain.paths import MISSING, get, parse_field
from domain.scope import Scope
from domain.templates import Hole, joined, split_template
from infrastructure.nodes.base import LIBRARY_VERSION, as_text, example, notes, taken
from infrastructure.nodes.needs import need
from infrastructure.nodes.resources import GONE, IDENTITY, PATH, ResourceNode, text_of

if TYPE_CHECKING:
    from domain.context import ExecutionContext


class Filled(NamedTuple):
    """A text, and the sources of its places: all of them, those with a value, and those without; each once."""

    text: str
    found: list[str]
    replaced: list[str]
    unresolved: list[str]


class ResourceInterpolate(ResourceNode):
    """Fills in one stored text. A place is a path (`user.name`, `$.user.name`) or an expression over `$`."""

    metadata = NodeMetadata(
        id="resource-interpolate",
        name="Resource: interpolate",
        version=LIBRARY_VERSION,
        description="Fills the {{ … }} of a stored text with values; missing ones give empty text and are listed.",
        example=example(
            {
                "resource-interpolate": {
                    "path": "mails/welcome.txt",
                    "state": {"name": "$.customer"},
                    "success?": [{"$.text": "$.interpolatedContent"}],
                    "not_found?": [{"$.text": "Welcome!"}],
                }
            },
            customer="Ada",
        ),
        outputs=("interpolatedContent", "interpolationStats"),
        edges=("success", "not_found"),
        exit_edges=("not_found",),
        effect="reads",
        gone=GONE,
        edge_info={
            "success": taken("it is filled in", "content placeholders originalContent"),
            "not_found": taken("there is no such resource", "path resourceId"),
        },
        output_info={
            "interpolatedContent": "The text.",
            "interpolationStats": "{found, replaced, unresolved}: lists of what stands in the braces.",
        },
        notes=notes("In the braces stands a path into the values (`customer.name`), or an expression."),
        parameters={
            "path": Parameter(types=("string",), aliases=("template",), description=PATH.description),
            "resourceId": IDENTITY,
            "state": Parameter(types=("object",), aliases=("data",), description="Values laid over the state."),
            "includeAllState": Parameter(
                types=("boolean",), default=True, description="Whether the state is under those values."
            ),
        },
    )

    needs = (need("path", "resourceId"),)

    def run(self, context: ExecutionContext, config: dict[str, Any]) -> Answer:
        """Fill in."""
        resource = self.find(config)
        if resource is None:
            context.state["interpolatedContent"] = context.state["interpolationStats"] = None
            return self.not_found(config)
        original = text_of(resource)
        below = context.state.whole() if config["includeAllState"] else {}
        filled = _filled(original, {**below, **config.get("state", {})})
        placeholders = {"found": filled.found, "replaced": filled.replaced, "unresolved": filled.unresolved}
        context.state["interpolatedContent"] = filled.text
        context.state["interpolationStats"] = placeholders
        return Edge("success", {"content": filled.text, "placeholders": placeholders, "originalContent": original})


def _filled(text: str, values: Mapping[str, Any]) -> Filled:
    pieces: list[str] = []
    resolved: dict[str, bool] = {}
    for piece in _pieces(text):
        if isinstance(piece, str):
            pieces.append(piece)
            continue
        value = _value(piece, values)
        resolved[piece.source.strip()] = value is not MISSING
        pieces.append("" if value is MISSING else as_text(value))
    return Filled(
        text=joined(pieces),
        found=list(resolved),
        replaced=[source for source, known in resolved.items() if known],
        unresolved=[source for source, known in resolved.items() if not known],
    )


def _pieces(text: str) -> list[str | Hole]:
    try:
        return split_template(text)
    except InvalidExpression as error:
        raise _invalid(error, "the stored text") from error


def _value(hole: Hole, values: Mapping[str, Any]) -> Any:
    """What stands in a place, or MISSING. A path is looked up as it is; anything else is an expression."""
    source = hole.source.strip()
    try:
        return get(values, parse_field(source)) if _is_plain(source) else _evaluated(source, values)
    except ValueError:
        return _evaluated(source, values)


def _is_plain(source: str) -> bool:
    """Whether there is nothing in it that a field's name would take in but an expression means."""
    return not any(character in source for character in "|+*/%<>=!(){},~'\" ")


def _evaluated(source: str, values: Mapping[str, Any]) -> Any:
    try:
        return compile_expression(source).evaluate(Scope(state=values))
    except InvalidExpression as error:
        raise _invalid(error, f"{{{{{source[:80]}}}}}") from error
    except StepFailure as failure:
        if failure.error.code == "UNDEFINED_REFERENCE":
            return MISSING
        raise


def _invalid(error: InvalidExpression, what: str) -> StepFailure:
    message = f"{what} can't be filled in: {error.message}"
    return StepFailure(ErrorInfo(type="validation", code="INVALID_EXPRESSION", message=message))
