"""`transformObject`: an object in another shape."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any, Final

from domain.comparison import kind
from domain.node import Answer, Edge, NodeMetadata, Parameter
from domain.paths import MISSING
from infrastructure.nodes.allowance import Allowance
from infrastructure.nodes.base import LIBRARY_VERSION, LibraryNode, example, invalid, notes, shown, taken
from infrastructure.nodes.companions import companion, whole
from infrastructure.nodes.needs import need
from infrastructure.nodes.reshaping import JsonObject, everywhere, flatten, omit, pick, rename, unflatten
from infrastructure.nodes.state_fields import data_before

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from domain.context import ExecutionContext

    Reshape = Callable[[JsonObject], JsonObject]


class TransformObject(LibraryNode):
    """Flattens, nests, cuts down or renames an object. The state as a whole is only ever picked from.

    Everything else made of the whole state would be a copy of it inside itself: its result is null (NODES).
    """

    metadata = NodeMetadata(
        id="transformObject",
        name="Transform object",
        version=LIBRARY_VERSION,
        description="Reshapes an object. Of the whole state, which it falls back to, only pick has a result.",
        example=example(
            {"transformObject": {"operation": "pick", "data": "$.order", "keys": ["id", "total"]}},
            order={"id": "a1", "total": 20, "note": "ring twice"},
        ),
        outputs=("transformedObject",),
        edges=("success",),
        effect="none",
        edge_info={"success": taken("always", "result operation")},
        output_info={"transformedObject": "The object."},
        notes=notes(
            """
            `flatten` joins the keys on the way with `separator`, `unflatten` takes them apart again.
            Lists stay as they are.
            """
        ),
        parameters={
            "operation": Parameter(
                types=("string",), required=True, enum=("flatten", "unflatten", "pick", "omit", "renameKeys")
            ),
            "data": Parameter(
                types=("object",), description="Default: data of the previous edge data, else the state."
            ),
            "separator": Parameter(types=("string",), default=".", description="For flatten and unflatten."),
            "depth": Parameter(types=("integer",), description="The most parts of a joined key; without it, all."),
            "keys": Parameter(types=("array",), description="For pick and omit."),
            "renameMap": Parameter(types=("object",), description="For renameKeys: old name to new name."),
            "recursive": Parameter(
                types=("boolean",), default=False, description="Whether objects inside it, and inside lists, are too."
            ),
        },
    )

    needs = (
        need("keys", operation=("pick", "omit")),
        need("renameMap", operation="renameKeys"),
    )

    def run(self, context: ExecutionContext, config: dict[str, Any]) -> Answer:
        """Reshape."""
        reshape = _RESHAPES[config["operation"]](config)
        data = config["data"] if "data" in config else data_before(context)
        if data is MISSING:
            result = reshape(dict(context.state.whole())) if config["operation"] == "pick" else None
        elif isinstance(data, dict):
            result = reshape(data)
        else:
            raise invalid(f"data is an object, not {kind(data)}", parameter="data")
        context.state["transformedObject"] = result
        return Edge("success", {"result": result, "operation": config["operation"]})


def _flatten(config: Mapping[str, Any]) -> Reshape:
    separator, depth = _joint(config)
    return partial(flatten, separator=separator, depth=depth, into_lists=config["recursive"])


def _unflatten(config: Mapping[str, Any]) -> Reshape:
    separator, depth = _joint(config)
    return _applied(partial(unflatten, separator=separator, depth=depth), config)


def _pick(config: Mapping[str, Any]) -> Reshape:
    ranks = {key: rank for rank, key in enumerate(_keys(config))}
    return _applied(partial(pick, ranks=ranks), config)


def _omit(config: Mapping[str, Any]) -> Reshape:
    return _applied(partial(omit, keys=frozenset(_keys(config))), config)


def _rename(config: Mapping[str, Any]) -> Reshape:
    names = companion(config, "renameMap", "operation renameKeys")
    for old, new in names.items():
        if not isinstance(new, str):
            raise invalid(f"renameMap gives {old!r} the name {shown(new)}, which is not a text", parameter="renameMap")
    return _applied(partial(rename, names=names, allowance=Allowance()), config)


_RESHAPES: Final[Mapping[str, Callable[[Mapping[str, Any]], Reshape]]] = {
    "flatten": _flatten,
    "unflatten": _unflatten,
    "pick": _pick,
    "omit": _omit,
    "renameKeys": _rename,
}


def _applied(reshape: Reshape, config: Mapping[str, Any]) -> Reshape:
    return partial(everywhere, reshape) if config["recursive"] else reshape


def _joint(config: Mapping[str, Any]) -> tuple[str, int | None]:
    """(separator, depth)."""
    if not config["separator"]:
        raise invalid("separator can't be empty: keys are joined with it and taken apart at it", parameter="separator")
    return config["separator"], whole(config, "depth", least=1) if "depth" in config else None


def _keys(config: Mapping[str, Any]) -> list[str]:
    keys = companion(config, "keys", f"operation {config['operation']}")
    for place, key in enumerate(keys):
        if not isinstance(key, str):
            raise invalid(f"keys[{place}] is the name of a key, not {shown(key)}", parameter="keys")
    found: list[str] = keys
    return found
