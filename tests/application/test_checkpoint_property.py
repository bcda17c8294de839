"""Whatever becomes of the checkpoints, every version folds to what it folds to from the beginning of its log."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from application import checkpointing
from application.folds import Folds
from application.ports import Append, Checkpoint
from domain.events import AnyEvent, ExecutionEvent
from infrastructure.memory_checkpoints import MemoryCheckpoints
from infrastructure.memory_log import MemoryLog
from tests.domain.test_fold_property import EXAMPLES, PROFILE, Acts, interruptions, taken, workflows

Damage = Callable[[list[Checkpoint]], list[Checkpoint]]
LONG_S = 30.0


@contextmanager
def close_together() -> Iterator[None]:
    """Checkpoints after every third event, however large they are: short histories then have many."""
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(checkpointing, "APART", 3)
        patched.setattr(checkpointing.Growth, "outweighs", property(lambda growth: growth.events >= 3))
        yield


class Watched(MemoryCheckpoints):
    """A store that says how often it was of use, and what it holds."""

    def __init__(self) -> None:
        super().__init__()
        self.found = 0

    def nearest(self, execution_id: str, *, upto: int | None = None, time: int | None = None) -> Checkpoint | None:
        """Count what is found."""
        found = super().nearest(execution_id, upto=upto, time=time)
        self.found += found is not None
        return found

    def all(self) -> list[Checkpoint]:
        """Everything of the walked execution, by version."""
        return [each for _, each in sorted(self._of.get("walked", {}).items())]


def log_of(events: list[ExecutionEvent]) -> MemoryLog:
    """A log of one execution."""
    log = MemoryLog()
    as_any: tuple[AnyEvent, ...] = tuple(events)
    log.append([Append(stream="walked", after=0, events=as_any)])
    return log


def flipped(data: bytes, at: int) -> bytes:
    """The bytes, one bit of them another."""
    at %= len(data)
    return data[:at] + bytes([data[at] ^ 1]) + data[at + 1 :]


def swapped(found: list[Checkpoint]) -> list[Checkpoint]:
    """Each with the fold of the next one."""
    return [replace(each, fold=other.fold) for each, other in zip(found, found[1:] + found[:1], strict=True)]


def moved(found: list[Checkpoint]) -> list[Checkpoint]:
    """Each in the place of the version behind it."""
    return [replace(each, version=each.version + 1) for each in found]


damages: st.SearchStrategy[Damage] = st.one_of(
    st.just(lambda found: found),
    st.just(lambda found: []),
    st.just(lambda found: found[1::2]),
    st.just(swapped),
    st.just(moved),
    st.just(lambda found: [replace(each, fold=each.fold[:-1]) for each in found]),
    st.just(lambda found: [replace(each, hash=bytes(32)) for each in found]),
    st.just(lambda found: [replace(each, time=each.time - 10_000) for each in found]),
    st.just(lambda found: [replace(each, time=each.time + 10_000) for each in found]),
    st.integers(0, 10_000).map(
        lambda at: lambda found: [replace(each, fold=flipped(each.fold, at + each.version)) for each in found]
    ),
)


@settings(PROFILE, max_examples=max(EXAMPLES // 2, 60))
@given(workflows(), interruptions, damages, st.randoms(use_true_random=False))
def test_every_version_is_what_it_is_without_checkpoints(
    drawn: tuple[dict[str, Any], Acts], disturbed: list[str], damage: Damage, random: Any
) -> None:
    """In any order of asking, with checkpoints whole, gone, damaged, or in a wrong place; and so is the one at a time."""
    walk = taken(*drawn, disturbed)
    log, store = log_of(walk.events), Watched()
    with close_together():
        kept_by = Folds(log, store)
        kept_by.load("walked")
        assert kept_by.drain(LONG_S)
        assert [each.version for each in store.all()] == list(range(3, len(walk.events) + 1, 3))
        damaged = damage(store.all())
        store.forget("walked")
        store.put(damaged)
        versions = list(range(1, len(walk.events) + 1))
        random.shuffle(versions)
        folds = Folds(log, store)
        for version in versions:
            found = folds.load("walked", upto=version)
            assert msgspec.json.encode(found) == walk.snapshots[version - 1]
            time = walk.events[version - 1].time
            last = max(at for at, event in enumerate(walk.events, start=1) if event.time <= time)
            assert folds.version_at("walked", time, upto=len(walk.events)) == last
        assert store.found or len(walk.events) < 3 or not damaged


@settings(PROFILE, max_examples=max(EXAMPLES // 2, 60))
@given(workflows(), workflows(), interruptions)
def test_checkpoints_of_another_log_are_not_believed(
    drawn: tuple[dict[str, Any], Acts], other: tuple[dict[str, Any], Acts], disturbed: list[str]
) -> None:
    """Not even where that has an execution of the same id."""
    walk, strange = taken(*drawn, disturbed), taken(*other, disturbed)
    store = Watched()
    with close_together():
        elsewhere = Folds(log_of(strange.events), store)
        elsewhere.load("walked")
        assert elsewhere.drain(LONG_S)
        folds = Folds(log_of(walk.events), store)
        for version in range(len(walk.events), 0, -1):
            assert msgspec.json.encode(folds.load("walked", upto=version)) == walk.snapshots[version - 1]


@settings(PROFILE, max_examples=max(EXAMPLES // 4, 40))
@given(workflows(), interruptions, st.lists(st.integers(0, 200), max_size=8))
def test_a_fold_goes_on_from_any_version_before(
    drawn: tuple[dict[str, Any], Acts], disturbed: list[str], asked: list[int]
) -> None:
    """Whoever reads an execution again and again folds its tail only, and comes to the same."""
    walk = taken(*drawn, disturbed)
    with close_together():
        folds = Folds(log_of(walk.events), Watched())
        base = None
        for version in sorted(1 + each % len(walk.events) for each in asked):
            base = folds.load("walked", upto=version, base=base)
            assert msgspec.json.encode(base) == walk.snapshots[version - 1]
