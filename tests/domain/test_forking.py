"""Forks: an execution goes on, from any version of another one, as an execution of its own."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from domain.commands import Cancel, FireDue, Observe, Pause, Retry, Signal
from domain.errors import ErrorInfo, Refused, StepFailure, Unacceptable
from domain.events import (
    ChildObserved,
    ChildStarted,
    EdgeTaken,
    NodeStarted,
    Resumed,
    RolledBack,
    StateUpdated,
)
from domain.evolve import fold
from domain.execution import idempotency_key
from domain.forked import base_of
from domain.limits import Limits
from domain.placing import loops_around
from tests.support.forks import begun, cut_of, fork_of
from tests.support.workflows import Script, Walk, nodes_of, workflow

MINUTE = 60_000_000
NO = StepFailure(ErrorInfo(type="validation", code="NO", message="No."))


def walk_of(definition: dict[str, Any], acts: dict[str, Any] | None = None, *, script: Script | None = None) -> Walk:
    """A walk of a definition, at its beginning."""
    return Walk(definition, nodes_of(script or Script(acts)))


def version_of(walk: Walk, kind: type, nth: int = 1, **fields: Any) -> int:
    """The version of the nth event of a kind that has these fields."""
    found = [
        version
        for version, event in enumerate(walk.events, start=1)
        if isinstance(event, kind) and all(getattr(event, name) == value for name, value in fields.items())
    ]
    return found[nth - 1]


def begins(walk: Walk) -> list[tuple[str, str, int]]:
    """(step, pass, attempt) of everything that begins."""
    return [(event.step, event.pass_, event.attempt) for event in walk.events if isinstance(event, NodeStarted)]


COUNTING = workflow({"$.n": 1}, "a", {"$.n": "$.n + 1"}, "b", {"$.n": "$.n * 10"}, state={"kept": {"x": 1}})


def test_a_fork_goes_on_where_the_cut_is() -> None:
    """It has the state and the place of its source then, and what is behind the cut happens anew."""
    script = Script({"a": [("x", "data")], "b": ["x", "x"]})
    source = walk_of(COUNTING, script=script).run()
    assert source.execution.state["n"] == 20
    at = version_of(source, EdgeTaken, 3)
    fork = fork_of(source, at).run()
    assert [step for step, _, _ in begins(fork)] == ["b", ""]
    assert fork.execution.state == source.execution.state
    assert fork.execution.status == "completed"
    assert script.order == "a b b"
    assert fork.execution.outputs["a"] == "data"


def test_what_is_its_own_begins_anew() -> None:
    """Its versions, keys, marks, spending and walk are its own; what it was forked off is said."""
    source = walk_of(workflow("a", {"snapshot": {"name": "here"}}, "b", {"fail": {"message": "no"}})).run()
    source.decide(Retry(now=source.now))
    source.run()
    assert source.execution.walk == 2
    fork = fork_of(source, labels={"team": "x"}, priority=3, reason="why")
    execution = fork.execution
    assert (execution.id, execution.version, execution.walk, execution.started) == ("forked", 1, 1, fork.now)
    assert (len(execution.marks), len(execution.keys), execution.failure, execution.ended) == (0, 0, None, None)
    assert execution.source is not None
    assert (execution.source.execution, execution.source.version) == ("walked", source.execution.version)
    assert (execution.labels, execution.priority, begun(fork).reason) == ({"team": "x"}, 3, "why")
    assert execution.status == "running"


def test_the_fold_of_a_fork_is_a_function_of_its_base_and_its_events() -> None:
    """`fold(events, base)` is what was folded while it was decided, at every version."""
    definition = workflow({"each...": {"items": [1, 2], "loop?": ["a", {"parallel": {"x?": ["b"], "y?": ["c"]}}]}})
    source = walk_of(definition).run()
    for at in range(1, source.execution.version + 1):
        fork = fork_of(source, at).run()
        base = base_of(cut_of(source, at), "forked")
        assert msgspec.json.encode(fold(fork.events, base)) == fork.snapshots[-1]


def test_a_cut_within_a_completion_means_its_end() -> None:
    """What one visit wrote and the edge it took are not separated."""
    source = walk_of(workflow({"$.n": 1}, {"$.n": 2}, "a")).run()
    at = version_of(source, StateUpdated)
    fork = fork_of(source, at)
    assert begun(fork).source.version == version_of(source, EdgeTaken)
    assert begins(fork.run())[0] == ("", "1", 1)
    assert fork.execution.state == {"n": 2}


def test_what_was_under_way_runs_again_under_keys_of_its_own() -> None:
    """Under the pass, number and attempt that it had, for the fork is another execution."""
    script = Script()
    source = walk_of(workflow({"each...": {"items": [1, 2], "loop?": ["a"]}}), script=script).run()
    at = version_of(source, NodeStarted, step="a", nth=2)
    started = source.events[at - 1]
    fork = fork_of(source, at)
    fork.visit()
    again = next(event for event in fork.events if isinstance(event, NodeStarted))
    assert isinstance(started, NodeStarted)
    assert (again.address, again.pass_, again.visit, again.attempt) == (
        started.address, started.pass_, started.visit, 1,
    )  # fmt: skip
    then, now = cut_of(source, at), cut_of(source, at).branches[""].visit
    assert now is not None
    assert idempotency_key(then, now) != idempotency_key(fork.execution, now)
    assert fork.execution.steps == cut_of(source, at).steps


def test_a_fork_in_a_branch_has_all_of_them() -> None:
    """Both branches go on: the one with its next step, the other with the result that it has ended with."""
    script = Script({"a": [("x", 1)], "b": [("x", 2)], "c": [("x", 3)]})
    source = walk_of(workflow({"parallel": {"x?": ["a", "b"], "y?": ["c"]}}, "d"), script=script).run(visits=3)
    assert len(source.execution.branches) == 2
    fork = fork_of(source).run()
    assert [step for step, _, _ in begins(fork)] == ["b", "d"]
    assert fork.execution.outputs["parallel"] == {"results": {"x": 2, "y": 3}, "errors": {}, "cancelled": []}


def test_anywhere_in_loops_and_branches_it_ends_as_its_source() -> None:
    """With nodes that only compute, a fork without edits ends as its source did, whatever the version."""
    definition = workflow(
        {"$.sum": 0},
        {"each...": {"items": [1, 2], "loop?": [
            {"$.sum": "$.sum + $.currentItem"},
            {"parallel": {"x?": [{"$.x": "$.sum * 2"}], "y?": [{"$.y": "$.sum * 3"}, {"$.z": "$.currentIndex"}]}},
        ]}},
        {"each...": {"items": [5, 6, 7], "$concurrency": 2, "loop?": [{"$.last": "$.sum"}, "a"]}},
        {"range...": {"stop": 2, "loop?": [{"$.sum": "$.sum + $.rangeValue"}]}},
    )  # fmt: skip
    source = walk_of(definition).run()
    for at in range(1, source.execution.version + 1):
        fork = fork_of(source, at).run()
        assert (fork.execution.status, fork.execution.state) == ("completed", source.execution.state), at
        assert fork.execution.steps == source.execution.steps, at


# -- edits ---------------------------------------------------------------------------------------------------------------


def test_edits_change_the_state_that_it_begins_with() -> None:
    """The rest of the workflow sees them; the source does not."""
    source = walk_of(COUNTING).run()
    at = version_of(source, EdgeTaken, 2)
    fork = fork_of(source, at, patch=[{"op": "replace", "path": "/n", "value": 7}, {"op": "remove", "path": "/kept"}])
    assert [op.path for op in begun(fork).patch] == ["/kept", "/n"]
    assert fork.run().execution.state == {"n": 80}
    assert source.execution.state["n"] == 20


def test_an_edit_that_does_not_apply_is_refused() -> None:
    """Nothing begins then."""
    source = walk_of(COUNTING).run()
    with pytest.raises(Unacceptable) as refused:
        fork_of(source, 3, patch=[{"op": "remove", "path": "/nothing"}])
    assert refused.value.code == "PATCH_FAILED"


def test_too_large_an_edit_is_refused() -> None:
    """The limit on state is that of the fork too."""
    source = Walk(COUNTING, nodes_of(Script()), limits=Limits(state_bytes=1_000)).run()
    with pytest.raises(Unacceptable) as refused:
        fork_of(source, 3, patch=[{"op": "add", "path": "/big", "value": "x" * 1_000}])
    assert refused.value.code == "STATE_LIMIT"


def test_an_edited_list_is_gone_through_from_where_the_loop_is() -> None:
    """A person's edit under the pointer an iterator took its list from replaces the list and keeps the index."""
    script = Script()
    source = walk_of(
        workflow(
            {"each...": {"items": "$.people", "as": "one", "loop?": [{"a": {"of": "$.one"}}]}},
            state={"people": ["x", "y", "z"]},
        ),
        script=script,
    ).run()
    at = version_of(source, EdgeTaken, 2)
    edits = [{"op": "replace", "path": "/people", "value": ["p", "q", "r", "s"]}]
    fork_of(source, at, patch=edits).run()
    assert [config["of"] for config in script.configs] == ["x", "y", "z", "q", "r", "s"]


