"""`validateData`: data checked, and what is wrong with it listed."""

from __future__ import annotations

from itertools import islice
from typing import TYPE_CHECKING, Any, Final

from domain.comparison import kind
from domain.durations import iso, microseconds
from domain.node import Answer, Edge, NodeMetadata, Parameter
from infrastructure.nodes.base import LIBRARY_VERSION, LibraryNode, example, notes, taken
from infrastructure.nodes.conversions import parse_json
from infrastructure.nodes.judgements import by_expression, by_schema, custom_validator
from infrastructure.nodes.needs import need
from infrastructure.nodes.trials import trial
from infrastructure.nodes.validations import FIELD_CHECKS, ROOT, Failure, check_fields, failure

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from domain.context import ExecutionContext

MAX_ERRORS: Final = 1_000  # told of one visit; `errorCount` counts all
_TYPES: Final = ("json", "json_schema", *FIELD_CHECKS, "custom")


class ValidateData(LibraryNode):
    """Takes `valid` or `invalid`; the `error` edge is for misuse only."""

    metadata = NodeMetadata(
        id="validateData",
        name="Validate data",
        version=LIBRARY_VERSION,
        description="Checks data, item by item if it is a list, and lists what is wrong with it.",
        example=example(
            {
                "validateData": {
                    "validationType": "required_fields",
                    "data": "$.order",
                    "requiredFields": ["id", "customer.email"],
                    "valid?": [{"$.ok": True}],
                    "invalid?": [{"log": {"message": "{{$.validationErrors}}", "level": "warn"}}],
                }
            },
            order={"id": "a1"},
        ),
        inputs=("data",),
        outputs=("validationResult", "validationErrors", "parsedJson"),
        edges=("valid", "invalid"),
        exit_edges=("valid",),
        effect="none",
        edge_info={
            "valid": taken("nothing is wrong", "data isValid validationType parsedJson"),
            "invalid": taken("something is", "data isValid validationType parsedJson errors errorCount"),
        },
        output_info={
            "validationResult": "{isValid, validationType, itemsValidated, timestamp}.",
            "validationErrors": "The errors; `[]` when valid.",
            "parsedJson": "Of `json`: the value that was parsed.",
        },
        notes=notes(
            """
            `json` asks for a text that parses to an object or list; `json_schema` needs `schema`,
            `type_check` typeChecks, `required_fields` requiredFields, `range` rangeValidations,
            `pattern` patternValidations, `custom` customValidator.

            An error is {field, error, value}, in a list with `index`. null, or what is no object, is
            `invalid`, not `error`: that is for a wrong configuration only.

            Where data is the whole state, edge data holds null in its place.
            """
        ),
        parameters={
            "validationType": Parameter(types=("string",), default="required_fields", enum=_TYPES),
            "data": Parameter(description="Default: data of the previous edge data or state, state.input, the state."),
            "requiredFields": Parameter(types=("array",), description="Paths that must hold something."),
            "typeChecks": Parameter(types=("array",), description="Each {field, expectedType}."),
            "rangeValidations": Parameter(types=("array",), description="Each {field, min, max}."),
            "patternValidations": Parameter(types=("array",), description="Each {field, pattern, errorMessage}."),
            "schema": Parameter(types=("object", "boolean"), description="A JSON Schema, for json_schema."),
            "customValidator": Parameter(description="An expression over data: true, or what is wrong."),
            "stopOnError": Parameter(types=("boolean",), default=False, description="Tell the first error only."),
            "outputErrors": Parameter(types=("boolean",), default=True, description="Whether the errors are listed."),
        },
    )

    needs = (
        need("schema", validationType="json_schema"),
        need("customValidator", validationType="custom"),
        *(need(name, validationType=kind) for kind, (name, _) in FIELD_CHECKS.items()),
    )
    trials = (
        trial("customValidator", attempt=lambda config: _tried(config["customValidator"]), validationType="custom"),
        *(
            trial(name, attempt=compiled, validationType=kind)
            for kind, (name, compiled) in FIELD_CHECKS.items()
            if kind != "pattern"  # compiling patterns may take a while, and validation has to be quick
        ),
    )

    def run(self, context: ExecutionContext, config: dict[str, Any]) -> Answer:
        """Validate."""
        data, shared = _subject(context, config)
        wanted = config["validationType"]
        parsed, found = _parsed(data) if wanted == "json" else (None, _failures(context, config, data))
        if shared is None:  # a copy of the state inside the state would grow without end
            parsed, found = None, map(_without_state, found)
        errors, count = _told(found, first_only=config["stopOnError"])
        told = errors if config["outputErrors"] else []
        context.state["validationResult"] = {
            "isValid": not count,
            "validationType": wanted,
            "itemsValidated": len(data) if isinstance(data, list) else 1,
            "timestamp": iso(microseconds(context.now())),
        }
        context.state["validationErrors"] = told
        if wanted == "json":
            context.state["parsedJson"] = parsed
        about = {"data": shared, "isValid": not count, "validationType": wanted, "parsedJson": parsed}
        return Edge("invalid", {**about, "errors": told, "errorCount": count}) if count else Edge("valid", about)

    def result_keys(self, config: Mapping[str, Any]) -> Iterable[str]:
        """`parsedJson` only where it is made: other validations are often steps that look at it."""
        parsed = ("parsedJson",) if config.get("validationType") == "json" else ()
        return ("validationResult", "validationErrors", *parsed)


def _subject(context: ExecutionContext, config: Mapping[str, Any]) -> tuple[Any, Any]:
    """(the data, what goes into edge data for it: null for the whole state).

    The null that a validation of the whole state hands on in its place means that state again.
    """
    inputs = context.inputs
    if "data" in inputs and ("data" in config or not _stands_for_state(context.previous)):
        return inputs["data"], inputs["data"]
    given = context.state.get("input")
    return (given, given) if isinstance(given, dict) else (context.state.whole(), None)


def _stands_for_state(previous: Any) -> bool:
    return isinstance(previous, dict) and "data" in previous and previous["data"] is None and "isValid" in previous


def _parsed(data: Any) -> tuple[Any, Iterator[Failure]]:
    """(the object or list, what is wrong with the text or value)."""
    found = data
    if isinstance(data, str):
        try:
            found = parse_json(data)
        except ValueError as error:
            return None, iter((failure(ROOT, str(error), data),))
    if isinstance(found, (dict, list)):
        return found, iter(())
    return None, iter((failure(ROOT, f"{kind(found)} is no object or list", data),))


def _tried(text: Any) -> None:
    if isinstance(text, str):
        custom_validator(text)


def _failures(context: ExecutionContext, config: Mapping[str, Any], data: Any) -> Iterator[Failure]:
    match config["validationType"]:
        case "json_schema":
            return by_schema(config, data, most=MAX_ERRORS)
        case "custom":
            return by_expression(context, config, data)
        case _:
            return check_fields(config, data)


def _without_state(found: Failure) -> Failure:
    return {**found, "value": None} if found["field"] == ROOT else found


def _told(found: Iterator[Failure], *, first_only: bool) -> tuple[list[Failure], int]:
    """(the errors to tell, how many there are)."""
    errors = list(islice(found, 1 if first_only else MAX_ERRORS))
    return errors, len(errors) if first_only else len(errors) + sum(1 for _ in found)
