"""`ask-ai` under a budget: what it may ask for, what it reports, and when it refuses."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import pytest

from domain.budget import Budget, Spending, Spent
from domain.context import ExecutionContext, StateView, StepInfo
from infrastructure.nodes.ai_endpoint import Price
from infrastructure.nodes.ask_ai import AskAi
from infrastructure.nodes.library import standard_registry
from infrastructure.nodes.outside import Outside
from tests.support.models import EVENTS, endpoint_of, events_of, model, said, streamed
from tests.support.nodes import NOON, Visit, run
from tests.support.outside import Asked, Reply, ran

PROMPT = "p" * 300
TEXT = "t" * 90


def ask(answer: Any, left: Budget | None, *, prices: Any = None, **config: Any) -> tuple[Visit, list[Asked]]:
    """One visit with so much left, and what the stand-in was asked."""
    more = {} if prices is None else {"prices": prices}
    with model(answer) as server:
        visit = run(AskAi(endpoint_of(server, **more)), {"userPrompt": PROMPT, **config}, left=left)
    return visit, server.asked


@pytest.mark.parametrize(
    ("left", "config", "most"),
    [
        (None, {}, None),
        (None, {"maxTokens": 50}, 50),
        (Budget(), {}, None),
        (Budget(tokens=70), {}, 70),
        (Budget(tokens=70), {"maxTokens": 50}, 50),
        (Budget(tokens=70), {"maxTokens": 5_000}, 70),
        (Budget(cost=0.0004), {}, 50),
        (Budget(cost=0.0004), {"maxTokens": 49}, 49),
        (Budget(cost=0.0004, tokens=20), {"maxTokens": 100}, 20),
        (Budget(cost=1.0, tokens=20), {"maxTokens": 100}, 20),
    ],
)
def test_no_more_tokens_are_asked_for_than_are_left(left: Budget | None, config: Any, most: int | None) -> None:
    """At the price of an answer's tokens, 8 for a million."""
    _, (asked,) = ask(said("a"), left, **config)
    assert json.loads(asked.body).get("max_tokens") == most


@pytest.mark.parametrize("left", [Budget(tokens=0), Budget(cost=0.000007), Budget(cost=0.0, tokens=5)])
def test_what_pays_for_no_token_asks_for_none(left: Budget) -> None:
    """The budget is over, a little before it is used up."""
    visit, asked = ask(said("a"), left)
    assert visit.code == "BUDGET_EXCEEDED"
    assert visit.data["recoverable"] is False
    assert asked == []


def test_a_cost_can_not_be_kept_without_a_price() -> None:
    """Told before anything is asked; tokens can be counted all the same, and what costs nothing may go on."""
    visit, asked = ask(said("a"), Budget(cost=1.0), prices={})
    assert visit.code == "PRICE_UNKNOWN"
    assert "CLEW_AI_PRICES" in visit.data["message"]
    assert asked == []
    assert ask(said("a"), Budget(tokens=100), prices={})[0].edge == "success"
    visit, (asked_for,) = ask(said("a"), Budget(cost=1.0), prices={"m": Price(0, 0)})
    assert visit.edge == "success"
    assert "max_tokens" not in json.loads(asked_for.body)


@pytest.mark.parametrize(
    ("usage", "left", "spent"),
    [
        ({"prompt_tokens": 100, "completion_tokens": 50, "total_tokens": 150}, None, Spent(cost=0.0006, tokens=150)),
        ({"prompt_tokens": 100, "completion_tokens": 50}, None, Spent(cost=0.0006, tokens=150)),
        ({"total_tokens": 150}, None, Spent(tokens=150)),
        (None, None, None),
        ({"prompt_tokens": -5, "completion_tokens": 10**30, "total_tokens": -1}, None, None),
        ({"prompt_tokens": 0, "completion_tokens": 0, "total_tokens": 0}, Budget(tokens=9_999), None),
    ],
)
def test_what_the_endpoint_counts_is_reported(usage: Any, left: Budget | None, spent: Spent | None) -> None:
    """Nothing is made up where nobody depends on it, and no count can give anything back."""
    visit, _ = ask(said("a", usage=usage), left)
    assert visit.edge == "success"
    assert visit.spent == spent


@pytest.mark.parametrize("stream", [False, True])
def test_where_a_budget_depends_on_counts_that_are_not_given_they_are_guessed(*, stream: bool) -> None:
    """A token for three bytes of what was sent and said."""
    visit, _ = ask(said(TEXT, usage=None), Budget(cost=1.0, tokens=9_999), stream=stream)
    assert visit.data["usage"]["totalTokens"] is None
    assert visit.spent is not None
    assert 130 <= visit.spent.tokens <= 160
    prompt = visit.spent.tokens - 30
    assert visit.spent.cost == round((prompt * 2 + 30 * 8) / 1e6, 9)


