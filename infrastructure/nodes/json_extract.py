"""`jsonExtract`: a value taken out of data by its path."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, Final

from domain.node import Answer, Edge, NodeMetadata, Parameter
from domain.paths import MAX_PATH, MISSING, QUOTED, Path, get, parse_field
from infrastructure.nodes.base import LIBRARY_VERSION, example, invalid, taken
from infrastructure.nodes.conversions import parse_json
from infrastructure.nodes.state_fields import FieldNode, data_before, path_of, store

if TYPE_CHECKING:
    from domain.context import ExecutionContext

_METHODS: Final = ("dot_notation", "bracket_notation", "simple_path")
_PIECE: Final = re.compile(rf"\[\*\]|(?:\[(?:{QUOTED})\]|(?!\[\*\]).)+", re.DOTALL)
_ALL: Final = "[*]"


class JsonExtract(FieldNode):
    """Takes a value, or with `[*]` all values, out of data and stores it in the state."""

    metadata = NodeMetadata(
        id="jsonExtract",
        name="Extract JSON",
        version=LIBRARY_VERSION,
        description="Takes a value out of data by its path and stores it.",
        example=example(
            {
                "jsonExtract": {
                    "data": "$.answer",
                    "path": "orders[0].id",
                    "outputField": "first",
                    "not_found?": [{"$.first": None}],
                }
            },
            answer={"orders": [{"id": "a1"}]},
        ),
        outputs=(),
        edges=("success", "not_found"),
        exit_edges=("not_found",),
        effect="none",
        edge_info={
            "success": taken("something is there", "value path outputField"),
            "not_found": taken("nothing is", "path usedFallback value?"),
        },
        output_info={"<outputField>": "The value; fallbackValue, or null, if nothing is there."},
        parameters={
            "path": Parameter(
                types=("string",), required=True, aliases=("extractionPath",), description="As in a.b[0]['any key']."
            ),
            "data": Parameter(
                aliases=("sourceField",),
                description="Text is parsed as JSON first. Default: data of the previous edge data, else the state.",
            ),
            "method": Parameter(types=("string",), enum=_METHODS, description="All are the same grammar."),
            "multiple": Parameter(types=("boolean",), default=False, description="Allows [*]; the value is a list."),
            "fallbackValue": Parameter(description="Stored when nothing is found."),
            "outputField": Parameter(
                types=("string",), default="extractedValue", description="The path of the result in the state."
            ),
        },
    )

    def run(self, context: ExecutionContext, config: dict[str, Any]) -> Answer:
        """Extract."""
        parts = _parts(config["path"], multiple=config["multiple"])
        target = path_of(config["outputField"], "outputField")
        value = _extracted(_source(context, config), parts, multiple=config["multiple"])
        if value is not MISSING:
            store(context, target, value)
            data = {"value": value, "path": config["path"], "outputField": config["outputField"]}
            return Edge("success", data)
        used = "fallbackValue" in config
        store(context, target, config.get("fallbackValue"))
        found = {"value": config["fallbackValue"]} if used else {}
        return Edge("not_found", {"path": config["path"], **found, "usedFallback": used})


def _parts(text: str, *, multiple: bool) -> list[Path]:
    """The paths between the `[*]`: one more than there are of these. Raises `INVALID_PARAMETER`."""
    if len(text) > MAX_PATH:
        raise invalid(f"path has at most {MAX_PATH} characters, not {len(text)}", parameter="path")
    pieces = _PIECE.findall(text)
    if _ALL in pieces and not multiple:
        raise invalid("path takes [*] only with multiple: true, which gives a list", parameter="path")
    parts: list[Path] = [()]
    for place, piece in enumerate(pieces):
        if piece == _ALL:
            parts.append(())
        else:
            parts[-1] = _part(piece, text, first=place == 0)
    if not pieces:
        raise invalid("path is empty: write it as a.b[0]['any key']", parameter="path")
    return parts


def _part(piece: str, text: str, *, first: bool) -> Path:
    if not first and not piece.startswith((".", "[")):
        raise invalid(f"path {text!r} needs a `.` or `[` after [*]", parameter="path")
    try:
        return parse_field(piece if first else piece.removeprefix("."))
    except ValueError as error:
        raise invalid(f"path: {error}", parameter="path") from error


def _source(context: ExecutionContext, config: dict[str, Any]) -> Any:
    data = config["data"] if "data" in config else data_before(context)
    if data is MISSING:
        return context.state.whole()
    if not isinstance(data, str):
        return data
    try:
        return parse_json(data)
    except ValueError as error:
        raise invalid(f"data is not the text of a JSON value: {error}", parameter="data") from error


def _extracted(data: Any, parts: list[Path], *, multiple: bool) -> Any:
    """The value, or with `multiple` the list of values; MISSING when there is none."""
    found = [data]
    for place, part in enumerate(parts):
        if place:
            found = [element for value in found if isinstance(value, list) for element in value]
        found = [value for value in (get(value, part) for value in found) if value is not MISSING]
    if not found:
        return MISSING
    return found if multiple else found[0]
