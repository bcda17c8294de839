"""Two lists joined by the values of their fields."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterator, Mapping, Sequence
from typing import Any, Final, NamedTuple

from domain.paths import MISSING
from infrastructure.nodes.allowance import Allowance, weight_of
from infrastructure.nodes.base import as_text
from infrastructure.nodes.fields import Field, only
from infrastructure.nodes.sameness import key_of, keys_of, without_repeats

Merge = Callable[[dict[str, Any], dict[str, Any]], dict[str, Any]]


class Match(NamedTuple):
    """A pair of fields that have to be the same for two items to belong together."""

    first: Field
    second: Field


class Join:
    """Which items of two lists belong together. `pairs[i]` are the places in the second list that match `first[i]`."""

    def __init__(self, first: Sequence[Any], second: Sequence[Any], matches: Sequence[Match]) -> None:
        places: dict[Hashable, list[int]] = {}
        for place, item in enumerate(second):
            key = _key(item, [match.second for match in matches])
            if key is not None:
                places.setdefault(key, []).append(place)
        self.first = first
        self.second = second
        self.pairs: list[list[int]] = [
            [] if key is None else places.get(key, [])
            for key in (_key(item, [match.first for match in matches]) for item in first)
        ]

    @property
    def matched(self) -> int:
        """How many items of the first list have a match."""
        return sum(1 for places in self.pairs if places)

    def unmatched(self) -> list[Any]:
        """The items of the first list that have none."""
        return [item for item, places in zip(self.first, self.pairs, strict=True) if not places]

    def rows(
        self, merge: Merge, kept: tuple[Sequence[Field], Sequence[Field]], *, unmatched: bool
    ) -> Iterator[dict[str, Any]]:
        """A row for each pair, in the order of the first list; with `unmatched`, those of it without a pair too.

        `kept` are the fields to take of either side (none: all). Raises `RESULT_LIMIT` for more than a result may hold.
        """
        allowance = Allowance()
        others = [cut(item, kept[1]) for item in self.second]
        weights = [weight_of(item) for item in others]
        for item, places in zip(self.first, self.pairs, strict=True):
            own = cut(item, kept[0])
            weight = weight_of(own)
            if unmatched and not places:
                yield own
            for place in places:
                allowance.spend(weight + weights[place])
                yield merge(own, others[place])


def cut(item: Any, kept: Sequence[Field]) -> Any:
    """The item with only these fields; without any named, as it is."""
    return only(item, kept) if kept else item


def _key(item: Any, fields: Sequence[Field]) -> Hashable | None:
    """The texts of the fields; None, which matches nothing, for what is no object or misses one of them."""
    if not isinstance(item, dict):
        return None
    values = [each.of(item) for each in fields]
    if any(value is MISSING or value is None for value in values):
        return None
    return tuple(_text(value) for value in values)


def _text(value: Any) -> Hashable:
    """A number as JSON writes it, `1.0` as `1`; lists and objects are compared as JSON."""
    if isinstance(value, list | dict):
        return key_of(value)
    if type(value) is int:
        return str(value)
    return as_text(int(value) if isinstance(value, float) and value.is_integer() else value)


def prefer_second(first: dict[str, Any], second: dict[str, Any]) -> dict[str, Any]:
    """Where both have a field, the second's."""
    return {**first, **second}


def prefer_first(first: dict[str, Any], second: dict[str, Any]) -> dict[str, Any]:
    """Where both have a field, the first's."""
    return {**first, **{key: value for key, value in second.items() if key not in first}}


def merge_lists(first: dict[str, Any], second: dict[str, Any]) -> dict[str, Any]:
    """Where both have a field with different values, the list of these: elements of lists, each once."""
    return {
        **first,
        **{key: _together(first[key], value) if key in first else value for key, value in second.items()},
    }


def _together(first: Any, second: Any) -> Any:
    if key_of(first) == key_of(second):
        return first
    both = [*_elements(first), *_elements(second)]
    return without_repeats(both, keys_of(both))


def _elements(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]


CONFLICTS: Final[Mapping[str, Merge]] = {
    "prefer_input1": prefer_first,
    "prefer_input2": prefer_second,
    "merge_arrays": merge_lists,
}
