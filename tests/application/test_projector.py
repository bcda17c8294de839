"""The views follow the log: each event once, whatever fails on the way."""

from __future__ import annotations

import logging
import threading
from typing import TYPE_CHECKING, Any

import pytest

from application import projector as module
from application.ports import Append, Recorded, StoreUnavailable, Summary
from application.projector import PAGE, Projector
from domain.events import Completed, DefinitionStored, NodeStarted, WorkflowPublished
from infrastructure.memory_log import MemoryLog
from infrastructure.memory_views import MemoryViews
from tests.contracts.samples import node_started, started
from tests.contracts.views import published

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from application.ports import EventLog
    from tests.support.stores import Stores


class CountingViews(MemoryViews):
    """Views that remember what was put, and fail when they are told to."""

    def __init__(self) -> None:
        super().__init__()
        self.puts: list[int] = []
        self.failures: list[Exception] = []
        self.after_put: Callable[[], None] = lambda: None

    def put(self, rows: Sequence[Summary], position: int, *, published: Sequence[WorkflowPublished] = ()) -> None:
        """Fail, or put."""
        if self.failures:
            raise self.failures.pop(0)
        super().put(rows, position, published=published)
        self.puts.append(position)
        self.after_put()


def execution(name: str, *events: Any) -> Append:
    """A new execution with these events."""
    return Append(stream=name, after=0, events=(started(), *events))


def filled(*, executions: int) -> MemoryLog:
    """A log of executions of three events each, and a definition between them."""
    log = MemoryLog()
    for n in range(executions):
        log.append([execution(f"e{n}", node_started(), Completed(time=9))])
        log.append([Append(stream=f"d{n}", after=0, events=(DefinitionStored(time=1, definition={}),))])
    return log


def test_catching_up_reaches_the_head(monkeypatch: pytest.MonkeyPatch) -> None:
    """In batches of several pages; rows are those of executions only, and the position passes the rest too."""
    monkeypatch.setattr(module, "BATCH", 2 * PAGE)
    log, views = filled(executions=2 * PAGE), CountingViews()
    assert Projector(log, views).catch_up() == log.position() == views.position()
    assert len(views.puts) == 4
    rows = views.executions(limit=1000).items
    assert {row.execution_id for row in rows} == {f"e{n}" for n in range(2 * PAGE)}
    assert {row.status for row in rows} == {"completed"}
    assert {row.version for row in rows} == {3}


def test_catching_up_again_does_nothing() -> None:
    """There is nothing behind the head."""
    log, views = filled(executions=2), CountingViews()
    Projector(log, views).catch_up()
    before = views.puts[:]
    assert Projector(log, views).catch_up() == log.position()
    assert views.puts == before


def test_an_execution_is_folded_over_batches(monkeypatch: pytest.MonkeyPatch) -> None:
    """The row of the batch before is what the next one goes on from."""
    monkeypatch.setattr(module, "BATCH", 1)
    log, views = filled(executions=2), CountingViews()
    Projector(log, views).catch_up()
    row = views.get(["e1"])["e1"]
    assert (row.version, row.status, row.started_position) == (3, "completed", 5)


def test_a_crash_between_batches_repeats_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    """The next projector goes on where rows and position say."""
    monkeypatch.setattr(module, "BATCH", 2)
    log, views = filled(executions=3), CountingViews()
    views.failures = []
    views.after_put = lambda: views.failures.append(KeyError("killed")) if len(views.puts) == 3 else None
    with pytest.raises(KeyError):
        Projector(log, views).catch_up()
    assert views.position() == 6
    Projector(log, views).catch_up()
    assert views.puts == [2, 4, 6, 8, 10, 12]
    assert views.executions() == _projected_at_once(log)


def test_views_of_another_log_are_built_anew(caplog: pytest.LogCaptureFixture) -> None:
    """They say that they are further than this log goes."""
    views = CountingViews()
    Projector(filled(executions=9), views).catch_up()
    log = filled(executions=2)
    with caplog.at_level(logging.WARNING):
        assert Projector(log, views).catch_up() == log.position()
    assert views.executions() == _projected_at_once(log)
    assert "ahead of the log" in caplog.text


def test_durable_views_that_were_deleted_are_the_same_again(durable: Stores) -> None:
    """The lists are folds of the log and of nothing else."""
    log = durable.log()
    log.append([execution("a", node_started()), execution("b", Completed(time=5)), execution("c")])
    log.append([Append(stream="workflow:w", after=0, events=(published("w", "1.0.0"), published("w", "2.0.0")))])
    pages = []
    for _ in range(2):
        views = durable.views()
        Projector(log, views).catch_up()
        pages.append((views.executions(), views.workflows(), views.position()))
    assert pages[0] == pages[1]
    assert [row.execution_id for row in pages[0][0].items] == ["c", "b", "a"]


def test_durable_views_stand_beside_their_log(durable: Stores, monkeypatch: pytest.MonkeyPatch) -> None:
    """A new projector goes on where the one before was, in batches, and cleared views are built anew."""
    monkeypatch.setattr(module, "BATCH", 3)
    store = durable.url()
    log = durable.log(store)
    for n in range(4):
        log.append([execution(f"e{n}", node_started(), Completed(time=9))])
        assert Projector(log, durable.views(store)).catch_up() == log.position() == 3 * n + 3
    views = durable.views(store)
    before = views.executions()
    views.clear()
    assert Projector(log, views).catch_up() == 12
    assert views.executions() == before == _projected_at_once(log)


