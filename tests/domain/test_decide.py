"""Every command and refusal: given what happened, when something is asked, then this happens."""

from __future__ import annotations

from typing import Any

import pytest

from domain.commands import (
    Begin,
    Cancel,
    Command,
    Ended,
    Erred,
    Finish,
    FireDue,
    Parked,
    Passed,
    Pause,
    Recover,
    Resume,
    Retry,
    Rules,
    Signal,
    Start,
    Stored,
    Took,
)
from domain.compiler import compile_definition
from domain.decide import decide
from domain.draft import engine_error
from domain.errors import ErrorInfo, Refused, Unacceptable
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
from domain.evolve import fold
from domain.execution import Execution
from domain.limits import Limits
from domain.node import Park, Pass
from domain.patches import Op
from domain.position import WaitFor
from domain.problems import Problem
from tests.support.workflows import Catalog, Script, scripted, workflow

NODES = Catalog(*[scripted(letter, Script()) for letter in "abch"])
STEPS: list[Any] = [{"a": {"x?": ["h"], "error?": None}}, "b"]
A, H, B = "/workflow/0/a", "/workflow/0/a/x?/0", "/workflow/1"
KEY = CommandKey(key="k", request="r")
BROKEN = ErrorInfo(code="BROKEN", message="It broke.", recoverable=True)


def check(schema: Any, value: Any) -> list[Problem]:
    """A schema is the type that it takes; `bad` is no schema at all."""
    if schema == "bad":
        raise Unacceptable("No schema.", code="INVALID_SCHEMA")
    names = {"text": str, "number": int}
    fits = isinstance(value, names[schema])
    return [] if fits else [Problem(code="INVALID_PAYLOAD", path="", message=f"It is no {schema}.")]


class Given:
    """An execution of which these events are the history."""

    def __init__(self, events: tuple[ExecutionEvent, ...], steps: list[Any], limits: Limits | None = None) -> None:
        definition = workflow(*steps)
        self.rules = Rules(
            program=compile_definition(definition, NODES, limits=limits), limits=limits or Limits(), check_schema=check
        )
        self.execution = fold(events, Execution(id="e"))

    def when(self, command: Command) -> When:
        """Something is asked."""
        return When(self, command)


class When:
    """What is asked of what is given."""

    def __init__(self, given: Given, command: Command) -> None:
        self._given = given
        self._command = command

    def then(self, *events: ExecutionEvent) -> None:
        """These events follow, and no others; deciding it has changed nothing by itself."""
        before = self._given.execution
        assert decide(before, self._command, self._given.rules) == events
        assert self._given.execution is before

    def refused(self, code: str, kind: type[Refused | Unacceptable] = Refused) -> None:
        """It is refused, with this code and a sentence."""
        with pytest.raises(kind) as refusal:
            decide(self._given.execution, self._command, self._given.rules)
        assert refusal.value.code == code
        assert refusal.value.message.endswith((".", "?"))


def given(*events: ExecutionEvent, steps: list[Any] | None = None, limits: Limits | None = None) -> Given:
    """What has happened so far."""
    return Given(events, steps or STEPS, limits)


def started(state: dict[str, Any] | None = None, *, first: str = A) -> ExecutionStarted:
    """An execution began."""
    return ExecutionStarted(
        time=1, workflow="tested", workflow_version="1.0.0", definition_hash="d", initial_state=state or {}, first=first
    )


def begun(address: str = A, *, visit: int = 1, attempt: int = 1, pass_: str = "1", time: int = 2) -> NodeStarted:
    """A visit began."""
    name = {A: "a", B: "b", H: "h"}.get(address, "a")
    return NodeStarted(
        time=time, address=address, step=name, node=name, pass_=pass_, visit=visit, attempt=attempt, worker="w"
    )


def took(edge: str | None, target: str | None, **fields: Any) -> EdgeTaken:
    """A visit of the first step ended."""
    return EdgeTaken(**{"time": 3, "address": A, "visit": 1, "edge": edge, "target": target, **fields})


