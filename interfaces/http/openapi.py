"""The OpenAPI 3.1 document, made from the operations and the types of their bodies.

`python -m interfaces.http.openapi > schemas/openapi.json` publishes it.
"""

from __future__ import annotations

import re
import sys
from http import HTTPStatus
from importlib.metadata import version
from typing import Any, Final

import msgspec

from interfaces.http.operations import Operation
from interfaces.http.routes import OPERATIONS
from interfaces.http.wire import ProblemBody

REFERENCE: Final = "#/components/schemas/{name}"
TAGS: Final = {
    "workflows": "Definitions: run them, validate them.",
    "executions": "Runs: look at them at any version, act on them.",
    "nodes": "What steps can run.",
    "service": "The service itself.",
}
HEADERS: Final[dict[str, tuple[str, dict[str, Any]]]] = {
    "Idempotency-Key": (
        "The same key with the same request is carried out once, and answered as the first time.",
        {"type": "string", "pattern": "^[!-~]{1,255}$"},
    ),
    "Prefer": (
        "`wait=N`: answer when the execution has ended, parked or paused, or after N seconds (at most 60).",
        {"type": "string", "examples": ["wait=10"]},
    ),
    "Clew-Actor": ("Who asks; recorded.", {"type": "string", "maxLength": 255}),
    "If-Match": ('Only at this version (`"v42"`).', {"type": "string", "examples": ['"v42"']}),
    "If-None-Match": ("Answer 304 at this version.", {"type": "string", "examples": ['"v42"']}),
    "Clew-Position": (
        "What a mutation answered with: the list waits up to 2 s until it shows that.",
        {"type": "integer", "minimum": 0},
    ),
}
ANSWER_HEADERS: Final = {
    "X-Request-Id": {"description": "Names the request in the service's log.", "schema": {"type": "string"}}
}


def document(clew_version: str) -> dict[str, Any]:
    """The whole document."""
    answers = [kind for operation in OPERATIONS for answer in operation.answers.values() for kind in answer]
    wanted = [*answers, *(kind for operation in OPERATIONS for kind in operation.takes), ProblemBody]
    schemas, components = msgspec.json.schema_components(wanted, ref_template=REFERENCE)
    by_type = {str(kind): schema for kind, schema in zip(wanted, schemas, strict=True)}
    paths: dict[str, Any] = {}
    for operation in OPERATIONS:
        paths.setdefault(operation.path, {})[operation.method.lower()] = _described(operation, by_type)
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "Clew",
            "version": clew_version,
            "summary": "A durable, event-sourced engine for agentic workflows.",
            "license": {"name": "Apache-2.0", "identifier": "Apache-2.0"},
        },
        "tags": [{"name": name, "description": description} for name, description in TAGS.items()],
        "paths": paths,
        "components": {"schemas": dict(sorted(components.items()))},
    }


def encoded(clew_version: str) -> bytes:
    """The document as it is published and served."""
    return msgspec.json.format(msgspec.json.encode(document(clew_version)), indent=2) + b"\n"


def _described(operation: Operation, schemas: dict[str, Any]) -> dict[str, Any]:
    described: dict[str, Any] = {
        "operationId": _name(operation),
        "summary": operation.summary,
        "tags": [operation.tag],
        "parameters": [*_path_parameters(operation.path), *_parameters(operation)],
    }
    if operation.takes:
        content = {"application/json": {"schema": _one_of(operation.takes, schemas)}}
        described["requestBody"] = {"required": operation.body_required, "content": content}
    answers = {
        str(status): _answer(status, kinds, schemas, operation.media) for status, kinds in operation.answers.items()
    }
    refusals = {str(status): _refusal(status, schemas) for status in sorted(operation.refusals)}
    described["responses"] = {**answers, **refusals, "500": _refusal(500, schemas)}
    return described


def _name(operation: Operation) -> str:
    words = re.findall(r"[A-Za-z]+", re.sub(r"\{\w+\}", "One", operation.path))
    return operation.method.lower() + "".join(word[0].upper() + word[1:] for word in words)


def _path_parameters(path: str) -> list[dict[str, Any]]:
    names = re.findall(r"\{(\w+)\}", path)
    return [{"name": name, "in": "path", "required": True, "schema": {"type": "string"}} for name in names]


def _parameters(operation: Operation) -> list[dict[str, Any]]:
    found = [
        {
            "name": each.name,
            "in": "query",
            "description": each.description,
            "schema": each.schema(),
            **({"required": True} if each.required else {}),
        }
        for each in operation.parameters
    ]
    for name in operation.headers:
        description, schema = HEADERS[name]
        found.append({"name": name, "in": "header", "description": description, "schema": schema})
    return found


def _one_of(kinds: tuple[Any, ...], schemas: dict[str, Any]) -> dict[str, Any]:
    """The schema of a body that has one of these types."""
    forms = [schemas[str(kind)] for kind in kinds]
    return forms[0] if len(forms) == 1 else {"anyOf": forms}


def _answer(status: int, kinds: tuple[Any, ...], schemas: dict[str, Any], media: str) -> dict[str, Any]:
    described: dict[str, Any] = {"description": HTTPStatus(status).phrase, "headers": ANSWER_HEADERS}
    if kinds:
        described["content"] = {media: {"schema": _one_of(kinds, schemas)}}
    elif status == 200:
        described["content"] = {"text/html": {"schema": {"type": "string"}}}
    return described


def _refusal(status: int, schemas: dict[str, Any]) -> dict[str, Any]:
    content = {"application/problem+json": {"schema": schemas[str(ProblemBody)]}}
    return {"description": HTTPStatus(status).phrase, "headers": ANSWER_HEADERS, "content": content}


if __name__ == "__main__":
    sys.stdout.write(encoded(version("clew")).decode())
