"""What a log remembers, between appends, of the ends of its streams."""

from __future__ import annotations

from collections import OrderedDict
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Mapping

    from infrastructure.chain import Head

MAX_HEADS: Final = 16_384
"""Ends of streams that are remembered between appends (about 5 MB)."""


class Heads:
    """The ends of the streams that were appended to last. Whoever appends guards it."""

    def __init__(self) -> None:
        self._heads: OrderedDict[str, Head] = OrderedDict()

    def clear(self) -> None:
        """Forget everything."""
        self._heads.clear()

    def get(self, stream: str) -> Head | None:
        """Where a stream ends, if that is known."""
        head = self._heads.get(stream)
        if head is not None:
            self._heads.move_to_end(stream)
        return head

    def moved(self, heads: Mapping[str, Head]) -> None:
        """Take note of what was committed, and let go of what was not used for longest."""
        for stream, head in heads.items():
            self._heads[stream] = head
            self._heads.move_to_end(stream)
        while len(self._heads) > MAX_HEADS:
            self._heads.popitem(last=False)