def test_answers_that_can_not_be_used_are_paid_for() -> None:
    """JSON that is none, a refusal, nothing at all."""
    for wire in (said("no json"), said(None, refusal="no"), said(None)):
        visit, _ = ask(wire, None, responseFormat="json")
        assert visit.code in ("INVALID_ANSWER", "REFUSED")
        assert visit.spent == Spent(cost=0.006, tokens=1_500)


def test_refusals_of_the_endpoint_cost_nothing() -> None:
    """They have no answer."""
    visit, _ = ask(Reply(429, b"later"), Budget(tokens=100))
    assert visit.code == "RATE_LIMITED"
    assert visit.spent is None


@pytest.mark.parametrize(
    "reply",
    [
        Reply(headers=EVENTS, parts=tuple(events_of(said(TEXT))[:-4])),
        Reply(headers=EVENTS, parts=tuple(events_of(said(TEXT))[:-4]), torn=True),
        Reply(headers=EVENTS, parts=(*events_of(said(TEXT))[:-4], b"data: {no\n\n")),
    ],
)
def test_a_stream_that_breaks_off_is_paid_for_as_far_as_it_came(reply: Reply) -> None:
    """Where a budget depends on it, by a guess."""
    visit, _ = ask(reply, Budget(tokens=9_999), stream=True)
    assert visit.code in ("INVALID_ANSWER", "NETWORK_ERROR")
    assert visit.spent is not None
    assert 120 <= visit.spent.tokens <= 160
    assert ask(reply, None, stream=True)[0].spent is None


STEP = {"prompt": "Hi?", "maxTokens": 5_000}


def definition(*steps: Any, **settings: Any) -> dict[str, Any]:
    """A workflow of these steps."""
    return {"id": "w", "name": "w", "version": "1.0.0", "settings": settings, "workflow": list(steps)}


def test_a_budget_in_a_real_run() -> None:
    """1,500 tokens for each answer: the third call is for what is left, the fourth does not happen."""
    steps = [{"ask-ai": STEP}] * 3 + [{"ask-ai": {**STEP, "error?": {"log": {"message": "{{error.code}}"}}}}]
    with model(said("Hello.")) as server:
        nodes = standard_registry(files_root=None, entry_points=False, outside=Outside(ai=endpoint_of(server)))
        found = ran(definition(*steps, budget={"cost": 1, "tokens": 4_000}), nodes)
    assert found.execution["status"] == "completed"
    assert found.state["lastLoggedMessage"] == "BUDGET_EXCEEDED"
    assert [json.loads(asked.body)["max_tokens"] for asked in server.asked] == [4_000, 2_500, 1_000]
    assert found.execution["spent"] == {"cost": 0.018, "tokens": 4_500}


def test_a_step_whose_time_is_up_has_spent_what_came() -> None:
    """The attempt that timed out counts as far as its stream had come."""
    step = {"prompt": PROMPT, "stream": True, "$timeout": 250, "error?": {}}
    begun = Reply(headers=EVENTS, parts=(*events_of(said(TEXT))[:8], 0.6, *events_of(said(TEXT))[8:]))
    with model(begun) as server:
        nodes = standard_registry(files_root=None, entry_points=False, outside=Outside(ai=endpoint_of(server)))
        found = ran(definition({"ask-ai": step}, budget={"tokens": 9_999}), nodes)
    assert found.state["ask_ai_output"]["code"] == "NODE_TIMEOUT"
    assert 100 < found.execution["spent"]["tokens"] < 160


def test_a_cancelled_wait_reports_what_came() -> None:
    """Whoever cuts the visit short."""

    async def test() -> Spent | None:
        spending = Spending()
        with model(streamed(said(TEXT), wait_s=0.05)) as server:
            context = ExecutionContext(
                state=StateView({}),
                inputs={},
                workflow_id="w",
                node_id="ask-ai",
                execution_id="e",
                step=StepInfo(name="s", address="/", visit=1, attempt=1, routed=frozenset()),
                idempotency_key="k",
                now=NOON,
                spending=spending,
                left=Budget(tokens=9_999),
            )
            beats = asyncio.Semaphore(0)
            context.on_heartbeat(beats.release)
            task = asyncio.ensure_future(
                AskAi(endpoint_of(server)).execute(context, {"userPrompt": "x", "stream": True})
            )
            for _ in range(5):
                await beats.acquire()
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)
            assert task.cancelled()
        return spending.total

    spent = asyncio.run(test())
    assert spent is not None
    assert 0 < spent.tokens < 60
