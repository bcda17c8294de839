"""All stores of views keep the contract."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from infrastructure import postgres_views
from infrastructure.memory_views import MemoryViews
from infrastructure.postgres_address import parse
from infrastructure.sqlite_views import open_views
from tests.contracts.views import DurableViewsContract, ViewsContract
from tests.support import postgres

if TYPE_CHECKING:
    from collections.abc import Iterator
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


class TestPostgresViews(DurableViewsContract):
    """The views on PostgreSQL."""

    @pytest.fixture(autouse=True)
    def schema(self) -> Iterator[None]:
        """A schema of its own for each test."""
        with postgres.schema() as url:
            self.address = parse(url)
            yield

    def open(self) -> Views:
        """The schema of this test."""
        return postgres_views.open_views(self.address)
