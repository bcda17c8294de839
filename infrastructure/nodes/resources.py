"""What the nodes for stored resources share: which one is meant, and what kind of content it has."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from domain.errors import ErrorInfo, StepFailure
from domain.node import Edge, Parameter
from infrastructure import table_resources
from infrastructure.nodes.base import LibraryNode, invalid, shown
from infrastructure.table_resources import Resource
from infrastructure.table_store import TableStore, not_configured

MAX_RESOURCE_BYTES: Final = 1_048_576
MAX_PATH: Final = 1_024  # characters
TYPES: Final = ("prompt", "document", "data", "image", "audio")
BINARY: Final = ("image", "audio")

PATH: Final = Parameter(types=("string",), description="Where it is; a leading / is left out.")
IDENTITY: Final = Parameter(types=("string",), description="Its id, instead of the path.")

_OF_SUFFIX: Final = {
    "css": "text/css",
    "csv": "text/csv",
    "gif": "image/gif",
    "html": "text/html",
    "jpeg": "image/jpeg",
    "jpg": "image/jpeg",
    "json": "application/json",
    "md": "text/markdown",
    "mp3": "audio/mpeg",
    "ogg": "audio/ogg",
    "pdf": "application/pdf",
    "png": "image/png",
    "svg": "image/svg+xml",
    "txt": "text/plain",
    "wav": "audio/wav",
    "webp": "image/webp",
    "xml": "application/xml",
    "yaml": "application/yaml",
    "yml": "application/yaml",
}


GONE: Final = ("baseUrl", "JWT_token")
"""How the original nodes found and asked the platform that kept the resources."""


class ResourceNode(LibraryNode):
    """A library node on the resources of the table store. Runs in a thread: a disk may take its time."""

    inline = False

    def __init__(self, tables: TableStore | None = None) -> None:
        self._tables = tables

    def tables(self) -> TableStore:
        """The store. Raises `TABLES_NOT_CONFIGURED` where the service has none."""
        if self._tables is None:
            raise not_configured(self.metadata.id)
        return self._tables

    def find(self, config: Mapping[str, Any]) -> Resource | None:
        """The resource that `path` or `resourceId` names; None when there is none."""
        path, identity = named(config)
        with self.tables().reading() as connection:
            return table_resources.find(connection, path=path, identity=identity)

    def not_found(self, config: Mapping[str, Any]) -> Edge:
        """The edge for none, saying which one was asked for."""
        path, identity = named(config)
        return Edge("not_found", {"path": path, "resourceId": identity})


def named(config: Mapping[str, Any]) -> tuple[str | None, str | None]:
    """(path, id), of which one is None: the path wins. Raises `INVALID_PARAMETER` where neither is given."""
    if "path" in config:
        return path_of(config["path"]), None
    if "resourceId" in config:
        return None, config["resourceId"]
    raise invalid("give the path of the resource, or its resourceId", parameter="path")


def path_of(text: str) -> str:
    """A path as it is stored: without a leading slash, or empty parts. `.` and `..` are refused, as is a NUL."""
    parts = [part for part in text.split("/") if part]
    if not parts or "\0" in text or len(text) > MAX_PATH or any(part in (".", "..") for part in parts):
        message = f"path is names with / between them, without . and .., up to {MAX_PATH} characters, not {shown(text)}"
        raise invalid(message, parameter="path")
    return "/".join(parts)


def mime_type_of(path: str, content: bytes, *, structured: bool) -> str:
    """By what the path ends in; else JSON for what was given as a JSON value, text for text, and bytes for the rest."""
    known = _OF_SUFFIX.get(path.rpartition(".")[2].lower())
    if known is not None:
        return known
    if structured:
        return "application/json"
    try:
        content.decode()
    except UnicodeDecodeError:
        return "application/octet-stream"
    return "text/plain"


def text_of(resource: Resource) -> str:
    """The content as text. Raises `NOT_UTF8`."""
    try:
        return resource.content.decode()
    except UnicodeDecodeError as error:
        message = f"{resource.about['path']} is not UTF-8 text: read it with responseType binary"
        raise StepFailure(ErrorInfo(type="validation", code="NOT_UTF8", message=message)) from error
