"""Lives of the real engine on real SQLite files, in virtual time: one forked process each, all on one thread.

What outlives a life is its store, and the notes that it left in the trace of the watched disk: what clients were told, and
what nodes did. So the same seed and the same order give the same calls to the disk, and the same end.
"""

from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import Callable, Coroutine, Sequence
from dataclasses import dataclass
from pathlib import Path
from random import Random
from typing import Any, Final
from unittest.mock import patch

from application import checkpointing, folds
from application.checkpointing import CheckpointWriter
from application.engine import Engine, EngineSettings
from application.ports import Checkpoint, StoreUnavailable, Summary, Views
from application.programs import Programs
from application.projector import LINGER_S, Projector
from application.requests import ToPublish
from domain.limits import Limits
from infrastructure import sqlite_recorder
from infrastructure.json_schemas import check_schema
from infrastructure.nodes.registry import NodeRegistry
from infrastructure.sqlite_log import SqliteLog
from infrastructure.table_store import TableStore
from interfaces import bootstrap
from interfaces.settings import Settings
from tests.reference.nodes import Does
from tests.simulation.faults import FaultyLog, Ledger, Plan
from tests.simulation.invariants import History
from tests.simulation.virtual_time import VirtualClock
from tests.simulation.world import Life, World, effect_node
from tests.support.workflows import NOON
from tests.torture import failpoints, stories
from tests.torture.disk import NOTHING, Order, WatchedDisk
from tests.torture.failpoints import Kill
from tests.torture.forking import Outcome, forked

Note = dict[str, Any]
SMALL_WAL_PAGES: Final = 25
"""So that the log is checkpointed several times in a story."""
CHECKPOINT_APART: Final = 8
"""So that executions are."""
BETWEEN_LIVES_S: Final = 2.0


class NotingLedger(Ledger):
    """A ledger that outlives the process."""

    def __init__(self, disk: WatchedDisk) -> None:
        super().__init__()
        self._disk = disk

    def did(self, execution: str, address: str, visit: str, key: str) -> None:
        """Note it at once."""
        super().did(execution, address, visit, key)
        self._disk.note({"did": [execution, address, visit, key]})


class NotingHistory(History):
    """What clients were told, noted when they are; with each, which event is the newest: it must never change again."""

    def __init__(self, disk: WatchedDisk, log: SqliteLog) -> None:
        super().__init__()
        self._disk = disk
        self._log = log

    def accept(self, execution: str, key: str, position: int) -> None:
        """Note it at once."""
        super().accept(execution, key, position)
        self._tell({"accepted": [execution, key, position]}, position)

    def command(self, execution: str, key: str, version: int) -> None:
        """Note it at once."""
        super().command(execution, key, version)
        self._tell({"commanded": [execution, key, version]}, self._log.position())

    def saw(self, position: int) -> None:
        """Somebody read the log."""
        self._tell({"saw": True}, position)

    def _tell(self, what: Note, position: int) -> None:
        newest = self._log.follow(position - 1, 1) if position else []
        self._disk.note({**what, "newest": [position, newest[0].hash.hex()] if newest else None})


class DiskWorld(World):
    """A world whose log is a file, as the lives before have left it."""

    def __init__(self, story: stories.Story, home: Path, past: Sequence[Note], disk: WatchedDisk) -> None:
        self.settings = settings_in(home)
        log, self.views = bootstrap._open(self.settings)
        assert isinstance(log, SqliteLog)
        log.commits_inline = 1_000_000
        self._disk = disk
        super().__init__(story.seed, story.case.script, log=log, now=_time_of(log))
        self.chance = Random(f"life {story.seed} {len(past)}")
        self.ids.count = 1_000_000 * sum("born" in note for note in past)
        self.tables = TableStore(self.settings.companion("tables"))
        self.history, self.ledger = remembered(past, disk, log)
        for note in past:
            if "gave" in note:
                key, name = note["gave"]
                self.given[key] = super().give(key, name)

    def give(self, key: str, name: str) -> Does:
        """Note it at once: a life after this one does the same in that visit."""
        self._disk.note({"gave": [key, name]})
        return super().give(key, name)

    def life(self, log: FaultyLog, clock: VirtualClock) -> DiskLife:
        """A new one."""
        return DiskLife(self, log, clock)


class InlineCheckpoints(CheckpointWriter):
    """Writes on the thread that has something to write."""

    def offer(self, checkpoint: Checkpoint) -> bool:
        """Write it now."""
        try:
            self._checkpoints.put([checkpoint])
        except StoreUnavailable as error:
            logging.getLogger(__name__).warning("a checkpoint is not kept: %s", error)
        return True


