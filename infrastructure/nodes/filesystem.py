"""`filesystem`: files under the service's one folder for them."""

from __future__ import annotations

import base64
import binascii
import errno
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Final

from domain.errors import ErrorInfo, StepFailure
from domain.node import Answer, Edge, NodeMetadata, Parameter
from infrastructure.nodes.base import LIBRARY_VERSION, OperationNode, as_text, example, invalid, notes, taken
from infrastructure.nodes.files import MAX_READ_BYTES, RootedFiles
from infrastructure.nodes.needs import need

if TYPE_CHECKING:
    from collections.abc import Mapping

    from domain.context import ExecutionContext

_KEYS: Final = {
    "read": "fileContent",
    "write": "fileWritten",
    "append": "fileWritten",
    "exists": "fileExists",
    "delete": "fileDeleted",
    "mkdir": "dirCreated",
    "list": "fileList",
}
_WRITING: Final = ("write", "append")
_CODES: Final = {
    errno.ENOENT: ("FILE_NOT_FOUND", "there is no such file"),
    errno.EISDIR: ("IS_A_DIRECTORY", "it is a directory"),
    errno.ENOTDIR: ("NOT_A_DIRECTORY", "a part of it that should be a directory is not"),
    errno.EACCES: ("PERMISSION_DENIED", "the service is not allowed to"),
    errno.EPERM: ("PERMISSION_DENIED", "the service is not allowed to"),
    errno.EROFS: ("PERMISSION_DENIED", "the disk is read-only"),
    errno.ENAMETOOLONG: ("NAME_TOO_LONG", "a part of it is too long for a file's name"),
    errno.ELOOP: ("TOO_MANY_LINKS", "it goes through too many links"),
    errno.ENOSPC: ("DISK_FULL", "the disk is full"),
    errno.EDQUOT: ("DISK_FULL", "the quota of the disk is used up"),
}
_MAY_PASS: Final = ("FILE_NOT_FOUND", "DISK_FULL", "IO_ERROR")


class Filesystem(OperationNode):
    """Reads and writes files. Runs in a thread: a disk may take its time."""

    inline: ClassVar[bool] = False
    keys_of: ClassVar = {operation: (key,) for operation, key in _KEYS.items()}
    metadata = NodeMetadata(
        id="filesystem",
        name="Filesystem",
        version=LIBRARY_VERSION,
        description="Reads and writes files under one root.",
        example=example(
            {
                "filesystem": {
                    "operation": "read",
                    "path": "orders.json",
                    "success?": [{"$.orders": "$.fileContent"}],
                    "not_exists?": [{"$.orders": "[]"}],
                    "error?": "$fail",
                }
            }
        ),
        outputs=tuple(dict.fromkeys(_KEYS.values())),
        edges=("success", "exists", "not_exists"),
        exit_edges=("not_exists",),
        effect="writes",
        effects=dict.fromkeys(("read", "exists", "list"), "reads"),
        edge_info={
            "success": taken("the operation is done", "path content? entries?"),
            "exists": taken("`exists`: it does", "exists path"),
            "not_exists": taken(
                ("`exists`: it does not; `read` and `delete` of a missing file, if the step routes it"), "exists path"
            ),
        },
        output_info={
            "fileContent": "Of `read`.",
            "fileWritten": "Of `write` and `append`: the path.",
            "fileExists": "Of `exists`.",
            "fileDeleted": "Of `delete`.",
            "dirCreated": "Of `mkdir`.",
            "fileList": "Of `list`: each {name, type, size}.",
        },
        notes=notes(
            """
            Paths are inside one folder, a setting of the service (CLEW_FILES); what leads out of it is
            PATH_OUTSIDE_ROOT. Writing is all or nothing, and makes the folders on the way.
            """
        ),
        parameters={
            "operation": Parameter(types=("string",), required=True, enum=tuple(_KEYS)),
            "path": Parameter(types=("string",), required=True, description="A leading / is the root."),
            "content": Parameter(description="What is written; other than text, as JSON."),
            "encoding": Parameter(
                types=("string",), default="utf-8", enum=("utf-8", "base64"), description="base64 for what is no text."
            ),
        },
    )

    needs = (need("content", operation=_WRITING),)

    def __init__(self, root: Path | str | None = None, *, max_read_bytes: int = MAX_READ_BYTES) -> None:
        self._files = RootedFiles(Path(root), max_read_bytes=max_read_bytes) if root is not None else None

    def run(self, context: ExecutionContext, config: dict[str, Any]) -> Answer:
        """Do one operation."""
        operation, path = config["operation"], _path(config)
        if operation in _WRITING:
            config = {**config, "content": _bytes(config)}
        if self._files is None:
            raise _not_configured()
        try:
            data, value = _OPERATIONS[operation](self._files, path, config)
        except FileNotFoundError as error:
            if operation not in ("read", "delete") or "not_exists" not in context.step.routed:
                raise _failure(error, operation, path) from error
            data, value = {"exists": False, "path": path}, None
        except OSError as error:
            raise _failure(error, operation, path) from error
        context.state[_KEYS[operation]] = value
        if "exists" in data:
            return Edge("exists" if data["exists"] else "not_exists", data)
        return Edge("success", data)


