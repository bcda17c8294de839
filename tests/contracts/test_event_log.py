"""Both logs keep the contract, and write the same history."""

from __future__ import annotations

from itertools import count
from typing import TYPE_CHECKING

import pytest

from infrastructure.memory_log import MemoryLog
from infrastructure.sqlite_log import open_log
from tests.contracts.event_log import DurableEventLogContract, EventLogContract
from tests.contracts.samples import append

if TYPE_CHECKING:
    from pathlib import Path

    from application.ports import EventLog


class TestMemoryLog(EventLogContract):
    """The log in memory."""

    def open(self) -> EventLog:
        """A new one: there is nothing to open again."""
        return MemoryLog()

    def other(self) -> EventLog:
        """The same."""
        return MemoryLog()


class TestSqliteLog(DurableEventLogContract):
    """The log on SQLite."""

    @pytest.fixture(autouse=True)
    def directory(self, tmp_path: Path) -> None:
        """A directory of its own for each test."""
        self.path = tmp_path
        self.others = count()

    def open(self) -> EventLog:
        """The file of this test."""
        return open_log(self.path / "log.db")

    def other(self) -> EventLog:
        """Another file."""
        return open_log(self.path / f"other{next(self.others)}.db")


def test_the_stores_agree_on_history(tmp_path: Path) -> None:
    """The same appends, conflicts included, give the same events, positions and hashes in memory and on SQLite."""
    memory, sqlite = MemoryLog(), open_log(tmp_path / "log.db")
    try:
        for log in (memory, sqlite):
            log.append([append("x", 0, 1, {"ž": [2]}), append("y", 0, 3), append("x", 0, "conflict")])
            log.append([append("z", 9, "conflict")])
            log.append([append("y", 1, 4), append("x", 2, 5)])
        assert memory.follow(0, 100) == sqlite.follow(0, 100)
    finally:
        memory.close()
        sqlite.close()
