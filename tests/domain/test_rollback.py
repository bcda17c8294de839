"""Going back by people: what an execution is then, and what follows from there."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest

from domain.commands import (
    Begin,
    Cancel,
    EditState,
    FireDue,
    Observe,
    Pause,
    Resume,
    Retry,
    RollBack,
    Signal,
    TakeSnapshot,
)
from domain.completions import end_of_completion
from domain.errors import ErrorInfo, Refused, StepFailure, Unacceptable
from domain.events import (
    BranchClosed,
    ChildStarted,
    Completed,
    EdgeTaken,
    Failed,
    NodeFailed,
    NodeStarted,
    Resumed,
    RolledBack,
    SignalReceived,
    SnapshotTaken,
    StateUpdated,
    Suspended,
)
from domain.evolve import fold
from domain.execution import Execution
from domain.json_patch import read_operations
from domain.node import Call
from tests.support.workflows import Act, Script, Walk, nodes_of, rules_of, scripted, workflow

ASK = {"signal": {"name": "go"}}


class Walking(Walk):
    """The walk of an execution, which can go back, and whose nodes play a script."""

    def __init__(self, *steps: Any, acts: dict[str, list[Act]] | None = None, **settings: Any) -> None:
        self.script = Script(acts)
        nodes = nodes_of(self.script, scripted("call", self.script))
        super().__init__(workflow(*steps, **settings), nodes)

    @property
    def status(self) -> str:
        """What it is doing."""
        return self.execution.status

    def at(self, version: int) -> Execution:
        """The execution as it was at a version."""
        return fold(self.events[:version], Execution(id="walked"))

    def end_of(self, version: int) -> int:
        """What a version means."""
        return end_of_completion(version, self.events[version - 1 :])

    def back(self, version: int, **more: Any) -> Sequence[Any]:
        """Go back to what a version means; the events of it. Every fold of the history gives the same."""
        target = self.at(self.end_of(version))
        self.now += 1_000
        events = self.decide(RollBack(now=self.now, target=target, **more))
        assert fold(self.events, Execution(id="walked")) == self.execution
        return events

    def signal(self, name: str = "go", payload: Any = None) -> None:
        """Send a signal, and go on."""
        self.now += 1_000
        self.decide(Signal(now=self.now, name=name, payload=payload))
        self.run()

    def version_of(self, kind: type, *, nth: int = 0, **fields: Any) -> int:
        """The version of the nth event of a kind with these fields."""
        found = [
            at
            for at, event in enumerate(self.events, start=1)
            if isinstance(event, kind) and all(getattr(event, name) == value for name, value in fields.items())
        ]
        return found[nth]


def kinds(events: Sequence[Any]) -> list[str]:
    """What they are."""
    return [type(event).__name__ for event in events]


def test_state_and_position_are_those_of_then_and_history_goes_on() -> None:
    """What follows is a new walk: the same steps again, in visits of their own."""
    walking = Walking("a", {"$.n": 1}, "b", ASK, "c", acts={"a": [("x", 1), ("x", 2)], "b": [("x", 3), ("x", 4)]})
    walking.run()
    before = len(walking.events)
    to = walking.version_of(EdgeTaken, address="/workflow/0")
    (event,) = walking.back(to, name="", actor="ann", reason="wrong b")
    assert isinstance(event, RolledBack)
    assert (event.to, event.actor, event.reason, event.paused) == (to, "ann", "wrong b", False)
    assert len(walking.events) == before + 1
    execution = walking.execution
    assert (execution.state, execution.status, execution.walk) == (walking.at(to).state, "running", 2)
    assert execution.outputs == walking.at(to).outputs
    walking.run()
    walking.signal()
    assert (walking.status, walking.execution.state["b_output"]) == ("completed", 4)
    assert walking.script.order == "a b b c"
    again = [event for event in walking.events if isinstance(event, NodeStarted) and event.step == "b"]
    assert [(event.visit, event.pass_) for event in again] == [(1, "1"), (1, "1")]


def test_when_it_can_be_rolled_back() -> None:
    """Not while it runs, and never once it is cancelled."""
    walking = Walking("a", ASK)
    with pytest.raises(Refused, match="pause first") as caught:
        walking.back(1)
    assert caught.value.code == "PAUSE_FIRST"
    walking.run()
    assert kinds(walking.back(1)) == ["RolledBack"]
    walking.run()
    walking.decide(Cancel(now=walking.now))
    with pytest.raises(Refused, match="cancelled") as caught:
        walking.back(1)
    assert caught.value.code == "EXECUTION_ENDED"


def test_a_paused_execution_stays_so() -> None:
    """A person said that nothing is to happen, and says when that is over."""
    walking = Walking({"wait": {"for": 60}}, "a")
    walking.run()
    parked = walking.execution.version
    walking.decide(Pause(now=walking.now))
    (event,) = walking.back(parked)
    assert (event.paused, walking.status, walking.execution.walk) == (True, "paused", 2)
    assert walking.execution.due is None
    walking.now += 90_000_000
    (resumed,) = walking.decide(Resume(now=walking.now))
    assert isinstance(resumed, Resumed)
    assert walking.status == "suspended"
    assert walking.now < (walking.execution.due or 0) <= walking.now + 60_000_000
    walking.back(1)
    assert walking.status == "running"


def test_a_failed_execution_goes_on_from_before_its_failure() -> None:
    """And one rolled back to its failure is at the step that failed, as a retry would have it."""
    acts: dict[str, list[Act]] = {"b": [ValueError("no"), ValueError("no again"), ("x", 1)]}
    walking = Walking({"$.n": 1}, "b", "c", acts=acts)
    walking.run()
    assert walking.status == "failed"
    failed = walking.execution.version
    walking.back(1)
    assert (walking.execution.failure, walking.execution.ended) == (None, None)
    walking.run()
    assert walking.status == "failed"
    walking.back(failed)
    assert walking.execution.branches[""].address == "/workflow/1"
    walking.run()
    assert (walking.status, walking.script.order) == ("completed", "b b b c")


def test_a_failure_by_a_route_is_gone_back_to_as_a_retry_does() -> None:
    """`$fail` leaves no step to go on with but the one that took it."""
    walking = Walking({"a": {"x?": "$fail"}}, "b", acts={"a": ["x", "y"]})
    walking.run()
    walking.back(walking.execution.version)
    walking.run()
    assert (walking.status, walking.script.order) == ("completed", "a a b")


def test_a_completed_execution_begins_again_in_its_middle() -> None:
    """Also by an `end` deep inside; and at its end it has ended again."""
    body = [{"a": {}}, {"b": {"x?": {"end": {"result": 7}}}}]
    walking = Walking({"range...": {"stop": 5, "loop?": body}}, acts={"b": [None, "x", None, "x"]})
    walking.run()
    ended = walking.execution.version
    assert walking.execution.state["result"] == 7
    walking.back(walking.version_of(NodeStarted, step="a", nth=1))
    execution = walking.execution
    assert (execution.status, execution.ended, execution.state["rangeIndex"]) == ("running", None, 1)
    assert [frame.index for frame in execution.branches[""].frames] == [1]
    walking.run()
    assert (walking.status, walking.execution.state["result"]) == ("completed", 7)
    assert walking.script.order == "a b a b a b a b"
    assert kinds(walking.back(ended)) == ["RolledBack", "Completed"]
    assert walking.execution.state == walking.at(ended).state


def test_versions_of_walks_that_were_left_can_be_gone_back_to() -> None:
    """Forwards too: any version of the history is one."""
    walking = Walking("a", ASK, "b", acts={"a": [("x", 1), ("x", 2)]})
    walking.run()
    first = walking.execution.version
    walking.back(1)
    walking.run()
    assert walking.execution.state["a_output"] == 2
    walking.back(first)
    assert (walking.execution.state["a_output"], walking.status, walking.execution.walk) == (
        1,
        "suspended",
        3,
    )
    walking.signal()
    assert walking.status == "completed"


def test_a_visit_that_was_in_flight_begins_again_as_the_same_pass() -> None:
    """In a loop too: it counts anew, so that results of then can be found by its pass."""
    walking = Walking({"range...": {"stop": 3, "loop?": ["a", ASK]}})
    walking.run()
    walking.signal()
    walking.signal()
    started = walking.version_of(NodeStarted, step="a", nth=1)
    walking.back(started)
    walking.run()
    passes = [event.pass_ for event in walking.events if isinstance(event, NodeStarted) and event.step == "a"]
    assert passes == ["1.0/1", "1.1/1", "1.2/1", "1.1/1"]


def test_a_wait_that_stands_again_is_waited_for_anew() -> None:
    """A signal that it had taken has to be sent again; one that nobody has taken is taken at once."""
    walking = Walking({"one": {"$node": "signal", "name": "one"}}, {"two": {"$node": "signal", "name": "two"}}, "a")
    walking.run()
    parked = walking.execution.version
    walking.signal("one", "first")
    walking.back(parked)
    assert walking.status == "suspended"
    walking.signal("one", "again")
    assert walking.execution.state["one_output"] == "again"
    walking.decide(Signal(now=walking.now, name="one", payload="early"))
    assert kinds(walking.back(parked))[:2] == ["RolledBack", "Resumed"]
    assert walking.execution.state["one_output"] == "early"


def test_a_signal_that_was_for_a_wait_that_stands_no_more_is_for_any() -> None:
    """One that was sent in a pause: nothing acknowledged is lost."""
    walking = Walking({"a": {}}, ASK, {"more": {"$node": "signal", "name": "go"}}, acts={})
    walking.run()
    walking.signal()
    walking.decide(Pause(now=walking.now))
    walking.decide(Signal(now=walking.now, name="go", payload=1))
    (kept,) = walking.execution.kept["go"]
    assert kept.address == "/workflow/2/more"
    walking.back(1)
    (kept,) = walking.execution.kept["go"]
    assert (kept.address, kept.visit, kept.payload) == ("", 0, 1)
    walking.decide(Resume(now=walking.now))
    walking.run()
    assert walking.execution.state["signal_output"] == 1


def test_a_timer_that_is_due_by_now_fires_at_once() -> None:
    """One that is not keeps its time."""
    walking = Walking({"wait": {"for": 60}}, ASK)
    walking.run()
    parked = walking.execution.version
    due = walking.execution.due
    walking.now += 61_000_000
    walking.decide(FireDue(now=walking.now))
    walking.run()
    assert kinds(walking.back(parked)) == ["RolledBack", "Resumed", "StateUpdated", "EdgeTaken"]
    walking.run()
    walking.now -= 61_000_000
    walking.back(parked)
    assert walking.execution.due == due


def test_a_child_that_was_waited_for_is_begun_anew() -> None:
    """Under another id: what ran it stands before that again."""
    walking = Walking("a", {"call": {}}, acts={"call": [lambda context, config: Call(workflow="child")] * 3})
    walking.run()
    (begun,) = [event for event in walking.events if isinstance(event, ChildStarted)]
    parked = walking.execution.version
    walking.back(parked)
    assert walking.status == "running"
    walking.run()
    children = [event.child for event in walking.events if isinstance(event, ChildStarted)]
    assert len(set(children)) == 2
    walking.decide(Observe(now=walking.now, child=begun.child, version=9, status="completed"))
    assert walking.status == "suspended"
    walking.decide(Observe(now=walking.now, child=children[1], version=9, status="completed"))
    assert walking.status == "completed"


def test_branches_stand_where_they_stood() -> None:
    """Those that have ended since are open again, with their own places, and come together."""
    steps = {"parallel": {"x?": ["a", ASK, "b"], "y?": ["c", ASK, "d"]}}
    walking = Walking(steps, "e")
    walking.run()
    parked = walking.execution.version
    walking.signal()
    walking.signal()
    assert walking.status == "completed"
    walking.back(parked)
    assert (sorted(walking.execution.branches), walking.status) == (["", "x", "y"], "suspended")
    walking.signal()
    walking.signal()
    assert walking.status == "completed"
    assert sorted(walking.script.ran) == sorted("abcde" + "bde")
    walking.back(walking.version_of(NodeStarted, step="parallel"))
    walking.run()
    walking.signal()
    walking.signal()
    assert walking.status == "completed"


def test_visits_of_one_step_that_stand_beside_one_another_keep_their_numbers() -> None:
    """The next one gets a number that none of them has."""
    steps = {"each...": {"items": [1, 2, 3, 4], "$concurrency": 3, "loop?": [ASK]}}
    walking = Walking(steps)
    walking.run()
    walking.back(walking.execution.version)
    (address,) = {visit.address for _, visit, wait in walking.execution.waits() if wait.kind == "signal"}
    assert walking.execution.visits[address] == 3
    for _ in range(4):
        walking.signal()
    assert walking.status == "completed"


def test_a_version_in_the_middle_of_a_completion_means_its_end() -> None:
    """Of every kind; what is between two decisions stays as it is."""
    walking = Walking(
        {"a": {}},
        {"snapshot": {"name": "one"}},
        {"parallel": {"x?": ["b"], "y?": ["c"], "joined?": {"$.n": 1}}},
        {"wait": {"for": 5}},
        ASK,
        {"d": {"$retry": {"maxAttempts": 2}, "error?": {}}},
        acts={"a": [("x", 1)], "b": [("x", 1)], "c": [("x", 1)], "d": [ValueError("1"), ValueError("2")]},
    )  # fmt: skip
    begins: set[int] = set()
    decide = walking.decide

    def watched(command: Any) -> Any:
        begins.add(len(walking.events) + 1)
        return decide(command)

    walking.decide = watched  # type: ignore[method-assign]
    walking.run()
    walking.now += 9_000_000
    walking.decide(FireDue(now=walking.now))
    walking.run()
    walking.signal(payload="y")
    assert walking.status == "completed"
    ends = [*sorted(begin - 1 for begin in begins if begin > 1), len(walking.events)]
    for version in range(1, len(walking.events) + 1):
        means = next(end for end in ends if end >= version)
        if isinstance(walking.events[version - 1], NodeStarted):
            means = version
        assert walking.end_of(version) == means, (version, walking.events[version - 1])
    for version in (version for version in range(1, len(walking.events) + 1)):
        walking.back(version)
        walking.run()
        while walking.status == "suspended":
            walking.now += 9_000_000
            walking.decide(FireDue(now=walking.now))
            walking.run()
            if any(wait.kind == "signal" for _, _, wait in walking.execution.waits()):
                walking.signal(payload="y")
        assert walking.status == "completed", version


def test_what_fails_and_what_is_put_back_by_that_is_one_completion() -> None:
    """A version of the error means the end; a rollback by a person is a decision of its own."""
    critical = StepFailure(ErrorInfo(code="BROKEN", message="It is broken."))
    walking = Walking(
        {"snapshot": {"name": "one"}}, {"parallel": {"x?": ["a"], "y?": [ASK]}}, acts={"a": [critical]},
        onCriticalError="rollback",
    )  # fmt: skip
    walking.run(one_by_one=True)
    assert kinds(walking.events)[-3:] == ["NodeFailed", "RolledBack", "Failed"]
    last = len(walking.events)
    assert [walking.end_of(version) for version in (last - 2, last - 1, last)] == [last, last, last]
    walking.back(1)
    assert walking.end_of(last) == last
    assert walking.end_of(last + 1) == last + 1


def test_a_person_names_a_version() -> None:
    """Whatever it is doing; going back there is going back to that."""
    walking = Walking("a", ASK, "b")
    walking.decide(Begin(now=walking.now))
    (event,) = walking.decide(TakeSnapshot(now=walking.now, name="begun", actor="ann", reason="look"))
    assert (event.name, event.actor, event.reason, event.address) == ("begun", "ann", "look", "")  # type: ignore[union-attr]
    walking.finish("")
    walking.run()
    walking.signal()
    walking.decide(TakeSnapshot(now=walking.now, name="end"))
    assert walking.status == "completed"
    assert walking.execution.marks == {"begun": 3, "end": len(walking.events)}
    walking.back(walking.execution.marks["begun"])
    walking.run()
    walking.signal()
    assert walking.script.order == "a b a b"
    for name in ("", "x" * 256):
        with pytest.raises(Unacceptable, match="1 to 255"):
            walking.decide(TakeSnapshot(now=walking.now, name=name))


def test_a_mark_of_a_person_is_what_a_critical_error_goes_back_to() -> None:
    """It is the snapshot that was named last."""
    critical = StepFailure(ErrorInfo(code="BROKEN", message="It is broken."))
    walking = Walking({"$.n": 1}, ASK, {"$.n": 2}, "a", acts={"a": [critical]}, onCriticalError="rollback")
    walking.run()
    walking.decide(TakeSnapshot(now=walking.now, name="asked"))
    walking.signal()
    assert (walking.status, walking.execution.state["n"]) == ("failed", 1)
    walking.decide(Retry(now=walking.now))
    assert walking.status == "suspended"


def test_an_edit_and_a_rollback_in_one_history() -> None:
    """Going back behind an edit takes it back; going forward again brings it."""
    walking = Walking(ASK, state={"n": 1})
    walking.run()
    parked = walking.execution.version
    edited = EditState(now=walking.now, operations=read_operations([{"op": "add", "path": "/n", "value": 2}]))
    walking.decide(edited)
    walking.back(parked)
    assert walking.execution.state == {"n": 1}
    walking.back(parked + 1)
    assert walking.execution.state == {"n": 2}


def test_the_kinds_of_events_in_these_histories() -> None:
    """Else a case above would be about nothing."""
    walking = Walking({"parallel": {"x?": ["a"], "y?": ["b"]}}, ASK, acts={"a": [ValueError("no")]})
    walking.run(one_by_one=True)
    found = set(kinds(walking.events))
    assert {kind.__name__ for kind in (NodeFailed, Failed)} <= found
    walking = Walking({"parallel": {"x?": ["a"]}}, {"snapshot": {"name": "n"}}, ASK)
    walking.run()
    walking.signal()
    found = set(kinds(walking.events))
    expected = (BranchClosed, Completed, SignalReceived, SnapshotTaken, StateUpdated, Suspended)
    assert {kind.__name__ for kind in expected} <= found


def mended(walking: Walking, *steps: Any, **settings: Any) -> None:
    """Retry a failed execution by another definition, and go on."""
    into = Walk(workflow(*steps, **settings), walking.nodes).program
    walking.decide(Retry(now=walking.now, into=into))
    walking.program, walking.rules = into, rules_of(into)
    walking.run()


def test_it_goes_on_by_the_definition_that_it_has_now() -> None:
    """Also from a version before it had that, if its place is there; else it is refused, and says so."""
    walking = Walking("a", "b", {"c": {}}, acts={"c": [ValueError("no")]})
    walking.run()
    failed = len(walking.events)
    mended(walking, "a", "d", {"c": {}}, ASK)
    assert walking.status == "suspended"
    walking.back(1)
    assert walking.execution.definition_hash == walking.program.hash
    walking.run()
    assert (walking.status, walking.script.order) == ("suspended", "a b c c a d c")
    walking.back(failed)
    walking.run()
    assert (walking.status, walking.script.order) == ("suspended", "a b c c a d c c")


def test_a_place_that_is_not_in_the_definition_that_it_has_now() -> None:
    """Is no place to go back to: not for a person, and not for a critical error."""
    critical = StepFailure(ErrorInfo(code="BROKEN", message="It is broken."))
    steps = [{"$.n": 1}, {"parallel": {"x?": [{"snapshot": {"name": "one"}}, "a"], "y?": ["b"]}}, {"c": {}}]
    acts: dict[str, list[Act]] = {"c": [ValueError("no"), critical]}
    walking = Walking(*steps, acts=acts, onCriticalError="rollback")
    walking.run(one_by_one=True)
    assert walking.status == "failed"
    inside = walking.version_of(EdgeTaken, address="/workflow/1/parallel/x?/0/snapshot")
    mended(walking, {"$.n": 1}, "a", {"c": {}}, onCriticalError="rollback")
    assert walking.execution.failure is not None
    assert (walking.execution.failure.error.code, walking.execution.failure.restored) == ("BROKEN", False)
    before = len(walking.events)
    with pytest.raises(Unacceptable, match="which is not in this definition") as caught:
        walking.back(inside)
    assert (caught.value.code, caught.value.details[0].path) == ("NO_SUCH_POSITION", "/to")
    assert len(walking.events) == before
    walking.back(1)
    walking.run()
    assert walking.status == "completed"
