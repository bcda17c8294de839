"""What to make of a commit that was reported as failed: its rows may be in the log all the same."""

from __future__ import annotations

from typing import TYPE_CHECKING

from infrastructure.chain import recorded

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from application.ports import Append, Recorded
    from infrastructure.chain import ChainedEvent


class Doubt:
    """The rows of the last commit that failed. Whoever appends guards it."""

    def __init__(self) -> None:
        self._rows: dict[tuple[str, int], ChainedEvent] = {}

    def remember(self, rows: Iterable[ChainedEvent]) -> None:
        """Take note of rows that are recorded, or not."""
        self._rows = {(str(row.originator_id), row.originator_version): row for row in rows}

    def clear(self) -> None:
        """It is known by now."""
        self._rows = {}

    def landed(
        self, append: Append, stored: Sequence[bytes], *, hash_at: Callable[[str, int], bytes | None]
    ) -> tuple[Recorded, ...] | None:
        """What the append recorded by the commit in doubt; None: it is a conflict like any other.

        `hash_at` says which hash the log has at a version of a stream: it stands for everything up to there.
        """
        versions = range(append.after + 1, append.after + 1 + len(stored))
        rows = [row for version in versions if (row := self._rows.get((append.stream, version))) is not None]
        told = [(event.tag, state) for event, state in zip(append.events, stored, strict=True)]
        if not rows or [(row.topic, row.state) for row in rows] != told:
            return None
        if hash_at(append.stream, versions[-1]) != rows[-1].hash:
            return None
        return tuple(recorded(row, event) for row, event in zip(rows, append.events, strict=True))
