"""Forks with `effects: reuse`: what is recorded behind the cut is taken again where a visit runs with what it ran with."""

from __future__ import annotations

from typing import Any

import pytest

from application.requests import ForkRequest, Submission
from application.service import Service
from domain.commands import Cancel, Retry, Signal
from domain.errors import ErrorInfo, StepFailure
from domain.events import ChildObserved, ChildStarted, EdgeTaken, NodeStarted, Resumed, Reused, Suspended
from domain.json_patch import read_operations
from domain.node import Edge, Park
from infrastructure.memory_log import MemoryLog
from tests.support.engines import service_on
from tests.support.workflows import Script, nodes_of, scripted, workflow

REUSED = ("reused",)


class Bank:
    """Nodes with effects, and how often each of them has happened."""

    def __init__(self) -> None:
        self.done: list[str] = []
        acts = {"charge": self.charge, "look": self.look, "sum": self.sum, "hold": self.hold}
        script = Script({name: [act] * 100 for name, act in acts.items()})
        self.script = script
        self.nodes = nodes_of(
            script,
            scripted("charge", script, effect="writes"),
            scripted("look", script, effect="reads"),
            scripted("sum", script),
            scripted("hold", script, effect="writes"),
        )

    def charge(self, context: Any, config: dict[str, Any]) -> Any:
        """Take money; decline what is too much."""
        self.done.append(f"charge {config.get('amount')}")
        if config.get("amount", 0) > 99:
            error = ErrorInfo(type="validation", code="DECLINED", message="Too much.")
            raise StepFailure(error)
        context.state["paid"] = config.get("amount")
        return Edge("success", {"receipt": len(self.done)})

    def look(self, context: Any, config: dict[str, Any]) -> Any:
        """Read a key of the state that no parameter names."""
        self.done.append("look")
        return Edge("success", context.state.get("secret"))

    def sum(self, context: Any, config: dict[str, Any]) -> Any:
        """Compute."""
        self.done.append("sum")
        return Edge("success", len(config))

    def hold(self, context: Any, config: dict[str, Any]) -> Any:
        """Do something, and wait."""
        self.done.append("hold")
        return Park(kind="signal", name="go")


@pytest.fixture
def bank() -> Bank:
    """Nothing has happened yet."""
    return Bank()


def started(service: Service, definition: dict[str, Any]) -> str:
    """An execution, at rest."""
    name = service.submit_and_wait(Submission(definition=definition)).execution_id
    assert service.wait_settled(name, 10)
    return name


def reusing(service: Service, source: str, patch: Any = (), **asked: Any) -> str:
    """A fork that takes results again, at rest."""
    request = ForkRequest(source=source, effects="reuse", operations=read_operations(list(patch)), **asked)
    name = service.fork_and_wait(request).execution_id
    assert service.wait_settled(name, 10)
    return name


def events(service: Service, name: str) -> list[Any]:
    """Its events."""
    return [recorded.event for recorded in service.queries._log.read(name)]


def edges(service: Service, name: str) -> list[tuple[str, Reused | None]]:
    """(last part of the address, where it was taken from) of each visit that ended."""
    return [
        (event.address.rpartition("/")[2], event.reused)
        for event in events(service, name)
        if isinstance(event, EdgeTaken)
    ]


LOOP = workflow(
    {"each...": {"items": "$.amounts", "as": "amount", "loop?": [{"charge": {"amount": "$.amount"}}, {"sum": {}}]}},
    {"$.done": True},
    state={"amounts": [1, 2, 3], "secret": "x"},
)


def test_results_are_taken_again_and_effects_do_not_happen_twice(bank: Bank) -> None:
    """The state is what it was; the log says of each where it was taken from; what only computes is computed."""
    with service_on(MemoryLog(), bank.nodes) as service:
        source = started(service, LOOP)
        bank.done.clear()
        fork = reusing(service, source, at="1")
        assert bank.done == ["sum"] * 3
        before, after = service.queries.fold(source), service.queries.fold(fork)
        assert (after.status, after.state) == ("completed", before.state)
        taken = [reused for step, reused in edges(service, fork) if step == "charge"]
        then = [at for at, event in enumerate(events(service, source), start=1) if getattr(event, "patch", None)]
        assert [reused and reused.execution for reused in taken] == [source] * 3
        assert all(reused is not None and reused.version in then for reused in taken)
        assert all(reused is None for step, reused in edges(service, fork) if step != "charge")
        spent = [event.spent for event in events(service, fork) if isinstance(event, EdgeTaken)]
        assert spent == [None] * len(spent)


def test_what_runs_with_something_else_runs(bank: Bank) -> None:
    """In a loop the passes whose parameters have changed, and no others."""
    with service_on(MemoryLog(), bank.nodes) as service:
        source = started(service, LOOP)
        bank.done.clear()
        fork = reusing(service, source, [{"op": "replace", "path": "/amounts/1", "value": 7}], at="1")
        assert [each for each in bank.done if each != "sum"] == ["charge 7"]
        assert service.queries.fold(fork).state["paid"] == 3


def test_what_has_read_something_else_runs(bank: Bank) -> None:
    """The top-level keys that a node read beyond its parameters count too."""
    definition = workflow({"look": {}}, state={"secret": "x", "other": 1})
    with service_on(MemoryLog(), bank.nodes) as service:
        source = started(service, definition)
        bank.done.clear()
        reusing(service, source, [{"op": "replace", "path": "/other", "value": 2}], at="1")
        assert bank.done == []
        reusing(service, source, [{"op": "replace", "path": "/secret", "value": "y"}], at="1")
        assert bank.done == ["look"]