def parked(kind: Any = "signal", *, name: str = "s", **fields: Any) -> Suspended:
    """The visit of the first step parked."""
    return Suspended(time=3, address=A, visit=1, wait=WaitFor(kind=kind, since=3, name=name, **fields))


def failed(error: ErrorInfo = BROKEN, *, address: str = A) -> tuple[ExecutionEvent, ...]:
    """The first step failed, and so the execution."""
    return (
        NodeFailed(time=4, address=address, visit=1, error=error),
        Failed(time=4, error=error, address=address, visit=1),
    )


SUSPENDED = (started(), begun(), parked())
PAUSED = (started(), Paused(time=2))
COMPLETED = (started(), begun(), took("y", None), Completed(time=3))
FAILED = (started(), begun(), *failed())
CANCELLED = (started(), Cancelled(time=2))

# Start


def test_start_begins_an_execution() -> None:
    """Of the rules' program, on the definition's own state or on another."""
    program = given().rules.program
    given().when(Start(now=1, actor="ann", labels={"team": "x"}, key=KEY)).then(
        ExecutionStarted(
            time=1, actor="ann", workflow="tested", workflow_version="1.0.0", definition_hash=program.hash,
            initial_state={}, first=A, labels={"team": "x"}, key=KEY,
        )
    )  # fmt: skip
    (event,) = decide(Execution(id="e"), Start(now=1, initial_state={"n": 1}), given().rules)
    assert isinstance(event, ExecutionStarted) and event.initial_state == {"n": 1}


def test_start_of_what_is_there_is_refused() -> None:
    """An id is used once."""
    given(started()).when(Start(now=1)).refused("EXECUTION_EXISTS")


def test_start_on_too_large_a_state_is_refused() -> None:
    """Before anything is recorded."""
    given(limits=Limits(state_bytes=100)).when(Start(now=1, initial_state={"t": "x" * 100})).refused(
        "STATE_LIMIT", Unacceptable
    )


# Begin


def test_begin_starts_the_next_visit() -> None:
    """With its running number and its place among the passes."""
    given(started()).when(Begin(now=2, worker="w")).then(begun())
    given(started(), begun(), took("again", A)).when(Begin(now=4, worker="w", warnings=("w",))).then(
        NodeStarted(time=4, address=A, step="a", node="a", pass_="2", visit=2, worker="w", warnings=("w",))
    )


def test_begin_of_an_interrupted_visit_is_another_attempt() -> None:
    """Of the same visit: number and pass stay."""
    given(started(), begun()).when(Begin(now=5, worker="w")).then(begun(attempt=2, time=5))


def test_begin_past_the_limit_on_steps_fails_the_execution() -> None:
    """No visit begins."""
    before = given(started(), begun(), took("y", B), limits=Limits(steps=1))
    (event,) = decide(before.execution, Begin(now=4), before.rules)
    assert isinstance(event, Failed)
    assert (event.error.code, event.error.details, event.address, event.visit) == ("STEP_LIMIT", {"limit": 1}, B, 0)


# Finish


def test_finish_by_an_unrouted_edge_goes_on() -> None:
    """Its data is kept in the state, and said there alone."""
    given(started(), begun()).when(Finish(now=3, outcome=Took(edge="y", data=5), reads=("n",))).then(
        StateUpdated(time=3, address=A, visit=1, patch=(Op("add", "/a_output", 5),)),
        took("y", B, output_at="/a_output", reads=("n",)),
    )


def test_finish_by_a_routed_edge_goes_into_its_block() -> None:
    """Null data is none."""
    given(started(), begun()).when(Finish(now=3, outcome=Took(edge="x"))).then(took("x", H))


def test_finish_without_an_edge_goes_on() -> None:
    """`edge` is null."""
    given(started(), begun()).when(Finish(now=3, outcome=Took(edge=None))).then(took(None, B))


def test_finish_of_the_last_step_completes() -> None:
    """In the same append."""
    given(started(first=B), begun(B)).when(Finish(now=3, outcome=Took(edge=None))).then(
        took(None, None, address=B), Completed(time=3)
    )


