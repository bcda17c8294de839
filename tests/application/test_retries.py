"""Retries: attempts with due times, which survive everything, and end in a route, a failure or a pause."""

from __future__ import annotations

from typing import Any

import pytest

from domain.commands import Cancel, Pause, Resume, Retry
from domain.errors import ErrorInfo, Refused, StepFailure
from domain.events import EdgeTaken, ExecutionEvent, Failed, NodeFailed, NodeStarted, Paused, RetryScheduled
from tests.support import worlds
from tests.support.workflows import NOON, Script, nodes_of
from tests.support.worlds import ManualClock, World, run, until, world

pytestmark = pytest.mark.usefixtures("every_store")

SECOND = 1_000_000
FAULT = ValueError("not now")


def permanent(code: str = "GONE") -> StepFailure:
    """An error that trying again can't help."""
    return StepFailure(ErrorInfo(code=code, message="never"))


def scheduled(events: list[ExecutionEvent]) -> list[float]:
    """The delays that were scheduled, in seconds."""
    return [(event.due - event.time) / SECOND for event in events if isinstance(event, RetryScheduled)]


async def pass_time(here: World, execution_id: str) -> None:
    """Move the clock to each next due time until the execution rests without one."""
    await until(lambda: here.fold(execution_id).due is not None or here.fold(execution_id).status != "running")
    while (due := here.fold(execution_id).due) is not None:
        here.clock.time = due
        await until(lambda due=due: here.fold(execution_id).due != due)  # type: ignore[misc]
        await until(lambda: here.fold(execution_id).due is not None or here.fold(execution_id).status != "running")


POLICIES: dict[str, tuple[dict[str, Any], list[float]]] = {
    "the default": ({}, [1, 2]),
    "exponential": ({"maxAttempts": 5, "delay": "2s", "backoff": "exponential"}, [2, 4, 8, 16]),
    "fixed": ({"maxAttempts": 4, "delay": 500, "backoff": "fixed"}, [0.5, 0.5, 0.5]),
    "a factor and a most": ({"maxAttempts": 5, "delay": "1s", "backoff": 3, "maxDelay": "5s"}, [1, 3, 5, 5]),
    "one attempt": ({"maxAttempts": 1}, []),
}


@pytest.mark.parametrize(("policy", "delays"), POLICIES.values(), ids=POLICIES)
def test_the_delays_of_a_policy(policy: dict[str, Any], delays: list[float]) -> None:
    """`maxAttempts` counts the first one, the delay grows by `backoff` up to `maxDelay`, and then the execution fails."""

    async def test() -> None:
        async with world(nodes_of(Script({"a": [FAULT] * 9}))) as here:
            execution_id = await here.submit({"a": {"$retry": policy}})
            await pass_time(here, execution_id)
            events = here.events(execution_id)
            assert scheduled(events) == delays
            assert here.fold(execution_id).status == "failed"
            attempts = [event.attempt for event in events if isinstance(event, NodeStarted)]
            assert attempts == list(range(1, len(delays) + 2))
            assert [type(event) for event in events[-2:]] == [NodeFailed, Failed]

    run(test())


def test_a_retry_is_one_visit_that_succeeds_in_the_end() -> None:
    """Under one idempotency key; only the last attempt's writes are kept, and the step counts once."""

    def fail_writing(context: Any, config: Any) -> Any:
        context.state["tries"] = context.step.attempt
        raise FAULT

    async def test() -> None:
        script = Script({"a": [fail_writing, fail_writing, ("x", "done")]})
        async with world(nodes_of(script)) as here:
            execution_id = await here.submit({"a": {"$retry": {"delay": 1}}}, "b")
            await pass_time(here, execution_id)
            ended = here.fold(execution_id)
            assert (ended.status, ended.state, ended.steps) == ("completed", {"a_output": "done"}, 2)
            assert len({context.idempotency_key for context in script.contexts[:3]}) == 1
            (taken,) = [e for e in here.events(execution_id) if isinstance(e, EdgeTaken) and "/a" in e.address]
            assert (taken.visit, taken.attempt) == (1, 3)

    run(test())


@pytest.mark.parametrize(
    ("fault", "policy"),
    [
        (permanent(), {}),
        (StepFailure(ErrorInfo(code="BUSY", message="later", recoverable=True)), {"nonRetryable": ["BUSY"]}),
        (("error", {"code": "BAD", "message": "returned"}), {}),
    ],
    ids=["not recoverable", "named as not retryable", "returned, and so not recoverable"],
)
def test_what_is_not_retried(fault: Any, policy: dict[str, Any]) -> None:
    """The first failure stands."""

    async def test() -> None:
        async with world(nodes_of(Script({"a": [fault]}))) as here:
            ended = await here.run({"a": {"$retry": policy}})
            assert ended.status == "failed"
            assert here.count(ended.id, RetryScheduled) == 0

    run(test())


def test_a_fail_is_never_retried() -> None:
    """Even one that says it is recoverable: its author meant it."""

    async def test() -> None:
        async with world(nodes_of(Script())) as here:
            ended = await here.run({"fail": {"message": "enough", "recoverable": True}}, retry={"delay": 1})
            assert ended.failure is not None
            assert (ended.failure.error.recoverable, here.count(ended.id, RetryScheduled)) == (True, 0)

    run(test())


