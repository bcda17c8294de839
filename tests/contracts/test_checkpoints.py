"""Every store of checkpoints keeps the contract."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from infrastructure.memory_checkpoints import MemoryCheckpoints
from infrastructure.sqlite_checkpoints import open_checkpoints
from tests.contracts.checkpoints import FORMAT, CheckpointsContract, DurableCheckpointsContract

if TYPE_CHECKING:
    from pathlib import Path

    from application.ports import Checkpoints


class TestMemoryCheckpoints(CheckpointsContract):
    """Checkpoints in memory."""

    def open(self, format_: str = FORMAT) -> Checkpoints:
        """New ones: they don't outlive what they were made for."""
        return MemoryCheckpoints()


class TestSqliteCheckpoints(DurableCheckpointsContract):
    """Checkpoints on SQLite."""

    @pytest.fixture(autouse=True)
    def directory(self, tmp_path: Path) -> None:
        """A directory of its own for each test."""
        self.path = tmp_path

    def open(self, format_: str = FORMAT) -> Checkpoints:
        """The file of this test."""
        return open_checkpoints(self.path / "checkpoints.db", format_)
