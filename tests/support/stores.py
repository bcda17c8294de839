"""Stores of each kind for tests that must hold on all of them."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Final, Literal

from application.ports import EventLog, Views
from infrastructure import postgres_log, postgres_views, sqlite_log, sqlite_views
from infrastructure.memory_log import MemoryLog
from infrastructure.memory_views import MemoryViews
from infrastructure.postgres_address import parse
from tests.support import postgres

Kind = Literal["memory", "sqlite", "postgresql"]
DURABLE: Final[tuple[Kind, ...]] = ("sqlite", "postgresql")
EVERY: Final[tuple[Kind, ...]] = ("memory", *DURABLE)


class Stores:
    """Makes stores of one kind, and closes what was opened of them at the end."""

    def __init__(self, kind: Kind, home: Path, ending: ExitStack) -> None:
        self.kind = kind
        self._home = home
        self._ending = ending
        self._made = 0
        if kind == "postgresql":
            postgres.require()

    def url(self) -> str:
        """The URL of a new store."""
        self._made += 1
        if self.kind == "memory":
            return "memory:"
        if self.kind == "sqlite":
            return f"sqlite:///{self._home / f'store{self._made}.db'}"
        return self._ending.enter_context(postgres.schema())

    def log(self, url: str | None = None) -> EventLog:
        """The log of a store; of a new one unless it is named."""
        log = self._log(url or self.url())
        self._ending.callback(log.close)
        return log

    def views(self, url: str | None = None) -> Views:
        """The views of a store; of a new one unless it is named."""
        views = self._views(url or self.url())
        self._ending.callback(views.close)
        return views

    def _log(self, url: str) -> EventLog:
        match self.kind:
            case "memory":
                return MemoryLog()
            case "sqlite":
                return sqlite_log.open_log(Path(url.removeprefix("sqlite:///")))
            case "postgresql":
                return postgres_log.open_log(parse(url))

    def _views(self, url: str) -> Views:
        match self.kind:
            case "memory":
                return MemoryViews()
            case "sqlite":
                return sqlite_views.open_views(Path(url.removeprefix("sqlite:///")).with_suffix(".views.db"))
            case "postgresql":
                return postgres_views.open_views(parse(url))


@contextmanager
def stores(kind: Kind, home: Path) -> Iterator[Stores]:
    """Stores of a kind, which are gone at the end."""
    with ExitStack() as ending:
        yield Stores(kind, home, ending)
