"""A crash between any two events of a parent and its children: one child for each visit, and the same end (DESIGN 7)."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from application.ports import Recorded
from application.requests import Submission, ToPublish
from application.service import Service
from domain.children import RESULT_KEYS
from domain.commands import Cancel, Signal
from domain.events import (
    BranchClosed,
    Cancelled,
    ChildObserved,
    ChildStarted,
    Completed,
    EdgeTaken,
    ExecutionEvent,
    ExecutionStarted,
    Failed,
    NodeStarted,
)
from domain.evolve import fold
from domain.execution import Execution
from tests.crash.test_every_boundary import EXECUTION, is_boundary, registry, without_times
from tests.support.engines import everything, log_with, service_on
from tests.support.process import ServerProcess

KIDS: dict[str, list[Any]] = {
    "kid": [{"a": {"$node": "effect"}}, {"$.n": 1}, {"b": {"$node": "effect"}}, {"end": {"result": "$.n"}}],
    "failing": [{"a": {"$node": "effect", "script": ["raise"]}}],
    "asking": [{"a": {"$node": "effect"}}, {"ask": {"$node": "signal", "name": "ask"}}, {"b": {"$node": "effect"}}],
    "middle": [{"run": {"$node": "runWorkflow", "workflowId": "kid"}}, "effect"],
}
OWN = {"id": "own", "name": "Own", "version": "1.0.0", "workflow": [{"a": {"$node": "effect"}}]}


def run_step(workflow: str, **more: Any) -> dict[str, Any]:
    """A step that runs a workflow of KIDS."""
    return {"run": {"$node": "runWorkflow", "workflowId": workflow, **more}}


WORKFLOWS: dict[str, list[Any]] = {
    "a child": ["effect", run_step("kid"), "effect"],
    "a child of a child": [run_step("middle"), "effect"],
    "a definition of its own": [{"run": {"$node": "run-workflow", "definition": OWN}}, "effect"],
    "an error that is routed": [run_step("failing", **{"error?": ["effect"]}), "effect"],
    "an error that fails": [run_step("failing"), "effect"],
    "a child that asks": [run_step("asking"), "effect"],
    "a child in each pass": [{"each...": {"items": [1, 2], "loop?": [run_step("kid")]}}],
    "children in branches": [{"parallel": {"x?": [run_step("kid")], "y?": [run_step("kid")]}}, "effect"],
    "a loser": [{"parallel": {"mode": "any", "x?": [run_step("asking")], "y?": [run_step("kid")]}}, "effect"],
    "an end beside it": [{"parallel": {"x?": [run_step("asking")], "y?": [run_step("kid"), {"end": {}}]}}],
    "a failure beside it": [
        {"parallel": {"x?": [run_step("asking")], "y?": [run_step("kid"), {"fail": {"message": "no"}}]}}
    ],
}
UNANSWERED = ("a loser", "an end beside it", "a failure beside it")
"""Where nobody answers the child: it is cancelled."""


def folds(events: list[Recorded]) -> dict[str, Execution]:
    """All executions of a log."""
    streams: dict[str, list[ExecutionEvent]] = {}
    for recorded in events:
        if ":" not in recorded.stream and isinstance(recorded.event, ExecutionEvent):
            streams.setdefault(recorded.stream, []).append(recorded.event)
    return {name: fold(history, Execution(id=name)) for name, history in streams.items()}


def complete(service: Service, *, answers: bool) -> None:
    """Wait for the end of all executions, and answer what they ask on the way."""
    assert service.wait_settled(EXECUTION, 10)
    while open_ones := [one for one in folds(everything(service.queries._log)).values() if not one.has_ended]:
        for one in open_ones:
            asks = [wait for _, _, wait in one.waits() if wait.name == "ask"]
            if asks and answers:
                service.command_and_wait(one.id, Signal(now=0, name="ask"))
            elif one.id == EXECUTION or one.status == "running":
                assert service.wait_settled(one.id, 10)


def run(name: str) -> list[Recorded]:
    """The whole log of an undisturbed run."""
    log = log_with([])
    with service_on(log, registry()) as service:
        for workflow_id, steps in KIDS.items():
            kid = {"id": workflow_id, "name": workflow_id, "version": "1.0.0", "workflow": steps}
            service.publish_and_wait(ToPublish(definition=kid))
        definition = {"id": "w", "name": "W", "version": "1.0.0", "workflow": WORKFLOWS[name]}
        service.submit_and_wait(Submission(definition=definition, execution_id=EXECUTION))
        complete(service, answers=name not in UNANSWERED)
        return everything(log)


def resume(kept: list[Recorded], *, answers: bool) -> list[Recorded]:
    """The whole log after a service took up what a crash has left of it."""
    log = log_with(kept)
    with service_on(log, registry()) as service:
        complete(service, answers=answers)
        return everything(log)


def boundaries(events: list[Recorded]) -> list[int]:
    """Where a crash can cut a log: between two appends, be they of one execution or of two."""
    first = next(index for index, each in enumerate(events) if isinstance(each.event, ExecutionStarted))
    cuts = range(first + 1, len(events) + 1)
    return [cut for cut in cuts if cut == len(events) or _is_cut(events, cut)]


def _is_cut(events: list[Recorded], cut: int) -> bool:
    before, after = events[cut - 1], events[cut]
    return (
        before.stream != after.stream or isinstance(after.event, (ChildObserved, Cancelled)) or is_boundary(events, cut)
    )


def edges(events: list[Recorded]) -> Counter[tuple[str, str, int, str | None]]:
    """How often each visit of each execution took each edge: once, if at all."""
    taken = [(each.stream, each.event) for each in events if isinstance(each.event, EdgeTaken)]
    return Counter((stream, event.address, event.visit, event.edge) for stream, event in taken)


def ends(events: list[Recorded]) -> dict[str, tuple[str, Any]]:
    """How every execution came out, and on what state, but for what the last of two children that race has left."""
    found = folds(events)
    racing = len(children(events)) > 1 and any(isinstance(each.event, BranchClosed) for each in events)
    last = (*RESULT_KEYS, "run_output") if racing else ()
    return {
        name: (one.status, without_times({key: value for key, value in one.state.items() if key not in last}))
        for name, one in found.items()
    }


def children(events: list[Recorded]) -> Counter[str]:
    """The children that are begun in any parent's log, and how often each."""
    return Counter(each.event.child for each in events if isinstance(each.event, ChildStarted))