def test_finish_records_what_the_node_wrote_with_its_end() -> None:
    """One patch: its writes, then the edge's data; equal values are no write."""
    before = given(started({"n": 1, "a_output": 5}), begun())
    before.when(Finish(now=3, outcome=Took(edge="y", data=5), patch=(Op("replace", "/n", 2),))).then(
        StateUpdated(time=3, address=A, visit=1, patch=(Op("replace", "/n", 2),)), took("y", B, output=5)
    )


def test_finish_with_writes_that_do_not_fit_is_an_error_and_writes_nothing() -> None:
    """`STATE_CONFLICT` goes the way of any other error."""
    before = given(started(), begun(), steps=[{"a": {}}])
    events = decide(
        before.execution, Finish(now=3, outcome=Took(edge="y"), patch=(Op("add", "/o/k", 1),)), before.rules
    )
    assert [type(event) for event in events] == [NodeFailed, Failed]
    assert isinstance(events[0], NodeFailed) and events[0].error.code == "STATE_CONFLICT"


def test_finish_by_an_error_takes_its_route() -> None:
    """The error object is the edge's data; here it is null that it leads to."""
    given(started(), begun()).when(Finish(now=3, outcome=Erred(error=BROKEN))).then(
        StateUpdated(time=3, address=A, visit=1, patch=(Op("add", "/a_output", BROKEN.as_json()),)),
        took("error", None, output_at="/a_output"),
        Completed(time=3),
    )


def test_finish_by_an_error_binds_it_where_the_route_leads() -> None:
    """Until its block ends."""
    steps = [{"a": {"$output": False, "error?": ["h"]}}, "b"]
    h = "/workflow/0/a/error?/0"
    given(started(), begun(), steps=steps).when(Finish(now=3, outcome=Erred(error=BROKEN))).then(
        took("error", h, output=BROKEN.as_json(), bind=Binding(block="/workflow/0/a/error?"))
    )
    bound = took("error", h, output=BROKEN.as_json(), bind=Binding(block="/workflow/0/a/error?"))
    given(started(), begun(), bound, begun(h), steps=steps).when(Finish(now=5, outcome=Took(edge=None))).then(
        EdgeTaken(time=5, address=h, visit=1, target=B, bindings=0)
    )


@pytest.mark.parametrize("outcome", [Erred(error=BROKEN), Took(edge="error", data={"code": "BROKEN", "message": "It broke.",
                                                                                 "recoverable": True})],
                         ids=["raised", "returned"])  # fmt: skip
def test_finish_by_an_unrouted_error_fails_the_execution(outcome: Any) -> None:
    """However it came."""
    given(started(first=B), begun(B), steps=STEPS).when(Finish(now=4, outcome=outcome)).then(*failed(address=B))


def test_finish_by_fail_and_end_routes() -> None:
    """The visit ends by its edge, the execution by the directive."""
    steps = [{"a": {"x?": "$end", "y?": "$fail"}}, "b"]
    given(started(), begun(), steps=steps).when(Finish(now=3, outcome=Took(edge="x"))).then(
        took("x", None), Completed(time=3)
    )
    error = engine_error("FAILED", "a took y, which is routed to $fail")
    given(started(), begun(), steps=steps).when(Finish(now=3, outcome=Took(edge="y"))).then(
        took("y", None, keeps_input=True), Failed(time=3, error=error, address=A, visit=1)
    )


def test_finish_of_a_setter_stores_its_value() -> None:
    """And leaves `input` alone; an equal value is no write."""
    address = "/workflow/0/$.n"
    before = (started({"n": 1}, first=address), begun(address))
    given(*before, steps=[{"$.n": 2}, "b"]).when(Finish(now=3, outcome=Stored(value=2))).then(
        StateUpdated(time=3, address=address, visit=1, patch=(Op("replace", "/n", 2),)),
        took(None, B, address=address, keeps_input=True),
    )
    given(*before, steps=[{"$.n": 1}, "b"]).when(Finish(now=3, outcome=Stored(value=1))).then(
        took(None, B, address=address, keeps_input=True)
    )


