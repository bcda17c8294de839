"""Planted bugs in what keeps things on a disk: each must be found, by its name, by the campaign that it is planted for."""

from __future__ import annotations

import contextlib
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from typing import Any, Final

from pytest import MonkeyPatch

from application import engine, live, projector
from application.ports import StoreUnavailable
from infrastructure import sqlite_files, sqlite_log, sqlite_recorder, table_store
from infrastructure.locking import StoreLock
from interfaces import bootstrap
from tests.torture.disk import Record
from tests.torture.power import Drive

Plant = Callable[[MonkeyPatch], None]


@dataclass(frozen=True)
class Bug:
    """How it is planted, the campaign that must find it, and a seed with which that is soon done."""

    campaign: str
    plant: Plant
    seed: str


BUGS: Final[dict[str, Bug]] = {}


def bug(campaign: str, seed: str = "0") -> Callable[[Plant], Plant]:
    """Add a bug under the name of its function."""

    def add(plant: Plant) -> Plant:
        BUGS[plant.__name__.replace("_", " ")] = Bug(campaign, plant, seed)
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


@bug("power", seed="2")
def the_log_is_not_synced(patch: MonkeyPatch) -> None:
    _synchronous(patch, sqlite_recorder, 0)


@bug("power", seed="1")
def the_log_is_synced_at_checkpoints_only(patch: MonkeyPatch) -> None:
    _synchronous(patch, sqlite_recorder, 1)


@bug("power", seed="12")
def the_tables_are_synced_at_checkpoints_only(patch: MonkeyPatch) -> None:
    _synchronous(patch, table_store, 1)


@bug("power", seed="2")
def the_disk_lies_about_syncs(patch: MonkeyPatch) -> None:
    original = Drive.do
    patch.setattr(Drive, "do", lambda drive, record: None if record.kind == "S" else original(drive, record))


@bug("power", seed="1")
def a_new_file_is_not_named_for_certain(patch: MonkeyPatch) -> None:
    original = Drive.do

    def do(drive: Drive, record: Record) -> None:
        if (record.kind, record.path) != ("S", "."):
            original(drive, record)

    patch.setattr(Drive, "do", do)


@bug("syncs", seed="40")
def what_a_failed_sync_left_is_trusted(patch: MonkeyPatch) -> None:
    patch.setattr(sqlite_files, "settle", lambda path: None)


@bug("sick", seed="3")
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


# A kill


@bug("kills", seed="0")
def nothing_is_recovered(patch: MonkeyPatch) -> None:
    patch.setattr(engine.Engine, "_recover", lambda self, live: setattr(live, "fresh", False))


@bug("kills", seed="1")
def the_newest_execution_is_not_taken_up(patch: MonkeyPatch) -> None:
    original = engine.Engine.start

    async def start(self: engine.Engine, unfinished: Any = ()) -> None:
        await original(self, list(unfinished)[1:])

    patch.setattr(engine.Engine, "start", start)


@bug("kills", seed="0")
def effects_do_not_wait_for_their_beginning(patch: MonkeyPatch) -> None:
    original = live.Live.flush

    async def flush(self: live.Live) -> Any:
        return () if self.execution.in_flight() else await original(self)

    patch.setattr(live.Live, "flush", flush)


@bug("kills", seed="1")
def the_lists_begin_at_the_head_of_the_log(patch: MonkeyPatch) -> None:
    original = projector.Projector.catch_up

    def catch_up(self: projector.Projector) -> int:
        if self._position == 0 and self._views.position():
            self._views.put([], self._log.position())
        return original(self)

    patch.setattr(projector.Projector, "catch_up", catch_up)


@bug("recoveries")
def the_lock_of_a_dead_process_is_kept(patch: MonkeyPatch) -> None:
    original = StoreLock._acquire

    def acquire(self: StoreLock) -> int:
        if self._path.exists():
            raise StoreUnavailable("somebody held it")
        return original(self)

    patch.setattr(StoreLock, "_acquire", acquire)


# A sick disk


@bug("sick", seed="3")
def a_failed_commit_is_taken_for_a_success(patch: MonkeyPatch) -> None:
    original = sqlite_log.SqliteLog.append

    def append(self: sqlite_log.SqliteLog, batch: Any) -> Any:
        try:
            return original(self, batch)
        except StoreUnavailable:
            return [() for _ in batch]

    patch.setattr(sqlite_log.SqliteLog, "append", append)


@bug("sick", seed="3")
def after_a_failed_commit_nobody_takes_it_up_again(patch: MonkeyPatch) -> None:
    async def revive(self: engine.Engine, execution_id: str, error: Any) -> None:
        return

    patch.setattr(engine.Engine, "_revive", revive)


@bug("sick", seed="1")
def what_can_not_be_cleared_away_hides_why_it_does_not_start(patch: MonkeyPatch) -> None:
    class Contexts:
        def __getattr__(self, name: str) -> Any:
            return nullcontext if name == "suppress" else getattr(contextlib, name)

    patch.setattr(bootstrap, "contextlib", Contexts())