def test_the_error_route_comes_after_the_retries() -> None:
    """And sees the last error."""

    async def test() -> None:
        script = Script({"a": [FAULT, ValueError("the last")]})
        async with world(nodes_of(script)) as here:
            steps = [{"a": {"$retry": {"maxAttempts": 2, "delay": 1}, "error?": {"$.seen": "{{error.message}}"}}}]
            execution_id = await here.submit(*steps)
            await pass_time(here, execution_id)
            assert here.fold(execution_id).state["seen"] == "the last"

    run(test())


def test_a_steps_own_policy_replaces_the_workflows_as_a_whole() -> None:
    """Nothing of `settings.retry` is left in it."""

    async def test() -> None:
        async with world(nodes_of(Script({"a": [FAULT] * 9, "b": [FAULT] * 9}))) as here:
            settings = {"maxAttempts": 4, "delay": "10s"}
            first = await here.submit({"a": {"$retry": {"maxAttempts": 2}}}, retry=settings)
            await pass_time(here, first)
            assert scheduled(here.events(first)) == [1]
            second = await here.submit("b", retry=settings)
            await pass_time(here, second)
            assert scheduled(here.events(second)) == [10, 20, 40]

    run(test())


def test_a_retry_survives_a_restart() -> None:
    """The due time stands in the log; whoever takes over waits for it, and does not begin before."""

    async def test() -> None:
        log, clock, script = worlds.new_log(), ManualClock(), Script({"a": [FAULT]})
        async with world(nodes_of(script), log=log, clock=clock) as here:
            execution_id = await here.submit({"a": {"$retry": {"delay": "1h"}}})
            await until(lambda: here.count(execution_id, RetryScheduled) == 1)
            row = here.row(execution_id)
            assert row.status == "running"
        clock.time += 59 * 60 * SECOND
        async with world(nodes_of(script), log=log, clock=clock, unfinished=[row]) as here:
            await until(lambda: here.engine._timers._due.get(execution_id) is not None)
            assert script.order == "a"
            clock.time = NOON + 3_600 * SECOND
            assert (await here.settle(execution_id)).status == "completed"
            assert script.order == "a a"

    run(test())


def test_a_pause_moves_a_retry_by_its_length() -> None:
    """As it moves any due time; a cancelled one never comes."""

    async def test() -> None:
        async with world(nodes_of(Script({"a": [FAULT]}))) as here:
            execution_id = await here.submit({"a": {"$retry": {"delay": "60s"}}})
            await until(lambda: here.count(execution_id, RetryScheduled) == 1)
            await here.ask(execution_id, Pause(now=0))
            here.clock.time += 3_600 * SECOND
            await here.ask(execution_id, Resume(now=0))
            assert here.fold(execution_id).due == NOON + 3_660 * SECOND
            await here.ask(execution_id, Cancel(now=0))
            assert here.fold(execution_id).due is None

    run(test())


@pytest.mark.parametrize("command", [Resume(now=0), Retry(now=0)], ids=["resume", "retry"])
def test_exhausted_attempts_pause_for_a_person(command: Any) -> None:
    """The error is shown, the visit stays open, and resuming tries it again at once."""

    async def test() -> None:
        script = Script({"a": [FAULT, FAULT, "x"]})
        async with world(nodes_of(script)) as here:
            execution_id = await here.submit({"a": {"$retry": {"maxAttempts": 2, "delay": 1, "exhausted": "pause"}}})
            await pass_time(here, execution_id)
            paused = here.fold(execution_id)
            assert paused.status == "paused"
            assert paused.exhausted is not None and paused.exhausted.error.message == "not now"
            assert isinstance(here.events(execution_id)[-1], Paused)
            await here.ask(execution_id, command)
            ended = await here.settle(execution_id)
            assert (ended.status, ended.exhausted, script.order) == ("completed", None, "a a a")

    run(test())


def test_a_plain_pause_can_not_be_retried() -> None:
    """Only one that used-up attempts made: the other is resumed."""

    async def test() -> None:
        async with world(nodes_of(Script())) as here:
            parked = await here.run({"signal": {"name": "go"}})
            await here.ask(parked.id, Pause(now=0))
            with pytest.raises(Refused) as refused:
                await here.ask(parked.id, Retry(now=0))
            assert refused.value.code == "NOT_FAILED"

    run(test())


def test_jitter_takes_away_a_part_that_is_the_same_in_a_replay() -> None:
    """Between the delay and what jitter leaves of it, and decided by the visit, not by chance at the time."""

    async def test() -> None:
        delays = []
        for _ in range(2):
            async with world(nodes_of(Script({"a": [FAULT] * 9}))) as here:
                execution_id = await here.submit(
                    {"a": {"$retry": {"maxAttempts": 6, "delay": "10s", "backoff": 1, "jitter": 0.5}}}
                )
                await pass_time(here, execution_id)
                delays.append(scheduled(here.events(execution_id)))
        assert delays[0] == delays[1]
        assert all(5 <= delay <= 10 for delay in delays[0])
        assert len(set(delays[0])) == 5

    run(test())