# -- failed, completed, cancelled, paused --------------------------------------------------------------------------------


def test_a_failed_execution_is_tried_again_in_a_fork() -> None:
    """The step that failed runs again, in the pass that it failed in; its source stays failed."""
    script = Script({"a": [None, NO, "x"]})
    source = walk_of(workflow({"each...": {"items": [1, 2], "loop?": ["a"]}}), script=script).run()
    assert source.execution.status == "failed"
    fork = fork_of(source).run()
    assert (source.execution.status, fork.execution.status) == ("failed", "completed")
    assert begins(fork)[0] == ("a", "1.1/1", 1)
    assert script.order == "a a a"


def test_one_that_failed_by_its_route_is_tried_again() -> None:
    """So is a step whose edge was routed to $fail."""
    script = Script({"a": ["bad", "good"]})
    source = walk_of(workflow({"a": {"bad?": "$fail"}}), script=script).run()
    assert source.execution.status == "failed"
    fork = fork_of(source).run()
    assert (fork.execution.status, begins(fork)) == ("completed", [("a", "1", 1)])


def test_a_completed_one_completes_at_once() -> None:
    """There is nothing left to run; the edits are made."""
    source = walk_of(COUNTING).run()
    fork = fork_of(source, patch=[{"op": "add", "path": "/more", "value": 1}])
    assert (fork.execution.status, fork.execution.version) == ("completed", 2)
    assert fork.execution.state == {**source.execution.state, "more": 1}