def test_a_follower_of_a_durable_log_projects_what_is_appended(durable: Stores) -> None:
    """While others append to it."""
    store = durable.url()
    log, views = durable.log(store), durable.views(store)
    projector = Projector(log, views)
    projector.start()
    writers = [threading.Thread(target=log.append, args=([execution(f"e{n}")],)) for n in range(20)]
    try:
        for writer in writers:
            writer.start()
        for writer in writers:
            writer.join()
        assert projector.wait_for(20, 10)
    finally:
        projector.stop()
    assert views.executions() == _projected_at_once(log)


def test_a_follower_projects_what_is_appended() -> None:
    """Whoever waits for a position sees its rows; the thread ends when it is told to."""
    log, views = MemoryLog(), MemoryViews()
    projector = Projector(log, views)
    projector.start()
    try:
        for n in range(20):
            log.append([execution(f"e{n}")])
            projector.wake()
            assert projector.wait_for(log.position(), 10)
            assert f"e{n}" in views.get([f"e{n}"])
    finally:
        projector.stop()
    assert "clew-projector" not in {thread.name for thread in threading.enumerate()}


def test_a_follower_needs_no_waking(monkeypatch: pytest.MonkeyPatch) -> None:
    """What another process appended is found by looking."""
    monkeypatch.setattr(module, "POLL_S", 0.01)
    log, views = MemoryLog(), CountingViews()
    seen = threading.Event()
    views.after_put = seen.set
    projector = Projector(log, views)
    projector.start()
    try:
        log.append([execution("e")])
        assert seen.wait(10)
    finally:
        projector.stop()


def test_waiting_ends_with_its_time_and_with_the_projector() -> None:
    """False for a position that doesn't come."""
    projector = Projector(MemoryLog(), MemoryViews())
    assert projector.wait_for(0, 0)
    assert not projector.wait_for(1, 0.01)
    projector.start()
    waiter = threading.Timer(0.05, projector.stop)
    waiter.start()
    assert not projector.wait_for(1, 60)
    waiter.join()


def test_a_stopped_projector_starts_again() -> None:
    """And goes on."""
    log, views = filled(executions=1), MemoryViews()
    projector = Projector(log, views)
    for n in range(3):
        projector.start()
        log.append([execution(f"again{n}")])
        projector.wake()
        assert projector.wait_for(log.position(), 10)
        projector.stop()
        projector.stop()


@pytest.mark.parametrize("failure", [StoreUnavailable("The disk is full."), RuntimeError("a mistake of ours")])
def test_a_follower_outlives_what_fails(
    failure: Exception, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """It says so in the log of the process, tries again by itself, and projects everything once."""
    monkeypatch.setattr(module, "FIRST_BACKOFF_S", 0.001)
    log, views = filled(executions=3), CountingViews()
    views.failures = [failure, failure, failure]
    projector = Projector(log, views)
    with caplog.at_level(logging.WARNING):
        projector.start()
        try:
            assert projector.wait_for(log.position(), 10)
        finally:
            projector.stop()
    assert views.puts == [log.position()]
    assert views.executions() == _projected_at_once(log)
    messages = [record.getMessage() for record in caplog.records]
    assert len([message for message in messages if "can't be brought up to date" in message]) == 3
    assert str(failure) in caplog.text


def test_backing_off_has_a_bound(monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture) -> None:
    """Twice as long each time, and no longer than the bound."""
    monkeypatch.setattr(module, "FIRST_BACKOFF_S", 0.001)
    monkeypatch.setattr(module, "LONGEST_BACKOFF_S", 0.004)
    log, views = filled(executions=1), CountingViews()
    views.failures = [StoreUnavailable("no")] * 5
    projector = Projector(log, views)
    with caplog.at_level(logging.WARNING):
        projector.start()
        try:
            assert projector.wait_for(log.position(), 10)
        finally:
            projector.stop()
    waits = [record.args[1] for record in caplog.records if isinstance(record.args, tuple) and len(record.args) == 2]
    assert waits == [0.001, 0.002, 0.004, 0.004, 0.004]


def test_stopping_does_not_wait_for_a_backoff(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nor for the rest of a long catching up."""
    monkeypatch.setattr(module, "FIRST_BACKOFF_S", 3600.0)
    log, views = filled(executions=1), CountingViews()
    failed = threading.Event()

    def follow(after: int, limit: int) -> list[Recorded]:
        failed.set()
        raise StoreUnavailable("no")

    monkeypatch.setattr(log, "follow", follow)
    projector = Projector(log, views)
    projector.start()
    projector.wake()
    assert failed.wait(10)
    projector.stop()
    assert views.puts == []


def test_an_event_that_can_not_be_read_stops_nothing_else(caplog: pytest.LogCaptureFixture) -> None:
    """The thread says which event it is, and is still there."""
    log, views = MemoryLog(), MemoryViews()
    log.append([execution("e", NodeStarted(time=1, address="/a", step="a", node="n", pass_="1", visit=1))])
    object.__setattr__(log.rows("e")[1], "topic", "teleported")
    projector = Projector(log, views)
    with caplog.at_level(logging.WARNING):
        projector.start()
        try:
            assert not projector.wait_for(1, 0.2)
            assert "clew-projector" in {thread.name for thread in threading.enumerate()}
        finally:
            projector.stop()
    assert "unknown kind 'teleported'" in caplog.text


def _projected_at_once(log: EventLog) -> object:
    views = MemoryViews()
    Projector(log, views).catch_up()
    return views.executions()
