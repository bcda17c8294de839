"""`objectUtilities`: common operations on an object of the state."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, Final

from domain import json
from domain.comparison import kind
from domain.json import MAX_DEPTH
from domain.node import Answer, Edge, NodeMetadata, Parameter
from domain.patches import apply, assignment
from domain.paths import MISSING, Path, get
from infrastructure.nodes.base import LIBRARY_VERSION, example, invalid, notes, taken
from infrastructure.nodes.companions import companion
from infrastructure.nodes.derived_fields import DerivedFieldNode
from infrastructure.nodes.fields import without
from infrastructure.nodes.needs import need
from infrastructure.nodes.state_fields import path_of, read, store

if TYPE_CHECKING:
    from domain.context import ExecutionContext

JsonObject = dict[str, Any]


class ObjectUtilities(DerivedFieldNode):
    """One operation on an object of the state; its result is stored beside it, the object stays as it is."""

    metadata = NodeMetadata(
        id="objectUtilities",
        name="Object utilities",
        version=LIBRARY_VERSION,
        description="One operation on an object of the state, whose result goes to <field>_<operation>.",
        example=example(
            {
                "objectUtilities": {
                    "operation": "merge",
                    "field": "defaults",
                    "mergeWith": "$.chosen",
                    "outputField": "options",
                }
            },
            defaults={"size": "M", "colour": "red"},
            chosen={"size": "L"},
        ),
        outputs=("objectUtilResult",),
        edges=("success", "not_found"),
        exit_edges=("not_found",),
        effect="none",
        edge_info={
            "success": taken("the operation has a result", "result operation field outputField"),
            "not_found": taken("`has_field`, `get_nested`: there is none", "result operation field outputField"),
        },
        output_info={"<outputField>": "The result.", "objectUtilResult": "The same."},
        notes=notes(
            """
            `entries` are pairs of key and value. `deep_merge` goes into objects inside objects; lists
            replace. `has_field` and the `…_nested` operations take `path`. The source never changes.
            """
        ),
        parameters={
            "operation": Parameter(
                types=("string",),
                required=True,
                enum=(
                    *("keys", "values", "entries", "has_field", "is_empty", "merge", "deep_merge"),
                    *("clone", "deep_clone", "get_nested", "set_nested", "delete_nested"),
                ),
            ),
            "field": Parameter(types=("string",), required=True, description="Where the object is in the state."),
            "outputField": Parameter(types=("string",), description="Default: <field>_<operation>."),
            "path": Parameter(types=("string",), description="Inside the object, for has_field and the nested ones."),
            "value": Parameter(description="For set_nested."),
            "mergeWith": Parameter(types=("string", "object"), description="A path of the state, or an object."),
            "overwrite": Parameter(
                types=("boolean",), default=True, description="Whether the merged object wins where both have a key."
            ),
        },
    )

    needs = (
        need("path", operation=("has_field", "get_nested", "set_nested", "delete_nested")),
        need("value", operation="set_nested"),
        need("mergeWith", operation=("merge", "deep_merge")),
    )

    def run(self, context: ExecutionContext, config: dict[str, Any]) -> Answer:
        """Do one operation."""
        operation, target = config["operation"], self.output_name(config)
        path = path_of(target, "outputField")
        source = read(context, path_of(config["field"], "field"))
        if operation in ("merge", "deep_merge"):
            config = {**config, "mergeWith": _merged_with(context, config)}
        result = _OPERATIONS[operation](source, config)
        missing = result is MISSING or (operation == "has_field" and not result)
        result = None if result is MISSING else result
        store(context, path, result)
        context.state["objectUtilResult"] = result
        data = {"result": result, "operation": operation, "field": config["field"], "outputField": target}
        return Edge("not_found" if missing else "success", data)

    def suffix(self, config: Mapping[str, Any]) -> str:
        """The name of the operation."""
        return f"_{config.get('operation')}"


def _object(source: Any, config: Mapping[str, Any]) -> JsonObject:
    if not isinstance(source, dict):
        found = "nothing" if source is MISSING else kind(source)
        message = f"{config['operation']} takes an object; there is {found} at {config['field']}"
        raise invalid(message, parameter="field")
    return source


def _present(source: Any, config: Mapping[str, Any]) -> Any:
    if source is MISSING:
        raise invalid(f"there is nothing at {config['field']} in the state", parameter="field")
    return source


def _inner(config: Mapping[str, Any]) -> Path:
    path = path_of(companion(config, "path", f"operation {config['operation']}"), "path")
    if len(path) >= MAX_DEPTH:
        raise invalid(f"path is {len(path)} deep; values nest at most {MAX_DEPTH} deep", parameter="path")
    return path


def _merged_with(context: ExecutionContext, config: Mapping[str, Any]) -> JsonObject:
    given = companion(config, "mergeWith", f"operation {config['operation']}")
    value = read(context, path_of(given, "mergeWith")) if isinstance(given, str) else given
    if not isinstance(value, dict):
        found = "nothing" if value is MISSING else kind(value)
        raise invalid(f"mergeWith leads to an object, not to {found}", parameter="mergeWith")
    return value


def _is_empty(source: Any, config: Mapping[str, Any]) -> bool:
    """As in `filter`: missing, null, and texts, lists and objects without content."""
    del config
    return source is MISSING or source is None or (isinstance(source, str | list | dict) and not source)


def _merge(source: Any, config: Mapping[str, Any]) -> JsonObject:
    own, other = _object(source, config), config["mergeWith"]
    return {**own, **(other if config["overwrite"] else {key: other[key] for key in other if key not in own})}


def _deep_merge(source: Any, config: Mapping[str, Any]) -> JsonObject:
    return _deep(_object(source, config), config["mergeWith"], overwrite=config["overwrite"])


def _deep(own: JsonObject, other: JsonObject, *, overwrite: bool) -> JsonObject:
    merged = dict(own)
    for key, value in other.items():
        before = own.get(key)
        if isinstance(before, dict) and isinstance(value, dict):
            merged[key] = _deep(before, value, overwrite=overwrite)
        elif overwrite or key not in own:
            merged[key] = value
    return merged


def _has_field(source: Any, config: Mapping[str, Any]) -> bool:
    return get(_object(source, config), _inner(config)) is not MISSING


def _set_nested(source: Any, config: Mapping[str, Any]) -> JsonObject:
    own, path = _object(source, config), _inner(config)
    return apply(own, (assignment(own, path, companion(config, "value", "operation set_nested")),))


def _delete_nested(source: Any, config: Mapping[str, Any]) -> JsonObject:
    changed: JsonObject = without(_object(source, config), _inner(config))
    return changed


def _copy(source: Any, config: Mapping[str, Any]) -> Any:
    """Shallow and deep are the same to a reader: nothing that is stored shares with anything else."""
    return json.copy(_present(source, config))


_OPERATIONS: Final[Mapping[str, Callable[[Any, Mapping[str, Any]], Any]]] = {
    "keys": lambda source, config: list(_object(source, config)),
    "values": lambda source, config: list(_object(source, config).values()),
    "entries": lambda source, config: [[key, value] for key, value in _object(source, config).items()],
    "has_field": _has_field,
    "is_empty": _is_empty,
    "merge": _merge,
    "deep_merge": _deep_merge,
    "clone": _copy,
    "deep_clone": _copy,
    "get_nested": lambda source, config: get(_present(source, config), _inner(config)),
    "set_nested": _set_nested,
    "delete_nested": _delete_nested,
}