def test_one_that_was_paused_or_cancelled_goes_on() -> None:
    """A fork is begun to run."""
    source = walk_of(COUNTING).run(visits=2)
    source.decide(Pause(now=source.now))
    assert fork_of(source).execution.status == "running"
    source.decide(Cancel(now=source.now))
    assert fork_of(source).run().execution.state == {"n": 20, "kept": {"x": 1}}


# -- waits, signals, children --------------------------------------------------------------------------------------------


def waiting() -> Walk:
    """A walk that has waited half of its two minutes."""
    source = walk_of(workflow({"wait": {"for": "2m"}}, "a")).run()
    source.now += MINUTE
    return source


def test_a_timer_takes_its_whole_time_again() -> None:
    """`timers: restart`: the full duration from the time of the fork."""
    fork = fork_of(waiting())
    assert (fork.execution.status, fork.execution.due) == ("suspended", fork.now + 2 * MINUTE)
    fork.now += 2 * MINUTE
    fork.decide(FireDue(now=fork.now))
    assert fork.run().execution.status == "completed"


def test_a_timer_may_keep_its_time() -> None:
    """`timers: keep`: due when it was; at once if that is past."""
    source = waiting()
    assert fork_of(source, timers="keep").execution.due == source.execution.due
    late = fork_of(source, timers="keep", later=5 * MINUTE)
    assert isinstance(late.events[1], Resumed)
    assert late.execution.status == "running"


def test_kept_signals_go_along_unless_they_are_dropped() -> None:
    """A wait behind the cut takes one that came before it; its number is none of the fork's versions."""
    definition = workflow("a", "b", "c", {"signal": {"name": "go"}}, {"signal": {"name": "go"}})
    source = walk_of(definition)
    source.decide(Signal(now=source.now, name="go", payload=1))
    source.decide(Signal(now=source.now, name="go", payload=2))
    source.visit()
    fork = fork_of(source)
    fork.decide(Signal(now=fork.now, name="go", payload=3))
    fork.run()
    assert [event.signal for event in fork.events if isinstance(event, Resumed)] == [-1, -2]
    assert fork.execution.status == "completed"
    assert [kept.payload for kept in fork.execution.kept["go"]] == [3]
    assert fork_of(source, signals="drop").run().execution.status == "suspended"


