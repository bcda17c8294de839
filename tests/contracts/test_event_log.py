"""All logs keep the contract, and write the same history."""

from __future__ import annotations

from contextlib import ExitStack
from itertools import count
from typing import TYPE_CHECKING

import pytest

from infrastructure import postgres_log
from infrastructure.memory_log import MemoryLog
from infrastructure.postgres_address import Address, parse
from infrastructure.sqlite_log import open_log
from tests.contracts.event_log import DurableEventLogContract, EventLogContract
from tests.contracts.samples import append
from tests.support import postgres

if TYPE_CHECKING:
    from collections.abc import Iterator
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


class TestPostgresLog(DurableEventLogContract):
    """The log on PostgreSQL."""

    @pytest.fixture(autouse=True)
    def schemas(self) -> Iterator[None]:
        """A schema of its own for each test, and one for each other log."""
        with ExitStack() as self.schemas_of_test:
            self.address = self.new()
            yield

    def new(self) -> Address:
        """A schema that is not there yet."""
        return parse(self.schemas_of_test.enter_context(postgres.schema()))

    def open(self) -> EventLog:
        """The schema of this test."""
        return postgres_log.open_log(self.address)

    def other(self) -> EventLog:
        """Another schema."""
        return postgres_log.open_log(self.new())


def test_the_stores_agree_on_history(tmp_path: Path) -> None:
    """The same appends, conflicts included, give the same events, positions and hashes in memory and in files."""
    agreed(MemoryLog(), open_log(tmp_path / "log.db"))


def test_postgres_agrees_on_history() -> None:
    """And in PostgreSQL."""
    with postgres.schema() as url:
        agreed(MemoryLog(), postgres_log.open_log(parse(url)))


def agreed(one: EventLog, other: EventLog) -> None:
    """Both say the same after the same appends."""
    try:
        answers = [
            [
                log.append([append("x", 0, 1, {"ž": [2]}), append("y", 0, 3), append("x", 0, "conflict")]),
                log.append([append("z", 9, "conflict")]),
                log.append([append("y", 1, 4), append("x", 2, 5)]),
            ]
            for log in (one, other)
        ]
        assert one.follow(0, 100) == other.follow(0, 100)
        assert [[type(answer) for answer in batch] for batch in answers[0]] == [
            [type(answer) for answer in batch] for batch in answers[1]
        ]
        assert [answers[0][0][:2], answers[0][2]] == [answers[1][0][:2], answers[1][2]]
    finally:
        one.close()
        other.close()
