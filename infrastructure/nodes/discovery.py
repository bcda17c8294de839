"""Node classes found in files and entry points, each failure told with its place while the others load."""

from __future__ import annotations

import inspect
import itertools
import os
import re
import sys
import traceback
from collections.abc import Iterator, Mapping
from importlib.machinery import ModuleSpec, SourceFileLoader
from importlib.metadata import EntryPoint, entry_points
from importlib.util import module_from_spec
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Any, Final

import msgspec

from application.ports import LoadProblem
from domain.errors import ClewError
from domain.node import NodeMetadata, WorkflowNode
from domain.versions import VERSION

if TYPE_CHECKING:
    from types import CodeType

NODE_ID: Final = re.compile(r"[a-zA-Z0-9_-]+")
_counter = itertools.count(1)


class InvalidNode(ClewError):
    """The class can't be registered as a node; the message says what its author has to change."""

    code = "INVALID_NODE"


class _SourceLoader(SourceFileLoader):
    """Reads the source each time, and leaves no compiled files in the folder of somebody else."""

    def get_code(self, fullname: str) -> CodeType:
        del fullname
        return self.source_to_code(self.get_data(self.path), self.path)


def node_files(directory: Path) -> list[Path]:
    """The Python files below a directory, in order of their paths; none that begins, or is below one that begins, with
    `_` or `.`. Links to directories are not followed.
    """
    found = []
    for folder, subfolders, names in os.walk(directory):
        subfolders[:] = [name for name in subfolders if not name.startswith(("_", "."))]
        found += [Path(folder, name) for name in names if name.endswith(".py") and not name.startswith(("_", "."))]
    return sorted(found)


def load_file(path: Path) -> list[type[WorkflowNode]]:
    """The node classes that a file defines, in its order. Raises whatever the file raises, as `problem_in` explains it.

    The file becomes a module under a name of its own, so that files of the same name don't meet.
    """
    name = f"_clew_nodes_{next(_counter)}_{path.stem}"
    loader = _SourceLoader(name, str(path))
    spec = ModuleSpec(name, loader, origin=str(path))
    spec.has_location = True
    module = module_from_spec(spec)
    sys.modules[name] = module  # before it runs: dataclasses and annotations look their module up
    try:
        loader.exec_module(module)
    except BaseException:
        del sys.modules[name]
        raise
    return node_classes(module)


def node_classes(module: ModuleType) -> list[type[WorkflowNode]]:
    """The node classes that a module defines itself; not what it imports, nor what begins with `_`.

    An abstract one is a base for others, unless it describes itself: then it was meant as a node, and lacks something.
    """
    found = [
        value
        for name, value in vars(module).items()
        if isinstance(value, type)
        and issubclass(value, WorkflowNode)
        and value.__module__ == module.__name__
        and not name.startswith("_")
        and (not inspect.isabstract(value) or "metadata" in vars(value))
    ]
    return list(dict.fromkeys(found))  # a class may have two names


def checked_metadata(node_class: type[WorkflowNode]) -> NodeMetadata:
    """The metadata of a class, once it is known to be sound. Raises InvalidNode."""
    name = node_class.__qualname__
    metadata = getattr(node_class, "metadata", None)
    if not isinstance(metadata, NodeMetadata):
        found = "has none" if metadata is None else f"has {type(metadata).__name__}"
        raise InvalidNode(f"{name} needs `metadata = NodeMetadata(id=…, name=…, version=…)` in its class; it {found}.")
    try:
        msgspec.convert(msgspec.to_builtins(metadata), NodeMetadata)
    except (msgspec.ValidationError, TypeError) as error:
        raise InvalidNode(f"The metadata of {name} is not as it should be: {error}.") from error
    if not NODE_ID.fullmatch(metadata.id):
        raise InvalidNode(f"{name} can't have the id {metadata.id!r}: an id has letters, digits, `_` and `-` only.")
    if not VERSION.fullmatch(metadata.version):
        raise InvalidNode(f"{name} can't have the version {metadata.version!r}: write three numbers, such as 1.0.0.")
    if metadata.example is not None and not _is_example(metadata.example):
        raise InvalidNode(
            f"The example of {name} is {{'workflow': [steps], 'initialState': {{…}}}}, the latter at will."
        )
    if inspect.isabstract(node_class):
        raise InvalidNode(f"{name} has no `execute`, which is what a node does.")
    _check_secrets(name, metadata)
    return metadata


def _is_example(example: Mapping[str, Any]) -> bool:
    steps, state = example.get("workflow"), example.get("initialState", {})
    return isinstance(steps, list) and isinstance(state, dict) and example.keys() <= {"workflow", "initialState"}


def _check_secrets(name: str, metadata: NodeMetadata) -> None:
    """What a loop keeps of its parameters is recorded: no secret may be among it."""
    for key, spec in (metadata.parameters or {}).items():
        if spec.secrets and (spec.late or metadata.resolved_at == "entry"):
            raise InvalidNode(f"The parameter {key!r} of {name} is resolved for a loop, and so can't take secrets.")


def plugins(group: str) -> Iterator[EntryPoint]:
    """The entry points of a group that are installed, by name."""
    yield from sorted(entry_points(group=group), key=lambda point: (point.name, point.value))


def load_plugin(point: EntryPoint) -> list[type[WorkflowNode]]:
    """The node classes of an entry point, which names a class or a module of them. Raises what loading it raises."""
    found = point.load()
    if isinstance(found, ModuleType):
        return node_classes(found)
    if isinstance(found, type) and issubclass(found, WorkflowNode):
        return [found]
    raise InvalidNode(f"{point.value} is neither a node class nor a module; point the entry at one of them.")


def problem_in(path: Path, error: BaseException) -> LoadProblem:
    """Why a file did not load, and the line in it that did it."""
    if isinstance(error, SyntaxError) and error.filename == str(path):
        return LoadProblem(source=str(path), line=error.lineno, message=f"{type(error).__name__}: {error.msg}")
    frames = traceback.extract_tb(error.__traceback__)
    lines = [frame.lineno for frame in frames if frame.filename == str(path)]
    return LoadProblem(source=str(path), line=lines[-1] if lines else None, message=explained(error))


def explained(error: BaseException) -> str:
    """An exception in a sentence, with what to do about it where that is known."""
    if isinstance(error, ClewError):
        return error.message
    text = f"{type(error).__name__}: {error}" if str(error) else type(error).__name__
    if isinstance(error, ModuleNotFoundError):
        text += ". Install it in the environment that the service runs in"
    return text


def line_of(node_class: type[WorkflowNode]) -> int | None:
    """The line on which a class is defined, if its source can be read."""
    try:
        return inspect.getsourcelines(node_class)[1]
    except (OSError, TypeError):
        return None