def test_a_signal_that_came_in_a_pause_ends_its_wait_in_the_fork() -> None:
    """The pause is not the fork's, and so the wait that the signal was sent to is over."""
    source = walk_of(workflow({"signal": {"name": "go"}}, "a")).run()
    source.decide(Pause(now=source.now))
    source.decide(Signal(now=source.now, name="go", payload=1))
    fork = fork_of(source)
    assert fork.execution.status == "running"
    assert fork_of(source, signals="drop").execution.status == "suspended"


def calling() -> tuple[Walk, str]:
    """A walk that waits for a child, and the child."""
    source = walk_of(workflow({"runWorkflow": {"workflowId": "child"}}, "a")).run()
    return source, next(event.child for event in source.events if isinstance(event, ChildStarted))


def test_the_result_of_a_child_that_has_ended_is_taken() -> None:
    """`children: reuse`: it is observed at once, and goes into the state."""
    source, child = calling()
    ended = Observe(now=0, child=child, version=9, status="completed", state={"result": 7})
    fork = fork_of(source, ended=(ended,))
    observed = fork.events[1]
    assert isinstance(observed, ChildObserved) and (observed.child, observed.child_version) == (child, 9)
    assert observed.time == fork.now
    assert fork.run().execution.state["runWorkflowResult"] == 7


def test_a_child_that_has_not_is_begun_again_as_the_forks_own() -> None:
    """Its id is another one."""
    source, child = calling()
    fork = fork_of(source).run()
    again = next(event.child for event in fork.events if isinstance(event, ChildStarted))
    assert again != child
    assert fork.execution.waits()[0][2].name == again


# -- other definitions ---------------------------------------------------------------------------------------------------

LOOP = workflow({"each...": {"items": [1, 2], "loop?": ["a", {"b": {}}]}}, {"c": {}})


def in_loop() -> Walk:
    """A walk that is to visit b in a loop."""
    return walk_of(LOOP).run(visits=2)


def test_it_goes_on_by_another_definition() -> None:
    """From the step that it is at, by what comes behind it there."""
    other = workflow({"each...": {"items": [1, 2], "loop?": ["a", {"b": {}}, "d"]}}, {"e": {}})
    other["version"] = "2.0.0"
    fork = fork_of(in_loop(), definition=other).run()
    assert [step for step, _, _ in begins(fork)] == ["b", "d", "each", "a", "b", "d", "each", "e"]
    assert fork.execution.workflow_version == "2.0.0"


def test_a_place_that_is_not_there_is_refused_with_the_nearest() -> None:
    """The nearest are the steps of that name."""
    other = workflow({"each...": {"items": [1], "loop?": ["a", "d", {"b": {}}]}})
    with pytest.raises(Unacceptable) as refused:
        fork_of(in_loop(), definition=other)
    assert refused.value.code == "NO_SUCH_POSITION"
    [problem] = refused.value.details
    assert "/workflow/0/each.../loop?/1/b" in problem.message
    assert problem.nearest == "/workflow/0/each.../loop?/2/b"


@pytest.mark.parametrize(
    ("other", "message"),
    [
        ({"each...": {"$node": "range", "stop": 2, "loop?": ["a", {"b": {}}]}}, "is range in this definition"),
        ({"each": {"$node": "a", "loop?": ["a", {"b": {}}]}}, "not in this definition"),
    ],
)
def test_the_loops_around_it_must_be_the_same(other: dict[str, Any], message: str) -> None:
    """A loop under way that is another one, or none, can't go on."""
    with pytest.raises(Unacceptable, match=message):
        fork_of(in_loop(), definition=workflow(other))


def test_open_branches_must_be_there() -> None:
    """A branch that the new definition does not open has no place in it."""
    source = walk_of(workflow({"parallel": {"x?": ["a", {"b": {}}], "y?": ["c", {"d": {}}]}})).run(visits=3)
    kept = workflow({"parallel": {"x?": ["a", {"b": {}}], "y?": ["c", {"d": {}}], "z?": ["e"]}}, "f")
    assert fork_of(source, definition=kept).run().execution.status == "completed"
    with pytest.raises(Unacceptable) as refused:
        fork_of(source, definition=workflow({"parallel": {"x?": ["a", {"b": {}}], "z?": ["c", {"d": {}}]}}))
    assert [problem.nearest for problem in refused.value.details] == [None, "/workflow/0/parallel/z?/1/d"]


