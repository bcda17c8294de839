"""A process that forks itself for each run of a case, so that a run can be killed at a commit without a new interpreter.

    python -m tests.crash.killing HOME CASE…

For each case and each commit of it (of case 25, a few): one run that kills itself (SIGKILL) right after that commit, and one that
takes up what is left. Prints a JSON line for each: {case, kill, killed, path, state, status, ran}; `kill` 0 is an
undisturbed run. `ran` are [address, visit, attempt] of every node that had its effect, in all the runs.
"""

from __future__ import annotations

import json
import os
import signal
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from application.ports import Append, Recorded, VersionConflict
from application.requests import Submission
from domain.context import ExecutionContext
from domain.node import Answer
from infrastructure.nodes.library import standard_registry
from infrastructure.sqlite_log import open_log
from tests.crash.test_language_boundaries import EXECUTION, ByVisit, path
from tests.support.engines import service_on
from tests.support.language_cases import CASES
from tests.support.workflows import LETTERS, scripted, workflow

MANY, FEW = 30, 4
"""A case of many commits is killed after a few of them."""


class Ledger(ByVisit):
    """A script whose every act has an effect that a killed process leaves behind."""

    def __init__(self, case: str, ledger: Path) -> None:
        super().__init__(CASES[case].acts)
        self._ledger = ledger

    def play(self, context: ExecutionContext, config: dict[str, Any]) -> Answer:
        """Leave a line, and act."""
        line = json.dumps([context.step.address, context.step.visit, context.step.attempt])
        with self._ledger.open("a", encoding="utf-8") as lines:
            lines.write(line + "\n")
        return super().play(context, config)


def play(case: str, home: Path, kill: int) -> dict[str, Any]:
    """Begin the case or take it up, on the store in `home`; with a number, die right after that commit."""
    log = open_log(home / "log.db")
    commit, commits = log.append, 0

    def append(batch: Sequence[Append]) -> list[tuple[Recorded, ...] | VersionConflict]:
        nonlocal commits
        answers = commit(batch)
        commits += 1
        if commits == kill:
            os.kill(os.getpid(), signal.SIGKILL)
        return answers

    log.append = append  # type: ignore[method-assign]
    registry = standard_registry(files_root=None, entry_points=False)
    script = Ledger(case, home / "ledger")
    for letter in LETTERS:
        registry.register(scripted(letter, script, effect="writes"))
    begun = log.version(EXECUTION) > 0
    with service_on(log, registry) as service:
        if not begun:
            definition = workflow(*CASES[case].steps)
            service.submit_and_wait(Submission(definition=definition, execution_id=EXECUTION))
        assert service.wait_settled(EXECUTION, 60.0), "it does not come to an end"
        ended = service.queries.fold(EXECUTION)
        return {"path": path(log.read(EXECUTION)), "state": ended.state, "status": ended.status, "commits": commits}


def forked(case: str, home: Path, kill: int) -> tuple[bool, dict[str, Any]]:
    """(whether the run was killed, what it found) of a run in a process of its own."""
    answer = home / "answer"
    child = os.fork()
    if child == 0:
        status = 1
        try:
            answer.write_text(json.dumps(play(case, home, kill)), encoding="utf-8")
            status = 0
        finally:
            os._exit(status)
    _, status = os.waitpid(child, 0)
    killed = os.WIFSIGNALED(status) and os.WTERMSIG(status) == signal.SIGKILL
    assert killed or os.waitstatus_to_exitcode(status) == 0, f"{case}, killed after commit {kill}: it failed"
    return killed, {} if killed else json.loads(answer.read_text(encoding="utf-8"))


def tell(case: str, home: Path, kill: int) -> dict[str, Any]:
    """One line: a run that is killed after a commit and taken up again, or (0) an undisturbed one."""
    home.mkdir(parents=True)
    killed, found = forked(case, home, kill)
    if killed:
        _, found = forked(case, home, 0)
    ledger = home / "ledger"
    ran = ledger.read_text(encoding="utf-8").splitlines() if ledger.exists() else []
    told = {"case": case, "kill": kill, "killed": killed, **found, "ran": [json.loads(line) for line in ran]}
    sys.stdout.write(json.dumps(told) + "\n")
    sys.stdout.flush()
    return told


def main(home: Path, cases: Sequence[str]) -> None:
    """All of them."""
    for number, case in enumerate(cases):
        commits = int(tell(case, home / f"{number}-0", 0)["commits"])
        for kill in range(1, commits + 1, 1 if commits < MANY else commits // FEW):
            tell(case, home / f"{number}-{kill}", kill)


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2:])
