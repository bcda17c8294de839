"""The pure parts of the command line: values that are given, events in words, advice, and the picture of a run."""

from __future__ import annotations

from io import StringIO
from pathlib import Path
from typing import Any

import click
import pytest
from rich.console import Console

from interfaces.cli.options import Place, initial_state
from interfaces.cli.outcomes import outcome
from interfaces.cli.progress import goes_on_by_itself, picture
from interfaces.cli.wording import gist, plain, step_of, wait_in_words


@pytest.mark.parametrize(
    ("pairs", "state"),
    [
        (["n=1"], {"n": 1}),
        (["n=1.5", "ok=true", "none=null"], {"n": 1.5, "ok": True, "none": None}),
        (["name=Ada"], {"name": "Ada"}),
        (['name="1"'], {"name": "1"}),
        (["list=[1, 2]", 'o={"a": 1}'], {"list": [1, 2], "o": {"a": 1}}),
        (["a.b.c=1", "a.b.d=2"], {"a": {"b": {"c": 1, "d": 2}}}),
        (["text=a=b"], {"text": "a=b"}),
        (["empty="], {"empty": ""}),
        (["big=1e999", 'twice={"a":1,"a":2}'], {"big": "1e999", "twice": '{"a":1,"a":2}'}),
    ],
)
def test_state_pairs(pairs: list[str], state: dict[str, Any]) -> None:
    """A value is JSON if it parses, else text; dots in a key go deeper; only the first `=` separates."""
    assert initial_state(None, pairs) == state


def test_state_pairs_leave_what_they_are_laid_over_alone() -> None:
    """The definition's own state is copied, not changed."""
    base = {"rules": {"allowed": ["MIT"]}, "n": 0}
    assert initial_state(base, ["rules.strict=true"]) == {"rules": {"allowed": ["MIT"], "strict": True}, "n": 0}
    assert base == {"rules": {"allowed": ["MIT"]}, "n": 0}
    assert initial_state(base, []) is base


@pytest.mark.parametrize("pairs", [["n"], ["=1"], ["a..b=1"], ["a=1", "a.b=2"]])
def test_bad_state_pairs(pairs: list[str]) -> None:
    """What has no key, or goes through a value, is a mistake of usage."""
    with pytest.raises(click.BadParameter):
        initial_state(None, pairs)


@pytest.mark.parametrize(
    ("event", "words"),
    [
        ({"type": "NodeStarted", "attempt": 1, "data": {}}, ""),
        ({"type": "NodeStarted", "attempt": 2, "data": {}}, "attempt 2"),
        ({"type": "StateUpdated", "data": {"patch": [{"op": "add", "path": "/a", "value": 1}]}}, "add /a"),
        ({"type": "EdgeTaken", "data": {"edge": "x", "target": "/workflow/1/go..."}}, "x → go"),
        ({"type": "EdgeTaken", "data": {"edge": None, "target": None}}, "no edge → the end"),
        ({"type": "EdgeTaken", "data": {"edge": "x", "target": "/workflow/1"}}, "x → /workflow/1"),
        ({"type": "Failed", "data": {"error": {"code": "E", "message": "no"}, "address": "/workflow/0/a"}}, "E: no"),
        ({"type": "Resumed", "data": {"cause": "person", "reason": "fixed"}}, "by person (fixed)"),
        ({"type": "Recovered", "data": {"worker": "host:1"}}, "after a crash, by host:1"),
        ({"type": "Recovered", "data": {"worker": "host:1", "cause": "store"}}, "after the store failed, by host:1"),
        ({"type": "SignalReceived", "data": {"name": "go", "payload": {"n": 1}}}, 'go {"n":1}'),
        ({"type": "BranchesOpened", "data": {"branches": [{"name": "a"}, {"name": "b"}]}}, "opens a, b"),
        ({"type": "BranchesOpened", "data": {"branches": [{"name": n} for n in "abcde"]}}, "opens a, b, c, 2 more"),
        ({"type": "BranchClosed", "data": {"outcome": "ended"}}, "ended"),
        (
            {"type": "BranchClosed", "data": {"outcome": "failed", "error": {"code": "E", "message": "no"}}},
            "failed: E: no",
        ),
        (
            {"type": "ChildStarted", "data": {"workflow": "k", "workflowVersion": "1.0.0", "child": "ex_2"}},
            "k 1.0.0: ex_2",
        ),
        (
            {"type": "ChildObserved", "data": {"child": "ex_2", "childVersion": 7, "status": "failed"}},
            "ex_2 failed, at its version 7",
        ),
        ({"type": "SnapshotTaken", "data": {"name": "before", "reason": "sure"}}, "named before (sure)"),
        ({"type": "RolledBack", "data": {"to": 7, "name": "before"}}, "to version 7 (before)"),
        ({"type": "SomethingOfTomorrow", "data": {"x": 1}}, ""),
    ],
    ids=lambda value: value["type"] if isinstance(value, dict) else None,
)
def test_events_in_words(event: dict[str, Any], words: str) -> None:
    """Each event says what a person looks for; one of a newer server is shown without."""
    assert gist(event) == words