LOOP = [{"a...": {"loop?": ["h"], "error?": "$continue"}}, "b"]
LA, LH = "/workflow/0/a...", "/workflow/0/a.../loop?/0"


def test_finish_by_a_pass_enters_the_loop() -> None:
    """The frame keeps the parameters, and what the position keys held."""
    answer = Pass(data={"item": "i"}, bind={"item": "i", "index": 0})
    outcome = Passed(answer=answer, parameters={"items": ["i"]})
    given(started({"item": "mine"}, first=LA), begun(LA), steps=LOOP).when(Finish(now=3, outcome=outcome)).then(
        StateUpdated(
            time=3, address=LA, visit=1,
            patch=(Op("replace", "/item", "i"), Op("add", "/index", 0), Op("add", "/a_output", {"item": "i"})),
        ),
        took("loop", LH, address=LA, output_at="/a_output",
             enter=LoopEntry(parameters={"items": ["i"]}, saved={"item": "mine"}, unset=("index",))),
    )  # fmt: skip


def _in_loop(index: int = 0) -> list[ExecutionEvent]:
    events: list[ExecutionEvent] = [started({"item": "mine"}, first=LA), begun(LA)]
    entry = LoopEntry(saved={"item": "was"}, unset=("index",))
    events.append(took("loop", LH, address=LA, enter=entry))
    for number in range(1, index + 1):
        events += [begun(LA, visit=number + 1), took("loop", LH, address=LA, visit=number + 1, again=True)]
    return events


def test_finish_by_another_pass_goes_round() -> None:
    """Same frame, next index."""
    before = (*_in_loop(), begun(LH), took(None, LA, address=LH), begun(LA, visit=2))
    given(*before, steps=LOOP).when(Finish(now=3, outcome=Took(edge="loop"))).then(
        took("loop", LH, address=LA, visit=2, again=True)
    )


def test_finish_by_an_exit_leaves_and_puts_position_keys_back() -> None:
    """Those that were not there are removed."""
    before = [*_in_loop(), begun(LA, visit=2)]
    before.insert(1, StateUpdated(time=2, address=LA, visit=1, patch=(Op("add", "/index", 0),)))
    given(*before, steps=LOOP).when(Finish(now=3, outcome=Took(edge="done"))).then(
        StateUpdated(time=3, address=LA, visit=2, patch=(Op("replace", "/item", "was"), Op("remove", "/index"))),
        took("done", B, address=LA, visit=2, keep=0),
    )


def test_finish_past_the_limit_on_passes() -> None:
    """`LOOP_LIMIT`; its own `$continue` does not get around it."""
    before = given(*_in_loop(1), begun(LA, visit=3), steps=LOOP, limits=Limits(iterations=2))
    events = decide(before.execution, Finish(now=3, outcome=Took(edge="loop")), before.rules)
    assert [type(event) for event in events] == [NodeFailed, Failed]
    assert isinstance(events[1], Failed) and events[1].error.code == "LOOP_LIMIT"


def test_finish_by_end_stores_the_result_and_completes() -> None:
    """From wherever it is."""
    given(started(), begun()).when(Finish(now=3, outcome=Ended(result=None))).then(
        StateUpdated(time=3, address=A, visit=1, patch=(Op("add", "/result", None),)),
        took(None, None),
        Completed(time=3),
    )
    given(started(), begun()).when(Finish(now=3, outcome=Ended())).then(took(None, None), Completed(time=3))


def test_finish_after_the_end_is_refused_silently() -> None:
    """`Cancelled` refuses later results."""
    given(started(), begun(), Cancelled(time=3)).when(Finish(now=4, outcome=Took(edge="x"))).then()


def test_finish_within_a_pause_is_recorded() -> None:
    """What was in flight finishes."""
    given(started(), begun(), Paused(time=2)).when(Finish(now=3, outcome=Took(edge="x"))).then(took("x", H))