def test_without_reuse_everything_runs_again(bank: Bank) -> None:
    """`rerun` is what a fork does unless it is told otherwise."""
    with service_on(MemoryLog(), bank.nodes) as service:
        source = started(service, LOOP)
        bank.done.clear()
        name = service.fork_and_wait(ForkRequest(source=source, at="1")).execution_id
        assert service.wait_settled(name, 10)
        assert [each for each in bank.done if each != "sum"] == ["charge 1", "charge 2", "charge 3"]


def test_what_was_under_way_at_the_cut_has_its_result_behind_it(bank: Bank) -> None:
    """It is taken from there."""
    with service_on(MemoryLog(), bank.nodes) as service:
        source = started(service, LOOP)
        at = next(
            n for n, e in enumerate(events(service, source), 1) if isinstance(e, NodeStarted) and e.step == "charge"
        )
        bank.done.clear()
        reusing(service, source, at=str(at))
        assert "charge 1" not in bank.done


DECLINED = workflow({"charge": {"amount": 100, "error?": [{"$.declined": True}]}})


def test_an_error_that_is_dealt_with_is_a_result(bank: Bank) -> None:
    """It is taken again, and its route with it."""
    with service_on(MemoryLog(), bank.nodes) as service:
        source = started(service, DECLINED)
        bank.done.clear()
        fork = reusing(service, source, at="1")
        assert bank.done == []
        assert service.queries.fold(fork).state["declined"] is True


def test_a_failure_is_none(bank: Bank) -> None:
    """A step that failed the execution runs again."""
    with service_on(MemoryLog(), bank.nodes) as service:
        source = started(service, workflow({"charge": {"amount": 100}}))
        bank.done.clear()
        fork = reusing(service, source, at="1")
        assert bank.done == ["charge 100"]
        service.command_and_wait(fork, Retry(now=0))
        assert service.wait_settled(fork, 10)
        assert bank.done == ["charge 100"] * 2


def test_the_result_of_a_child_is_taken_and_no_child_begun(bank: Bank) -> None:
    """Unless it is said that children restart; or the child has not completed."""
    child = {**workflow({"charge": {"amount": 5}}, {"$.result": "$.paid"}), "id": "child"}
    definition = workflow({"runWorkflow": {"definition": child}}, {"$.got": "$.runWorkflowResult"})
    with service_on(MemoryLog(), bank.nodes) as service:
        source = started(service, definition)
        [began] = [event.child for event in events(service, source) if isinstance(event, ChildStarted)]
        bank.done.clear()
        fork = reusing(service, source, at="1")
        assert bank.done == []
        assert service.queries.fold(fork).state["got"] == 5
        [call] = [event for event in events(service, fork) if isinstance(event, ChildStarted)]
        [seen] = [event for event in events(service, fork) if isinstance(event, ChildObserved)]
        [parked] = [event for event in events(service, fork) if isinstance(event, Suspended)]
        assert (call.child, seen.child) == (began, began)
        assert parked.reused is not None and parked.reused.execution == source
        again = reusing(service, source, at="1", children="restart")
        assert bank.done == ["charge 5"]
        assert service.queries.fold(again).state["got"] == 5


def test_a_wait_that_was_begun_by_an_effect_is_waited_for_again(bank: Bank) -> None:
    """What it did is not done again; the signal is to be sent anew."""
    with service_on(MemoryLog(), bank.nodes) as service:
        source = started(service, workflow({"hold": {}}))
        bank.done.clear()
        fork = reusing(service, source, at="1")
        assert bank.done == []
        assert service.queries.fold(fork).status == "suspended"
        assert not any(isinstance(event, Resumed) for event in events(service, fork))
        service.command_and_wait(fork, Cancel(now=0))


def test_another_definition_takes_what_still_fits(bank: Bank) -> None:
    """At the same address, with the same node; a step that is new there runs."""
    with service_on(MemoryLog(), bank.nodes) as service:
        source = started(service, workflow({"charge": {"amount": 5}}, {"sum": {}}))
        other = workflow({"charge": {"amount": 5}}, {"charge": {"amount": 6}})
        bank.done.clear()
        reusing(service, source, at="1", definition=other)
        assert bank.done == ["charge 6"]


def test_a_fork_of_a_fork_takes_what_that_has_recorded(bank: Bank) -> None:
    """Also what that had taken itself."""
    with service_on(MemoryLog(), bank.nodes) as service:
        first = reusing(service, started(service, LOOP), at="1")
        bank.done.clear()
        second = reusing(service, first, at="1")
        assert [each for each in bank.done if each != "sum"] == []
        taken = [reused for step, reused in edges(service, second) if step == "charge"]
        assert [reused and reused.execution for reused in taken] == [first] * 3


def test_what_the_source_has_recorded_since_an_earlier_fork_is_taken_too(bank: Bank) -> None:
    """The records behind a cut are read again when the source has gone on."""
    definition = workflow({"ask": {"$node": "signal", "name": "go"}}, {"charge": {"amount": 5}})
    with service_on(MemoryLog(), bank.nodes) as service:
        source = started(service, definition)
        at = str(service.queries.fold(source).version)
        early = reusing(service, source, at=at)
        for name in (early, source):
            service.command_and_wait(name, Signal(now=0, name="go", payload={}))
            assert service.wait_settled(name, 10)
        assert bank.done == ["charge 5"] * 2
        late = reusing(service, source, at=at)
        service.command_and_wait(late, Signal(now=0, name="go", payload={}))
        assert service.wait_settled(late, 10)
        assert bank.done == ["charge 5"] * 2
        assert [reused and reused.execution for step, reused in edges(service, late) if step == "charge"] == [source]
