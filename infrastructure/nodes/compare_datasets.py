"""`compareDatasets`: two lists appended, compared or joined."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from domain.node import Answer, Edge, NodeMetadata, Parameter
from infrastructure.nodes.base import LIBRARY_VERSION, LibraryNode, example, notes, taken
from infrastructure.nodes.companions import companion
from infrastructure.nodes.fields import Field, check_work, field, fields, objects
from infrastructure.nodes.joins import CONFLICTS, Join, Match, cut, prefer_second
from infrastructure.nodes.needs import need

if TYPE_CHECKING:
    from collections.abc import Mapping

    from domain.context import ExecutionContext

_MODES: Final = ("append", "keep_matches", "keep_non_matches", "remove_matches", "enrich", "choose_branch")
Kept = tuple[list[Field], list[Field]]
"""The fields to keep of either side; none: all."""


class CompareDatasets(LibraryNode):
    """Appends, compares or joins two lists, by the fields that have to match."""

    metadata = NodeMetadata(
        id="compareDatasets",
        name="Compare datasets",
        version=LIBRARY_VERSION,
        description="Appends, compares or joins two lists. no_matches: an empty keep_matches, if the step routes it.",
        example=example(
            {
                "compareDatasets": {
                    "mode": "enrich",
                    "input1": "$.orders",
                    "input2": "$.customers",
                    "matchFields": [{"field1": "customer", "field2": "id"}],
                }
            },
            orders=[{"customer": 7, "total": 20}],
            customers=[{"id": 7, "name": "Ada"}],
        ),
        outputs=("compareResult", "compareMetadata"),
        edges=("success", "no_matches"),
        exit_edges=("no_matches",),
        effect="none",
        edge_info={
            "success": taken("there is a result", "result items count matched"),
            "no_matches": taken("`keep_matches` found nothing, and the step routes it", "result items count matched"),
        },
        output_info={
            "compareResult": "The rows.",
            "compareMetadata": "{mode, input1Count, input2Count, count, matched}.",
        },
        notes=notes(
            """
            `append`: both lists, one after the other. `choose_branch`: the one that selectedBranch
            names. `keep_matches`: a row for each pair; where both have a field, that of input2 counts.
            `enrich`: the same with every row of input1, and resolveConflicts. keep_non_matches and
            remove_matches: what is only in input1.

            Fields are compared as text, so that `1` matches `"1"`. `matched` counts the items of input1
            that have a match.
            """
        ),
        parameters={
            "mode": Parameter(types=("string",), required=True, enum=_MODES),
            "input1": Parameter(types=("array",), required=True, description="The first list."),
            "input2": Parameter(types=("array",), required=True, description="The second list."),
            "matchFields": Parameter(
                types=("array",), description="Each {field1, field2}; field2 is called as field1 if it is not given."
            ),
            "input1Fields": Parameter(types=("array",), default=[], description="Fields to keep; none: all."),
            "input2Fields": Parameter(types=("array",), default=[], description="Fields to keep; none: all."),
            "resolveConflicts": Parameter(
                types=("string",), default="prefer_input1", enum=tuple(CONFLICTS), description="For enrich."
            ),
            "selectedBranch": Parameter(types=("string",), enum=("input1", "input2"), description="For choose_branch."),
        },
    )

    needs = (
        need("matchFields", mode=("keep_matches", "keep_non_matches", "remove_matches", "enrich")),
        need("selectedBranch", mode="choose_branch"),
    )

    def run(self, context: ExecutionContext, config: dict[str, Any]) -> Answer:
        """Compare."""
        mode, first, second = config["mode"], config["input1"], config["input2"]
        kept = (
            fields(config["input1Fields"], "input1Fields", empty=True),
            fields(config["input2Fields"], "input2Fields", empty=True),
        )
        for items, read in ((first, kept[0]), (second, kept[1])):
            check_work(items, read)
        result, matched = _unjoined(config, kept) if mode in ("append", "choose_branch") else _joined(config, kept)
        context.state["compareResult"] = result
        context.state["compareMetadata"] = {
            "mode": mode,
            "input1Count": len(first),
            "input2Count": len(second),
            "count": len(result),
            "matched": matched,
        }
        nothing = mode == "keep_matches" and not result and "no_matches" in context.step.routed
        data = {"result": result, "items": result, "count": len(result), "matched": matched}
        return Edge("no_matches" if nothing else "success", data)


def _unjoined(config: Mapping[str, Any], kept: Kept) -> tuple[list[Any], int]:
    """(rows, 0): nothing is matched in these modes."""
    chosen: tuple[str, ...] = ("input1", "input2")
    if config["mode"] == "choose_branch":
        chosen = (companion(config, "selectedBranch", "mode choose_branch"),)
    sides = {"input1": kept[0], "input2": kept[1]}
    return [cut(item, sides[name]) for name in chosen for item in config[name]], 0


def _joined(config: Mapping[str, Any], kept: Kept) -> tuple[list[Any], int]:
    """(rows, how many items of input1 have a match)."""
    matches = _matches(config)
    check_work(config["input1"], [match.first for match in matches])
    check_work(config["input2"], [match.second for match in matches])
    join = Join(config["input1"], config["input2"], matches)
    match config["mode"]:
        case "keep_matches":
            rows = list(join.rows(prefer_second, kept, unmatched=False))
        case "enrich":
            rows = list(join.rows(CONFLICTS[config["resolveConflicts"]], kept, unmatched=True))
        case _:
            rows = [cut(item, kept[0]) for item in join.unmatched()]
    return rows, join.matched


def _matches(config: Mapping[str, Any]) -> list[Match]:
    entries = objects(companion(config, "matchFields", f"mode {config['mode']}"), "matchFields")
    return [
        Match(
            field(entry.get("field1"), f"{where}.field1"),
            field(entry.get("field2", entry.get("field1")), f"{where}.field2"),
        )
        for where, entry in entries
    ]