@pytest.mark.parametrize("name", WORKFLOWS)
def test_a_crash_between_any_two_events(name: str) -> None:
    """From every prefix of the log all executions end as if undisturbed: each child begins once, none is lost."""
    whole = run(name)
    answers = name not in UNANSWERED
    expected = ends(whole)[EXECUTION]
    for cut in boundaries(whole):
        resumed = resume(whole[:cut], answers=answers)
        where = f"crash after event {cut}"
        assert ends(resumed)[EXECUTION] == expected, where
        begun = children(resumed)
        assert set(begun.values()) <= {1}, where
        assert set(folds(resumed)) <= {EXECUTION, *begun}, where
        observed = Counter(each.event.child for each in resumed if isinstance(each.event, ChildObserved))
        assert set(observed.values()) <= {1}, where
        if answers:
            assert ends(resumed) == ends(whole), where
            assert edges(resumed) == edges(whole), where
            assert set(folds(resumed)) == {EXECUTION, *begun}, where
            assert set(observed) == set(begun), where
        else:
            assert all(one.has_ended for one in folds(resumed).values()), where


def test_what_a_cut_leaves_of_a_cancelling() -> None:
    """Whoever was to be cancelled is, wherever the crash came, and does nothing more before that."""
    log = log_with([])
    with service_on(log, registry()) as service:
        for workflow_id, steps in (("asking", KIDS["asking"]), ("middle", [run_step("asking"), "effect"])):
            kid = {"id": workflow_id, "name": workflow_id, "version": "1.0.0", "workflow": steps}
            service.publish_and_wait(ToPublish(definition=kid))
        definition = {"id": "w", "name": "W", "version": "1.0.0", "workflow": [run_step("middle"), "effect"]}
        service.submit_and_wait(Submission(definition=definition, execution_id=EXECUTION))
        assert service.wait_settled(EXECUTION, 10)
        service.command_and_wait(EXECUTION, Cancel(now=0))
        complete(service, answers=False)
        whole = everything(log)
    assert {status for status, _ in ends(whole).values()} == {"cancelled"}
    first = next(index for index, each in enumerate(whole) if isinstance(each.event, Cancelled))
    for cut in range(first + 1, len(whole) + 1):
        resumed = resume(whole[:cut], answers=False)
        assert {status for status, _ in ends(resumed).values()} == {"cancelled"}, f"crash after event {cut}"
        assert len(ends(resumed)) == 3
        assert not any(isinstance(each.event, (NodeStarted, EdgeTaken)) for each in resumed[cut:])


NODE = """
import os, time
from clew import Edge, NodeMetadata, WorkflowNode


class Slow(WorkflowNode):
    metadata = NodeMetadata(id="slow", name="Slow", version="1.0.0")

    def execute(self, context, config):
        with open(config["file"], "a") as file:
            file.write(context.execution_id + chr(10))
        while not os.path.exists(config["gate"]):
            time.sleep(0.01)
        return Edge("success")
"""


def test_a_server_that_is_killed_while_a_child_runs(tmp_path: Path) -> None:
    """SIGKILL, and a start: the child goes on where it was, its parent waits for it, and then goes on too."""
    (tmp_path / "nodes").mkdir()
    (tmp_path / "nodes" / "slow.py").write_text(NODE)
    ran, gate = tmp_path / "ran", tmp_path / "gate"
    kid = {"slow": {"file": str(ran), "gate": str(gate)}}
    server = ServerProcess(tmp_path, nodes=tmp_path / "nodes")
    try:
        server.start()
        for name, steps in (("kid", [kid]), ("top", [run_step("kid"), {"end": {"result": "done"}}])):
            body = {"id": name, "name": name, "version": "1.0.0", "workflow": steps}
            assert server.http.put(f"/workflows/{name}/versions/1.0.0", json=body).status_code == 201
        parent = server.http.post("/workflows/top/executions").json()["executionId"]
        while not ran.exists() or not ran.read_text():
            continue
        server.kill()
        server.start()
        while len(ran.read_text().splitlines()) < 2:
            continue
        gate.touch()
        while server.get(f"/executions/{parent}")["status"] not in ("completed", "failed"):
            continue
        execution = server.get(f"/executions/{parent}")
        kinds = Counter(event["type"] for event in server.events(parent))
        child = execution["finalState"]["runWorkflowExecutionId"]
        history = [event["type"] for event in server.events(child)]
    finally:
        server.close()
    assert (execution["status"], execution["finalState"]["result"]) == ("completed", "done")
    assert set(ran.read_text().split()) == {child}
    assert (kinds["ChildStarted"], kinds["ChildObserved"], kinds["Recovered"]) == (1, 1, 0)
    assert (history.count("Recovered"), history[-1]) == (1, "Completed")


def test_the_cases_cover_what_they_say() -> None:
    """Children that end in each of the three ways are among them."""
    found = {type(each.event) for name in ("a child", "an error that fails", "a loser") for each in run(name)}
    assert {Completed, Failed, Cancelled, ChildObserved} <= found