def test_many_changes_are_counted() -> None:
    """A long patch does not make a long line."""
    patch = [{"op": "add", "path": f"/{n}", "value": n} for n in range(9)]
    assert gist({"type": "StateUpdated", "data": {"patch": patch}}) == "add /0, add /1, add /2, 6 more"


def test_values_can_not_write_to_the_terminal() -> None:
    """Escape sequences and line breaks of a workflow's values stay harmless; long values are cut."""
    assert plain("\x1b[2Jboo\nline") == "·[2Jboo line"
    assert len(plain("x" * 1_000)) == 100


def test_a_step_is_called_by_its_name_else_by_its_key() -> None:
    """Setters have no name; a step that is only a text in a list is known from where it began."""
    assert step_of({"step": "charge", "address": "/workflow/0/x"}) == "charge"
    assert step_of({"address": "/workflow/0/$.a~1b"}) == "$.a/b"
    assert step_of({"address": "/workflow/0"}, {"/workflow/0": "empty"}) == "empty"
    assert step_of({}) == ""


def test_waits_in_words() -> None:
    """What it waits for, under which name, and until when."""
    assert wait_in_words({"kind": "signal", "name": "paid", "due": None}) == "waits for the signal 'paid'"
    assert wait_in_words({"kind": "timer", "due": "2026-11-22T10:00:00.000000Z"}).endswith(
        "until 2026-11-22T10:00:00.000000Z"
    )


def execution(status: str, **more: Any) -> dict[str, Any]:
    """An execution as it is on the wire."""
    times = {"startTime": "2026-11-22T10:00:00.000000Z", "endTime": "2026-11-22T10:00:01.500000Z"}
    return {"executionId": "ex_1", "status": status, "version": 7, "waiting": [], "error": None, **times, **more}


APPROVAL = {"kind": "approval", "name": "sure", "title": "Sure?", "choices": ["yes", "no"], "due": None}
SIGNAL = {"kind": "signal", "name": "it's paid", "due": None}


def child_wait(child: str) -> dict[str, Any]:
    """A wait for a child, as it is on the wire."""
    return {"kind": "child", "executionId": child, "workflowId": "kid", "version": "1.0.0", "due": None}


class Family:
    """Where the children of an execution can be looked at."""

    def execution(self, execution_id: str) -> dict[str, Any]:
        """One that runs, one that asks somebody, or one that has ended."""
        return {
            "runs": execution("running"),
            "asks": execution("suspended", waiting=[APPROVAL]),
            "ended": execution("completed", finalState={}),
        }[execution_id]

    def wait(self, execution_id: str, *, timeout_s: float) -> bool:
        """Nobody waits here."""
        raise NotImplementedError

    def events(self, execution_id: str, **asked: Any) -> dict[str, Any]:
        """Nobody reads here."""
        raise NotImplementedError


