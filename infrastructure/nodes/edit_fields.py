"""`editFields`: fields of the state set to typed values."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from domain.errors import StepFailure
from domain.node import Answer, Edge, NodeMetadata, Parameter
from domain.patches import apply, assignment
from domain.paths import Path, parse_field
from infrastructure.nodes.base import (
    LIBRARY_VERSION,
    LibraryNode,
    WritesNothing,
    bad_parameter,
    example,
    invalid,
    notes,
    shown,
    taken,
)
from infrastructure.nodes.conversions import CONVERSIONS, to_object
from infrastructure.nodes.needs import need

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from domain.context import ExecutionContext

_RESULTS: Final = ("editFieldsResult", "fieldsModified")
Field = tuple[str, Path, Any]
"""(name as written, where it goes, value)."""


class EditFields(LibraryNode):
    """Sets each named field in the state, all of them or none."""

    metadata = NodeMetadata(
        id="editFields",
        name="Edit fields",
        version=LIBRARY_VERSION,
        description="Sets fields in the state, converted to the type that each asks for.",
        example=example(
            {"editFields": {"fieldsToSet": [{"name": "customer.age", "value": "$.age", "type": "number"}]}}, age="36"
        ),
        edges=("success",),
        effect="none",
        gone=("includeBinaries", "includeBinaryData"),
        edge_info={"success": taken("the fields are set", "result fieldsModified mode")},
        output_info={
            "<name>": "Each field of fieldsToSet, or each key of jsonOutput.",
            "editFieldsResult": "The fields as an object, over the previous edge data if includeOtherFields.",
            "fieldsModified": "The names that were set.",
        },
        notes=notes(
            """
            `type` is `string`, `number`, `boolean`, `object`, `array`, `any` or `expression`; the last
            two leave the value as it is. null stays null. A text for `boolean` is true, 1, false or 0;
            one for `array` is JSON, else it is split at commas. For `string` an object becomes JSON
            text.

            A value that can't be converted is an error, and nothing is written.
            """
        ),
        parameters={
            "mode": Parameter(
                types=("string",),
                default="manual_mapping",
                enum=("manual_mapping", "json_output"),
                description="manual_mapping: fieldsToSet; json_output: the keys of jsonOutput.",
            ),
            "fieldsToSet": Parameter(types=("array",), description="Each {name, value, type = string}."),
            "jsonOutput": Parameter(types=("object", "string"), description="An object, or the JSON text of one."),
            "includeOtherFields": Parameter(
                types=("boolean",), default=True, description="Whether the result also has the previous edge data."
            ),
            "supportDotNotation": Parameter(
                types=("boolean",), default=True, description="Whether a dot in a name goes deeper."
            ),
            "ignoreTypeErrors": Parameter(
                types=("boolean",),
                default=False,
                description="Whether a value that can't be converted goes in as it is.",
            ),
        },
    )

    needs = (
        need("fieldsToSet", mode="manual_mapping"),
        need("jsonOutput", mode="json_output"),
    )

    def run(self, context: ExecutionContext, config: dict[str, Any]) -> Answer:
        """Set."""
        fields = _from_object(config) if config["mode"] == "json_output" else _from_mapping(config)
        changed = _changed(context, fields)
        names = [name for name, _, _ in fields]
        result = _result(fields, context.previous if config["includeOtherFields"] else None)
        context.state.update(changed)
        context.state["editFieldsResult"] = result
        context.state["fieldsModified"] = names
        return Edge("success", {"result": result, "fieldsModified": names, "mode": config["mode"]})

    def result_keys(self, config: Mapping[str, Any]) -> Iterable[str]:
        """The two keys that are always written; the fields themselves are left alone."""
        del config
        return _RESULTS

    def state_keys(self, config: Mapping[str, Any]) -> frozenset[str] | None:
        """The top-level keys of the fields, if their names are literals."""
        mode = config.get("mode", "manual_mapping")
        if mode == "manual_mapping":
            names = _literal_names(config)
        elif mode == "json_output" and isinstance(config.get("jsonOutput"), dict):
            names = frozenset(config["jsonOutput"])
        else:
            return None
        return None if names is None else names | frozenset(_RESULTS)


def _from_mapping(config: Mapping[str, Any]) -> list[Field]:
    if "fieldsToSet" not in config:
        raise invalid("mode manual_mapping needs fieldsToSet", parameter="fieldsToSet")
    return [_field(entry, f"fieldsToSet[{place}]", config) for place, entry in enumerate(config["fieldsToSet"])]


def _field(entry: Any, where: str, config: Mapping[str, Any]) -> Field:
    if not isinstance(entry, dict) or "value" not in entry:
        raise invalid(f"{where} is an object {{name, value, type}}, not {shown(entry)}", parameter=where)
    name, kind = entry.get("name"), entry.get("type", "string")
    if not isinstance(name, str) or not name:
        raise invalid(f"{where} needs a name, not {shown(name)}", parameter=f"{where}.name")
    if not isinstance(kind, str) or kind not in CONVERSIONS:
        raise invalid(f"{where}.type can't be {shown(kind)}", parameter=f"{where}.type", allowed=CONVERSIONS)
    try:
        path = parse_field(name) if config["supportDotNotation"] else (name,)
    except ValueError as error:
        raise invalid(f"{where}.name: {error}", parameter=f"{where}.name") from error
    return name, path, _converted(name, entry["value"], kind, lenient=config["ignoreTypeErrors"])


def _converted(name: str, value: Any, kind: str, *, lenient: bool) -> Any:
    if value is None:
        return None
    try:
        return CONVERSIONS[kind](value)
    except ValueError as error:
        if lenient:
            return value
        raise WritesNothing(bad_parameter(f"the field {name} can't become {kind}: {error}", parameter=name)) from error


def _from_object(config: Mapping[str, Any]) -> list[Field]:
    if "jsonOutput" not in config:
        raise invalid("mode json_output needs jsonOutput", parameter="jsonOutput")
    try:
        found = to_object(config["jsonOutput"])
    except ValueError as error:
        raise WritesNothing(bad_parameter(f"jsonOutput: {error}", parameter="jsonOutput")) from error
    return [(key, (key,), value) for key, value in found.items()]


def _changed(context: ExecutionContext, fields: list[Field]) -> dict[str, Any]:
    """The top-level keys as they are to be. Raises WritesNothing where the state has no place for a field."""
    changed: dict[str, Any] = {}
    for _, path, value in fields:
        key = str(path[0])
        if key not in changed and len(path) > 1 and key in context.state:
            changed[key] = context.state[key]
        try:
            changed = apply(changed, (assignment(changed, path, value),))
        except StepFailure as failure:
            raise WritesNothing(failure.error) from failure
    return changed


def _result(fields: list[Field], previous: Any) -> dict[str, Any]:
    """The fields as an object, over the previous edge data. A field inside a list stands under its name as written."""
    result = dict(previous) if isinstance(previous, dict) else {}
    for name, path, value in fields:
        if any(isinstance(key, int) for key in path):
            result[name] = value
        else:
            _nest(result, path, value)
    return result


def _nest(result: dict[str, Any], path: Path, value: Any) -> None:
    """Set a nested key, copying the objects on the way: they may be the previous edge data's own."""
    for key in path[:-1]:
        inner = result.get(str(key))
        result[str(key)] = dict(inner) if isinstance(inner, dict) else {}
        result = result[str(key)]
    result[str(path[-1])] = value


def _literal_names(config: Mapping[str, Any]) -> frozenset[str] | None:
    fields = config.get("fieldsToSet")
    dotted = config.get("supportDotNotation", True)
    if not isinstance(fields, list) or not isinstance(dotted, bool):
        return None
    keys = set()
    for entry in fields:
        name = entry.get("name") if isinstance(entry, dict) else None
        if not isinstance(name, str) or "{{" in name or name.startswith("$"):
            return None
        try:
            keys.add(str(parse_field(name)[0]) if dotted else name)
        except ValueError:
            return None
    return frozenset(keys)
