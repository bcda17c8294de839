"""Runs the examples of a page with a real engine, whose time passes when the page says so."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

from application.requests import Submission, ToPublish
from domain.commands import OutsideCommand, Resume, Retry, Signal
from domain.document import parse_definition
from domain.durations import milliseconds
from domain.errors import InvalidDefinition, NotJson, Refused, StepFailure, Unacceptable
from domain.events import NodeStarted, RetryScheduled
from domain.execution import Execution
from domain.problems import Problem
from domain.reporting import Report
from domain.scope import Scope
from domain.values import compile_value
from infrastructure.nodes.library import standard_registry
from infrastructure.nodes.registry import NodeRegistry
from infrastructure.table_store import TableStore
from tests.support.pages import ARROW, Act, Fence, Told, definition_text, told
from tests.support.worlds import World, run, until, world

SECOND = 1_000_000


class Outcome(NamedTuple):
    """What has come of an example so far."""

    status: str
    problems: Sequence[Problem]
    execution: Execution | None = None
    refusal: str = ""
    ran: Sequence[str] = ()
    waited: Sequence[float] = ()

    def differs(self, page: Told) -> list[str]:
        """What the page says otherwise."""
        found = []
        if (self.status, self.code) != (page.status, page.code):
            found.append(f"it is {self.status} with {self.code or 'no error'}")
        placed = {(each.code, each.path) for each in self.problems}
        if placed != page.problems:
            found.append(f"the problems are {self.told_problems()}")
        said = {each.message for each in self.problems}
        found += [f"no problem says “{message}”" for message in page.messages if message not in said]
        return found + [
            f"{name} is {self.fact(name)}" for name, text in page.facts.items() if not self.is_so(name, text)
        ]

    @property
    def code(self) -> str:
        """The code of the error that it failed with, or of the refusal of what was done."""
        if self.refusal:
            return self.refusal
        failure = self.execution.failure if self.execution is not None else None
        return failure.error.code if failure is not None and self.status == "failed" else ""

    def is_so(self, name: str, text: str) -> bool:
        """Whether a fact is as the page has it."""
        state = self.execution.state if self.execution is not None else {}
        match name:
            case "state has":
                return all(key in state and state[key] == value for key, value in json.loads(text).items())
            case "state lacks":
                return text not in state
            case "state":
                return bool(json.loads(text) == state)
            case "ran in any order":
                return sorted(text.split()) == sorted(self.ran)
            case _:
                return text == self.fact(name)

    def fact(self, name: str) -> str:
        """A fact as a page would have it."""
        match name:
            case "ran" | "ran in any order":
                return " ".join(self.ran)
            case "waited":
                return " ".join(f"{seconds:g}s" for seconds in self.waited)
            case "error":
                failure = self.execution.failure if self.execution is not None else None
                return failure.error.message if failure is not None else ""
            case _:
                return json.dumps(self.execution.state if self.execution else {}, ensure_ascii=False)

    def told_problems(self) -> str:
        """The problems as a page would have them."""
        return "; ".join(f"`{each.code}` at `{each.path}` “{each.message}”" for each in self.problems)


def registry_of(page: Sequence[Fence], home: Path) -> NodeRegistry:
    """The library, with files and tables in `home`, and the nodes that the page tells to save."""
    files = [fence for fence in page if fence.mark.startswith("file: ")]
    for fence in files:
        place = home / fence.mark.removeprefix("file: ")
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_text(fence.source)
    folders = [home / "nodes"] if (home / "nodes").exists() else []
    tables = TableStore(home / "tables.db")
    registry = standard_registry(files_root=home / "files", tables=tables, entry_points=False, nodes_dirs=folders)
    assert not registry.problems()
    return registry


def play(
    example: Fence, nodes: NodeRegistry, *, published: Sequence[Fence] = (), secrets: dict[str, str] | None = None
) -> list[tuple[Told, Outcome]]:
    """What the page tells of an example, each with what has really come of it."""
    found: list[tuple[Told, Outcome]] = []

    async def playing() -> None:
        async with world(nodes, secrets=secrets) as here:
            for fence in published:
                await here.engine.publish(ToPublish(definition=json.loads(fence.source)))
            execution_id, problems = await _submit(here, example)
            for text in example.told:
                page = told(text)
                if page.act is not None and page.act.instead:
                    execution_id, problems = await _submit(here, example)
                if execution_id is None:
                    found.append((page, Outcome("refused", problems)))
                    continue
                refusal = await _act(here, execution_id, page.act) if page.act is not None else ""
                outcome = await _outcome(here, execution_id, problems)
                found.append((page, outcome._replace(status="refused", refusal=refusal) if refusal else outcome))

    run(playing())
    return found


async def _submit(here: World, example: Fence) -> tuple[str | None, Sequence[Problem]]:
    """The execution, and the warnings; or none, and the errors."""
    try:
        definition, known = parse_definition(definition_text(example.source))
        accepted = await here.engine.submit(Submission(definition=definition, known=known))
    except InvalidDefinition as invalid:
        return None, [each for each in invalid.problems if each.severity == "error"]
    except NotJson as refused:
        return None, [Problem(code=refused.code, path="", message=refused.message)]
    return accepted.execution_id, accepted.warnings


async def _act(here: World, execution_id: str, act: Act) -> str:
    """The code with which it is refused, if it is."""
    await _rest(here, execution_id)
    if act.verb == "after":
        here.clock.time += milliseconds(act.what) * 1_000
        return ""
    now = here.clock.time
    commands: dict[str, OutsideCommand] = {
        "signal": Signal(now=now, name=act.what, payload=act.payload),
        "retry": Retry(now=now),
        "resume": Resume(now=now),
    }
    try:
        await here.ask(execution_id, commands[act.verb])
    except (Refused, Unacceptable) as refused:
        return refused.code
    return ""


async def _outcome(here: World, execution_id: str, problems: Sequence[Problem]) -> Outcome:
    execution = await _rest(here, execution_id)
    events = here.events(execution_id)
    started = [event for event in events if isinstance(event, NodeStarted)]
    return Outcome(
        status=execution.status,
        problems=problems,
        execution=execution,
        ran=[event.step for event in started if event.step and event.attempt == 1],
        waited=[(event.due - event.time) / SECOND for event in events if isinstance(event, RetryScheduled)],
    )


async def _rest(here: World, execution_id: str) -> Execution:
    """The execution when nothing more happens by itself; a step that is to be tried again gets its time."""
    while True:
        await until(lambda: _is_resting(here.fold(execution_id), here.clock.time))
        execution = here.fold(execution_id)
        if execution.status != "running" or execution.due is None:
            return execution
        here.clock.time = execution.due


def _is_resting(execution: Execution, now: int) -> bool:
    if execution.status not in ("running", "suspended"):
        return True
    waits = [wait for _, _, wait in execution.waits()]
    stands = len(waits) == len(execution.branches) and all(wait.kind != "child" for wait in waits)
    return stands and (execution.due is None or execution.due > now)


def tabled(fence: Fence) -> list[tuple[str, str, str]]:
    """(line, what it says, what it really gives) of the lines of a table of values or expressions."""
    found = []
    for line in fence.source.splitlines():
        written, arrow, result = line.rpartition(ARROW)
        if arrow:
            text = json.loads(written) if fence.mark == "values" else "{{" + written + "}}"
            found.append((line, result.strip(), _given(text, fence.state)))
    return found


def _given(value: Any, state: dict[str, Any]) -> str:
    """What a value gives as compact JSON, or the code of what is wrong with it."""
    report = Report()
    compiled = compile_value(value, path="", report=report)
    wrong = [each.code for each in report.problems() if each.severity == "error"]
    if wrong:
        return wrong[0]
    try:
        return json.dumps(compiled.resolve(Scope(state=state), []), ensure_ascii=False)
    except StepFailure as failure:
        return failure.code
