"""`sort`: a list in the order of its fields, or in a random one."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from domain.comparison import number
from domain.node import Answer, Edge, NodeMetadata, Parameter
from domain.paths import MISSING
from infrastructure.nodes.base import LIBRARY_VERSION, LibraryNode, example, invalid, items_of, notes, shown, taken
from infrastructure.nodes.chance import shuffled
from infrastructure.nodes.companions import companion
from infrastructure.nodes.fields import Field, check_work, field, objects
from infrastructure.nodes.needs import need

if TYPE_CHECKING:
    from collections.abc import Mapping

    from domain.context import ExecutionContext

_DESCENDING: Final = {"ascending": False, "asc": False, "descending": True, "desc": True}
Direction = tuple[Field, bool]
"""A field, and whether the largest comes first."""


class Sort(LibraryNode):
    """Orders items by one field after the other, or shuffles them."""

    metadata = NodeMetadata(
        id="sort",
        name="Sort",
        version=LIBRARY_VERSION,
        description="Orders items by their fields: stable, text without case, null and missing last.",
        example=example(
            {"sort": {"items": "$.orders", "fieldsToSortBy": [{"fieldName": "total", "order": "descending"}]}},
            orders=[{"id": "a1", "total": 5}, {"id": "a2", "total": 20}],
        ),
        inputs=("items",),
        outputs=("sortedItems",),
        edges=("success",),
        effect="none",
        edge_info={"success": taken("always", "items count sortType")},
        output_info={"sortedItems": "The items in their order."},
        notes=notes(
            """
            Items that are equal stay in their order. Texts that can't be told from numbers, and
            anything else in one field, have no order: that is an error.
            """
        ),
        parameters={
            "items": Parameter(types=("array",), description="Default: from the previous edge data, else the state."),
            "type": Parameter(
                types=("string",),
                default="simple",
                enum=("simple", "random"),
                description="random shuffles, the same way in each attempt of a visit.",
            ),
            "fieldsToSortBy": Parameter(
                types=("array",), description="Each {fieldName, order: ascending or descending}; the first counts most."
            ),
            "disableDotNotation": Parameter(
                types=("boolean",), default=False, description="Take a dot in a field's name literally."
            ),
        },
    )

    needs = (need("fieldsToSortBy", type="simple"),)

    def run(self, context: ExecutionContext, config: dict[str, Any]) -> Answer:
        """Order."""
        directions = _directions(config) if config["type"] == "simple" else []
        items = items_of(context)
        if config["type"] == "random":
            ordered = shuffled(items, f"{context.idempotency_key}/sort")
        else:
            check_work(items, [each for each, _ in directions])
            ordered = _ordered(items, directions)
        context.state["sortedItems"] = ordered
        return Edge("success", {"items": ordered, "count": len(ordered), "sortType": config["type"]})


def _directions(config: Mapping[str, Any]) -> list[Direction]:
    entries = objects(companion(config, "fieldsToSortBy", "type simple"), "fieldsToSortBy")
    found = []
    for where, entry in entries:
        order = entry.get("order", "ascending")
        if not isinstance(order, str) or order not in _DESCENDING:
            raise invalid(f"{where}.order can't be {shown(order)}", parameter=f"{where}.order", allowed=_DESCENDING)
        named = field(entry.get("fieldName"), f"{where}.fieldName", literal=config["disableDotNotation"])
        found.append((named, _DESCENDING[order]))
    return found


def _ordered(items: list[Any], directions: list[Direction]) -> list[Any]:
    """One stable pass per field, the one that counts least first; what has no value stays behind in both directions."""
    places = list(range(len(items)))
    for each, descending in reversed(directions):
        ranks = _ranks(each, items)
        present = [place for place in places if ranks[place] is not None]
        absent = [place for place in places if ranks[place] is None]
        present.sort(key=ranks.__getitem__, reverse=descending)
        places = present + absent
    return [items[place] for place in places]


def _ranks(by: Field, items: list[Any]) -> list[Any]:
    """What to order by: texts without their case, or numbers; None for null and missing.

    Texts are texts when all are; beside a number they have to be numeric. Anything else has no order.
    """
    column = [None if value is MISSING else value for value in by.column(items)]
    if all(value is None or isinstance(value, str) for value in column):
        return [value.casefold() if value is not None else None for value in column]
    return [None if value is None else _number(value, by, place) for place, value in enumerate(column)]


def _number(value: Any, by: Field, place: int) -> int | float:
    found = number(value)
    if found is None:
        message = (
            f"items[{place}] has {shown(value)} as {by.name}: sort compares numbers with numbers, or texts with texts"
        )
        raise invalid(message, parameter=f"items[{place}]")
    return found
