"""Both stores of views keep the contract."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from infrastructure.memory_views import MemoryViews
from infrastructure.sqlite_views import open_views
from tests.contracts.views import DurableViewsContract, ViewsContract

if TYPE_CHECKING:
    from pathlib import Path

    from application.ports import Views


class TestMemoryViews(ViewsContract):
    """The views in memory."""

    def open(self) -> Views:
        """New ones."""
        return MemoryViews()


class TestSqliteViews(DurableViewsContract):
    """The views on SQLite."""

    @pytest.fixture(autouse=True)
    def directory(self, tmp_path: Path) -> None:
        """A directory of its own for each test."""
        self.path = tmp_path

    def open(self) -> Views:
        """The file of this test."""
        return open_views(self.path / "views.db")
