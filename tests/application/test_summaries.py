"""The row of an execution, event by event: given these events, then that row."""

from __future__ import annotations

import pytest

from application.ports import Recorded, Summary
from application.summaries import summarise
from domain.errors import ErrorInfo
from domain.events import (
    AnyEvent,
    BranchClosed,
    BranchesOpened,
    Cancelled,
    Completed,
    DefinitionStored,
    EdgeTaken,
    ExecutionEvent,
    ExecutionStarted,
    Failed,
    NodeFailed,
    NodeStarted,
    Opening,
    Paused,
    Recovered,
    Resumed,
    SignalReceived,
    StateUpdated,
    Suspended,
)
from domain.evolve import fold
from domain.execution import Execution
from domain.position import Joining, WaitFor

A, B = "/workflow/0/a", "/workflow/1/b"
ERROR = ErrorInfo(code="NODE_ERROR", message="No.")


def begun(*, at: int = 10) -> ExecutionStarted:
    """The first event."""
    return ExecutionStarted(
        time=at,
        workflow="audit",
        workflow_version="1.2.0",
        definition_hash="h",
        initial_state={},
        first=A,
        labels={"team": "x"},
    )


def entered(address: str = A, *, at: int = 20, branch: str = "") -> NodeStarted:
    """A visit begins."""
    return NodeStarted(time=at, address=address, step="s", node="n", pass_="1", visit=1, branch=branch)


def left(target: str | None, *, at: int = 30, branch: str = "") -> EdgeTaken:
    """A visit ends."""
    return EdgeTaken(time=at, address=A, visit=1, edge="next", target=target, branch=branch)


def parked(*, at: int = 30, due: int | None = 100, branch: str = "") -> Suspended:
    """A visit parks."""
    return Suspended(time=at, address=A, visit=1, wait=WaitFor(kind="timer", since=at, due=due), branch=branch)


def woken(*, at: int = 100, branch: str = "") -> Resumed:
    """Its wait is over."""
    return Resumed(time=at, cause="timer", address=A, visit=1, branch=branch)


def opened(*names: str) -> BranchesOpened:
    """A visit opens branches."""
    openings = tuple(Opening(name=name, edge=name, first=B) for name in names)
    return BranchesOpened(time=30, address=A, visit=1, branches=openings, joining=Joining())


def closed(name: str) -> BranchClosed:
    """One of them ends."""
    return BranchClosed(time=30, address=A, visit=1, branch=name, outcome="ended")


def after(*events: AnyEvent) -> Summary:
    """The row after a history that begins at position 51 of the log."""
    row = None
    for version, event in enumerate(events, start=1):
        row = summarise(row, Recorded(position=50 + version, stream="e1", version=version, event=event, hash=b""))
    assert row is not None
    return row


def test_an_execution_begins() -> None:
    """Everything that its first event says."""
    assert after(begun()) == Summary(
        execution_id="e1",
        workflow_id="audit",
        workflow_version="1.2.0",
        status="running",
        version=1,
        position=51,
        started_position=51,
        start_time=10,
        update_time=10,
        current_address=A,
        labels={"team": "x"},
    )


def test_every_event_moves_version_position_and_time() -> None:
    """Whatever else it says; where the execution began stays."""
    row = after(
        begun(),
        entered(at=20),
        StateUpdated(time=21, address=A, visit=1, patch=()),
        SignalReceived(time=22, name="x"),
        Recovered(time=23, worker="w"),
        NodeFailed(time=24, address=A, visit=1, error=ERROR),
    )
    assert (row.version, row.position, row.update_time) == (6, 56, 24)
    assert (row.started_position, row.start_time, row.status, row.error_code) == (51, 10, "running", None)


def test_a_stream_that_is_no_execution_has_no_row() -> None:
    """Such as a stored definition."""
    stored = Recorded(position=1, stream="d", version=1, event=DefinitionStored(time=1, definition={}), hash=b"")
    assert summarise(None, stored) is None


def test_an_event_is_counted_once() -> None:
    """The same again, or one from before, leaves the row as it is."""
    row = after(begun(), parked())
    again = Recorded(position=52, stream="e1", version=2, event=Completed(time=99), hash=b"")
    assert summarise(row, again) is row


def test_the_current_step_follows_visits_and_edges() -> None:
    """Where the run stands, and nothing when it is at its end."""
    assert after(begun(), entered(A), left(B)).current_address == B
    assert after(begun(), entered(A), left(B), entered(B)).current_address == B
    assert after(begun(), entered(A), left(None)).current_address is None
    assert after(begun(), entered(A), entered(B, branch="left")).current_address == A


