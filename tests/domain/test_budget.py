"""What an execution may spend and has spent, as a fold of its log."""

from __future__ import annotations

from typing import Any

import pytest

from domain.budget import Budget, Spending, Spent, overspent
from domain.commands import Begin, Erred, Finish, Outcome, Parked, Retry, Took
from domain.decide import decide
from domain.errors import ErrorInfo
from domain.events import AttemptEvent, EdgeTaken, ExecutionEvent, NodeFailed, Paused, RetryScheduled, Suspended
from domain.evolve import fold
from domain.execution import Execution
from domain.node import Park
from tests.support.workflows import Script, Walk, nodes_of, workflow

SPENT = Spent(cost=0.006, tokens=1_500)
FAULT = ErrorInfo(code="X", message="x", recoverable=True)


def finished(step: Any, outcome: Outcome, **settings: Any) -> tuple[list[ExecutionEvent], Execution]:
    """The events of an attempt that spent something and came out so, and the execution then."""
    walk = Walk(workflow(step, "b", **settings), nodes_of(Script()))
    walk.decide(Begin(now=walk.now))
    events = walk.decide(Finish(now=walk.now, outcome=outcome, spent=SPENT))
    return list(events), walk.execution


@pytest.mark.parametrize(
    ("step", "outcome", "kind"),
    [
        ("a", Took(edge="x", data={"k": 1}), EdgeTaken),
        ("a", Took(edge=None), EdgeTaken),
        ({"a": {"error?": {}}}, Took(edge="error"), EdgeTaken),
        ("a", Erred(error=FAULT), NodeFailed),
        ({"a": {"$retry": {}}}, Erred(error=FAULT), RetryScheduled),
        ({"a": {"$retry": {"maxAttempts": 1, "exhausted": "pause"}}}, Erred(error=FAULT), Paused),
        ("a", Parked(answer=Park(kind="signal", name="go")), Suspended),
        ("a", Parked(answer=Park(kind="timer", due=0)), Suspended),
    ],
)
def test_the_event_that_ends_an_attempt_says_what_it_spent(
    step: Any, outcome: Outcome, kind: type[ExecutionEvent]
) -> None:
    """Once, however the attempt came out; failed ones count."""
    events, execution = finished(step, outcome)
    said = [event for event in events if isinstance(event, AttemptEvent | Paused) and event.spent is not None]
    assert [type(event) for event in said] == [kind]
    assert execution.spent == SPENT


def test_what_was_spent_is_kept_when_the_answer_can_not_be_taken() -> None:
    """The patch does not fit, so that the step errs instead: its attempt was paid for all the same."""
    walk = Walk(workflow({"a": {"error?": {}}}), nodes_of(Script()))
    walk.decide(Begin(now=walk.now))
    walk.decide(Finish(now=walk.now, outcome=Took(edge="x", data="d" * 5_000_000), spent=SPENT))
    assert walk.execution.failure is not None
    assert walk.execution.failure.error.code == "STATE_LIMIT"
    assert walk.execution.spent == SPENT


def test_an_attempt_that_spends_nothing_says_nothing() -> None:
    """Its event is as it ever was."""
    walk = Walk(workflow("a"), nodes_of(Script({"a": ["x"]}))).run()
    assert all(getattr(event, "spent", None) is None for event in walk.events)
    assert walk.execution.spent == Spent()


def test_spending_adds_up_over_attempts_and_walks() -> None:
    """It is never given back: neither by a retry of the whole execution, nor by anything else that is folded."""
    walk = Walk(workflow({"a": {"$retry": {"maxAttempts": 2, "delay": 0}}}), nodes_of(Script()))
    for number in (1, 2):
        walk.decide(Begin(now=walk.now))
        walk.decide(Finish(now=walk.now, outcome=Erred(error=FAULT), spent=SPENT))
        assert walk.execution.spent == Spent(cost=0.006 * number, tokens=1_500 * number)
    assert walk.execution.status == "failed"
    walk.decide(Retry(now=walk.now))
    assert walk.execution.walk == 2
    assert walk.execution.spent.tokens == 3_000
    assert fold(walk.events, Execution(id="walked")).spent == walk.execution.spent
    assert decide(walk.execution, Begin(now=walk.now), walk.rules)


def test_costs_add_up_as_people_add() -> None:
    """Not 0.30000000000000004."""
    total = Spent()
    for _ in range(3):
        total = total.plus(Spent(cost=0.1))
    assert total.cost == 0.3


@pytest.mark.parametrize(
    ("budget", "spent", "over"),
    [
        (None, Spent(cost=1e9, tokens=10**9), False),
        (Budget(cost=1.0), Spent(cost=0.999, tokens=10**9), False),
        (Budget(cost=1.0), Spent(cost=1.0), True),
        (Budget(cost=1.0), Spent(cost=1.5), True),
        (Budget(tokens=10), Spent(cost=99.0, tokens=9), False),
        (Budget(tokens=10), Spent(tokens=10), True),
        (Budget(cost=1.0, tokens=10), Spent(cost=0.5, tokens=11), True),
    ],
)
def test_when_a_budget_is_used_up(*, budget: Budget | None, spent: Spent, over: bool) -> None:
    """When nothing is left of one of its parts."""
    error = overspent(budget, spent, "ask")
    assert (error is not None) is over
    if error is not None and budget is not None:
        assert error.code == "BUDGET_EXCEEDED"
        assert error.recoverable is False
        assert error.details["spent"] == {"cost": spent.cost, "tokens": spent.tokens}
        assert 0 in (budget.left(spent).cost, budget.left(spent).tokens)


@pytest.mark.parametrize(
    "amount",
    [{"cost": -1}, {"cost": float("nan")}, {"cost": float("inf")}, {"cost": True}, {"cost": "1"}, {"tokens": -1},
     {"tokens": 1.5}, {"tokens": False}],
)  # fmt: skip
def test_amounts_that_are_none(amount: dict[str, Any]) -> None:
    """Refused, so that no node can win anything back."""
    spending = Spending()
    with pytest.raises(ValueError, match="at least 0"):
        spending.add(**amount)
    assert spending.total is None
    spending.add(cost=1, tokens=2)
    spending.add()
    assert spending.total == Spent(cost=1.0, tokens=2)
