"""Circuit breakers: opening after failures in a row, failing fast, and the one probe that decides."""

from __future__ import annotations

import asyncio
from typing import Any

from application.breakers import Admitted, Breakers
from domain.commands import Cancel, Erred, Took
from domain.errors import ErrorInfo, StepFailure
from domain.events import RetryScheduled
from domain.execution import Execution
from domain.program import BreakerPolicy
from tests.support.workflows import Script, nodes_of
from tests.support.worlds import ManualClock, World, closed_gates, held, run, until, world

SECOND = 1_000_000
FAULT = ValueError("down")
GUARDED: dict[str, Any] = {"a": {"$breaker": {"failures": 2, "cooldown": "10s"}}}


def code(execution: Execution) -> str:
    """Why it failed, or its status."""
    return execution.failure.error.code if execution.failure is not None else execution.status


def state(here: World, node: str = "a") -> str | None:
    """How the breaker of a node stands."""
    view = here.engine.breakers.view(node)
    return view.state if view is not None else None


def test_it_opens_after_failures_in_a_row_and_fails_fast() -> None:
    """The node is not asked again; the refusal is recoverable and says how long."""

    async def test() -> None:
        script = Script({"a": [FAULT, "x", FAULT, ("error", "returned"), "x"]})
        async with world(nodes_of(script)) as here:
            codes = [code(await here.run(GUARDED)) for _ in range(4)]
            assert codes == ["NODE_ERROR", "completed", "NODE_ERROR", "NODE_ERROR"]  # a success begins the row anew
            assert state(here) == "open"
            refused = await here.run(GUARDED)
            assert refused.failure is not None
            error = refused.failure.error
            assert (error.code, error.recoverable, error.details["retryInMs"]) == ("CIRCUIT_OPEN", True, 10_000)
            assert script.order == "a a a a"

    run(test())


def test_one_probe_decides_when_the_time_is_over() -> None:
    """A failure opens it for as long again, a success closes it."""

    async def test() -> None:
        script = Script({"a": [FAULT, FAULT, FAULT, "x", "x"]})
        async with world(nodes_of(script)) as here:
            for _ in range(2):
                await here.run(GUARDED)
            here.clock.time += 10 * SECOND
            assert state(here) == "half-open"
            assert code(await here.run(GUARDED)) == "NODE_ERROR"
            assert code(await here.run(GUARDED)) == "CIRCUIT_OPEN"
            here.clock.time += 10 * SECOND
            assert code(await here.run(GUARDED)) == "completed"
            assert (state(here), code(await here.run(GUARDED))) == ("closed", "completed")

    run(test())


def test_there_is_only_one_probe_at_a_time() -> None:
    """Whoever comes while it is under way is refused; one that is cut short leaves the place to the next."""

    async def test() -> None:
        gates = closed_gates()
        guarded = {"held": {"$breaker": {"failures": 1, "cooldown": "10s"}}}
        async with world(nodes_of(Script(), held(gates))) as here:
            policy = (
                here.engine._programs.compile({"id": "w", "name": "W", "version": "1.0.0", "workflow": [guarded]})
                .steps[0]
                .options.breaker
            )
            assert policy is not None
            admitted = here.engine.breakers.admit("held", policy)
            assert isinstance(admitted, Admitted)
            here.engine.breakers.learn(admitted, Erred(error=ErrorInfo(code="X", message="x")))
            here.clock.time += 10 * SECOND
            probe = await here.submit(guarded)
            await gates["begun"].wait()
            assert code(await here.run(guarded)) == "CIRCUIT_OPEN"
            await here.ask(probe, Cancel(now=0))
            await until(lambda: not here.engine._residents.get(probe))
            gates["go"].set()
            assert code(await here.run(guarded)) == "completed"
            await asyncio.sleep(0)
            assert state(here, "held") == "closed"

    run(test())


def test_what_is_the_callers_fault_is_no_failure_of_the_node() -> None:
    """Bad parameters and states don't count, and a step without `$breaker` neither asks nor counts."""

    async def test() -> None:
        bad = StepFailure(ErrorInfo(type="validation", code="INVALID_PARAMETER", message="no"))
        script = Script({"a": [bad, bad, bad, FAULT, FAULT, FAULT]})
        async with world(nodes_of(script)) as here:
            for _ in range(3):
                await here.run(GUARDED)
            assert state(here) == "closed"
            for _ in range(3):
                await here.run("a")
            assert state(here) == "closed"

    run(test())


FAILED = Erred(error=ErrorInfo(code="X", message="x"))
FINE = Took(edge="x")


def admit(breakers: Breakers, policy: BreakerPolicy) -> Admitted:
    """A visit that must be let through."""
    admitted = breakers.admit("n", policy)
    assert isinstance(admitted, Admitted)
    return admitted


def test_a_visit_that_began_before_it_opened_says_nothing_of_the_node_now() -> None:
    """It neither closes the breaker, nor leaves it open for longer, nor takes the probe's place."""
    clock, policy = ManualClock(), BreakerPolicy(failures=1, cooldown_ms=10_000)
    breakers = Breakers(clock)
    slow, late, failing = (admit(breakers, policy) for _ in range(3))
    breakers.learn(failing, FAILED)
    clock.time += 5 * SECOND
    breakers.learn(slow, FINE)
    assert (view := breakers.view("n")) is not None and (view.state, view.failures) == ("open", 1)
    clock.time += 5 * SECOND
    probe = admit(breakers, policy)
    breakers.learn(late, FAILED)
    assert isinstance(breakers.admit("n", policy), ErrorInfo)
    breakers.learn(probe, FINE)
    assert (view := breakers.view("n")) is not None and (view.state, view.failures) == ("closed", 0)


def test_a_refusal_is_recoverable_so_that_a_retry_is_the_probe() -> None:
    """`$retry` and `$breaker` work together: what is refused now is tried again when the breaker is half open."""

    async def test() -> None:
        script = Script({"a": [FAULT, "x"]})
        guarded = {"a": {"$breaker": {"failures": 1, "cooldown": "10s"}, "$retry": {"maxAttempts": 3, "delay": "5s"}}}
        async with world(nodes_of(script)) as here:
            execution_id = await here.submit(guarded)
            for seconds in (5, 10):
                await until(lambda: (here.fold(execution_id).due or 0) > here.clock.time)
                here.clock.time += seconds * SECOND
                here.engine._timers._changed.set()
            assert (await here.settle(execution_id)).status == "completed"
            failures = [e.error.code for e in here.events(execution_id) if isinstance(e, RetryScheduled)]
            assert (failures, script.order) == (["NODE_ERROR", "CIRCUIT_OPEN"], "a a")

    run(test())
