"""Mappings that cost little to change, however much is in them: a few recent entries over the many before them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Final, Generic, TypeVar

import msgspec

V = TypeVar("V")
RECENT: Final = 16
"""Entries of the upper layer, at least, before it is merged into the lower one; of larger mappings the square root."""
SHADOWED: Final = 256
"""Changes after which it is merged at the latest: until then the lower layer may hold values that are long gone."""


def added(recent: dict[str, V], older: dict[str, V], key: str, value: V) -> tuple[dict[str, V], dict[str, V]]:
    """Both layers with one more entry. Neither is changed itself: versions share them."""
    if len(recent) < RECENT or len(recent) ** 2 < len(older):
        return {**recent, key: value}, older
    return {}, {**older, **recent, key: value}


class Layers(msgspec.Struct, Generic[V], frozen=True, eq=False, omit_defaults=True):
    """A mapping by text that never changes: `put` makes another one. Equal to any mapping with the same entries.

    `recent` lies over `older`; `changes` counts those since both were merged.
    """

    recent: dict[str, V] = {}
    older: dict[str, V] = {}
    changes: int = 0

    def put(self, key: str, value: V) -> Layers[V]:
        """The mapping with an entry, in the place of the one that there was."""
        recent, older = self.recent, self.older
        if older and self.changes >= SHADOWED:
            return Layers({}, {**older, **recent, key: value})
        recent, older = added(recent, older, key, value)
        return Layers(recent, older, self.changes + 1 if recent and older else 0)

    def get(self, key: str, default: Any = None) -> Any:
        """The value of a key, or the default."""
        if key in self.recent:
            return self.recent[key]
        return self.older.get(key, default)

    def whole(self) -> dict[str, V]:
        """All entries."""
        return {**self.older, **self.recent}

    def keys(self) -> list[str]:
        """All keys."""
        return list(self.whole())

    def items(self) -> list[tuple[str, V]]:
        """All keys with their values."""
        return list(self.whole().items())

    def __getitem__(self, key: str) -> V:
        return self.recent[key] if key in self.recent else self.older[key]

    def __contains__(self, key: object) -> bool:
        return key in self.recent or key in self.older

    def __iter__(self) -> Iterator[str]:
        return iter(self.whole())

    def __len__(self) -> int:
        return len(self.whole())

    def __eq__(self, other: object) -> bool:
        if isinstance(other, Layers):
            return self.whole() == other.whole()
        return self.whole() == other if isinstance(other, Mapping) else NotImplemented

    __hash__ = None  # type: ignore[assignment]


Mapping.register(Layers)