Outcome = tuple[dict[str, Any], Any]
"""(edge data, the value of the state key)."""


def _read(files: RootedFiles, path: str, config: Mapping[str, Any]) -> Outcome:
    content = files.read(path)
    try:
        text = base64.b64encode(content).decode() if config["encoding"] == "base64" else content.decode()
    except UnicodeDecodeError as error:
        message = f"{path} is not UTF-8 text: read it with encoding base64"
        raise StepFailure(ErrorInfo(type="validation", code="NOT_UTF8", message=message)) from error
    return {"path": path, "content": text}, text


def _write(files: RootedFiles, path: str, config: Mapping[str, Any]) -> Outcome:
    files.write(path, config["content"])
    return {"path": path}, path


def _append(files: RootedFiles, path: str, config: Mapping[str, Any]) -> Outcome:
    files.append(path, config["content"])
    return {"path": path}, path


def _exists(files: RootedFiles, path: str, config: Mapping[str, Any]) -> Outcome:
    del config
    found = files.exists(path)
    return {"exists": found, "path": path}, found


def _delete(files: RootedFiles, path: str, config: Mapping[str, Any]) -> Outcome:
    del config
    files.delete(path)
    return {"path": path}, True


def _mkdir(files: RootedFiles, path: str, config: Mapping[str, Any]) -> Outcome:
    del config
    files.make_directory(path)
    return {"path": path}, True


def _list(files: RootedFiles, path: str, config: Mapping[str, Any]) -> Outcome:
    del config
    entries = files.entries(path)
    return {"path": path, "entries": entries}, entries


_OPERATIONS: Final[dict[str, Callable[[RootedFiles, str, Mapping[str, Any]], Outcome]]] = {
    "read": _read,
    "write": _write,
    "append": _append,
    "exists": _exists,
    "delete": _delete,
    "mkdir": _mkdir,
    "list": _list,
}


def _path(config: Mapping[str, Any]) -> str:
    path: str = config["path"]
    if not path or "\0" in path:
        raise invalid("path can't be empty, nor hold a NUL character", parameter="path")
    return path


def _bytes(config: Mapping[str, Any]) -> bytes:
    if "content" not in config:
        raise invalid(f"{config['operation']} needs content", parameter="content")
    content = config["content"]
    if config["encoding"] != "base64":
        return as_text(content).encode()
    try:
        return base64.b64decode(content, validate=True)
    except (TypeError, binascii.Error, ValueError) as error:
        raise invalid(f"content is not base64: {error}", parameter="content") from error


def _failure(error: OSError, operation: str, path: str) -> StepFailure:
    """The system's refusal in words; they name the path as the definition has it, not where the root is."""
    code, reason = _CODES.get(error.errno or 0, ("IO_ERROR", error.strerror or str(error)))
    message = f"can't {operation} {path}: {reason}"
    details = {"path": path, "operation": operation}
    return StepFailure(ErrorInfo(code=code, message=message, recoverable=code in _MAY_PASS, details=details))


def _not_configured() -> StepFailure:
    message = "this service has no folder for files: start it with one, or leave the filesystem node out"
    return StepFailure(ErrorInfo(type="configuration", code="FILES_NOT_CONFIGURED", message=message))