TIMER = {"kind": "timer", "due": "2026-11-22T11:00:00.000000Z"}


@pytest.mark.parametrize(
    ("left", "place", "last"),
    [
        (execution("completed"), Place(), "ex_1 completed after 1.500 s, at version 7."),
        (execution("cancelled"), Place(), "ex_1 was cancelled after 1.500 s."),
        (
            execution("suspended", waiting=[APPROVAL]),
            Place(url="http://127.0.0.1:1"),
            'Answer with: clew signal ex_1 sure --data \'{"choice": "yes"}\' --url http://127.0.0.1:1',
        ),
        (
            execution("suspended", waiting=[SIGNAL]),
            Place(store="sqlite:///a b.db"),
            "Answer with: clew signal ex_1 'it'\"'\"'s paid' --data JSON --store 'sqlite:///a b.db'",
        ),
        (
            execution("paused"),
            Place(store="sqlite:///a.db", nodes=(Path("my nodes"), Path("more")), files=Path("out")),
            "Go on with: clew resume ex_1 --store sqlite:///a.db --nodes 'my nodes' --nodes more --files out",
        ),
        (
            execution("suspended", waiting=[TIMER]),
            Place(store="sqlite:///a.db"),
            "It goes on when an engine has its store: clew serve --store sqlite:///a.db",
        ),
        (execution("paused"), Place(url="http://h"), "Go on with: clew resume ex_1 --url http://h"),
        (execution("running"), Place(url="http://h"), "It goes on at the server."),
        (
            execution("suspended", waiting=[SIGNAL]),
            Place(),
            "It was in memory and ends here. To go on with one later, run it with --store sqlite:///PATH.",
        ),
    ],
)
def test_what_a_run_leaves_to_do(left: dict[str, Any], place: Place, last: str) -> None:
    """The last line is what a person can do next, ready to be pasted."""
    assert outcome(left, place)[-1] == last


@pytest.mark.parametrize(
    ("left", "goes_on"),
    [
        (execution("running"), True),
        (execution("suspended", waiting=[TIMER]), True),
        (execution("suspended", waiting=[APPROVAL]), False),
        (execution("paused", waiting=[TIMER]), False),
        (execution("suspended", waiting=[child_wait("runs")]), True),
        (execution("suspended", waiting=[child_wait("asks")]), False),
        (execution("suspended", waiting=[child_wait("ended")]), True),
        (execution("completed"), False),
    ],
)
def test_who_needs_nobody(left: dict[str, Any], goes_on: bool) -> None:
    """Only what runs, waits for a time, or waits for a child of which that is so, goes on by itself."""
    assert goes_on_by_itself(Family(), left) is goes_on


def test_a_child_is_what_there_is_to_look_at() -> None:
    """Where a parent rests because its child does."""
    left = execution("suspended", waiting=[child_wait("ex_2")])
    assert outcome(left, Place(url="http://h"))[-1] == "Look at the child with: clew show ex_2 --url http://h"
    assert wait_in_words(child_wait("ex_2")) == "waits for its child ex_2 (kid 1.0.0)"


def test_the_picture_of_a_run() -> None:
    """Where it is, and its newest events with the newest last."""
    newest = [
        {"version": 9, "type": "EdgeTaken", "step": "b", "data": {"edge": "ok", "target": None}},
        {"version": 8, "type": "NodeStarted", "step": "b", "attempt": 1, "data": {}},
    ]
    console = Console(file=StringIO(), width=100)
    console.print(picture("ex_1", newest, 1.25))
    lines = [line.strip() for line in console.file.getvalue().splitlines()]  # type: ignore[attr-defined]
    assert lines == ["ex_1  version 9  1.2 s", "8  NodeStarted       b", "9  EdgeTaken         b  ok → the end"]
