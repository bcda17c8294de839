"""`wait`, `signal` and `approval`: steps that park until a time or a message comes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import jsonschema_rs

from domain.durations import microseconds, milliseconds
from domain.node import Answer, NodeMetadata, Parameter, Park
from infrastructure.json_schemas import UnusableSchema, schema_of
from infrastructure.nodes.base import LIBRARY_VERSION, LibraryNode, example, invalid, notes, shown, taken
from infrastructure.nodes.instants import instant, not_an_instant
from infrastructure.nodes.trials import trial

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from domain.context import ExecutionContext

_DURATION: Final = ("number", "string")
_RESERVED: Final = ("timeout", "error")
_TIMEOUT: Final = Parameter(types=_DURATION, description="A duration; without one it waits for ever.")
_SCHEMA: Final = Parameter(types=("object", "boolean"), description="JSON Schema of the payload.")


def due_after(context: ExecutionContext, config: Mapping[str, Any], name: str) -> int | None:
    """Microseconds since the epoch at which the duration of that name ends; None without one."""
    if name not in config:
        return None
    try:
        return microseconds(context.now()) + milliseconds(config[name]) * 1_000
    except ValueError as error:
        raise invalid(f"{name}: {error}", parameter=name) from error


def bad_duration(literals: Mapping[str, Any], name: str) -> Iterator[tuple[str, str]]:
    """What is wrong with a literal duration."""
    if isinstance(literals.get(name), (int, float, str)):
        try:
            milliseconds(literals[name])
        except ValueError as error:
            yield name, f"{name}: {error}."


def _schema(config: Mapping[str, Any]) -> Any:
    """The schema of the payload, once it is known to be one. References to other documents are refused, not fetched."""
    schema = config.get("schema")
    if schema is None:
        return None
    try:
        schema_of(schema)
    except UnusableSchema as error:
        raise invalid(error.message, parameter="schema") from error
    return schema


def _looks_sound(config: Mapping[str, Any]) -> None:
    """`_schema` without compiling it: of the patterns in it, that may take a while."""
    try:
        jsonschema_rs.meta.validate(config["schema"])
    except (ValueError, jsonschema_rs.ReferencingError) as error:
        reason = str(error).partition("\n")[0]
        raise invalid(f"schema is not a JSON Schema: {reason}", parameter="schema") from error


def _text(config: Mapping[str, Any], name: str) -> str:
    text: str = config[name]
    if not text:
        raise invalid(f"{name} can't be empty", parameter=name)
    return text


def _texts(config: Mapping[str, Any], name: str) -> tuple[str, ...]:
    values = config[name]
    for value in values:
        if not isinstance(value, str) or not value:
            raise invalid(f"{name} is a list of texts, not of {shown(value)}", parameter=name)
    return tuple(values)


def _choices(config: Mapping[str, Any]) -> tuple[str, ...]:
    """Each is an edge, so none may be one that the step has anyway."""
    choices = _texts(config, "choices")
    if not choices or len(set(choices)) < len(choices):
        raise invalid("choices is a list of at least one choice, each named once", parameter="choices")
    taken = [choice for choice in choices if choice in _RESERVED]
    if taken:
        raise invalid(f"{taken[0]} can't be a choice: it is an edge of its own", parameter="choices")
    return choices


class Wait(LibraryNode):
    """Parks for a time."""

    metadata = NodeMetadata(
        id="wait",
        name="Wait",
        version=LIBRARY_VERSION,
        description="Parks for a duration, or until a time.",
        example=example({"wait": {"for": "1h"}}),
        outputs=(),
        edges=("done",),
        effect="none",
        edge_info={"done": taken("the time has come", "dueAt resumedAt")},
        notes=notes("Exactly one of `for` and `until`. A time that is past ends the wait at once."),
        parameters={
            "for": Parameter(types=_DURATION, description="Milliseconds, 90s, 5m, 2h, 1d or ISO 8601 (PT5M)."),
            "until": Parameter(types=_DURATION, description="ISO 8601 text or epoch milliseconds."),
        },
    )

    def run(self, context: ExecutionContext, config: dict[str, Any]) -> Answer:
        """Park."""
        if ("for" in config) == ("until" in config):
            raise invalid("wait needs exactly one of for and until", parameter="for")
        due = due_after(context, config, "for")
        if due is None:
            due = instant(config["until"])
        if due is None:
            raise invalid(f"until: {not_an_instant(config['until'])}", parameter="until")
        return Park(kind="timer", due=max(due, microseconds(context.now())))

    def doubts(
        self, literals: Mapping[str, Any], *, given: frozenset[str], routed: frozenset[str]
    ) -> Iterator[tuple[str, str]]:
        """Both parameters or none, and texts that are no time."""
        if len(given & {"for", "until"}) != 1:
            yield "", "wait needs exactly one of for and until."
        yield from bad_duration(literals, "for")
        if isinstance(literals.get("until"), (int, float, str)) and instant(literals["until"]) is None:
            yield "until", f"until: {not_an_instant(literals['until'])}."


class Signal(LibraryNode):
    """Parks for a named message."""

    metadata = NodeMetadata(
        id="signal",
        name="Signal",
        version=LIBRARY_VERSION,
        description="Parks until a signal of this name comes; its payload is the edge data.",
        example=example(
            {
                "signal": {
                    "name": "paid",
                    "schema": {"type": "object", "required": ["amount"]},
                    "timeout": "3d",
                    "received?": [{"$.payment": "{{input}}"}],
                    "timeout?": "$fail",
                }
            }
        ),
        outputs=(),
        edges=("received", "timeout"),
        exit_edges=("timeout",),
        effect="none",
        edge_info={
            "received": taken("the signal came. Its payload is the data"),
            "timeout": taken(("nobody sent it in time, and the step routes it; else error, SIGNAL_TIMEOUT"), "name"),
        },
        notes=notes(
            """
            A payload that breaks the schema is refused for its sender (422), and the wait goes on.
            Signals that came before the wait are kept.
            """
        ),
        parameters={
            "name": Parameter(types=("string",), required=True, description="The name that the signal is sent under."),
            "schema": _SCHEMA,
            "timeout": _TIMEOUT,
        },
    )

    trials = (trial("name", attempt=lambda config: _text(config, "name")), trial("schema", attempt=_looks_sound))

    def run(self, context: ExecutionContext, config: dict[str, Any]) -> Answer:
        """Park."""
        name = _text(config, "name")
        return Park(kind="signal", name=name, due=due_after(context, config, "timeout"), schema=_schema(config))

    def doubts(
        self, literals: Mapping[str, Any], *, given: frozenset[str], routed: frozenset[str]
    ) -> Iterator[tuple[str, str]]:
        """A timeout that is no duration, and what the visit would refuse."""
        yield from super().doubts(literals, given=given, routed=routed)
        yield from bad_duration(literals, "timeout")


class Approval(LibraryNode):
    """Parks for a person's choice, which is the edge."""

    metadata = NodeMetadata(
        id="approval",
        name="Approval",
        version=LIBRARY_VERSION,
        description="Parks until a person chooses; the choice is the edge.",
        example=example(
            {
                "approval": {
                    "title": "Release {{$.release}}?",
                    "timeout": "2d",
                    "approve?": [{"$.released": True}],
                    "reject?": "$fail",
                    "timeout?": "$fail",
                }
            },
            release="1.2.0",
        ),
        outputs=(),
        exit_edges=("timeout",),
        effect="none",
        edge_info={
            "<choice>": taken("a person chose it", "choice by comment at data"),
            "timeout": taken("nobody did in time, and the step routes it; else error, SIGNAL_TIMEOUT", "name"),
        },
        notes=notes(
            """
            The answer is a signal under the name of the step: `{"choice": "approve", "by": "ada",
            "comment": "…", "data": {…}}`. Who is signed in counts before `by`. An unknown choice, or data
            that breaks the schema, is refused for its sender (422).
            """
        ),
        parameters={
            "title": Parameter(types=("string",), required=True, description="What is asked."),
            "description": Parameter(types=("string",), description="More for whoever decides."),
            "choices": Parameter(
                types=("array",), default=["approve", "reject"], description="The answers, each an edge."
            ),
            "assignees": Parameter(types=("array",), default=[], description="Who is to decide; shown, not enforced."),
            "schema": Parameter(types=("object", "boolean"), description="JSON Schema of the form's data."),
            "timeout": _TIMEOUT,
        },
    )

    trials = (
        trial("title", attempt=lambda config: _text(config, "title")),
        trial("choices", attempt=_choices),
        trial("assignees", attempt=lambda config: _texts(config, "assignees")),
        trial("schema", attempt=_looks_sound),
    )

    def run(self, context: ExecutionContext, config: dict[str, Any]) -> Answer:
        """Park."""
        about = {
            "title": _text(config, "title"),
            "description": config.get("description"),
            "assignees": list(_texts(config, "assignees")),
        }
        return Park(
            kind="approval",
            name=context.step.name,
            due=due_after(context, config, "timeout"),
            schema=_schema(config),
            choices=_choices(config),
            about=about,
        )

    def doubts(
        self, literals: Mapping[str, Any], *, given: frozenset[str], routed: frozenset[str]
    ) -> Iterator[tuple[str, str]]:
        """Edges that nobody can choose, a timeout that is no duration, and what the visit would refuse."""
        yield from super().doubts(literals, given=given, routed=routed)
        yield from bad_duration(literals, "timeout")
        choices = literals.get("choices", ["approve", "reject"] if "choices" not in given else None)
        if isinstance(choices, list):
            for edge in sorted(routed - {choice for choice in choices if isinstance(choice, str)} - {*_RESERVED}):
                yield f"{edge}?", f"{edge!r} is not one of the choices, so that nobody can take this edge."