# Parking


def test_parking_suspends() -> None:
    """With all that people and timers need to know."""
    park = Park(kind="approval", name="a", due=9, schema="text", choices=("yes",), about={"title": "?"})
    wait = WaitFor(kind="approval", since=3, name="a", due=9, schema="text", choices=("yes",), about={"title": "?"})
    given(started(), begun()).when(Finish(now=3, outcome=Parked(answer=park))).then(
        Suspended(time=3, address=A, visit=1, wait=wait)
    )


def test_parking_takes_the_oldest_kept_signal_that_fits() -> None:
    """Those before it that break the schema are dropped, with a warning."""
    kept = [SignalReceived(time=2, name="s", payload=payload) for payload in (5, "first", "second")]
    park = Park(kind="signal", name="s", schema="text")
    before = given(started(), *kept, begun())
    suspended, resumed, *rest = decide(before.execution, Finish(now=3, outcome=Parked(answer=park)), before.rules)
    assert isinstance(suspended, Suspended) and suspended.dropped == (2,)
    assert len(suspended.warnings) == 1 and "no text" in suspended.warnings[0]
    assert resumed == Resumed(time=3, cause="signal", address=A, visit=1, signal=3)
    assert rest[-1] == took("received", B, output_at="/a_output")


def test_parking_with_what_is_no_schema_is_the_steps_error() -> None:
    """Not that of whoever sends the signal."""
    before = given(started(first=B), begun(B))
    park = Park(kind="signal", name="s", schema="bad")
    events = decide(before.execution, Finish(now=3, outcome=Parked(answer=park)), before.rules)
    assert isinstance(events[0], NodeFailed) and events[0].error.code == "INVALID_PARAMETER"


def test_parking_for_a_time_that_is_past_goes_on_at_once() -> None:
    """In the same append, as an event all the same."""
    before = given(started(), begun())
    events = decide(before.execution, Finish(now=3, outcome=Parked(answer=Park(kind="timer", due=3))), before.rules)
    assert [type(event) for event in events] == [Suspended, Resumed, StateUpdated, EdgeTaken]


# Signals


def test_a_signal_ends_the_wait_of_its_name() -> None:
    """Its payload is the edge's data."""
    given(*SUSPENDED).when(Signal(now=5, name="s", payload=7, actor="ann", reason="r", key=KEY)).then(
        SignalReceived(time=5, actor="ann", name="s", payload=7, reason="r", key=KEY),
        Resumed(time=5, cause="signal", address=A, visit=1, signal=4),
        StateUpdated(time=5, address=A, visit=1, patch=(Op("add", "/a_output", 7),)),
        took("received", B, time=5, output_at="/a_output"),
    )


def test_an_approval_takes_a_choice() -> None:
    """The choice is the edge; who, when and why are its data."""
    before = given(started(), begun(), parked("approval", name="a", choices=("x", "no")))
    answer = {"choice": "x", "comment": "fine", "data": [1]}
    *_, state, edge = decide(before.execution, Signal(now=5, name="a", payload=answer, actor="ann"), before.rules)
    data = {"choice": "x", "by": "ann", "comment": "fine", "at": "1970-01-01T00:00:00.000005Z", "data": [1]}
    assert state == StateUpdated(time=5, address=A, visit=1, patch=(Op("add", "/a_output", data),))
    assert edge == took("x", H, time=5, output_at="/a_output")


@pytest.mark.parametrize(
    "answer",
    [
        None,
        "x",
        {},
        {"choice": "maybe"},
        {"choice": 1},
        {"choice": "x", "comment": 5},
        {"choice": "x", "by": 5},
        {"choice": "x", "data": 5},
    ],
)
def test_an_answer_that_an_approval_can_not_take(answer: Any) -> None:
    """Is refused for its sender, and nothing is recorded."""
    wait = parked("approval", name="a", choices=("x", "no"), schema="text")
    given(started(), begun(), wait).when(Signal(now=5, name="a", payload=answer)).refused(
        "INVALID_PAYLOAD", Unacceptable
    )


