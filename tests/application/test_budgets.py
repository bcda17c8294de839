"""Executions with a budget, run by an engine: counted, shown, bounded, and remembered."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from application.presenting import describe_execution
from domain.budget import Budget, Spent
from domain.commands import Retry
from domain.errors import ErrorInfo, StepFailure
from domain.events import NodeStarted
from domain.node import Edge
from infrastructure.memory_log import MemoryLog
from infrastructure.nodes.library import standard_registry
from infrastructure.nodes.registry import NodeRegistry
from tests.support.worlds import World, node, run, world


def spender(seen: list[Budget | None], *, cost: float = 0.4, tokens: int = 40) -> NodeRegistry:
    """Nodes: `ask` spends and can be refused, `count` spends and can't, `fails` spends and errs, `slow` spends and waits."""
    found = NodeRegistry()

    def ask(context: Any, config: Any) -> Any:
        seen.append(context.left)
        context.spend(cost=cost)
        context.spend(tokens=tokens)
        return Edge("success")

    def fails(context: Any, config: Any) -> Any:
        context.spend(cost=cost, tokens=tokens)
        raise StepFailure(ErrorInfo(code="BROKEN", message="broken", recoverable=True))

    async def slow(context: Any, config: Any) -> Any:
        context.spend(tokens=tokens)
        await asyncio.Event().wait()

    def wrong(context: Any, config: Any) -> Any:
        context.spend(tokens=-5)

    found.register(node("ask", ask, spends=True))
    found.register(node("count", ask))
    found.register(node("fails", fails, spends=True))
    found.register(node("slow", slow, spends=True))
    found.register(node("wrong", wrong))
    found.register(node("plain", lambda context, config: Edge("ok")))
    return found


def tried(here: World, execution_id: str) -> list[str]:
    """The steps whose attempts have begun."""
    return [event.step for event in here.events(execution_id) if isinstance(event, NodeStarted)]


def test_a_budget_that_is_used_up_stops_the_steps_that_spend() -> None:
    """When a visit begins: what the one before it overspends is spent. Other steps go on."""
    seen: list[Budget | None] = []

    async def test() -> None:
        async with world(spender(seen)) as here:
            execution = await here.run("ask", "ask", "ask", "plain", "ask", budget=1.0)
            assert execution.status == "failed"
            assert execution.failure is not None
            assert execution.failure.error.code == "BUDGET_EXCEEDED"
            assert execution.failure.error.details == {
                "budget": {"cost": 1.0, "tokens": None},
                "spent": {"cost": 1.2, "tokens": 120},
            }
            assert tried(here, execution.id) == ["ask", "ask", "ask", "plain", "ask"]
            assert execution.spent == Spent(cost=1.2, tokens=120)
            assert [left.cost for left in seen if left is not None] == [1.0, 0.6, 0.2]

    run(test())


def test_the_error_can_be_routed_but_is_not_tried_again() -> None:
    """So that a workflow can come to an end of its own."""

    async def test() -> None:
        async with world(spender([])) as here:
            step = {"ask": {"$retry": {"maxAttempts": 5, "delay": 0}, "error?": "plain"}}
            execution = await here.run("ask", step, budget={"tokens": 40})
            assert execution.status == "completed"
            assert tried(here, execution.id) == ["ask", "ask", "plain"]

    run(test())


def test_a_node_that_does_not_say_that_it_spends_is_counted_and_not_stopped() -> None:
    """A log line must be possible after the money is gone."""

    async def test() -> None:
        async with world(spender([])) as here:
            execution = await here.run("count", "count", "count", budget={"cost": 0.5})
            assert execution.status == "completed"
            assert execution.spent == Spent(cost=1.2, tokens=120)

    run(test())


def test_without_a_budget_spending_is_shown_all_the_same() -> None:
    """By `GET /executions/{id}`, from the beginning."""

    async def test() -> None:
        async with world(spender([])) as here:
            execution = await here.run("ask", "ask")
            assert describe_execution(execution, None)["spent"] == {"cost": 0.8, "tokens": 80}
            execution = await here.run("plain")
            assert describe_execution(execution, None)["spent"] == {"cost": 0, "tokens": 0}

    run(test())


@pytest.mark.parametrize("step", [{"fails": {"$retry": {"maxAttempts": 9, "delay": 0}}}, "fails"])
def test_failed_attempts_count(step: Any) -> None:
    """And the budget bounds retries too."""

    async def test() -> None:
        async with world(spender([])) as here:
            execution = await here.run(step, budget={"tokens": 100})
            attempts = len(tried(here, execution.id))
            assert execution.failure is not None
            if isinstance(step, dict):
                assert (attempts, execution.failure.error.code) == (4, "BUDGET_EXCEEDED")
                assert execution.spent.tokens == 120
            else:
                assert (attempts, execution.failure.error.code) == (1, "BROKEN")
                assert execution.spent.tokens == 40

    run(test())


def test_what_was_spent_before_a_node_ran_out_of_time_counts() -> None:
    """It was reported when it was spent."""

    async def test() -> None:
        async with world(spender([])) as here:
            execution = await here.run({"slow": {"$timeout": 20}}, budget={"tokens": 100})
            assert execution.failure is not None
            assert execution.failure.error.code == "NODE_TIMEOUT"
            assert execution.spent.tokens == 40

    run(test())


def test_no_amount_is_a_fault_of_the_node() -> None:
    """Told like any exception."""

    async def test() -> None:
        async with world(spender([])) as here:
            execution = await here.run("wrong", budget=1)
            assert execution.failure is not None
            assert execution.failure.error.code == "NODE_ERROR"
            assert "at least 0" in execution.failure.error.message
            assert execution.spent == Spent()

    run(test())


def test_a_restart_remembers_what_was_spent() -> None:
    """It is in the log."""
    log = MemoryLog()
    nodes = spender([])

    async def before() -> str:
        async with world(nodes, log=log) as here:
            execution_id = await here.submit(
                "ask", {"wait": {"$node": "plain", "$onCrash": "again"}}, "fails", budget=0.5
            )
            execution = await here.settle(execution_id)
            assert execution.spent.cost == 0.8
            return execution_id

    async def after(execution_id: str) -> None:
        async with world(nodes, log=log) as here:
            assert await here.ask(execution_id, Retry(now=0))
            execution = await here.settle(execution_id)
            assert execution.failure is not None
            assert execution.failure.error.code == "BUDGET_EXCEEDED"
            assert execution.spent.cost == 0.8

    async def test() -> None:
        await after(await before())

    run(test())


def test_branches_share_the_budget() -> None:
    """Each begins while something is left, so that they may overspend together by one attempt each; then it is over."""
    seen: list[Budget | None] = []

    async def test() -> None:
        nodes = standard_registry(files_root=None, entry_points=False)

        def ask(context: Any, config: Any) -> Any:
            seen.append(context.left)
            context.spend(tokens=60)
            return Edge("success")

        nodes.register(node("ask", ask, spends=True))
        async with world(nodes) as here:
            both = {"parallel": {"onError": "collect", "a?": ["ask", "ask"], "b?": ["ask", "ask"]}}
            execution = await here.run(both, "ask", budget={"tokens": 100})
            assert execution.failure is not None
            assert execution.failure.error.code == "BUDGET_EXCEEDED"
            assert execution.spent.tokens in (120, 180)

    run(test())
