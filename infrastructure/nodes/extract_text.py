"""`extractText`: pieces of a text found by a pattern or between delimiters."""

from __future__ import annotations

from itertools import islice
from typing import TYPE_CHECKING, Any, Final

from domain.node import Answer, Edge, NodeMetadata, Parameter
from infrastructure.nodes.base import LIBRARY_VERSION, as_text, example, invalid, notes, shown, taken
from infrastructure.nodes.needs import need
from infrastructure.nodes.patterns import MAX_MATCHES, Pattern, flags_of
from infrastructure.nodes.state_fields import FieldNode, path_of, store
from infrastructure.nodes.string_operations import subject

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from domain.context import ExecutionContext

_METHODS: Final = ("regex", "between", "extractAll", "extractSpecific")
_KNOWN: Final[Mapping[str, str]] = {
    "email": r"[A-Za-z0-9._%+-]+@[A-Za-z0-9-]+(?:\.[A-Za-z0-9-]+)*\.[A-Za-z]{2,}",
    "url": r"https?://[^\s<>\"']*[^\s<>\"'.,;:!?)\]}]",
    "phone": (
        r"\+\d{1,3}(?:[-. ]?\(?\d{2,4}\)?){2,4}\b"
        r"|(?:\b1[-. ])?(?:\(\d{3}\) ?|\b\d{3}[-. ])?\b\d{3}[-. ]\d{4}\b|\b\d{10}\b"
    ),
}
_TYPES: Final = (*_KNOWN, "custom")


class ExtractText(FieldNode):
    """Finds pieces of a text: all of them, or with `extractSpecific` one."""

    metadata = NodeMetadata(
        id="extractText",
        name="Extract text",
        version=LIBRARY_VERSION,
        description="Finds pieces of a text, which is named by field or given as text.",
        example=example(
            {
                "extractText": {
                    "method": "extractAll",
                    "text": "$.mail",
                    "extractType": "email",
                    "outputField": "addresses",
                }
            },
            mail="Write to ada@example.org or alan@example.org.",
        ),
        outputs=("extractedText",),
        edges=("success", "not_found"),
        exit_edges=("not_found",),
        effect="none",
        edge_info={
            "success": taken("something was found", "extracted matches field method"),
            "not_found": taken("nothing was", "field method count"),
        },
        output_info={"<outputField>": "What was found.", "extractedText": "The same."},
        notes=notes(
            """
            `regex` gives the list of matches, `extractAll` the list without repeats, `between` the list
            of what stands between the delimiters, `extractSpecific` one text: that of `occurrence`. Of
            a pattern with a group, group 1.

            extractType is `email`, `url`, `phone`, or `custom` with a `pattern`. Where nothing is
            found, `[]` is stored; with extractSpecific null.

            Patterns run in linear time: no look-around, no back-references.
            """
        ),
        parameters={
            "method": Parameter(types=("string",), required=True, enum=_METHODS),
            "field": Parameter(types=("string",), description="The path of the text in the state."),
            "text": Parameter(description="The text itself. What is no text is written as JSON first."),
            "extractType": Parameter(
                types=("string",), default="custom", enum=_TYPES, description="Of extractAll and extractSpecific."
            ),
            "pattern": Parameter(types=("string",), description="Of regex, and of custom extraction."),
            "flags": Parameter(types=("string",), default="g", description="Any of g, i, m, s."),
            "startDelimiter": Parameter(types=("string",), description="Of between."),
            "endDelimiter": Parameter(types=("string",), description="Of between."),
            "occurrence": Parameter(types=("integer",), default=0, description="Of extractSpecific, from 0."),
            "outputField": Parameter(
                types=("string",), default="extractedText", description="The path of the result in the state."
            ),
        },
    )

    needs = (
        need("field", "text"),
        need("pattern", method="regex"),
        need("pattern", method=("extractAll", "extractSpecific"), extractType="custom"),
        need("startDelimiter", method="between"),
        need("endDelimiter", method="between"),
    )

    def run(self, context: ExecutionContext, config: dict[str, Any]) -> Answer:
        """Find."""
        method, target = config["method"], path_of(config["outputField"], "outputField")
        text = as_text(subject(context, config, "text"))
        found = _found(text, config)
        specific = method == "extractSpecific"
        extracted = (found[0] if found else None) if specific else found
        store(context, target, extracted)
        context.state["extractedText"] = extracted
        about = {"field": config.get("field"), "method": method}
        if not found:
            return Edge("not_found", {**about, "count": 0})
        return Edge("success", {"extracted": extracted, "matches": len(found), **about})


def _found(text: str, config: Mapping[str, Any]) -> list[str]:
    match config["method"]:
        case "between":
            return list(_between(text, _delimiter(config, "startDelimiter"), _delimiter(config, "endDelimiter")))
        case "regex":
            return list(_matches(text, config, "custom"))
        case "extractAll":
            return list(dict.fromkeys(_matches(text, config, config["extractType"])))
        case _:
            return _one(_matches(text, config, config["extractType"]), config["occurrence"])


def _one(pieces: Iterator[str], occurrence: Any) -> list[str]:
    if occurrence < 0:
        raise invalid(f"occurrence counts from 0, and can't be {shown(occurrence)}", parameter="occurrence")
    place = min(int(occurrence), MAX_MATCHES)
    return list(islice(pieces, place, place + 1))


def _matches(text: str, config: Mapping[str, Any], extract_type: str) -> Iterator[str]:
    """Group 1 of each match if the pattern is the author's and has one, else the match."""
    custom = extract_type == "custom"
    if custom and not config.get("pattern"):
        raise invalid(f"{config['method']} needs pattern (or a known extractType)", parameter="pattern", allowed=_KNOWN)
    every = "" if config["method"] == "regex" else "g"
    flags = flags_of(config["flags"]) + every
    pattern = Pattern(config["pattern"] if custom else _KNOWN[extract_type], flags, "pattern", proven=not custom)
    group = 1 if custom and pattern.groups else 0
    for match in pattern.matches(text):
        piece = match.group(group)
        if piece is not None:
            yield piece


def _between(text: str, start: str, end: str) -> Iterator[str]:
    """What stands between the delimiters, from the left; the last one needs its end too."""
    at = text.find(start)
    while at >= 0:
        begin = at + len(start)
        stop = text.find(end, begin)
        if stop < 0:
            return
        yield text[begin:stop]
        at = text.find(start, stop + len(end))


def _delimiter(config: Mapping[str, Any], name: str) -> str:
    delimiter: str = config.get(name, "")
    if not delimiter:
        raise invalid(f"between needs {name}, which can't be empty", parameter=name)
    return delimiter
