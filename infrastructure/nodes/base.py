"""What the nodes of the library share: parameters checked and completed, and errors returned rather than raised."""

from __future__ import annotations

from abc import abstractmethod
from typing import TYPE_CHECKING, Any, ClassVar

import msgspec

from domain import json
from domain.errors import ErrorInfo, StepFailure
from domain.node import Answer, Edge, EdgeInfo, NodeMetadata, WorkflowNode
from domain.parameters import has_type, kind_of, type_names
from infrastructure.nodes.needs import Need, Step, unmet
from infrastructure.nodes.trials import Trial, refused

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from domain.context import ExecutionContext
    from domain.node import Parameter

LIBRARY_VERSION = "1.0.0"


class WritesNothing(StepFailure):
    """A failure after which the node leaves the state alone, instead of writing its result keys as null."""


def bad_parameter(message: str, *, parameter: str = "", allowed: Iterable[Any] = ()) -> ErrorInfo:
    """The error object of a value that a node can't take. Its message ends with the allowed values."""
    values = list(allowed)
    details: dict[str, Any] = {"parameter": parameter}
    if values:
        details["allowed"] = values
        message = f"{message}; allowed: {', '.join(map(str, values))}"
    return ErrorInfo(type="validation", code="INVALID_PARAMETER", message=message, details=details)


def invalid(message: str, *, parameter: str = "", allowed: Iterable[Any] = ()) -> StepFailure:
    """`bad_parameter` as a failure to raise inside a library node, which returns it on its `error` edge."""
    return StepFailure(bad_parameter(message, parameter=parameter, allowed=allowed))


def completed(metadata: NodeMetadata, config: Mapping[str, Any]) -> dict[str, Any]:
    """The parameters with defaults filled in, in a new object. Raises `INVALID_PARAMETER` for one that does not fit.

    A lenient parameter that was a missing reference is null by now: it takes its default.
    """
    filled = dict(config)
    for name, spec in (metadata.parameters or {}).items():
        if name in filled and not (spec.lenient and filled[name] is None):
            _check(name, filled[name], spec)
        elif spec.default is not msgspec.UNSET:
            filled[name] = spec.default
        elif spec.required and {name, *spec.instead}.isdisjoint(config):
            raise invalid(f"{metadata.id} needs the parameter {name}", parameter=name)
    return filled


def _check(name: str, value: Any, spec: Parameter) -> None:
    if spec.types and not has_type(value, spec.types):
        raise invalid(f"{name} is {type_names(spec.types)}, not {kind_of(value)}", parameter=name)
    if spec.enum and value not in spec.enum:
        raise invalid(f"{name} can't be {shown(value)}", parameter=name, allowed=spec.enum)


def shown(value: Any) -> str:
    """A JSON value as it is quoted in a message: compact, and cut when it is long."""
    text = json.encode(value).decode()
    return text if len(text) <= 80 else f"{text[:77]}..."


def as_text(value: Any) -> str:
    """A JSON value as text: text as it is, everything else as compact JSON."""
    return value if isinstance(value, str) else json.encode(value).decode()


def example(*steps: Any, **state: Any) -> dict[str, Any]:
    """The `example` of a node's metadata: steps of a workflow, and the state that it begins with."""
    return {"initialState": state, "workflow": list(steps)} if state else {"workflow": list(steps)}


def taken(when: str, data: str = "") -> EdgeInfo:
    """What the metadata of a node says of an edge: when it is taken, and the fields of its data, between blanks."""
    return EdgeInfo(when, tuple(data.split()))


def notes(text: str) -> tuple[str, ...]:
    """What the metadata of a node says further: the paragraphs of a text."""
    return tuple(" ".join(paragraph.split()) for paragraph in text.strip().split("\n\n"))


class NeedingNode(WorkflowNode):
    """A node that knows which of its parameters ask for others, and what it would refuse of them."""

    needs: ClassVar[tuple[Need, ...]] = ()
    trials: ClassVar[tuple[Trial, ...]] = ()

    def doubts(
        self, literals: Mapping[str, Any], *, given: frozenset[str], routed: frozenset[str]
    ) -> Iterable[tuple[str, str]]:
        """What the step needs and does not give, and what can't be used of it."""
        del routed
        step = Step(literals, given, self.metadata.parameters or {})
        return [*(("", sentence) for sentence in unmet(self.needs, step)), *refused(self.trials, step)]


class LibraryNode(NeedingNode):
    """A node of the library. It does its work in `run`, with parameters already checked and completed.

    A failure raised in `run` is returned on the `error` edge with the result keys written as null (NODES,
    "Conventions"); so `run` writes to the state last, when nothing can fail any more. Anything else it raises is a bug.
    """

    inline: ClassVar[bool] = True
    keeps_config: ClassVar[bool] = True

    def execute(self, context: ExecutionContext, config: dict[str, Any]) -> Answer:
        """Check the parameters, run, and return what goes wrong on the `error` edge."""
        try:
            return self.run(context, completed(self.metadata, config))
        except WritesNothing as failure:
            return Edge("error", failure.error.as_json())
        except StepFailure as failure:
            return self._refused(context, config, failure.error)

    def invalid(self, context: ExecutionContext, config: Mapping[str, Any], error: ErrorInfo) -> Answer:
        """As for a bad value that the node finds itself: returned, not raised."""
        return self._refused(context, config, error)

    def _refused(self, context: ExecutionContext, config: Mapping[str, Any], error: ErrorInfo) -> Edge:
        for key in self.result_keys(config):
            context.state[key] = None
        return Edge("error", error.as_json())

    @abstractmethod
    def run(self, context: ExecutionContext, config: dict[str, Any]) -> Answer:
        """Do the work of one visit."""

    def result_keys(self, config: Mapping[str, Any]) -> Iterable[str]:
        """The state keys that hold the result, written as null when the node returns an error."""
        del config
        return self.metadata.outputs or ()


def items_of(context: ExecutionContext) -> list[Any]:
    """The list that a list node works on: its parameter, else the previous edge data's, else the state's `items`."""
    items = context.inputs.get("items")
    if not isinstance(items, list):
        found = "nothing" if "items" not in context.inputs else kind_of(items)
        message = f"items is a list, not {found}: give it, or let the node before put items in its edge data"
        raise invalid(message, parameter="items")
    return items


class OperationNode(LibraryNode):
    """A library node that does one of several operations, each with result keys of its own."""

    keys_of: ClassVar[Mapping[str, tuple[str, ...]]]

    def state_keys(self, config: Mapping[str, Any]) -> frozenset[str] | None:
        """The keys of the operation, if that is a literal; all of them, if it is not."""
        return frozenset(self.result_keys(config))

    def result_keys(self, config: Mapping[str, Any]) -> Iterable[str]:
        """The keys of the operation; all of them when that is unknown."""
        operation = config.get("operation")
        if isinstance(operation, str) and operation in self.keys_of:
            return self.keys_of[operation]
        return self.metadata.outputs or ()
