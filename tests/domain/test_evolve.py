"""The fold: what each event makes of an execution, and that history is never in doubt."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from domain.errors import ErrorInfo
from domain.events import (
    Binding,
    Cancelled,
    CommandKey,
    Completed,
    EdgeTaken,
    ExecutionEvent,
    ExecutionStarted,
    Failed,
    LoopEntry,
    NodeFailed,
    NodeStarted,
    Paused,
    Recovered,
    Resumed,
    SignalReceived,
    StateUpdated,
    Suspended,
)
from domain.evolve import evolve, fold
from domain.execution import (
    RECOUNT_SLACK,
    Execution,
    KeptSignal,
    KnownCommand,
    exact_weight,
    idempotency_key,
    next_pass,
)
from domain.patches import Op
from domain.position import Bound, Frame, WaitFor

A, L, B = "/workflow/0/a", "/workflow/1/l...", "/workflow/1/l.../go?/0/b"
KEY = CommandKey(key="k", request="r")
ERROR = ErrorInfo(code="BROKEN", message="It broke.")


def started(state: dict[str, Any] | None = None, *, first: str = A, **fields: Any) -> ExecutionStarted:
    """An execution began."""
    return ExecutionStarted(
        time=1,
        workflow="w",
        workflow_version="1.0.0",
        definition_hash="d",
        initial_state=state or {},
        first=first,
        **fields,
    )


def begun(address: str = A, *, visit: int = 1, time: int = 2, **fields: Any) -> NodeStarted:
    """A visit began."""
    step = address.rsplit("/", 1)[1].removesuffix("...")
    return NodeStarted(
        **{"time": time, "address": address, "step": step, "node": "n", "pass_": "1", "visit": visit, **fields}
    )


def took(target: str | None, *, address: str = A, visit: int = 1, **fields: Any) -> EdgeTaken:
    """A visit ended."""
    return EdgeTaken(time=3, address=address, visit=visit, target=target, **fields)


def after(*events: ExecutionEvent) -> Execution:
    """The execution after these."""
    return fold(events, Execution(id="e"))


def test_version_and_time_are_those_of_the_newest_event() -> None:
    """The version counts events."""
    execution = after(started(), begun(time=7))
    assert (execution.version, execution.started, execution.updated) == (2, 1, 7)


def test_started() -> None:
    """What it runs, on what, asked by whom."""
    execution = after(started({"n": 1}, labels={"team": "x"}, key=KEY))
    assert (execution.status, execution.state, execution.labels, execution.key) == (
        "running",
        {"n": 1},
        {"team": "x"},
        KEY,
    )
    assert execution.branches[""].address == A
    assert execution.walk == 1


def test_node_started_counts_the_visit_once_whatever_its_attempts() -> None:
    """In the walk and among the passes; another attempt keeps its recoveries."""
    recovered = Recovered(time=3, worker="w", address=A, visit=1, attempt=1)
    execution = after(started(), begun(), recovered, begun(attempt=2, time=4))
    assert (execution.steps, execution.visits.whole(), execution.branches[""].entries) == (1, {A: 1}, {A: 1})
    visit = execution.branches[""].visit
    assert visit is not None and (visit.attempt, visit.recoveries, visit.started) == (2, 1, 4)
    assert execution.in_flight() == [("", visit)]


def test_state_updated_applies_its_patch() -> None:
    """And shares what did not change with the version before."""
    before = after(started({"n": 1, "big": {"list": [1]}}), begun())
    now = evolve(before, StateUpdated(time=3, address=A, visit=1, patch=(Op("replace", "/n", 2),)))
    assert (now.state["n"], before.state["n"]) == (2, 1)
    assert now.state["big"] is before.state["big"]


@pytest.mark.parametrize(
    ("event", "data"),
    [
        (took(B), None),
        (took(B, output={"x": 1}), {"x": 1}),
        (took(B, output_at="/a_output"), 5),
        (took(B, output_at="/deep/0/~1"), "there"),
    ],
    ids=["none", "in the event", "in the state", "deeper in the state"],
)
def test_edge_taken_says_where_the_branch_goes_on_and_with_what(event: EdgeTaken, data: Any) -> None:
    """`input` and the step's output are the edge's data, wherever it is stored."""
    execution = after(started({"a_output": 5, "deep": [{"/": "there"}]}), begun(), event)
    branch = execution.branches[""]
    assert (branch.address, branch.visit, branch.input) == (B, None, data)
    assert execution.outputs == ({} if data is None else {"a": data})


def test_edge_taken_may_leave_input_alone() -> None:
    """Setters and `log` do."""
    execution = after(started(), begun(), took(B, output=1), begun(B), took(L, address=B, output=2, keeps_input=True))
    assert (execution.branches[""].input, execution.outputs.whole()) == (1, {"a": 1, "b": 2})


def _entered(*more: ExecutionEvent) -> Execution:
    entry = LoopEntry(parameters={"items": [7, 8]}, saved={"item": 0}, unset=("index",))
    return after(started(first=L), begun(L), took(B, address=L, output={"item": 7}, enter=entry), *more)


def test_edge_taken_pushes_a_frame() -> None:
    """With the item of its first pass, and what it keeps until it is left."""
    (frame,) = _entered().branches[""].frames
    assert frame == Frame(
        address=L, entry=1, index=0, item=7, parameters={"items": [7, 8]}, saved={"item": 0}, unset=("index",)
    )


def test_edge_taken_begins_the_next_pass() -> None:
    """The same frame, its entries counted anew."""
    execution = _entered(
        begun(B), took(L, address=B), begun(L, visit=2), took(B, address=L, visit=2, output={"item": 8}, again=True)
    )
    (frame,) = execution.branches[""].frames
    assert (frame.entry, frame.index, frame.item, frame.entries, frame.saved) == (1, 1, 8, {}, {"item": 0})


def test_edge_taken_leaves_frames() -> None:
    """As many as it says."""
    assert _entered(begun(B), took(A, address=B, keep=0)).branches[""].frames == ()
    assert len(_entered(begun(B), took(A, address=B)).branches[""].frames) == 1


def test_passes_name_every_frame_by_entry_and_index() -> None:
    """So a visit is known by walk, address and pass."""
    execution = _entered()
    assert next_pass(execution.branches[""], B) == "1.0/1"
    execution = evolve(execution, begun(B))
    assert next_pass(execution.branches[""], B) == "1.0/2"
    for event in (took(L, address=B), begun(L, visit=2), took(B, address=L, visit=2, again=True)):
        execution = evolve(execution, event)
    assert next_pass(execution.branches[""], B) == "1.1/1"
    execution = evolve(execution, took(L, address=B, keep=0))
    assert next_pass(execution.branches[""], L) == "2"


def test_bindings_of_error_are_made_and_ended() -> None:
    """As the event says."""
    bound = after(started(), begun(), took(B, edge="error", output={"code": "C"}, bind=Binding(block="/x", jump=True)))
    assert bound.branches[""].bindings == (Bound(block="/x", jump=True, error={"code": "C"}),)
    assert evolve(evolve(bound, begun(B)), took(A, address=B, bindings=0)).branches[""].bindings == ()
    assert evolve(evolve(bound, begun(B)), took(A, address=B)).branches[""].bindings == bound.branches[""].bindings


def test_a_failure_keeps_the_position() -> None:
    """For a retry."""
    execution = after(
        started(),
        begun(),
        NodeFailed(time=4, address=A, visit=1, error=ERROR),
        Failed(time=4, error=ERROR, address=A, visit=1),
    )
    assert (execution.status, execution.ended, execution.has_ended) == ("failed", 4, True)
    assert execution.failure is not None and execution.failure.error == ERROR
    assert (execution.branches[""].address, execution.branches[""].visit) == (A, None)


def test_a_retry_is_a_new_walk() -> None:
    """Visits are counted anew, passes are not: they stay unique with their walk."""
    failed = (
        begun(),
        NodeFailed(time=4, address=A, visit=1, error=ERROR),
        Failed(time=4, error=ERROR, address=A, visit=1),
    )
    first = after(started(), begun())
    execution = after(started(), *failed, Resumed(time=5, cause="retry", address=A))
    assert (execution.status, execution.walk, execution.steps, execution.visits.whole()) == ("running", 2, 0, {})
    assert (execution.failure, execution.ended) == (None, None)
    again = evolve(execution, begun(pass_="2"))
    keys = [idempotency_key(one, visit) for one in (first, again) for _, visit in one.in_flight()]
    assert len(set(keys)) == 2


def test_idempotency_keys_are_those_of_the_visit_and_not_of_the_attempt() -> None:
    """Over crashes the same; for another execution another."""
    first, again = after(started(), begun()), after(started(), begun(), begun(attempt=2))
    other = fold((started(), begun()), Execution(id="f"))
    keys = [idempotency_key(one, one.in_flight()[0][1]) for one in (first, again, other)]
    assert keys[0] == keys[1] != keys[2]


def _parked(due: int | None = 10, *, since: int = 3) -> Suspended:
    return Suspended(time=since, address=A, visit=1, wait=WaitFor(kind="timer", since=since, name="s", due=due))


def test_suspended_and_resumed_by_what_ends_the_wait() -> None:
    """Parked, then running again with the visit open."""
    parked = after(started(), begun(), _parked())
    assert (parked.status, parked.due, parked.in_flight()) == ("suspended", 10, [])
    awake = evolve(parked, Resumed(time=10, cause="timer", address=A, visit=1))
    assert (awake.status, awake.due, len(awake.in_flight())) == ("running", None, 1)


@pytest.mark.parametrize(
    ("events", "due"),
    [
        ((begun(), _parked(), Paused(time=5), Resumed(time=25, cause="person")), 30),
        ((begun(), Paused(time=5), _parked(17, since=7), Resumed(time=25, cause="person")), 35),
        ((begun(), _parked(), Paused(time=5), Resumed(time=6, cause="person"), Paused(time=7),
          Resumed(time=9, cause="person")), 13),
        ((begun(), _parked(None), Paused(time=5), Resumed(time=25, cause="person")), None),
    ],
    ids=["a wait before the pause", "a wait that began in it", "two pauses", "a wait without an end"],
)  # fmt: skip
def test_a_pause_moves_due_times_by_what_the_wait_spent_in_it(
    events: tuple[ExecutionEvent, ...], due: int | None
) -> None:
    """While paused nothing is due."""
    assert after(started(), *events[:-1]).due is None
    execution = after(started(), *events)
    assert (execution.status, execution.due, execution.paused_at) == ("suspended", due, None)


def test_a_pause_outlasts_the_end_of_a_visit() -> None:
    """What finishes within it does not end it."""
    execution = after(started(), begun(), Paused(time=3), took(B))
    assert execution.status == "paused"
    assert evolve(execution, Resumed(time=5, cause="person")).status == "running"


def test_signals_are_kept_in_their_order_until_taken_or_dropped() -> None:
    """By the version of their event."""
    kept = after(started(), *[SignalReceived(time=2, name="s", payload=n, actor="ann") for n in (1, 2, 3)])
    assert kept.kept["s"][0] == KeptSignal(version=2, payload=1, actor="ann", time=2)
    wait = WaitFor(kind="signal", since=3, name="s")
    parked = fold((begun(), Suspended(time=3, address=A, visit=1, wait=wait, dropped=(2,))), kept)
    assert [signal.payload for signal in parked.kept["s"]] == [2, 3]
    awake = evolve(parked, Resumed(time=4, cause="signal", address=A, visit=1, signal=3))
    assert [signal.payload for signal in awake.kept["s"]] == [3]


@pytest.mark.parametrize(
    "event",
    [
        SignalReceived(time=2, name="s", key=KEY),
        Paused(time=2, key=KEY),
        Resumed(time=2, cause="person", key=KEY),
        Cancelled(time=2, key=KEY),
    ],
    ids=lambda event: type(event).__name__,
)
def test_commands_are_known_by_their_keys(event: ExecutionEvent) -> None:
    """So that each is done once."""
    assert after(started(), event).keys == {"k": KnownCommand(key=KEY, version=2)}


@pytest.mark.parametrize(
    ("event", "status"),
    [(Completed(time=9), "completed"), (Cancelled(time=9), "cancelled")],
    ids=["completed", "cancelled"],
)
def test_the_ends(event: ExecutionEvent, status: str) -> None:
    """Nothing is due any more."""
    execution = after(started(), begun(), _parked(), event)
    assert (execution.status, execution.ended, execution.due, execution.has_ended) == (status, 9, None, True)


@pytest.mark.parametrize(
    "event",
    [
        _parked(),
        Resumed(time=2, cause="timer", address=A, visit=1),
        Recovered(time=2, worker="w", address=A, visit=1, attempt=1),
        Recovered(time=2, worker="w"),
        Resumed(time=2, cause="person"),
        Resumed(time=2, cause="retry"),
    ],
    ids=lambda event: f"{type(event).__name__} {getattr(event, 'cause', '')}",
)
def test_the_fold_never_fails_on_what_it_does_not_expect(event: ExecutionEvent) -> None:
    """History is history: only decisions have rules."""
    assert after(started(), event).version == 2


def test_folding_in_two_parts_is_folding_at_once() -> None:
    """What checkpoints rest on, also through JSON."""
    entered = took(B, address=L, output={"item": 7}, enter=LoopEntry())
    events: list[ExecutionEvent] = [started({"n": 1}, first=L), begun(L), entered, begun(B)]
    for cut in range(1, len(events)):
        base = msgspec.json.decode(msgspec.json.encode(after(*events[:cut])), type=Execution)
        assert fold(events[cut:], base) == after(*events)


def test_the_estimated_weight_is_never_too_low_and_counted_again_when_far_off() -> None:
    """A step costs no more for a large state, and the limit is kept all the same."""
    execution = after(started({"text": "x" * 1_000}))
    visit, largest = 1, 0
    for _ in range(200):
        for event in (begun(visit=visit), took(A, visit=visit, output="y" * 2_000)):
            execution = evolve(execution, event)
            assert execution.weight >= exact_weight(execution)
            largest = max(largest, execution.weight)
        visit += 1
    assert largest <= 2 * exact_weight(execution) + RECOUNT_SLACK + 5_000
