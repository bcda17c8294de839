"""What each line of v1.jsonl says, in the same order: every event bare, and with every field set."""

from __future__ import annotations

from typing import Any

import msgspec

from domain.errors import ErrorInfo
from domain.events import (
    AnyEvent,
    Binding,
    BranchClosed,
    BranchesOpened,
    Cancelled,
    CommandKey,
    Completed,
    DefinitionStored,
    EdgeTaken,
    ExecutionStarted,
    Failed,
    LoopEntry,
    NodeFailed,
    NodeStarted,
    Opening,
    Paused,
    Recovered,
    Resumed,
    RetryScheduled,
    RolledBack,
    SignalReceived,
    SnapshotTaken,
    StateUpdated,
    Suspended,
)
from domain.patches import Op
from domain.position import Bound, Branch, Frame, Joining, Opened, Visit, WaitFor

T = 1_764_000_000_000_000
STEP = "/workflow/0/charge"
KEY = CommandKey(key="k-1", request="9f86d081884c7d65")
ERROR = ErrorInfo(type="system", code="LIMIT", message="Too much.", recoverable=True, details={"limit": 3})
VALUES: dict[str, Any] = {
    "text": "ž🐎 \"'\\/",
    "numbers": [0, -1, 2.5, 1e300],
    "nothing": None,
    "yes": True,
    "deep": {"a": [{}, []]},
}