def test_all_that_is_wrong_with_an_answer_is_told_at_once() -> None:
    """Each at its place."""
    wait = parked("approval", name="a", choices=("x", "no"), schema="text")
    before = given(started(), begun(), wait)
    answer = {"choice": "maybe", "comment": 5, "by": [], "data": 5}
    with pytest.raises(Unacceptable) as refused:
        decide(before.execution, Signal(now=5, name="a", payload=answer), before.rules)
    assert [problem.path for problem in refused.value.details] == ["/choice", "/by", "/comment", "/data"]


@pytest.mark.parametrize(("actor", "by"), [("", "bob"), ("ann", "ann")])
def test_an_answer_may_say_by_whom(actor: str, by: str) -> None:
    """Where the server does not know who sends it."""
    before = given(started(), begun(), parked("approval", name="a", choices=("x", "no")))
    answer = {"choice": "x", "by": "bob"}
    *_, state, _ = decide(before.execution, Signal(now=5, name="a", payload=answer, actor=actor), before.rules)
    assert isinstance(state, StateUpdated)
    assert state.patch[0].value["by"] == by


def test_a_payload_that_breaks_the_schema_of_a_wait_in_progress() -> None:
    """The same."""
    given(started(), begun(), parked(schema="text")).when(Signal(now=5, name="s", payload=5)).refused(
        "INVALID_PAYLOAD", Unacceptable
    )


@pytest.mark.parametrize("history", [(started(),), SUSPENDED, PAUSED], ids=["running", "suspended", "paused"])
def test_an_early_signal_is_kept(history: tuple[ExecutionEvent, ...]) -> None:
    """Until a wait of its name takes it."""
    given(*history).when(Signal(now=5, name="later", payload=1)).then(SignalReceived(time=5, name="later", payload=1))


def test_a_signal_within_a_pause_is_kept_for_the_wait_and_ends_it_at_the_resume() -> None:
    """Nothing begins in a pause; one that an older release kept for any wait of its name is taken like it."""
    received = SignalReceived(time=5, name="s", payload=7, address=A, visit=1)
    given(*SUSPENDED, Paused(time=4)).when(Signal(now=5, name="s", payload=7)).then(received)
    _ends_the_wait_at_the_resume(received)
    _ends_the_wait_at_the_resume(SignalReceived(time=5, name="s", payload=7))


def _ends_the_wait_at_the_resume(received: SignalReceived) -> None:
    given(*SUSPENDED, Paused(time=4), received).when(Resume(now=6)).then(
        Resumed(time=6, cause="person"),
        Resumed(time=6, cause="signal", address=A, visit=1, signal=5),
        StateUpdated(time=6, address=A, visit=1, patch=(Op("add", "/a_output", 7),)),
        took("received", B, time=6, output_at="/a_output"),
    )


def test_kept_signals_are_bounded_by_name() -> None:
    """The limit is inclusive."""
    kept = SignalReceived(time=2, name="s", payload=1)
    given(started(), kept, limits=Limits(kept_signals=2)).when(Signal(now=5, name="s", payload=1)).then(
        SignalReceived(time=5, name="s", payload=1)
    )
    given(started(), kept, kept, limits=Limits(kept_signals=2)).when(Signal(now=5, name="s")).refused("SIGNAL_LIMIT")
    given(started(), kept, kept, limits=Limits(kept_signals=2)).when(Signal(now=5, name="t")).then(
        SignalReceived(time=5, name="t")
    )


@pytest.mark.parametrize(
    ("address", "visit", "fits"), [(A, 0, True), (A, 1, True), (A, 2, False), (B, 0, False)], ids=str
)
def test_a_signal_for_a_wait_that_it_names(address: str, visit: int, fits: bool) -> None:
    """Never goes to another, and is not kept."""
    command = Signal(now=5, name="s", address=address, visit=visit)
    if fits:
        assert len(decide(given(*SUSPENDED).execution, command, given().rules)) == 3
    else:
        given(*SUSPENDED).when(command).refused("NO_SUCH_WAIT")