def test_waiting_and_going_on() -> None:
    """The due time is there for as long as the wait."""
    waiting = after(begun(), entered(), parked(due=100))
    assert (waiting.status, waiting.due) == ("suspended", 100)
    assert (after(begun(), entered(), parked(due=None)).status, after(begun(), parked(due=None)).due) == (
        "suspended",
        None,
    )
    awake = after(begun(), entered(), parked(due=100), woken())
    assert (awake.status, awake.due) == ("running", None)


def test_a_pause_holds_back_what_was_due() -> None:
    """And gives it back moved by the time it took."""
    paused = after(begun(), entered(), parked(due=100), Paused(time=40))
    assert (paused.status, paused.due, paused.paused_at) == ("paused", None, 40)
    resumed = after(begun(), entered(), parked(due=100), Paused(time=40), Resumed(time=65, cause="person"))
    assert (resumed.status, resumed.due, resumed.paused_at) == ("suspended", 125, None)


def test_a_pause_of_a_running_execution_ends_in_running() -> None:
    """It was waiting for nothing."""
    row = after(begun(), entered(), Paused(time=40), Resumed(time=65, cause="person"))
    assert (row.status, row.due) == ("running", None)


@pytest.mark.parametrize(
    ("event", "status", "address"),
    [
        (Completed(time=90), "completed", None),
        (Failed(time=90, error=ERROR), "failed", A),
        (Cancelled(time=90), "cancelled", A),
    ],
)
@pytest.mark.parametrize("before", [(), (parked(),), (parked(), Paused(time=40))])
def test_an_end_ends_everything(
    event: ExecutionEvent, status: str, address: str | None, before: tuple[ExecutionEvent, ...]
) -> None:
    """Nothing is due or paused any more; a failure says why, and where."""
    row = after(begun(), entered(), *before, event)
    assert (row.status, row.end_time, row.current_address) == (status, 90, address)
    assert (row.due, row.paused_at) == (None, None)
    assert row.error_code == ("NODE_ERROR" if status == "failed" else None)


def test_a_retry_takes_the_end_back() -> None:
    """The execution runs again, at the step that failed."""
    row = after(begun(), entered(), Failed(time=90, error=ERROR), Resumed(time=95, cause="retry", address=A))
    assert (row.status, row.end_time, row.error_code, row.current_address) == ("running", None, None, A)


HISTORIES: list[tuple[ExecutionEvent, ...]] = [
    (begun(), entered(), left(B), entered(B, at=40), parked(at=50), woken(), left(None, at=101), Completed(time=102)),
    (begun(), entered(), Paused(time=25), parked(at=30), Resumed(time=60, cause="person"), woken(at=140), left(None)),
    (begun(), entered(), parked(), Paused(time=40), woken(at=45), Resumed(time=60, cause="person"), left(B)),
    (begun(), Paused(time=15), Resumed(time=16, cause="person"), entered(), parked(due=None), Paused(time=40)),
    (begun(), entered(), parked(), Paused(time=40), Resumed(time=50, cause="person"), Paused(time=60),
     Resumed(time=90, cause="person"), woken(at=140)),
    (begun(), entered(), NodeFailed(time=30, address=A, visit=1, error=ERROR),
     Failed(time=31, error=ERROR, address=A, visit=1), Resumed(time=40, cause="retry", address=A), entered(at=41),
     parked(at=42), Cancelled(time=43)),
    (begun(), entered(), opened("l", "r"), entered(branch="l"), parked(branch="l", due=200), entered(branch="r"),
     parked(branch="r", due=90), Paused(time=40), Resumed(time=45, cause="person"), woken(branch="r"),
     left(None, branch="r"), closed("r"), woken(branch="l"), left(None, branch="l"), closed("l"), left(B), entered(B)),
    (begun(), entered(), opened("l", "r"), entered(branch="l"), parked(branch="l", due=None), closed("r"), closed("l"),
     left(None), Completed(time=50)),
    (begun(), entered(), opened("l", "r"), entered(branch="l"), parked(branch="l"), entered(branch="r"),
     NodeFailed(time=30, address=A, visit=1, branch="r", error=ERROR),
     Failed(time=31, error=ERROR, address=A, visit=1, branch="r"),
     Resumed(time=40, cause="retry", address=A, branch="r"), entered(branch="r"), parked(branch="r", due=70)),
]  # fmt: skip


@pytest.mark.parametrize("history", HISTORIES)
def test_the_row_agrees_with_the_fold_at_every_version(history: tuple[ExecutionEvent, ...]) -> None:
    """Lists and executions never contradict each other: status, due time, pause, end."""
    for version in range(1, len(history) + 1):
        row = after(*history[:version])
        execution = fold(history[:version], Execution(id="e1"))
        assert (row.version, row.status, row.due, row.end_time) == (
            execution.version,
            execution.status,
            execution.due,
            execution.ended,
        )