EVENTS: tuple[AnyEvent, ...] = (
    DefinitionStored(time=T, definition={}),
    DefinitionStored(time=T, actor="ann", definition={"id": "audit", "workflow": ["log"]}),
    ExecutionStarted(
        time=T, workflow="audit", workflow_version="1.0.0", definition_hash="c0ffee", initial_state={}, first=STEP
    ),
    ExecutionStarted(
        time=T,
        actor="ann",
        workflow="audit",
        workflow_version="1.0.0",
        definition_hash="c0ffee",
        initial_state=VALUES,
        first=STEP,
        labels={"team": "ž"},
        key=KEY,
    ),
    NodeStarted(time=T, address=STEP, step="charge", node="http", pass_="1", visit=1),
    NodeStarted(
        time=T,
        actor="ann",
        address=STEP,
        step="charge",
        node="http",
        pass_="1.0/2",
        visit=2,
        attempt=3,
        branch="left",
        worker="w-1",
        fence=4,
        warnings=("`$.x` is in text.",),
    ),
    StateUpdated(time=T, address=STEP, visit=1, patch=(Op("remove", "/a~1b"),)),
    StateUpdated(
        time=T,
        actor="ann",
        address=STEP,
        visit=1,
        attempt=2,
        branch="left",
        patch=(Op("add", "/a/-", VALUES), Op("replace", "/b", None)),
    ),
    EdgeTaken(time=T, address=STEP, visit=1),
    EdgeTaken(
        time=T,
        actor="ann",
        address=STEP,
        visit=1,
        attempt=2,
        branch="left",
        edge="next",
        output=None,
        target="/workflow/1/b",
        keep=0,
        enter=LoopEntry(parameters={"items": [1]}, saved={"item": 1}, unset=("index",)),
        bindings=0,
        bind=Binding(block="/workflow/0/charge/error?", jump=True),
        keeps_input=True,
        reads=("order",),
        warnings=("w",),
    ),
    EdgeTaken(time=T, address=STEP, visit=1, edge="loop", output_at="/charge_output", enter=LoopEntry()),
    EdgeTaken(time=T, address=STEP, visit=1, edge="error", output=VALUES, again=True, bind=Binding(block="")),
    NodeFailed(time=T, address=STEP, visit=1, error=ErrorInfo(code="X", message="")),
    NodeFailed(time=T, actor="ann", address=STEP, visit=1, attempt=2, branch="left", error=ERROR, warnings=("w", "v")),
    Suspended(time=T, address=STEP, visit=1, wait=WaitFor(kind="timer", since=T)),
    Suspended(
        time=T,
        actor="ann",
        address=STEP,
        visit=1,
        attempt=2,
        branch="left",
        wait=WaitFor(
            kind="approval",
            since=T,
            name="ok",
            due=T + 1,
            schema={"type": "object"},
            choices=("yes", "no"),
            about={"title": "Ship?"},
        ),
        dropped=(3, 4),
        warnings=("w",),
    ),
    SignalReceived(time=T, name="ok"),
    SignalReceived(time=T, actor="ann", name="ok", payload=VALUES, reason="because", key=KEY),
    Resumed(time=T, cause="timer"),
    Resumed(
        time=T, actor="ann", cause="signal", address=STEP, visit=2, branch="left", signal=7, reason="because", key=KEY
    ),
    Resumed(time=T, cause="timeout"),
    Resumed(time=T, cause="person"),
    Resumed(time=T, cause="retry"),
    Paused(time=T),
    Paused(time=T, actor="ann", reason="because", key=KEY),
    Recovered(time=T, worker="w-2"),
    Recovered(time=T, actor="ann", worker="w-2", address=STEP, visit=2, attempt=3, branch="left"),
    Completed(time=T),
    Completed(time=T, actor="ann"),
    Failed(time=T, error=ErrorInfo(code="X", message="")),
    Failed(time=T, actor="ann", error=ERROR, address=STEP, visit=2, branch="left"),
    Cancelled(time=T),
    Cancelled(time=T, actor="ann", reason="because", key=KEY),
    RetryScheduled(time=T, address=STEP, visit=1, error=ErrorInfo(code="X", message=""), due=T + 1),
    RetryScheduled(time=T, actor="ann", address=STEP, visit=1, attempt=2, branch="left", error=ERROR, due=T + 1),
    Paused(time=T, reason="used up", error=ERROR, address=STEP, visit=2, branch="left"),
    BranchesOpened(time=T, address=STEP, visit=1, branches=(Opening(name="x", edge="x"),)),
    BranchesOpened(
        time=T,
        actor="ann",
        address=STEP,
        visit=2,
        attempt=3,
        branch="left",
        branches=(Opening(name="left/1", edge="loop", first=STEP + "/loop?/0/log", index=1),),
        joining=Joining(wanted=2, collect=True, items=[1, {"a": None}], most=4),
    ),
    BranchClosed(time=T, address=STEP, visit=1, branch="x", outcome="ended"),
    BranchClosed(time=T, actor="ann", address=STEP, visit=2, attempt=3, branch="left/1", outcome="failed", error=ERROR),
    BranchClosed(time=T, address=STEP, visit=1, branch="x", outcome="cancelled"),
    Resumed(time=T, cause="lock", address=STEP, visit=1, branch="x"),
    Suspended(
        time=T,
        address=STEP,
        visit=1,
        branch="x",
        wait=WaitFor(kind="lock", since=T, due=T + 1, about={"locks": ["$.n"]}),
    ),
    SnapshotTaken(time=T, name="before"),
    SnapshotTaken(
        time=T,
        actor="ann",
        name="before",
        address=STEP,
        visit=2,
        attempt=3,
        branch="left",
        reason="because",
        key=KEY,
    ),
    RolledBack(time=T, to=7),
    RolledBack(
        time=T,
        actor="ann",
        to=7,
        name="before",
        patch=(Op("remove", "/a"),),
        outputs=(Op("replace", "/charge", 1),),
        branches={
            "": Branch(
                address=STEP,
                entries={STEP: 1},
                visit=Visit(
                    address=STEP,
                    pass_="1",
                    number=1,
                    attempt=2,
                    started=T,
                    recoveries=1,
                    wait=WaitFor(kind="branches", since=T),
                    opened=Opened(
                        joining=Joining(items=[1]),
                        open=("0",),
                        begun=1,
                        results={"x": 1},
                        errors={"y": ERROR.as_json()},
                        cancelled=("z",),
                    ),
                    openings=1,
                ),
            ),
            "0": Branch(
                address=STEP + "/loop?/0/log",
                parent="",
                edge="loop",
                around="1.0/",
                base=1,
                answered=True,
                frames=(
                    Frame(
                        address=STEP,
                        entry=1,
                        index=2,
                        item=5,
                        parameters={"items": [5]},
                        saved={"item": 1},
                        unset=("index",),
                        entries={STEP: 2},
                    ),
                ),
                bindings=(Bound(block="/workflow", jump=True, error=ERROR.as_json()),),
                input={"k": None},
                visit=Visit(address=STEP, pass_="1.0/1", number=2, attempt=1, started=T, ready=True),
            ),
        },
        reason="because",
        key=KEY,
    ),
    Failed(time=T, error=ERROR, address=STEP, visit=2, branch="left", restored=True),
)


class Golden(msgspec.Struct, frozen=True):
    """A line: the tag and the stored bytes, as text."""

    tag: str
    stored: str
