"""The published form of the workflow language: a JSON Schema (draft-07) that editors complete and check by."""

from __future__ import annotations

from typing import Any, Final

from application.examples import example_of
from application.node_schemas import RESOLVED, SECRET_FORM, described, node_form
from application.option_schemas import BREAKER_FORM, DURATION, RETRY, Schema, option_forms, setting_forms
from domain.compiler import ID
from domain.node import NodeCatalog, NodeMetadata
from domain.options import OPTIONS
from domain.outline import DIRECTIVES, LONGEST_NAME, LOOP_MARK, NAME, STEP_KEY
from domain.versions import VERSION

SETTER_KEY: Final = r"^\$[.\[]"
LOOPED: Final = frozenset({"logic"})
"""Nodes that are no iterators, and are used as a loop all the same."""


def workflow_schema(nodes: NodeCatalog) -> Schema:
    """The JSON Schema of a definition, with the parameters and edges of these nodes.

    Whatever compiles is valid by it. It is no judge of what only the compiler can see: targets, expressions, reach.
    """
    known = _known(nodes)
    return {
        "$schema": "http://json-schema.org/draft-07/schema#",
        "$id": "workflow.schema.json",
        "title": "Clew workflow",
        "description": "A workflow definition: steps that run nodes, and the edges between them.",
        "type": "object",
        "required": ["id", "name", "version", "workflow"],
        "properties": _document(),
        "definitions": {
            "step": {
                "anyOf": [
                    {"$ref": "#/definitions/node"},
                    {"allOf": [{"$ref": "#/definitions/steps"}, {"minProperties": 1}]},
                ]
            },
            "steps": {
                "type": "object",
                "properties": _steps(known),
                "patternProperties": {
                    f"^{STEP_KEY.pattern}$": {"$ref": "#/definitions/configuration"},
                    SETTER_KEY: {"description": "What is stored at this path of the state."},
                },
                "additionalProperties": False,
            },
            "configuration": _configuration(known),
            "route": _route(),
            "node": {
                "description": "The id of a node, which runs without configuration where only its id is given.",
                "anyOf": [{"enum": [node.id for node in known]}, {"type": "string", "pattern": f"^{NAME.pattern}$"}],
            },
            "resolved": RESOLVED,
            "duration": DURATION,
            "retry": RETRY,
            "breaker": BREAKER_FORM,
            "secret": SECRET_FORM,
            **{f"node-{node.id}": node_form(node) for node in known},
        },
    }


def _known(nodes: NodeCatalog) -> list[NodeMetadata]:
    found = [nodes.find(name) for name in sorted(nodes.names())]
    return [node.metadata for node in found if node is not None]


def _document() -> dict[str, Schema]:
    return {
        "$schema": {"description": "Where an editor finds this schema."},
        "id": {"type": "string", "pattern": f"^{ID.pattern}$", "maxLength": LONGEST_NAME},
        "name": {"type": "string", "minLength": 1},
        "version": {"type": "string", "pattern": f"^{VERSION.pattern}$", "default": "1.0.0"},
        "description": {"description": "For people."},
        "initialState": {"type": "object", "description": "The state at the start, taken literally."},
        "settings": {"type": "object", "properties": setting_forms(), "description": "Defaults for the run."},
        "workflow": {
            "description": "The steps, in order.",
            "type": "array",
            "minItems": 1,
            "items": {"$ref": "#/definitions/step"},
        },
    }


def _steps(known: list[NodeMetadata]) -> dict[str, Schema]:
    """A key that is the name of a node runs it, unless `$node` says another: then its parameters are not this node's.

    Each is there as a loop too. Of the two forms an editor suggests the one that makes sense.
    """
    forms: dict[str, Schema] = {}
    for node in known:
        usual, other = (node.id + LOOP_MARK, node.id) if node.iterates else (node.id, node.id + LOOP_MARK)
        shown = _shown(node)
        forms[usual] = {
            "description": described(node),
            **({"examples": [shown[usual]]} if usual in shown else {}),
            "allOf": [{"$ref": "#/definitions/configuration"}],
            "if": {"required": ["$node"]},
            "else": {"$ref": f"#/definitions/node-{node.id}"},
        }
        hidden = {} if node.id in LOOPED else {"doNotSuggest": True}
        forms[other] = {"$ref": f"#/definitions/steps/properties/{usual}", **hidden}
    return forms


def _shown(node: NodeMetadata) -> dict[str, Any]:
    """The configuration in the node's example, by the key that it has there: an editor puts it in whole."""
    steps = [step for step in example_of(node)["workflow"] if isinstance(step, dict)]
    return {key: config for step in steps for key, config in step.items()}


def _configuration(known: list[NodeMetadata]) -> Schema:
    options = "|".join(name.removeprefix("$") for name in OPTIONS)
    return {
        "type": "object",
        "properties": option_forms(),
        "patternProperties": {
            r"[\s\S]\?$": {"$ref": "#/definitions/route"},
            r"^\?$": False,
            rf"^\$(?!(?:{options})$|[\s\S]*\?$)": False,
        },
        "allOf": [
            {
                "if": {"properties": {"$node": {"pattern": f"^{node.id}(?:@|$)"}}, "required": ["$node"]},
                "then": {"$ref": f"#/definitions/node-{node.id}"},
            }
            for node in known
        ],
    }


def _route() -> Schema:
    return {
        "description": "Where an edge leads: steps, the name of a step to jump to or of a node to run, null, or a word of $.",
        "anyOf": [
            {"$ref": "#/definitions/steps"},
            {"type": "array", "items": {"$ref": "#/definitions/step"}},
            {"$ref": "#/definitions/node"},
            {"enum": [None, *DIRECTIVES]},
        ],
    }
