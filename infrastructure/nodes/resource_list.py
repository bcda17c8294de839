"""`resource-list`: which resources are stored."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from domain.node import Answer, Edge, NodeMetadata, Parameter
from infrastructure import table_resources
from infrastructure.nodes.base import LIBRARY_VERSION, example, invalid, notes, taken
from infrastructure.nodes.companions import whole
from infrastructure.nodes.resources import GONE, TYPES, ResourceNode

if TYPE_CHECKING:
    from collections.abc import Mapping

    from domain.context import ExecutionContext

MAX_LIMIT: Final = 100


class ResourceList(ResourceNode):
    """A page of what is known about resources: by name from the start, by anything else the newest or largest first."""

    metadata = NodeMetadata(
        id="resource-list",
        name="Resource: list",
        version=LIBRARY_VERSION,
        description="Lists stored resources by type, tags and text.",
        example=example(
            {
                "resource-list": {
                    "type": "prompt",
                    "search": "welcome",
                    "limit": 10,
                    "success?": [{"$.prompts": "$.resourceList"}],
                    "empty?": [{"$.prompts": []}],
                }
            }
        ),
        outputs=("resourceList", "resourceCount"),
        edges=("success", "empty"),
        exit_edges=("empty",),
        effect="reads",
        gone=GONE,
        edge_info={
            "success": taken("there are some", "items count pagination"),
            "empty": taken("there are none", "items count pagination"),
        },
        output_info={
            "resourceList": "The resources, without their contents.",
            "resourceCount": "How many there are in all.",
        },
        notes=notes(
            """
            `pagination` is {limit, offset, total, hasMore}. `name` sorts upwards, the others newest or
            largest first.
            """
        ),
        parameters={
            "type": Parameter(types=("string",), enum=TYPES),
            "tags": Parameter(types=("array",), description="Any of these."),
            "search": Parameter(types=("string",), description="In name or description, without case."),
            "authorType": Parameter(types=("string",), description="workflow: written by one."),
            "limit": Parameter(types=("integer",), default=50, description=f"1 to {MAX_LIMIT}."),
            "offset": Parameter(types=("integer",), default=0, description="Resources that are passed over."),
            "sortBy": Parameter(
                types=("string",), default="createdAt", enum=("name", "createdAt", "size", "updatedAt")
            ),
        },
    )

    def run(self, context: ExecutionContext, config: dict[str, Any]) -> Answer:
        """List."""
        limit, offset = whole(config, "limit", least=1), whole(config, "offset", least=0)
        if limit > MAX_LIMIT:
            raise invalid(f"limit is at most {MAX_LIMIT}, not {limit}", parameter="limit")
        with self.tables().reading() as connection:
            found = [about for about in table_resources.catalogue(connection) if _is_meant(about, config)]
        by = config["sortBy"]
        found.sort(key=lambda about: about[by].casefold() if by == "name" else about[by], reverse=by != "name")
        page = found[offset : offset + limit]
        context.state["resourceList"] = page
        context.state["resourceCount"] = len(found)
        more = offset + len(page) < len(found)
        pagination = {"limit": limit, "offset": offset, "total": len(found), "hasMore": more}
        data = {"items": page, "count": len(found), "pagination": pagination}
        return Edge("success" if page else "empty", data)


def _is_meant(about: Mapping[str, Any], config: Mapping[str, Any]) -> bool:
    tags, text = config.get("tags", []), config.get("search", "").casefold()
    return (
        about["type"] == config.get("type", about["type"])
        and about["authorType"] == config.get("authorType", about["authorType"])
        and (not tags or any(tag in about["tags"] for tag in tags))
        and (text in about["name"].casefold() or text in about["description"].casefold())
    )
