"""Fields of the state that parameters name: read, written as a setter would, and made null when a node fails."""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING, Any, ClassVar

import msgspec

from domain.errors import StepFailure
from domain.patches import apply, assignment
from domain.paths import MISSING, Path, get, parse_field
from infrastructure.nodes.base import LibraryNode, invalid

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from domain.context import ExecutionContext
    from domain.errors import ErrorInfo
    from domain.node import Edge


def path_of(text: Any, parameter: str) -> Path:
    """The path that a parameter writes (`order.items[0].id`). Raises `INVALID_PARAMETER` for what is none."""
    if not isinstance(text, str):
        raise invalid(f"{parameter} is the name of a field", parameter=parameter)
    try:
        return parse_field(text)
    except ValueError as error:
        raise invalid(f"{parameter}: {error}", parameter=parameter) from error


def read(context: ExecutionContext, path: Path) -> Any:
    """What stands at a path of the state, or MISSING. Only the top-level key counts as read."""
    key = str(path[0])
    if isinstance(path[0], int) or key not in context.state:
        return MISSING
    return get(context.state[key], path[1:])


def store(context: ExecutionContext, path: Path, value: Any) -> None:
    """Write at a path of the state, as a setter does. Raises a `state` error, having written nothing."""
    key = str(path[0])
    before = {key: context.state[key]} if len(path) > 1 and key in context.state else {}
    context.state[key] = apply(before, (assignment(before, path, value),))[key]


def data_before(context: ExecutionContext) -> Any:
    """`data` of the previous edge data, or MISSING.

    The null that `validateData` hands on in place of the whole state means that state, and so is no data.
    """
    previous = context.previous
    if not isinstance(previous, dict) or "data" not in previous:
        return MISSING
    stands_for_state = previous["data"] is None and "isValid" in previous
    return MISSING if stands_for_state else previous["data"]


class FieldNode(LibraryNode):
    """A library node that writes its result at the path `outputField`, beside its fixed result keys."""

    sources: ClassVar[tuple[str, ...]] = ("field",)
    """The parameters that name the paths, or lists of paths, it reads."""

    def output_name(self, config: Mapping[str, Any]) -> Any:
        """Where the result goes, as written; None for nowhere."""
        spec = (self.metadata.parameters or {})["outputField"]
        return config.get("outputField", None if spec.default is msgspec.UNSET else spec.default)

    def stale_fields(self, config: Mapping[str, Any]) -> Iterable[Any]:
        """The paths, as written, that are made null when the node returns an error.

        Not an output that is the source or holds it: what could not be changed in its place is still what it was.
        """
        name = self.output_name(config)
        with suppress(StepFailure):  # of what is no path, nothing is made null
            output = path_of(name, "outputField")
            if not any(path[: len(output)] == output for path in self._source_paths(config)):
                return (name,)
        return ()

    def _source_paths(self, config: Mapping[str, Any]) -> Iterable[Path]:
        for parameter in self.sources:
            named = config.get(parameter)
            for name in named if isinstance(named, list) else (named,):
                with suppress(StepFailure):  # of what is no path, nothing was read
                    yield path_of(name, parameter)

    def state_keys(self, config: Mapping[str, Any]) -> frozenset[str] | None:
        """The fixed result keys, and the top-level key of the output."""
        fixed = frozenset(self.metadata.outputs or ())
        name = self.output_name(config)
        if name is None:
            return fixed
        try:
            return fixed | {str(path_of(name, "outputField")[0])}
        except StepFailure:
            return None

    def _refused(self, context: ExecutionContext, config: Mapping[str, Any], error: ErrorInfo) -> Edge:
        edge = super()._refused(context, config, error)
        for name in self.stale_fields(config):
            with suppress(StepFailure):  # where nothing can stand, nothing stale stands
                store(context, path_of(name, "outputField"), None)
        return edge
