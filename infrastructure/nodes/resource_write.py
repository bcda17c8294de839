"""`resource-write`: a stored resource made or replaced."""

from __future__ import annotations

import base64
import binascii
from hashlib import sha256
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from domain.durations import iso, microseconds
from domain.errors import ErrorInfo, StepFailure
from domain.node import Answer, Edge, NodeMetadata, Parameter
from infrastructure import table_resources
from infrastructure.nodes.base import LIBRARY_VERSION, as_text, example, invalid, notes, shown, taken
from infrastructure.nodes.needs import need
from infrastructure.nodes.resources import (
    BINARY,
    GONE,
    IDENTITY,
    MAX_RESOURCE_BYTES,
    PATH,
    TYPES,
    ResourceNode,
    mime_type_of,
    named,
)
from infrastructure.table_resources import Resource

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Mapping

    from domain.context import ExecutionContext

AUTHOR: Final = "workflow"
"""`authorType` of all that a workflow writes."""
_OWN: Final = ("name", "type", "description", "tags", "isPublic")
"""Parameters that are kept as they are; an update without one leaves it as it was."""


class Request(NamedTuple):
    """One write as asked for, with what its visit adds: the time, and the id that it makes."""

    mode: str
    path: str | None
    identity: str | None
    content: Any
    own: dict[str, Any]
    now: str
    made_id: str


class ResourceWrite(ResourceNode):
    """Writes one resource, as a whole or not at all."""

    metadata = NodeMetadata(
        id="resource-write",
        name="Resource: write",
        version=LIBRARY_VERSION,
        description="Creates or replaces a stored resource.",
        example=example(
            {
                "resource-write": {
                    "path": "reports/{{$.day}}.json",
                    "content": {"total": "$.total"},
                    "type": "data",
                    "error?": "$fail",
                }
            },
            day="2026-11-22",
            total=25,
        ),
        outputs=("writtenResource", "writtenResourceId"),
        edges=("created", "updated"),
        effect="writes",
        gone=GONE,
        edge_info={
            "created": taken("it is new", "resource resourceId previousChecksum"),
            "updated": taken("it was there", "resource resourceId previousChecksum"),
        },
        output_info={
            "writtenResource": (
                "{id, name, path, type, mimeType, size, checksum, tags, description, isPublic, "
                "authorType, createdAt, updatedAt}."
            ),
            "writtenResourceId": "Its id.",
        },
        notes=notes(
            """
            With mode `create` an existing one is RESOURCE_EXISTS; with mode `update` a missing one is
            RESOURCE_NOT_FOUND.
            """
        ),
        parameters={
            "mode": Parameter(
                types=("string",),
                default="upsert",
                enum=("create", "update", "upsert"),
                description="create and update refuse where upsert does the other.",
            ),
            "path": PATH,
            "resourceId": IDENTITY,
            "content": Parameter(required=True, description="Text; other JSON is written as such. Base64 for media."),
            "name": Parameter(types=("string",), description="Default: the last part of the path."),
            "type": Parameter(types=("string",), enum=TYPES, description="Default: document."),
            "description": Parameter(types=("string",), description="For people."),
            "tags": Parameter(types=("array",), description="Texts."),
            "isPublic": Parameter(types=("boolean",), description="Default: false."),
        },
    )

    needs = (
        need("path", mode=("create", "upsert")),
        need("path", "resourceId", mode="update"),
    )

    def run(self, context: ExecutionContext, config: dict[str, Any]) -> Answer:
        """Write."""
        request = _request(context, config)
        visit = sha256(f"{context.idempotency_key}/resource-write".encode()).hexdigest()
        data = self.tables().once(visit, lambda connection: _written(connection, request))
        context.state["writtenResource"] = data["resource"]
        context.state["writtenResourceId"] = data["resourceId"]
        edge = "created" if data["previousChecksum"] is None else "updated"
        return Edge(edge, data)


def _request(context: ExecutionContext, config: Mapping[str, Any]) -> Request:
    path, identity = named(config)
    if path is None and config["mode"] != "update":
        raise invalid(f"mode {config['mode']} needs the parameter path; resourceId is for update", parameter="path")
    for place, tag in enumerate(config.get("tags", ())):
        if not isinstance(tag, str):
            raise invalid(f"tags[{place}] is a text, not {shown(tag)}", parameter=f"tags[{place}]")
    return Request(
        mode=config["mode"],
        path=path,
        identity=identity,
        content=config["content"],
        own={name: config[name] for name in _OWN if name in config},
        now=iso(microseconds(context.now())),
        made_id=sha256(f"{context.idempotency_key}/resource".encode()).hexdigest()[:32],
    )


def _written(connection: sqlite3.Connection, request: Request) -> dict[str, Any]:
    """The edge data. Raises `RESOURCE_EXISTS` and `RESOURCE_NOT_FOUND` as the mode asks."""
    before = table_resources.find(connection, path=request.path, identity=request.identity)
    where = request.path or request.identity
    if before is not None and request.mode == "create":
        raise _refused("RESOURCE_EXISTS", f"there is a resource at {where} already: use mode update or upsert")
    if before is None and request.mode == "update":
        raise _refused("RESOURCE_NOT_FOUND", f"there is no resource {where}: use mode create or upsert")
    resource = _resource(request, before.about if before is not None else _new(request))
    table_resources.put(connection, resource)
    checksum = before.about["checksum"] if before is not None else None
    return {"resource": resource.about, "resourceId": resource.about["id"], "previousChecksum": checksum}


def _new(request: Request) -> dict[str, Any]:
    path = request.path or ""
    return {
        "id": request.made_id,
        "name": path.rpartition("/")[2],
        "path": path,
        "type": "document",
        "tags": [],
        "description": "",
        "isPublic": False,
        "authorType": AUTHOR,
        "createdAt": request.now,
    }


def _resource(request: Request, before: Mapping[str, Any]) -> Resource:
    about = {**before, **request.own, "updatedAt": request.now}
    content = _bytes(request.content, about["type"])
    about["mimeType"] = mime_type_of(about["path"], content, structured=not isinstance(request.content, str))
    about["size"] = len(content)
    about["checksum"] = sha256(content).hexdigest()
    return Resource(about, content)


def _bytes(content: Any, kind: str) -> bytes:
    if kind in BINARY:
        try:
            found = base64.b64decode(content, validate=True)
        except (TypeError, binascii.Error, ValueError) as error:
            raise invalid(f"content of type {kind} is base64: {error}", parameter="content") from error
    else:
        found = as_text(content).encode()
    if len(found) > MAX_RESOURCE_BYTES:
        message = f"a resource has at most {MAX_RESOURCE_BYTES:,} bytes; this one has {len(found):,}"
        raise _refused("RESOURCE_TOO_LARGE", message)
    return found


def _refused(code: str, message: str) -> StepFailure:
    return StepFailure(ErrorInfo(type="validation", code=code, message=message))
