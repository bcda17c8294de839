"""`snapshot`, and `settings.onCriticalError: "rollback"`: names for versions, and going back to the newest of them."""

from __future__ import annotations

from typing import Any

from domain.commands import Retry
from domain.errors import ErrorInfo, StepFailure
from domain.events import EdgeTaken, Failed, NodeStarted, RolledBack, SnapshotTaken
from domain.limits import Limits
from tests.support.workflows import Act, Script, Walk, nodes_of, workflow


def walk(
    *steps: Any, acts: dict[str, list[Act]] | None = None, state: dict[str, Any] | None = None, **settings: Any
) -> tuple[Script, Walk]:
    """The walk of an execution that has come to its end."""
    script = Script(acts)
    limits = settings.pop("limits", None)
    walking = Walk(workflow(*steps, state=state, **settings), nodes_of(script), limits=limits)
    return script, walking.run()


def critical() -> StepFailure:
    """An error that nobody can expect to pass."""
    return StepFailure(ErrorInfo(code="BROKEN", message="It is broken."))


def kinds(walking: Walk) -> list[str]:
    """The types of the last events."""
    return [type(event).__name__ for event in walking.events]


def test_a_snapshot_names_its_version() -> None:
    """The edge data says which; a name used again moves."""
    _, walking = walk({"snapshot": {"name": "before"}}, {"again": {"$node": "snapshot", "name": "before"}}, "a")
    taken = [at for at, event in enumerate(walking.events, start=1) if isinstance(event, SnapshotTaken)]
    assert walking.execution.state["snapshot_output"] == {"name": "before", "version": taken[0]}
    assert walking.execution.marks == {"before": taken[1]}


def test_a_snapshot_without_a_name_is_a_bad_parameter() -> None:
    """An empty text is none."""
    _, walking = walk({"snapshot": {"name": "{{''}}"}})
    assert walking.execution.failure is not None
    assert walking.execution.failure.error.code == "INVALID_PARAMETER"


def test_a_critical_error_goes_back_to_the_newest_snapshot_before_failing() -> None:
    """State, edge data and position are what they were when the step that took it had ended; nothing is rewritten."""
    script, walking = walk(
        {"$.n": 1},
        {"snapshot": {"name": "one"}},
        {"$.n": 2},
        {"range...": {"stop": 3, "loop?": [{"a": {}}, {"b": {}}]}},
        acts={"a": [("k", 1), ("k", 2)], "b": [None, critical(), None]},
        onCriticalError="rollback",
    )
    assert kinds(walking)[-3:] == ["NodeFailed", "RolledBack", "Failed"]
    execution = walking.execution
    assert (execution.status, execution.state["n"]) == ("failed", 1)
    assert "a_output" not in execution.state
    assert "rangeValue" not in execution.state
    assert execution.outputs == {"snapshot": execution.state["snapshot_output"]}
    assert execution.failure is not None
    assert (execution.failure.error.code, execution.failure.address) == ("BROKEN", "/workflow/3/range.../loop?/1/b")
    back = next(event for event in walking.events if isinstance(event, RolledBack))
    assert back.to == execution.marks["one"]
    walking.decide(Retry(now=walking.now))
    walking.run()
    assert (walking.execution.status, walking.execution.state["n"]) == ("completed", 2)
    assert script.order == "a b a b a b a b a b"


def test_without_the_setting_the_state_stays() -> None:
    """The execution fails keeping its state."""
    _, walking = walk({"snapshot": {"name": "one"}}, {"$.n": 2}, "a", acts={"a": [critical()]})
    assert (walking.execution.status, walking.execution.state["n"]) == ("failed", 2)
    assert "RolledBack" not in kinds(walking)


def test_an_error_that_is_not_critical_does_not_go_back() -> None:
    """Recoverable ones, and those of validation, configuration and state."""
    for error in (
        ErrorInfo(code="BUSY", message="Later.", recoverable=True),
        ErrorInfo(code="BAD", message="No.", type="validation"),
    ):
        _, walking = walk(
            {"snapshot": {"name": "one"}}, {"$.n": 2}, "a", acts={"a": [StepFailure(error)]}, onCriticalError="rollback"
        )
        assert (walking.execution.status, walking.execution.state["n"]) == ("failed", 2)


def test_without_a_snapshot_there_is_nothing_to_go_back_to() -> None:
    """It just fails; so it does for an error of the very step that takes the first one."""
    _, walking = walk({"$.n": 2}, "a", acts={"a": [critical()]}, onCriticalError="rollback")
    assert (walking.execution.status, walking.execution.state["n"]) == ("failed", 2)


def test_an_error_that_is_routed_is_dealt_with() -> None:
    """`error?` comes before it."""
    _, walking = walk(
        {"snapshot": {"name": "one"}}, {"$.n": 2}, {"a": {"error?": ["b"]}}, acts={"a": [critical()]},
        onCriticalError="rollback",
    )  # fmt: skip
    assert (walking.execution.status, walking.execution.state["n"]) == ("completed", 2)


def test_a_limit_is_critical_too() -> None:
    """STEP_LIMIT: the execution goes back, then fails."""
    _, walking = walk(
        {"snapshot": {"name": "one"}},
        {"while...": {"condition": "{{true}}", "loop?": [{"$.n": "{{loop.index}}"}]}},
        limits=Limits(steps=20),
        onCriticalError="rollback",
    )
    assert (walking.execution.status, walking.execution.state.get("n")) == ("failed", None)


def test_a_failure_in_a_branch_goes_back_to_before_the_branches() -> None:
    """The branches are gone, and a retry opens them again under passes of a new walk."""
    script, walking = walk(
        {"snapshot": {"name": "one"}},
        {"parallel": {"x?": ["a", "b"], "y?": ["c"]}},
        acts={"b": [critical()]},
        onCriticalError="rollback",
    )
    assert list(walking.execution.branches) == [""]
    walking.decide(Retry(now=walking.now))
    walking.run()
    assert walking.execution.status == "completed"
    assert sorted(script.ran) == ["a", "a", "b", "b", "c", "c"]


def test_a_snapshot_in_a_branch_remembers_the_others_where_they_were() -> None:
    """Going back there opens no branch again: each stands where it stood then."""
    script, walking = walk(
        {"parallel": {"x?": ["a", {"snapshot": {"name": "one"}}, "b"], "y?": ["c", "d", "e"]}},
        acts={"b": [critical()]},
        onCriticalError="rollback",
    )
    walking.decide(Retry(now=walking.now))
    walking.run()
    assert walking.execution.status == "completed"
    started = [event.step for event in walking.events if isinstance(event, NodeStarted)]
    assert (started.count("parallel"), started.count("a"), started.count("b")) == (1, 1, 2)
    joined = next(event for event in walking.events if isinstance(event, EdgeTaken) and event.edge == "joined")
    assert joined.target is None
    assert any(isinstance(event, Failed) and event.restored for event in walking.events)
    assert "c" in script.ran
