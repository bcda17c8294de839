"""`$locks`: steps that name the same state path wait for each other.

A visit takes all its locks at once, when it begins, and gives them back when it ends or its attempt has failed. A step
whose branches run while it holds locks takes theirs too. So whoever holds a lock never waits for another.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from msgspec.structs import replace

from domain.commands import Rules
from domain.draft import Draft
from domain.events import Resumed, Suspended
from domain.execution import Execution
from domain.paths import Path, format_path
from domain.position import Branch, Visit, WaitFor
from domain.problems import pointer
from domain.program import Step


def with_inner_locks(steps: tuple[Step, ...]) -> tuple[Step, ...]:
    """The steps, each with locks and branches having the locks of the steps in its branches too."""
    inner: dict[str, set[Path]] = {}
    for step in steps:
        for block in step.blocks if step.options.locks else ():
            inner.setdefault(block, set()).update(step.options.locks)
    return tuple(_with(step, inner) if step.options.locks and step.branches else step for step in steps)


def _with(step: Step, inner: Mapping[str, set[Path]]) -> Step:
    below = [inner.get(step.address + pointer(edge + "?"), set()) for edge in step.branches]
    locks = tuple(sorted(set(step.options.locks).union(*below), key=str))
    return replace(step, options=replace(step.options, locks=locks))


def await_locks(draft: Draft, rules: Rules, step: Step, *, branch: str, now: int) -> None:
    """Park the visit that has just begun if somebody has what it is to have to itself, or is waiting for that."""
    if not step.options.locks:
        return
    waiting = [name for name, _, wait in draft.execution.waits() if wait.kind == "lock"]
    if not _is_taken(draft.execution, rules, branch, ahead=waiting):
        return
    visit = draft.visit(branch)
    paths = [format_path(path) for path in step.options.locks]
    wait = WaitFor(kind="lock", since=now, due=now + step.options.timeout_ms * 1_000, about={"locks": paths})
    draft.record(
        Suspended(time=now, address=visit.address, visit=visit.number, attempt=visit.attempt, branch=branch, wait=wait)
    )


def grant_locks(draft: Draft, rules: Rules, now: int) -> None:
    """Let every visit go on whose locks have become free, those that wait longest first."""
    still: list[str] = []
    for name, visit, wait in draft.execution.waits():
        if wait.kind != "lock":
            continue
        if _is_taken(draft.execution, rules, name, ahead=still):
            still.append(name)
        else:
            draft.record(Resumed(time=now, cause="lock", address=visit.address, visit=visit.number, branch=name))


def _is_taken(execution: Execution, rules: Rules, name: str, *, ahead: list[str]) -> bool:
    """Whether the visit of a branch must wait for its locks: for who holds them, or for who waits `ahead` of it.

    What a step around it holds, nobody outside that step can take from it.
    """
    around = _around(execution, name)
    for other, branch in execution.branches.items():
        if other == name or other in around or not (_holds(branch.visit) or other in ahead):
            continue
        between = set(around).difference(_around(execution, other))
        held = [path for one in between for path in _locks(execution.branches[one], rules)]
        wanted = [path for path in _locks(execution.branches[name], rules) if not _covered(path, held)]
        if _overlap(_locks(branch, rules), wanted):
            return True
    return False


def _locks(branch: Branch, rules: Rules) -> tuple[Path, ...]:
    return rules.program.at(branch.visit.address).options.locks if branch.visit is not None else ()


def _around(execution: Execution, name: str) -> list[str]:
    """The branches around a branch: what their visits hold, they hold for it."""
    found: list[str] = []
    parent = execution.branches[name].parent
    while parent is not None:
        found.append(parent)
        parent = execution.branches[parent].parent
    return found


def _holds(visit: Visit | None) -> bool:
    return visit is not None and (visit.wait is None or visit.wait.kind not in ("lock", "retry"))


def _covered(path: Path, held: Iterable[Path]) -> bool:
    return any(path[: len(one)] == one for one in held)


def _overlap(left: Iterable[Path], right: Sequence[Path]) -> bool:
    """Whether some path of the one is, contains, or is in one of the other."""
    return any(one[: len(other)] == other[: len(one)] for one in left for other in right)
