"""`resource-read`: the content of a stored resource."""

from __future__ import annotations

import base64
from typing import TYPE_CHECKING, Any

import msgspec

from domain import json
from domain.errors import ErrorInfo, StepFailure
from domain.node import Answer, Edge, NodeMetadata, Parameter
from infrastructure.nodes.base import LIBRARY_VERSION, example, taken
from infrastructure.nodes.needs import need
from infrastructure.nodes.resources import GONE, IDENTITY, PATH, ResourceNode, text_of

if TYPE_CHECKING:
    from domain.context import ExecutionContext
    from infrastructure.table_resources import Resource


class ResourceRead(ResourceNode):
    """Reads one resource."""

    metadata = NodeMetadata(
        id="resource-read",
        name="Resource: read",
        version=LIBRARY_VERSION,
        description="Reads a stored resource as text, JSON or base64.",
        example=example(
            {
                "resource-read": {
                    "path": "settings/shop.json",
                    "responseType": "json",
                    "success?": [{"$.shop": "$.resourceContent"}],
                    "not_found?": [{"$.shop": {}}],
                }
            }
        ),
        outputs=("resourceContent", "resourceMetadata"),
        edges=("success", "not_found"),
        exit_edges=("not_found",),
        effect="reads",
        gone=GONE,
        edge_info={
            "success": taken("it is there", "content resource mimeType size"),
            "not_found": taken("it is not", "path resourceId"),
        },
        output_info={
            "resourceContent": "The content: text, the JSON value, or base64.",
            "resourceMetadata": "What resource-write tells of it.",
        },
        parameters={
            "path": PATH,
            "resourceId": IDENTITY,
            "responseType": Parameter(types=("string",), default="text", enum=("text", "json", "binary")),
        },
    )

    needs = (need("path", "resourceId"),)

    def run(self, context: ExecutionContext, config: dict[str, Any]) -> Answer:
        """Read."""
        resource = self.find(config)
        if resource is None:
            context.state["resourceContent"] = context.state["resourceMetadata"] = None
            return self.not_found(config)
        content, about = _content(resource, config["responseType"]), resource.about
        context.state["resourceContent"] = content
        context.state["resourceMetadata"] = about
        data = {"content": content, "resource": about, "mimeType": about["mimeType"], "size": about["size"]}
        return Edge("success", data)


def _content(resource: Resource, response_type: str) -> Any:
    if response_type == "binary":
        return base64.b64encode(resource.content).decode()
    if response_type == "text":
        return text_of(resource)
    try:
        return json.normal(msgspec.json.decode(resource.content), "the resource")
    except (msgspec.DecodeError, RecursionError) as error:  # RecursionError: nested a thousand deep
        message = f"{resource.about['path']} is not JSON: {error}"
        raise StepFailure(ErrorInfo(type="validation", code="NOT_JSON", message=message)) from error
