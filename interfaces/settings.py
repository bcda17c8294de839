"""The service's settings: flags, then `CLEW_*` environment variables, then defaults."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Final

import msgspec

from domain.errors import ClewError
from domain.limits import Limits

DEFAULT_STORE: Final = "sqlite:///.clew/log.db"


class BadSetting(ClewError):
    """A setting has a value that can't be used."""

    code = "BAD_SETTING"


class Settings(msgspec.Struct, frozen=True, kw_only=True):
    """What a service is started with.

    `store` is `sqlite:///PATH` (relative to the working directory; four slashes for an absolute path) or `memory:`.
    `nodes` are folders of node files, `files` the one folder that the `filesystem` node may touch (None: `files` beside
    the store).
    """

    host: str = "127.0.0.1"
    port: int = 8484
    store: str = DEFAULT_STORE
    nodes: tuple[Path, ...] = ()
    files: Path | None = None
    limits: Limits = Limits()
    max_running: int = 1_000
    threads: int = 32

    @property
    def store_path(self) -> Path | None:
        """The log's file; None for a store in memory. Raises BadSetting for a store of another kind."""
        if self.store == "memory:":
            return None
        if self.store.startswith("sqlite:///") and len(self.store) > len("sqlite:///"):
            return Path(self.store.removeprefix("sqlite:///"))
        raise BadSetting(f"The store {self.store!r} is not one that Clew knows: sqlite:///PATH or memory:.")


def from_environment(environment: Mapping[str, str] | None = None) -> Settings:
    """The settings that the environment gives. Raises BadSetting."""
    found = os.environ if environment is None else environment
    port = found.get("CLEW_PORT", "8484")
    if not port.isdecimal() or int(port) > 65_535:
        raise BadSetting(f"CLEW_PORT={port} is not a port: it is a number from 0 to 65535.")
    folders = [Path(part) for part in found.get("CLEW_NODES", "").split(os.pathsep) if part]
    files = found.get("CLEW_FILES")
    return Settings(
        host=found.get("CLEW_HOST", "127.0.0.1"),
        port=int(port),
        store=found.get("CLEW_STORE", DEFAULT_STORE),
        nodes=tuple(folders),
        files=Path(files) if files else None,
    )