class DiskLife(Life):
    """One engine with its lists, tables and checkpoints, put together and taken apart as `Service` does it."""

    world: DiskWorld

    def __init__(self, world: DiskWorld, log: FaultyLog, clock: VirtualClock) -> None:
        self._views: Views = world.views
        self._projector = Projector(log, self._views)
        self._projecting: asyncio.TimerHandle | None = None
        self._folds = bootstrap._folds(world.settings, log)
        super().__init__(world, log, clock)

    def engine_on(self, nodes: NodeRegistry, clock: VirtualClock) -> Engine:
        """Its engine, not started."""
        nodes.register(effect_node("f", "writes", self.world, self.log))
        settings = EngineSettings(worker="w", limits=Limits())
        return Engine(
            log=self.log,
            nodes=nodes,
            clock=clock,
            ids=self.world.ids,
            check_schema=check_schema,
            programs=Programs(self.log, nodes, settings.limits),
            settings=settings,
            committed=self._committed,
            folds=self._folds,
        )

    async def run(self, act: Callable[[Any], Coroutine[Any, Any, None]]) -> None:
        """From the start to an orderly stop."""
        self._projector.catch_up()
        await self.engine.start(self._unfinished())
        assert isinstance(self.world.history, NotingHistory)
        self.world.history.saw(self.log.position())
        await act(self)
        await self.rest()
        await self.engine.stop()
        if self._projecting is not None:
            self._projecting.cancel()
        self._projector._caught_up(0.0)
        self._folds.close()

    async def publish(self, asked: ToPublish) -> bool:
        """Publish, as a client that tries again until it is told."""
        return await self._told(lambda: self.engine.publish(asked)) is not None

    def _committed(self, position: int) -> None:
        del position
        if self._projecting is None:
            self._projecting = asyncio.get_running_loop().call_later(LINGER_S, self._project)

    def _project(self) -> None:
        self._projecting = None
        if not self.log.crashed and not self._projector._caught_up(1.0):
            self._projecting = asyncio.get_running_loop().call_later(1.0, self._project)

    def _unfinished(self) -> list[Summary]:
        page = self._views.executions(status=("running", "suspended", "paused"), limit=1_000)
        assert page.next is None
        return list(page.items)


@dataclass(frozen=True)
class Told:
    """What a life found: `calls` it made to the disk, the `hits` of each failpoint, how many calls `failed` by order, and
    what was `wrong` in the end.
    """

    calls: int = 0
    hits: dict[str, int] | None = None
    failed: int = 0
    refused: str | None = None
    wrong: tuple[str, ...] = ()


def settings_in(home: Path) -> Settings:
    """Of a store in a folder."""
    return Settings(store=f"sqlite:///{home / 'log.db'}", home=home)


def remembered(past: Sequence[Note], disk: WatchedDisk, log: SqliteLog) -> tuple[History, Ledger]:
    """What clients were told and what nodes did, by the notes of the lives before."""
    history, ledger = NotingHistory(disk, log), NotingLedger(disk)
    for note in past:
        if "did" in note:
            Ledger.did(ledger, *note["did"])
        if "accepted" in note:
            execution, key, position = note["accepted"]
            history.accepted[execution] = position
            history.answers.setdefault(key, set()).add(execution)
        if "commanded" in note:
            history.commands.append(tuple(note["commanded"]))
    return history, ledger


def live(
    story: stories.Story,
    home: Path,
    trace: Path,
    *,
    past: Sequence[Note],
    order: Order = NOTHING,
    kill: Kill | None = None,
    data: bool = False,
    last: bool = False,
) -> tuple[Outcome, Told]:
    """One life in a process of its own, on the store in `home`; the `last` one finishes the story, and looks at everything."""

    def work() -> dict[str, Any]:
        logging.disable(logging.CRITICAL)
        disk = WatchedDisk()
        disk.watch(home, trace, data=data)
        disk.note({"born": str(order), "kill": str(kill), "sick": bool(order.error)})
        disk.order(order)
        with (
            patch.object(sqlite_recorder, "CHECKPOINT_PAGES", SMALL_WAL_PAGES),
            patch.object(checkpointing, "APART", CHECKPOINT_APART),
            patch.object(folds, "CheckpointWriter", InlineCheckpoints),
            failpoints.watched(kill) as hits,
        ):
            try:
                wrong = _lived(story, home, past, disk=disk, last=last)
            except StoreUnavailable as error:
                if not disk.failed:
                    raise
                return {"refused": error.message, "failed": disk.failed, "calls": disk.calls}
        return {"calls": disk.calls, "hits": hits, "failed": disk.failed, "wrong": wrong}

    outcome = forked(work)
    told = Told(**outcome.given) if outcome.end == "done" else Told()
    return outcome, told


def _lived(story: stories.Story, home: Path, past: Sequence[Note], *, disk: WatchedDisk, last: bool) -> list[str]:
    world = DiskWorld(story, home, past, disk)
    part = stories.finish if last else stories.act
    try:
        assert world.live(Plan(), lambda life: part(_on_disk(life), story))
        found = []
        if last:
            interruptions = sum("born" in note for note in past)
            world.crashes = interruptions
            found = [
                *world.violations(),
                *_changed(world, past),
                *_lists_that_differ(world),
                *stories.unfulfilled(
                    world, story, interruptions=interruptions, sick=any(note.get("sick") for note in past)
                ),
            ]
    finally:
        world.views.close()
        assert world.tables is not None
        world.tables.close()
        world.log.close()
    return found


def _on_disk(life: Life) -> DiskLife:
    assert isinstance(life, DiskLife)
    return life


def _changed(world: DiskWorld, past: Sequence[Note]) -> list[str]:
    """What somebody has seen or was told of, and is otherwise now."""
    hashes = {recorded.position: recorded.hash.hex() for recorded in world.log.follow(0, 1_000_000)}
    newest = [note["newest"] for note in past if note.get("newest")]
    return [f"the event at position {at} was seen, and is gone" for at, hash_ in newest if hashes.get(at) != hash_]


def _lists_that_differ(world: DiskWorld) -> list[str]:
    rows = {row.execution_id: row for row in world.summaries()}
    listed = world.views.get(list(rows))
    wrong = [f"{name} is listed otherwise than the log has it" for name, row in rows.items() if listed.get(name) != row]
    if world.views.published() != ["long"]:
        wrong.append(f"published are {world.views.published()}")
    return wrong


def _time_of(log: SqliteLog) -> float:
    """A while after the newest event, in seconds of the virtual loop."""
    times = [recorded.event.time for recorded in log.follow(0, 1_000_000)]
    return (max(times) - NOON) / 1_000_000 + BETWEEN_LIVES_S if times else 0.0


def as_json(told: Told) -> str:
    """For messages."""
    return json.dumps(told.__dict__)
