"""Planted bugs in what keeps things on a disk: each must be found, by its name, by the campaign that it is planted for."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Final

from pytest import MonkeyPatch

from application import engine, live, projector
from application.ports import StoreUnavailable
from infrastructure import doubt, sqlite_files, sqlite_log, sqlite_recorder, sqlite_views, table_store
from infrastructure.locking import StoreLock
from tests.torture.disk import Record
from tests.torture.power import Drive

Plant = Callable[[MonkeyPatch], None]


@dataclass(frozen=True)
class Bug:
    """How it is planted, and the campaign that must find it."""

    campaign: str
    plant: Plant


BUGS: Final[dict[str, Bug]] = {}


def bug(campaign: str) -> Callable[[Plant], Plant]:
    """Add a bug under the name of its function."""

    def add(plant: Plant) -> Plant:
        BUGS[plant.__name__.replace("_", " ")] = Bug(campaign, plant)
        return plant

    return add


@contextmanager
def planted(name: str) -> Iterator[None]:
    """The code with that bug in it."""
    with MonkeyPatch.context() as patch:
        BUGS[name].plant(patch)
        yield


def _synchronous(patch: MonkeyPatch, module: Any, level: int) -> None:
    """What a module opens for writing waits for the disk less than it asks for."""
    original = sqlite_files.prepare

    class Files:
        def __getattr__(self, name: str) -> Any:
            return getattr(sqlite_files, name)

        def prepare(self, connection: sqlite3.Connection, *, synchronous: int) -> None:
            original(connection, synchronous=min(level, synchronous))

    patch.setattr(module, "sqlite_files", Files())


# A power failure


@bug("power")
def the_log_is_not_synced(patch: MonkeyPatch) -> None:
    _synchronous(patch, sqlite_recorder, 0)


@bug("power")
def the_log_is_synced_at_checkpoints_only(patch: MonkeyPatch) -> None:
    _synchronous(patch, sqlite_recorder, 1)


@bug("power")
def the_tables_are_synced_at_checkpoints_only(patch: MonkeyPatch) -> None:
    _synchronous(patch, table_store, 1)


@bug("power")
def the_lists_are_never_synced(patch: MonkeyPatch) -> None:
    _synchronous(patch, sqlite_views, 0)


@bug("power")
def the_disk_lies_about_syncs(patch: MonkeyPatch) -> None:
    original = Drive.do
    patch.setattr(Drive, "do", lambda drive, record: None if record.kind == "S" else original(drive, record))


@bug("power")
def a_new_file_is_not_named_for_certain(patch: MonkeyPatch) -> None:
    original = Drive.do

    def do(drive: Drive, record: Record) -> None:
        if (record.kind, record.path) != ("S", "."):
            original(drive, record)

    patch.setattr(Drive, "do", do)


@bug("syncs")
def what_a_failed_sync_left_is_trusted(patch: MonkeyPatch) -> None:
    patch.setattr(sqlite_files, "settle", lambda path: None)


@bug("syncs")
def a_failed_sync_is_tried_again_and_trusted(patch: MonkeyPatch) -> None:
    def commit_or_doubt(self: Any) -> None:
        try:
            self.commit()
        except sqlite3.Error:
            self.commit()

    patch.setattr(sqlite_recorder.LogConnection, "_commit_or_doubt", commit_or_doubt)


@bug("power")
def told_before_it_is_durable(patch: MonkeyPatch) -> None:
    async def flush(self: live.Live) -> tuple[Any, ...]:
        self.hand_over()
        return ()

    patch.setattr(live.Live, "flush", flush)
