"""Group commit: what is committed together, in which order, on which thread, and who is told what."""

from __future__ import annotations

import asyncio
import gc
import threading
from collections.abc import Callable, Sequence
from typing import Any

import pytest

from application import writer as module
from application.ports import Append, Recorded, StoreUnavailable, VersionConflict
from application.writer import Writer
from infrastructure.memory_log import MemoryLog
from tests.contracts.samples import append, told
from tests.support.worlds import run, until


class WatchedLog(MemoryLog):
    """A log that remembers its batches and who committed them, and can be held or made to fail."""

    def __init__(self, inline: int) -> None:
        super().__init__()
        self.commits_inline = inline
        self.batches: list[list[str]] = []
        self.threads: list[str] = []
        self.begun = threading.Event()
        self.go = threading.Event()
        self.go.set()
        self.failures: list[Exception] = []

    def append(self, batch: Sequence[Append]) -> list[tuple[Recorded, ...] | VersionConflict]:
        """Take note, wait until it may go, and fail or record."""
        self.batches.append([append.stream for append in batch])
        self.threads.append(threading.current_thread().name)
        self.begun.set()
        assert self.go.wait(20)
        if self.failures:
            raise self.failures.pop(0)
        return super().append(batch)

    def hold(self) -> None:
        """Let the next commits wait."""
        self.begun.clear()
        self.go.clear()


def written(inline: int, test: Callable[[Writer, WatchedLog, list[int]], Any]) -> WatchedLog:
    """Run a test with a writer on a log that commits so many inline; the log."""
    log, committed = WatchedLog(inline), list[int]()

    async def with_writer() -> None:
        await test(Writer(log, committed.append), log, committed)

    run(with_writer())
    return log


ELSEWHERE = "clew-commit"


@pytest.mark.parametrize(("inline", "thread"), [(0, ELSEWHERE), (1, ELSEWHERE), (2, "MainThread"), (99, "MainThread")])
def test_what_arrives_in_one_turn_is_committed_together(inline: int, thread: str) -> None:
    """By the loop's own thread up to as many as the log wants inline, else by another."""

    async def test(writer: Writer, log: WatchedLog, committed: list[int]) -> None:
        both = [writer.submit(append("x", 0, 1)), writer.submit(append("y", 0, 2, 3))]
        recorded = await asyncio.gather(*both)
        assert [told(list(each)) for each in recorded] == [[1], [2, 3]]
        assert committed == [3]

    log = written(inline, test)
    assert (log.batches, log.threads) == ([["x", "y"]], [thread])


@pytest.mark.parametrize(("inline", "thread"), [(0, ELSEWHERE), (1, "MainThread")])
def test_the_appends_of_one_stream(inline: int, thread: str) -> None:
    """Count as one: a step's end and the start of the next are waiting together."""

    async def test(writer: Writer, log: WatchedLog, committed: list[int]) -> None:
        await asyncio.gather(writer.submit(append("x", 0, 1)), writer.submit(append("x", 1, 2)))
        assert committed == [2]

    assert written(inline, test).threads == [thread]


@pytest.mark.parametrize(("inline", "thread"), [(0, ELSEWHERE), (1, "MainThread")])
def test_a_lone_append(inline: int, thread: str) -> None:
    """Costs no hop where one is committed inline."""

    async def test(writer: Writer, log: WatchedLog, committed: list[int]) -> None:
        for number in range(3):
            await writer.submit(append("x", number, number))
        assert committed == [1, 2, 3]

    assert written(inline, test).threads == [thread] * 3


def test_the_loop_goes_on_while_a_commit_is_under_way() -> None:
    """What arrives meanwhile is the next batch, in the order of submission, and none is committed before its time."""

    async def test(writer: Writer, log: WatchedLog, committed: list[int]) -> None:
        log.hold()
        first = writer.submit(append("a", 0, 0))
        await until(log.begun.is_set)
        later = [writer.submit(append("b", number, number)) for number in range(20)]
        for _ in range(50):
            await asyncio.sleep(0)
        assert log.batches == [["a"]]
        assert not first.done()
        log.go.set()
        await asyncio.gather(first, *later)
        assert committed == [1, 21]

    log = written(0, test)
    assert log.batches == [["a"], ["b"] * 20]
    assert told(log.read("b")) == list(range(20))