def test_a_parked_step_must_run_the_same_node() -> None:
    """A wait that the definition has something else for can't go on there."""
    source = walk_of(workflow({"x": {"$node": "wait", "for": "1m"}})).run()
    with pytest.raises(Unacceptable, match="under way as wait, and is signal"):
        fork_of(source, definition=workflow({"x": {"$node": "signal", "name": "go"}}))
    longer = workflow({"x": {"$node": "wait", "for": "9m"}}, "a")
    assert fork_of(source, definition=longer).execution.due is not None


def test_before_its_first_step_it_begins_at_the_first_of_the_other() -> None:
    """Nothing has been entered yet, so that every definition has that place."""
    source = walk_of(LOOP).run()
    for at in (1, 2):  # begun, and its first step under way
        fork = fork_of(source, at, definition=workflow("d", "e")).run()
        assert [step for step, _, _ in begins(fork)] == ["d", "e"]


def test_a_retry_may_go_on_by_another_definition() -> None:
    """The step that failed is visited again, and what follows is the new one's."""
    script = Script({"b": [NO]})
    source = walk_of(LOOP, script=script).run()
    assert source.execution.status == "failed"
    other = workflow({"each...": {"items": [1, 2], "loop?": ["a", {"b": {}}, "d"]}})
    into = Walk(other, source.nodes).program
    source.decide(Retry(now=source.now, into=into))
    source.program, source.rules = into, msgspec.structs.replace(source.rules, program=into)
    assert source.execution.definition_hash == into.hash
    assert source.run().execution.status == "completed"
    assert script.order == "a b b d a b d"


def test_a_retry_by_a_definition_without_its_place_changes_nothing() -> None:
    """It is refused, with the nearest addresses."""
    source = walk_of(LOOP, {"b": [NO]}).run()
    before = source.execution
    with pytest.raises(Unacceptable) as refused:
        source.decide(Retry(now=source.now, into=Walk(workflow({"b": {}}), source.nodes).program))
    assert refused.value.code == "NO_SUCH_POSITION"
    assert source.execution is before


# -- forks of forks ------------------------------------------------------------------------------------------------------


def test_forks_of_forks_go_back_a_limited_way() -> None:
    """Each says how far it goes back."""
    source = Walk(COUNTING, nodes_of(Script()), limits=Limits(fork_depth=2)).run(visits=2)
    fork = fork_of(fork_of(source))
    assert fork.execution.source is not None and fork.execution.source.depth == 2
    with pytest.raises(Refused) as refused:
        fork_of(fork)
    assert refused.value.code == "FORK_DEPTH"


# -- snapshots -----------------------------------------------------------------------------------------------------------

GUARDED = workflow({"$.n": 1}, {"snapshot": {"name": "here"}}, {"$.n": 2}, "a", onCriticalError="rollback")
CRITICAL = StepFailure(ErrorInfo(code="BROKEN", message="It is broken."))


def test_a_critical_error_takes_a_fork_back_to_the_snapshot_of_its_source() -> None:
    """The event says whose version that is."""
    source = walk_of(GUARDED, {"a": [CRITICAL, CRITICAL]}).run(visits=3)
    fork = fork_of(source).run()
    [back] = [event for event in fork.events if isinstance(event, RolledBack)]
    assert (back.to, back.execution, back.name) == (source.execution.marks["here"], "walked", "here")
    assert (fork.execution.status, fork.execution.state["n"]) == ("failed", 1)


def test_a_definition_without_the_place_of_the_snapshot_has_none() -> None:
    """Then a critical error fails the fork where it is."""
    source = walk_of(GUARDED, {"a": [CRITICAL]}).run(visits=3)
    other = workflow({"$.n": 1}, "b", "c", "a", onCriticalError="rollback")
    assert begun(fork_of(source, definition=other)).snapshot is False


def test_the_loops_of_every_step_are_those_that_it_counts() -> None:
    """What placing takes for the loops around a step is what the compiler does."""
    definition = workflow(
        {"each...": {"items": [1], "loop?": [{"parallel": {"x?": [{"range...": {"stop": 1, "loop?": ["a"]}}]}}], "done?": ["b"]}},
        {"each...": {"items": [1], "$concurrency": 3, "loop?": [{"a": {"x?": ["c"]}}]}},
        {"while...": {"condition": False, "loop?": "d"}},
    )  # fmt: skip
    program = walk_of(definition).program
    assert [len(loops_around(step, program)) for step in program.steps] == [step.depth for step in program.steps]
    assert {step.depth for step in program.steps} == {0, 1, 2}
