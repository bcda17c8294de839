"""`switch`: an edge picked by rules or by an expression."""

from __future__ import annotations

import re
from functools import lru_cache
from typing import TYPE_CHECKING, Any, Final

from domain.comparison import truth
from domain.errors import ErrorInfo, StepFailure
from domain.expressions import Expression, InvalidExpression, compile_expression, javascript
from domain.node import Answer, Edge, NodeMetadata, Parameter
from domain.scope import NOTHING, Scope
from infrastructure.nodes.base import LIBRARY_VERSION, LibraryNode, as_text, example, invalid, notes, shown, taken
from infrastructure.nodes.conditions import MATCH_MODES, compile_conditions
from infrastructure.nodes.needs import need
from infrastructure.nodes.trials import trial

if TYPE_CHECKING:
    from collections.abc import Mapping

    from domain.context import ExecutionContext

_ITEM: Final = frozenset({"item"})
_PLAIN_NAME: Final = re.compile(r"[A-Za-z0-9_-]+")
_CONSTANTS: Final = frozenset({"item", "true", "false", "null", "none", "True", "False", "None"})


class Switch(LibraryNode):
    """Takes the edge that the first matching rule names, or the one that an expression says."""

    metadata = NodeMetadata(
        id="switch",
        name="Switch",
        version=LIBRARY_VERSION,
        description="Picks an edge by rules or by an expression.",
        example=example(
            {
                "switch": {
                    "item": "$.order",
                    "rules": [
                        {"outputKey": "large", "conditions": [{"field": "total", "operation": "gt", "value": 100}]}
                    ],
                    "fallbackOutput": "small",
                    "large?": [{"$.shipping": 0}],
                    "small?": [{"$.shipping": 5}],
                }
            },
            order={"total": 120},
        ),
        outputs=("switchResult", "selectedEdge", "matchedRule"),
        effect="none",
        edge_info={
            "<edge>": taken(
                ("the rule's outputKey, the expression's result as text, or fallbackOutput"),
                "item edge matchedRule mode",
            )
        },
        output_info={
            "switchResult": "The item.",
            "selectedEdge": "The edge.",
            "matchedRule": "The index of the rule; null if none.",
        },
        notes=notes(
            """
            A rule may have a `matchMode`, as `filter` has.

            `expression` is written as expressions are, or with the signs of JavaScript: `===`, `!==`,
            `&&`, `||`, `!` and `a ? b : c`. Empty, null or false takes fallbackOutput. Where `item` is
            the whole state, data and state hold null in its place.
            """
        ),
        parameters={
            "mode": Parameter(
                types=("string",),
                default="rules",
                enum=("rules", "expression"),
                description="rules: the first that matches; expression: its result is the edge.",
            ),
            "item": Parameter(description="Default: the previous edge data, else the state."),
            "rules": Parameter(types=("array",), description="Each {outputKey, conditions}, conditions as in filter."),
            "expression": Parameter(description="Sees item; its result as text is the edge."),
            "fallbackOutput": Parameter(
                types=("string",), default="default", description="The edge where nothing matches."
            ),
        },
    )

    needs = (
        need("rules", mode="rules"),
        need("expression", mode="expression"),
    )
    trials = (trial("expression", attempt=lambda config: _tried(config["expression"]), mode="expression"),)

    def run(self, context: ExecutionContext, config: dict[str, Any]) -> Answer:
        """Pick."""
        item, shared = _item(context, config)
        if config["mode"] == "rules":
            edge, rule = _by_rules(config, item)
        else:
            edge, rule = _by_expression(context, config, item), None
        edge = edge or config["fallbackOutput"]
        if not edge:
            raise invalid("fallbackOutput is the name of an edge, not an empty text", parameter="fallbackOutput")
        context.state["switchResult"] = shared
        context.state["selectedEdge"] = edge
        context.state["matchedRule"] = rule
        return Edge(edge, {"item": shared, "edge": edge, "matchedRule": rule, "mode": config["mode"]})


def _item(context: ExecutionContext, config: Mapping[str, Any]) -> tuple[Any, Any]:
    """(the item, what goes into edge data and state for it: null for the whole state, which is only looked at)."""
    if "item" in config:
        return config["item"], config["item"]
    if context.previous is not None:
        return context.previous, context.previous
    return context.state.whole(), None


def _by_rules(config: Mapping[str, Any], item: Any) -> tuple[str, int | None]:
    """(edge, index of the rule), with no edge when no rule matches. All rules are checked before one is tried."""
    if "rules" not in config:
        raise invalid("mode rules needs rules", parameter="rules")
    tests = [_rule(rule, f"rules[{place}]") for place, rule in enumerate(config["rules"])]
    for place, (edge, matches) in enumerate(tests):
        if matches(item):
            return edge, place
    return "", None


def _rule(rule: Any, where: str) -> tuple[str, Any]:
    if not isinstance(rule, dict):
        raise invalid(f"{where} is an object {{outputKey, conditions}}, not {shown(rule)}", parameter=where)
    edge = rule.get("outputKey")
    if not isinstance(edge, str) or not edge:
        raise invalid(f"{where}.outputKey is the name of an edge, not {shown(edge)}", parameter=f"{where}.outputKey")
    mode = rule.get("matchMode", "all")
    if mode not in MATCH_MODES:
        raise invalid(f"{where}.matchMode can't be {shown(mode)}", parameter=f"{where}.matchMode", allowed=MATCH_MODES)
    return edge, compile_conditions(rule.get("conditions"), match_mode=mode, where=f"{where}.conditions")


def _by_expression(context: ExecutionContext, config: Mapping[str, Any], item: Any) -> str:
    if "expression" not in config:
        raise invalid("mode expression needs an expression", parameter="expression")
    result = config["expression"]
    if isinstance(result, str) and not _is_edge(result):
        result = _evaluate(context, result, item)
    if isinstance(result, (list, dict)) and truth(result):
        raise invalid(f"expression gives {shown(result)}, which names no edge", parameter="expression")
    if result is None or result is False or result in ([], {}):
        return ""
    return as_text(result) if not isinstance(result, str) or result.strip() else ""


def _is_edge(text: str) -> bool:
    """Whether a text is no expression but an edge: the engine has resolved a `$.` form already."""
    if not text.strip():
        return True
    return bool(_PLAIN_NAME.fullmatch(text)) and _CONSTANTS.isdisjoint(text.split("-"))


def _tried(text: Any) -> None:
    if isinstance(text, str) and not _is_edge(text):
        _expression(text)


def _evaluate(context: ExecutionContext, source: str, item: Any) -> Any:
    expression = _expression(source)
    state = context.state.whole() if expression.static_reads() else NOTHING
    return expression.evaluate(Scope(state=state, input=context.previous, names={"item": item}))


def _expression(source: str) -> Expression:
    try:
        return _compiled(source)
    except InvalidExpression as error:
        info = ErrorInfo(
            type="validation", code="INVALID_EXPRESSION", message=f"expression: {error.message}", details=error.details
        )
        raise StepFailure(info) from error


@lru_cache(maxsize=256)
def _compiled(source: str) -> Expression:
    return compile_expression(javascript(source), names=_ITEM)