def test_a_conflict_fails_only_its_own() -> None:
    """Everyone else of the batch is told what was recorded."""

    async def test(writer: Writer, log: WatchedLog, committed: list[int]) -> None:
        asked = [append("x", 0, 1), append("x", 0, "late"), append("y", 0, 2)]
        answers = await asyncio.gather(*map(writer.submit, asked), return_exceptions=True)
        assert [type(answer) for answer in answers] == [tuple, VersionConflict, tuple]
        assert committed == [2]
        assert writer.sickness is None

    written(0, test)


@pytest.mark.parametrize("inline", [0, 9])
@pytest.mark.parametrize("failure", [StoreUnavailable("The disk is full."), KeyError("a mistake")])
def test_a_commit_that_fails_is_told_to_everyone_who_waits(inline: int, failure: Exception) -> None:
    """And to whoever asks how it is, until the next one succeeds."""

    async def test(writer: Writer, log: WatchedLog, committed: list[int]) -> None:
        log.failures = [failure]
        asked = [writer.submit(append("x", 0, 1)), writer.submit(append("y", 0, 1))]
        answers = await asyncio.gather(*asked, return_exceptions=True)
        assert [type(answer) for answer in answers] == [StoreUnavailable] * 2
        assert committed == []
        assert writer.sickness is not None
        assert str(failure) in writer.sickness
        await writer.submit(append("x", 0, 1))
        assert writer.sickness is None

    written(inline, test)


def test_what_is_being_committed_counts_as_waiting(monkeypatch: pytest.MonkeyPatch) -> None:
    """Memory is bounded however slow the store is; there is room again when it is done, or has failed."""
    monkeypatch.setattr(module, "MAX_WAITING", 5)

    async def test(writer: Writer, log: WatchedLog, committed: list[int]) -> None:
        for failures in ([], [StoreUnavailable("no")]):
            log.hold()
            log.failures = list(failures)
            under_way = writer.submit(append(f"a{failures}", 0, 1, 2, 3))
            await until(log.begun.is_set)
            assert not writer.is_full()
            waiting = writer.submit(append(f"b{failures}", 0, 1, 2))
            assert writer.is_full()
            log.go.set()
            await asyncio.gather(under_way, waiting, return_exceptions=True)
            assert not writer.is_full()

    written(0, test)


def test_whoever_no_longer_waits_is_passed_over() -> None:
    """Their append is recorded all the same, and the others are answered."""

    async def test(writer: Writer, log: WatchedLog, committed: list[int]) -> None:
        gone, there = writer.submit(append("x", 0, 1)), writer.submit(append("y", 0, 1))
        gone.cancel()
        await there
        assert log.version("x") == 1

    written(0, test)


def threads() -> set[threading.Thread]:
    """The threads of writers that are there."""
    gc.collect()
    return {thread for thread in threading.enumerate() if thread.name == ELSEWHERE}


def test_a_loop_that_has_gone_is_no_fault() -> None:
    """What was being committed then is in the log, and the thread goes on to its end."""
    log, before = WatchedLog(0), threads()
    log.hold()

    async def leave() -> None:
        Writer(log, lambda position: None).submit(append("x", 0, 1))
        await until(log.begun.is_set)

    asyncio.run(leave())
    [thread] = threads() - before
    log.go.set()
    while thread.is_alive():
        gc.collect()
    assert log.version("x") == 1


def test_the_thread_ends_with_its_writer() -> None:
    """Nobody needs to say so."""
    before, made = threads(), set[threading.Thread]()

    async def test(writer: Writer, log: WatchedLog, committed: list[int]) -> None:
        for number in range(3):
            await writer.submit(append("x", number, 1))
        made.update(threads() - before)

    written(0, test)
    [thread] = made
    gc.collect()
    thread.join(20)
    assert not thread.is_alive()
