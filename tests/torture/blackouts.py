"""The campaign of power failures: a traced run, and at many moments of it a disk as it could be left, which must do."""

from __future__ import annotations

import errno
import hashlib
from collections import Counter
from collections.abc import Sequence
from itertools import count
from pathlib import Path
from random import Random
from typing import Any, Final

from tests.torture.disk import Calls, Order, Record, What, notes, records
from tests.torture.lives import live
from tests.torture.power import MODES, Drive, lay_down
from tests.torture.rounds import Cases, Round, Size, folder
from tests.torture.stories import Story, story_of

MOMENTS: Final[dict[Size, int]] = {"short": 5, "long": 60}
"""At which a traced run is looked at."""
BUILT_ON: Final = ("log.db-wal", "log.db-wal", "log-tables.db-wal")
"""Whose syncs fail: what the next life begins with is in them."""
AGAIN: Final = 0.2
"""How often the power fails again while the store recovers."""


def power(seed: str, size: Size, told: Round) -> Cases:
    """One traced run of one to three lives, some of which are killed or have syncs that fail."""
    chance = Random(f"power {seed}")
    story = story_of(seed)
    with folder() as home:
        trace = home / "trace"
        _trace(story, home / "store", trace, chance=chance, told=told)
        if not told.found:
            yield from _look(story, home, list(records(trace)), chance=chance, told=told, moments=MOMENTS[size])


def syncs(seed: str, size: Size, told: Round) -> Cases:
    """A sync fails, the process dies with it, and the next one finds what the kernel has and the disk may never have."""
    chance = Random(f"syncs {seed}")
    story = story_of(seed)
    with folder() as home:
        trace, store = home / "trace", home / "store"
        store.mkdir()
        quiet = home / "quiet"
        quiet.mkdir()
        _live(story, quiet, home / "quiet.trace", order=Order(), told=told)
        number = _sync_of(list(records(home / "quiet.trace")), chance)
        order = Order(What.FAIL_THEN_KILL, Calls.SYNCS, number, 1, errno.EIO)
        for each in (order, Order()):
            _live(story, store, trace, order=each, told=told)
        if not told.found:
            calls = list(records(trace))
            yield from _look(story, home, calls, chance=chance, told=told, moments=MOMENTS[size], life=2)