@pytest.mark.parametrize("history", [COMPLETED, FAILED, CANCELLED], ids=["completed", "failed", "cancelled"])
@pytest.mark.parametrize(
    "command", [Signal(now=9, name="s"), Pause(now=9), Cancel(now=9)], ids=lambda command: type(command).__name__
)
def test_what_has_ended_takes_no_commands(history: tuple[ExecutionEvent, ...], command: Command) -> None:
    """409, whatever it was."""
    given(*history).when(command).refused("EXECUTION_ENDED")


# Time


def test_a_timer_that_is_due_goes_on() -> None:
    """Not before its time."""
    before = (started(), begun(), parked("timer", name="", due=10))
    given(*before).when(FireDue(now=9)).then()
    data = {"dueAt": "1970-01-01T00:00:00.000010Z", "resumedAt": "1970-01-01T00:00:00.000012Z"}
    given(*before).when(FireDue(now=12)).then(
        Resumed(time=12, cause="timer", address=A, visit=1),
        StateUpdated(time=12, address=A, visit=1, patch=(Op("add", "/a_output", data),)),
        took("done", B, time=12, output_at="/a_output"),
    )


def test_a_timeout_takes_its_edge_if_it_is_routed() -> None:
    """Else it is the error `SIGNAL_TIMEOUT`."""
    steps = [{"a": {"$output": False, "timeout?": ["h"]}}]
    h = "/workflow/0/a/timeout?/0"
    given(started(), begun(), parked(due=10), steps=steps).when(FireDue(now=10)).then(
        Resumed(time=10, cause="timeout", address=A, visit=1), took("timeout", h, time=10, output={"name": "s"})
    )
    error = engine_error("SIGNAL_TIMEOUT", "Nobody sent 's' in time.", details={"name": "s"})
    given(started(), begun(), parked(due=10), steps=[{"a": {}}]).when(FireDue(now=10)).then(
        Resumed(time=10, cause="timeout", address=A, visit=1),
        NodeFailed(time=10, address=A, visit=1, error=error),
        Failed(time=10, error=error, address=A, visit=1),
    )


@pytest.mark.parametrize("end", [Paused(time=4), Cancelled(time=4)], ids=["paused", "cancelled"])
def test_nothing_is_due_in_a_pause_or_after_the_end(end: ExecutionEvent) -> None:
    """Timers that fire late find nothing to do."""
    given(started(), begun(), parked("timer", due=10), end).when(FireDue(now=12)).then()


# Pause, resume, retry, cancel


@pytest.mark.parametrize("history", [(started(),), SUSPENDED], ids=["running", "suspended"])
def test_pause(history: tuple[ExecutionEvent, ...]) -> None:
    """Recorded at once, with who and why."""
    given(*history).when(Pause(now=5, actor="ann", reason="r", key=KEY)).then(
        Paused(time=5, actor="ann", reason="r", key=KEY)
    )


def test_pause_of_what_is_paused_changes_nothing() -> None:
    """200, and no event."""
    given(*PAUSED).when(Pause(now=5)).then()


def test_resume_of_a_pause() -> None:
    """With who and why."""
    given(*PAUSED).when(Resume(now=5, actor="ann", reason="r", key=KEY)).then(
        Resumed(time=5, actor="ann", cause="person", reason="r", key=KEY)
    )


def test_resume_of_what_runs_changes_nothing() -> None:
    """There is nothing to do."""
    given(started()).when(Resume(now=5)).then()


def test_resume_of_what_waits_is_refused_naming_the_wait() -> None:
    """Only its signal or its time ends it."""
    given(*SUSPENDED).when(Resume(now=5)).refused("WAITING")
    with pytest.raises(Refused, match=r"signal 's' at /workflow/0/a"):
        decide(given(*SUSPENDED).execution, Resume(now=5), given().rules)


