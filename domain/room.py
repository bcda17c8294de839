"""What the compilation of a definition, and of those inside it, may cost: it is to take no longer than a moment."""

from __future__ import annotations

from typing import Final

from domain.expression_errors import InvalidExpression

MAX_KEYS: Final = 10_000
"""Parameters, options and edges of all steps together."""
MAX_WORDS: Final = 32_768
"""Words of all expressions, each of which takes its time to compile; and what counts like words."""
SPLIT_IT: Final = "Split it: run-workflow runs another workflow."


class Room:
    """Counts down."""

    def __init__(self) -> None:
        self._keys = MAX_KEYS
        self._words = MAX_WORDS

    def spend_keys(self, count: int) -> None:
        """Take off so many keys."""
        self._keys -= count

    def spend_words(self, count: int) -> None:
        """Take off so many words. Raises InvalidExpression when there were not so many left."""
        self._words -= count
        if self._words < 0:
            raise InvalidExpression("", position=0)

    @property
    def without_keys(self) -> bool:
        """Whether there are more keys than may be."""
        return self._keys < 0

    @property
    def without_words(self) -> bool:
        """Whether there are more words than may be."""
        return self._words < 0
