"""The published form of the workflow language: a JSON Schema (draft-07) that editors complete and check by."""

from __future__ import annotations

from typing import Any, Final

import msgspec

from domain.compiler import ID
from domain.node import NodeCatalog, NodeMetadata, Parameter
from domain.options import OPTIONS, SETTINGS
from domain.outline import DIRECTIVES, NAME, STEP_KEY
from domain.versions import NAMED, VERSION

Schema = dict[str, Any]
SETTER_KEY: Final = r"^\$[.\[]"
RESOLVED_TEXT: Final = r"^\$\.|^\$\[|\{\{"
"""A text that is resolved just before the node runs, so that it can stand for a value of any type."""

_OPTION_FORMS: Final[dict[str, Schema]] = {
    "$node": {
        "type": "string",
        "pattern": f"^{NAME.pattern}(@{NAMED.pattern})?$",
        "description": "The node that this step runs; `@1.2`: of this major version, and not older.",
    },
    "$retry": {"type": "object", "description": "How often and when a failed visit is tried again."},
    "$timeout": {"$ref": "#/definitions/duration", "description": "How long one attempt may take."},
    "$output": {
        "anyOf": [{"type": "string", "minLength": 1}, {"const": False}],
        "description": "The state key of the edge data, or false for none.",
    },
    "$locks": {
        "type": "array",
        "items": {"type": "string"},
        "description": "State paths that one step at a time may use.",
    },
    "$onCrash": {"enum": ["again", "fail", "pause"], "description": "What a crash in the middle of a visit means."},
    "$maxIterations": {"type": "integer", "minimum": 1, "description": "Most passes of one entry into this loop."},
    "$concurrency": {"type": "integer", "minimum": 1, "description": "How many passes run together."},
    "$breaker": {"type": "object", "description": "When the node is not tried for a while."},
}
_SETTING_FORMS: Final[dict[str, Schema]] = {
    "timeout": {"$ref": "#/definitions/duration"},
    "retry": {"type": "object"},
    "maxSteps": {"type": "integer", "minimum": 1},
    "maxIterations": {"type": "integer", "minimum": 1},
    "onCriticalError": {"type": "string"},
}


def workflow_schema(nodes: NodeCatalog) -> Schema:
    """The JSON Schema of a definition, with the parameters and edges of these nodes.

    Whatever compiles is valid by it. It is no judge of what only the compiler can see: targets, expressions, reach.
    """
    step = f"^{STEP_KEY.pattern}$"
    return {
        "$schema": "http://json-schema.org/draft-07/schema#",
        "$id": "workflow.schema.json",
        "title": "Clew workflow",
        "description": "A workflow definition: steps that run nodes, and the edges between them.",
        "type": "object",
        "required": ["id", "name", "version", "workflow"],
        "properties": {
            "$schema": {"type": "string"},
            "id": {"type": "string", "pattern": f"^{ID.pattern}$"},
            "name": {"type": "string", "minLength": 1},
            "version": {"type": "string", "pattern": f"^{VERSION.pattern}$"},
            "description": {},
            "initialState": {"type": "object", "description": "The state at the start, taken literally."},
            "settings": {"type": "object", "properties": {name: _SETTING_FORMS.get(name, {}) for name in SETTINGS}},
            "workflow": {"type": "array", "minItems": 1, "items": {"$ref": "#/definitions/step"}},
        },
        "definitions": {
            "step": {
                "anyOf": [
                    {"type": "string", "pattern": f"^{NAME.pattern}$"},
                    {"allOf": [{"$ref": "#/definitions/steps"}, {"minProperties": 1}]},
                ]
            },
            "steps": {
                "type": "object",
                "properties": _steps_by_name(nodes),
                "patternProperties": {step: {"$ref": "#/definitions/configuration"}, SETTER_KEY: {}},
                "additionalProperties": False,
            },
            "configuration": _configuration(),
            "route": {
                "anyOf": [
                    {"$ref": "#/definitions/steps"},
                    {"type": "array", "items": {"$ref": "#/definitions/step"}},
                    {"type": "string", "pattern": f"^{NAME.pattern}$"},
                    {"enum": [None, *DIRECTIVES]},
                ]
            },
            "duration": {"type": ["integer", "number", "string"]},
            **{f"node-{name}": _node_form(node) for name, node in _known(nodes)},
        },
    }


def _known(nodes: NodeCatalog) -> list[tuple[str, NodeMetadata]]:
    found = [(name, nodes.find(name)) for name in sorted(nodes.names())]
    return [(name, node.metadata) for name, node in found if node is not None]


def _steps_by_name(nodes: NodeCatalog) -> Schema:
    """A key that is the name of a node runs it, unless `$node` says another: then its parameters are not this node's."""
    forms: Schema = {}
    for name, _ in _known(nodes):
        form = {"if": {"required": ["$node"]}, "else": {"$ref": f"#/definitions/node-{name}"}}
        forms[name] = form
        forms[name + "..."] = form
    return forms


def _configuration() -> Schema:
    options = "|".join(name.removeprefix("$") for name in OPTIONS)
    return {
        "type": "object",
        "properties": {name: _OPTION_FORMS[name] for name in OPTIONS},
        "patternProperties": {r".\?$": {"$ref": "#/definitions/route"}, rf"^\$(?!(?:{options})$|.*\?$)": False},
    }


def _node_form(metadata: NodeMetadata) -> Schema:
    form: Schema = {"description": metadata.description or metadata.name}
    properties: Schema = {}
    for name, parameter in (metadata.parameters or {}).items():
        for key in (name, *parameter.aliases):
            properties[key] = _parameter_form(parameter)
    for edge in (*(metadata.edges or ()), "error"):
        properties[edge + "?"] = {"$ref": "#/definitions/route"}
    form["properties"] = properties
    return form


def _parameter_form(parameter: Parameter) -> Schema:
    form: Schema = {}
    if parameter.description:
        form["description"] = parameter.description
    if parameter.default is not msgspec.UNSET:
        form["default"] = parameter.default
    types = [kind for kind in parameter.types if kind != "any"]
    if not types or "any" in parameter.types:
        if parameter.enum:
            form["examples"] = list(parameter.enum)
        return form
    whole: Schema = {"$ref": "#"} if parameter.definition else {"type": types}
    choices: list[Schema] = [whole, {"type": "string", "pattern": RESOLVED_TEXT}]
    if parameter.enum:
        choices.insert(0, {"enum": list(parameter.enum)})
    form["anyOf"] = choices
    return form