@pytest.mark.parametrize("history", [COMPLETED, CANCELLED], ids=["completed", "cancelled"])
def test_resume_of_what_has_ended_is_refused(history: tuple[ExecutionEvent, ...]) -> None:
    """For good."""
    given(*history).when(Resume(now=5)).refused("EXECUTION_ENDED")


def test_a_pause_holds_what_is_due_and_a_resume_moves_it() -> None:
    """By the paused time: here it is not due yet."""
    before = (started(), begun(), parked("timer", due=10), Paused(time=5))
    given(*before).when(Resume(now=20)).then(Resumed(time=20, cause="person"))
    moved = given(*before, Resumed(time=20, cause="person"))
    moved.when(FireDue(now=24)).then()
    assert moved.execution.due == 25


@pytest.mark.parametrize("command", [Retry, Resume])
def test_retry_of_a_failure(command: Any) -> None:
    """At the step that failed."""
    given(*FAILED).when(command(now=5, actor="ann", reason="r", key=KEY)).then(
        Resumed(time=5, actor="ann", cause="retry", address=A, reason="r", key=KEY)
    )


@pytest.mark.parametrize(
    "history", [(started(),), SUSPENDED, PAUSED, COMPLETED, CANCELLED],
    ids=["running", "suspended", "paused", "completed", "cancelled"],
)  # fmt: skip
def test_retry_of_what_has_not_failed_is_refused(history: tuple[ExecutionEvent, ...]) -> None:
    """There is nothing to try again."""
    given(*history).when(Retry(now=5)).refused("NOT_FAILED")


@pytest.mark.parametrize("history", [(started(),), SUSPENDED, PAUSED], ids=["running", "suspended", "paused"])
def test_cancel(history: tuple[ExecutionEvent, ...]) -> None:
    """At once."""
    given(*history).when(Cancel(now=5, actor="ann", reason="r", key=KEY)).then(
        Cancelled(time=5, actor="ann", reason="r", key=KEY)
    )


# Recovery


def test_recover_between_steps_only_says_so() -> None:
    """Nothing runs again."""
    given(started()).when(Recover(now=5, worker="w2")).then(Recovered(time=5, worker="w2"))


def test_recover_names_the_visit_that_was_in_flight() -> None:
    """The next Begin is another attempt of it."""
    recovered = Recovered(time=5, worker="w2", address=A, visit=1, attempt=1)
    given(started(), begun()).when(Recover(now=5, worker="w2")).then(recovered)
    given(started(), begun(), recovered).when(Begin(now=6, worker="w")).then(begun(attempt=2, time=6))


def _crashed(times: int) -> list[ExecutionEvent]:
    events: list[ExecutionEvent] = [started(first=B), begun(B)]
    for attempt in range(1, times + 1):
        events.append(Recovered(time=5, worker="w", address=B, visit=1, attempt=attempt))
        events.append(begun(B, attempt=attempt + 1))
    return events


def test_recover_of_a_visit_that_crashes_again_and_again() -> None:
    """Recovered three times without an end, it fails with `CRASH_LOOP`."""
    third = given(*_crashed(2))
    assert len(decide(third.execution, Recover(now=6, worker="w"), third.rules)) == 1
    fourth = given(*_crashed(3))
    events = decide(fourth.execution, Recover(now=6, worker="w"), fourth.rules)
    assert [type(event) for event in events] == [Recovered, NodeFailed, Failed]
    assert isinstance(events[2], Failed) and events[2].error.code == "CRASH_LOOP"


@pytest.mark.parametrize(
    ("option", "kinds"), [("fail", [Recovered, NodeFailed, Failed]), ("pause", [Recovered, Paused])]
)
def test_recover_asks_on_crash(option: str, kinds: list[type]) -> None:
    """The author's choice, instead of running again."""
    before = given(started(), begun(), steps=[{"a": {"$onCrash": option}}])
    events = decide(before.execution, Recover(now=5, worker="w"), before.rules)
    assert [type(event) for event in events] == kinds