def _sync_of(trace: list[Record], chance: Random) -> int:
    """The number of a sync, counted from 1, that waits for more of a file of BUILT_ON than most of its syncs do."""
    waiting: Counter[str] = Counter()
    synced: list[tuple[int, str]] = []
    for record in trace:
        if record.kind == "W":
            waiting[record.path] += 1
        elif record.kind == "S":
            synced.append((waiting.pop(record.path, 0), record.path))
    path = chance.choice([path for path in BUILT_ON if any(name == path for _, name in synced)])
    numbers = [(writes, number) for number, (writes, name) in enumerate(synced, 1) if name == path]
    return chance.choice(sorted(numbers, reverse=True)[: max(3, len(numbers) // 3)])[1]


def order_of(chance: Random) -> Order:
    """What happens in a life that is traced."""
    first = chance.randint(1, chance.choice((20, 200, 700)))
    match chance.choice(("nothing", "kill", "sync", "sync")):
        case "kill":
            return Order(chance.choice((What.KILL_BEFORE, What.KILL_WITHIN)), first=first)
        case "sync":
            first = chance.randint(1, chance.choice((6, 30)))
            what = chance.choice((What.FAIL, What.FAIL_THEN_KILL))
            return Order(what, Calls.SYNCS, first, chance.choice((1, 1, 2)), errno.EIO)
        case _:
            return Order()


def _trace(story: Story, store: Path, trace: Path, *, chance: Random, told: Round) -> None:
    store.mkdir()
    for _ in range(chance.choice((1, 2, 2, 3))):
        _live(story, store, trace, order=order_of(chance), told=told)


def _live(story: Story, store: Path, trace: Path, *, order: Order, told: Round) -> None:
    outcome, _ = live(story, store, trace, past=notes(trace), order=order, data=True)
    told.runs += 1
    told.faults += order.what is not What.NOTHING
    if outcome.end == "failed":
        told.found.append(f"a life with {order}: {outcome.given}")


def moments_of(trace: list[Record], chance: Random, number: int, *, life: int) -> list[int]:
    """Where the power fails, from the birth of a life on: right after somebody was told something, more often than not."""
    births = [place for place, record in enumerate(trace) if record.kind == "N" and "born" in record.note]
    first = births[min(life, len(births)) - 1]
    after_notes = [place + 1 for place in range(first, len(trace)) if trace[place].kind == "N"]
    early = after_notes[: max(4, len(after_notes) // 4)]
    anywhere = range(first + 1, len(trace) + 1)
    copied = copied_into(trace, first) if life > 1 else anywhere
    return sorted({chance.choice(chance.choice((after_notes, early, copied, anywhere))) for _ in range(number)})


def copied_into(trace: list[Record], first: int) -> Sequence[int]:
    """Where a file of BUILT_ON has been copied into, and it is not certain yet that its write-ahead log is gone."""
    copied: list[int] = []
    file: str | None = None
    for place in range(first, len(trace)):
        record = trace[place]
        if record.kind == "W" and f"{record.path}-wal" in BUILT_ON:
            file = record.path
        if file is not None:
            copied.append(place + 1)
        if record.kind == "S" and record.path == ".":
            file = None
    return copied or range(first + 1, len(trace) + 1)


def _look(
    story: Story,
    home: Path,
    trace: list[Record],
    *,
    chance: Random,
    told: Round,
    moments: int,
    life: int = 1,
) -> Cases:
    """Walk along the trace, and let the power fail at some moments of it."""
    drive, places, seen, images = Drive(Random(f"forgets {story.seed}")), count(), set[bytes](), count()
    for moment in moments_of(trace, chance, moments, life=life):
        while (place := next(places)) < moment:
            drive.do(trace[place])
        places = count(place)
        past = [record.note for record in trace[:moment] if record.kind == "N"]
        for mode in chance.sample(MODES, 2):
            files = drive.fails(mode, chance)
            digest = _digest(files, past)
            if digest in seen:
                continue
            seen.add(digest)
            where = f"the power fails after call {moment} of {len(trace)}, of what is unsynced {mode} is kept"
            _recover(story, home / f"image-{next(images)}", files, past, chance=chance, told=told, where=where)
            yield


def _recover(
    story: Story,
    home: Path,
    files: dict[str, bytes],
    past: list[dict[str, Any]],
    *,
    chance: Random,
    told: Round,
    where: str,
) -> None:
    """The last life on what is left, now and then after one in which the power fails once more."""
    lay_down(files, home, chance)
    told.faults += 1
    if chance.random() < AGAIN:
        told.faults += 1
        trace = home.with_suffix(".trace")
        outcome, _ = live(story, home, trace, past=past, data=True)
        if outcome.end == "failed":
            told.found.append(f"{where}: {outcome.given}")
            return
        drive, again = Drive(chance), list(records(trace))
        drive.hold(files)
        moment = chance.randint(1, len(again))
        for record in again[:moment]:
            drive.do(record)
        past = past + [record.note for record in again[:moment] if record.kind == "N"]
        home = home.with_suffix(".again")
        lay_down(drive.fails(chance.choice(MODES), chance), home, chance)
        where += f", and again after call {moment} of {len(again)} of the recovery"
    outcome, last = live(story, home, home.with_suffix(".last"), past=past, last=True)
    told.runs += 1
    if outcome.end != "done":
        told.found.append(f"{where}: {outcome.given}")
    told.found += [f"{where}: {wrong}" for wrong in last.wrong]


def _digest(files: dict[str, bytes], past: list[dict[str, Any]]) -> bytes:
    """Tells images apart that come to the same."""
    digest = hashlib.sha256(str(len(past)).encode())
    for name in sorted(files):
        digest.update(name.encode() + hashlib.sha256(files[name]).digest())
    return digest.digest()
