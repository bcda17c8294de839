"""What a step that runs a node can be given, as JSON Schema (draft-07): a form for each node."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final
from urllib.parse import quote

import msgspec

from application.option_schemas import Schema
from domain.node import NodeMetadata, Parameter
from domain.problems import pointer
from domain.secrets import AROUND, NAME, REFERENCE

RESOLVED_TEXT: Final = r"^\$[.\[]|\{\{"
_BARE_PATH: Final = r"\$[.\[]"
_OF_THE_ENGINE: Final = r"^[$_]|\?$"
"""Options and edges, which every configuration may have, and comments."""
_ROUTE: Final[Schema] = {"$ref": "#/definitions/route"}
_WORKFLOW: Final[Schema] = {"$ref": "#"}
_RESOLVED: Final[Schema] = {"$ref": "#/definitions/resolved"}

RESOLVED: Final[Schema] = {
    "description": "What is known when the step runs: $.path, an expression, a text with {{…}}, or what holds one.",
    "anyOf": [
        {"type": "string", "pattern": RESOLVED_TEXT},
        {"type": "array", "contains": _RESOLVED},
        {"type": "object", "not": {"additionalProperties": {"not": _RESOLVED}}},
    ],
}
SECRET_FORM: Final[Schema] = {
    "type": "object",
    "required": [REFERENCE],
    "properties": {
        REFERENCE: {"type": "string", "pattern": f"^{NAME.pattern}$", "description": "Its name on the server."},
        **{key: {"type": "string", "description": f"Text {key} it."} for key in AROUND},
    },
    "additionalProperties": False,
}


def node_form(metadata: NodeMetadata) -> Schema:
    """The configuration of a step that runs this node, but for what every configuration may have."""
    form: Schema = {"description": described(metadata)}
    edges = {f"{edge}?": _ROUTE for edge in (*(metadata.edges or ()), *metadata.exit_edges, "error")}
    if metadata.parameters is None:
        return {**form, "properties": edges}
    form["properties"] = {**_gone(metadata), **_parameters(metadata), **edges}
    form["patternProperties"] = {_OF_THE_ENGINE: {}}
    form["additionalProperties"] = _parameter_form(metadata.extra) if metadata.extra is not None else False
    return {**form, **_required(metadata.parameters)}


def described(metadata: NodeMetadata) -> str:
    """What a node does, in a sentence."""
    return metadata.description or metadata.name


def _gone(metadata: NodeMetadata) -> dict[str, Schema]:
    return {name: {"description": "No longer used, and ignored.", "doNotSuggest": True} for name in metadata.gone}


def _parameters(metadata: NodeMetadata) -> dict[str, Schema]:
    """A form under each name that a parameter is known by; a name stands for the parameter that the compiler takes."""
    known = {
        name: each for name, each in (metadata.parameters or {}).items() if not name.endswith("?") and name[:1] != "$"
    }
    forms = {name: _parameter_form(parameter) for name, parameter in known.items()}
    for name, parameter in known.items():
        for alias in parameter.aliases:
            if not _is_of_the_engine(alias):
                place = f"/definitions/node-{metadata.id}/properties{pointer(name)}"
                forms.setdefault(alias, {"$ref": "#" + quote(place, safe="/~")})
    return forms


def _is_of_the_engine(key: str) -> bool:
    return key.startswith(("$", "_")) or key.endswith("?")


def _parameter_form(parameter: Parameter) -> Schema:
    form: Schema = {}
    if parameter.description:
        form["description"] = parameter.description
    if parameter.default is not msgspec.UNSET:
        form["default"] = parameter.default
    if not parameter.types or "any" in parameter.types:
        return {**form, "examples": list(parameter.enum)} if parameter.enum else form
    types = list(parameter.types)
    if parameter.definition and "object" in types:
        return {**form, "anyOf": [_WORKFLOW, {"allOf": [_RESOLVED, {"type": ["string", "array"]}]}]}
    choices: list[Schema] = [{"type": types[0] if len(types) == 1 else types}, _RESOLVED]
    if parameter.secrets and "string" in types:
        choices.append({"$ref": "#/definitions/secret"})
    if parameter.enum:  # known, but another value is only a warning
        choices.insert(0, {"enum": list(parameter.enum)})
    if parameter.fill_bare:
        choices.append({"type": "string", "pattern": _BARE_PATH})
    return {**form, "anyOf": choices}


def _required(parameters: Mapping[str, Parameter]) -> Schema:
    """What must be there: a parameter under one of its names, or one that may stand in its place."""
    groups = [_names(name, parameters) for name, each in parameters.items() if each.required]
    alone = [group[0] for group in groups if len(group) == 1]
    rules: Schema = {"required": alone} if alone else {}
    among = [{"anyOf": [{"required": [name]} for name in group]} for group in groups if len(group) > 1]
    return {**rules, "allOf": among} if among else rules


def _names(name: str, parameters: Mapping[str, Parameter]) -> list[str]:
    """The names under which a parameter, or one in its place, may be given."""
    found = []
    for each in (name, *parameters[name].instead):
        aliases = parameters[each].aliases if each in parameters else ()
        found += [each, *(alias for alias in aliases if not _is_of_the_engine(alias))]
    return found
