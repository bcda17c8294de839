"""Where an execution stands, looked for in another definition than the one that brought it there."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from itertools import takewhile
from typing import Final

from domain.errors import Unacceptable
from domain.patches import tokens
from domain.position import Branch, Frame
from domain.problems import Problem
from domain.program import Program, Step

NO_PLACE: Final = "NO_SUCH_POSITION"
MOST_NEAR: Final = 3
"""Addresses that are named where one is not there."""
DEFINITION: Final = "/definition"
"""What is wrong, in the body of a request."""


def unplaceable(branches: Mapping[str, Branch], program: Program, *, old: Program | None = None) -> list[Problem]:
    """Why these branches can't go on in a program; nothing: they can.

    Each step that a branch is at must be there, in the same loops; where a loop is under way, branches are open or a visit
    is parked, the step must run the node that it ran in the `old` program (None: that is not known).
    """
    found: dict[str, Problem] = {}
    for branch in branches.values():
        for message, address in _misfits(branch, branches, program, old):
            near = nearest_addresses(address, program) if address not in program.index else []
            hint = f" The nearest there: {', '.join(near)}." if near else ""
            found[message] = Problem(
                code=NO_PLACE, path=DEFINITION, message=message + hint, nearest=near[0] if near else None
            )
    return list(found.values())


def _misfits(
    branch: Branch, branches: Mapping[str, Branch], program: Program, old: Program | None
) -> Iterator[tuple[str, str]]:
    """(what is wrong, the address that it is about)."""
    for address in (branch.address, *(frame.address for frame in branch.frames)):
        if address is not None and address not in program.index:
            yield f"The execution is at {address}, which is not in this definition.", address
            return
    for frame in branch.frames:
        if not program.at(frame.address).loop:
            yield f"The execution is in a pass of {frame.address}, which is no loop in this definition.", frame.address
        yield from _other_node(frame.address, program, old)
    if branch.address is None:
        return
    step = program.at(branch.address)
    if not _fits(branch.frames, step, program):
        yield f"The execution is at {step.address}, which is not in the same loops in this definition.", step.address
    if branch.visit is not None:
        yield from _other_node(step.address, program, old)
        yield from _lost_branches(branch, branches, step)


def _other_node(address: str, program: Program, old: Program | None) -> Iterator[tuple[str, str]]:
    before = old.at(address).node if old is not None and address in old.index else None
    now = program.at(address).node
    if before is not None and before != now:
        yield f"{address} is under way as {before}, and is {now} in this definition.", address


def _lost_branches(branch: Branch, branches: Mapping[str, Branch], step: Step) -> Iterator[tuple[str, str]]:
    opened = branch.visit.opened if branch.visit is not None else None
    for name in opened.open if opened is not None else ():
        edge = branches[name].edge
        if edge not in step.branches:
            yield f"The branch {edge!r} of {step.address} is open, which is none in this definition.", step.address


def _fits(frames: tuple[Frame, ...], step: Step, program: Program) -> bool:
    """Whether these are the loops around a step, and perhaps its own."""
    addresses = [frame.address for frame in frames]
    around = loops_around(step, program)
    return addresses == around or (step.loop and addresses == [*around, step.address])


def loops_around(step: Step, program: Program) -> list[str]:
    """The addresses of the loops in whose body a step is, the outermost first."""
    found: list[str] = []
    for block in step.blocks:
        owner, _, key = block.rpartition("/")
        loop = program.steps[program.index[owner]] if owner in program.index else None
        edge = tokens(f"/{key}")[0].removesuffix("?")
        if loop is not None and loop.loop and (edge in loop.branches or loop.routes[edge].body):
            found.append(owner)
    return found


def nearest_addresses(address: str, program: Program) -> list[str]:
    """The addresses that may have taken the place of one, the likeliest first: of a step of that name, else close by."""
    wanted = tokens(address)
    namesakes = [other for other in program.index if tokens(other)[-1] == wanted[-1] and not wanted[-1].isdecimal()]
    close = sorted(namesakes or program.index, key=lambda other: (-_shared(tokens(other), wanted), len(other), other))
    return close[:MOST_NEAR]


def _shared(one: list[str], other: list[str]) -> int:
    """How many tokens two pointers begin with alike."""
    return sum(1 for _ in takewhile(lambda pair: pair[0] == pair[1], zip(one, other, strict=False)))


def misplaced(problems: Sequence[Problem]) -> Unacceptable:
    """The refusal of a definition in which an execution can't go on."""
    more = f" (and {len(problems) - 1} more)" if len(problems) > 1 else ""
    return Unacceptable(problems[0].message + more, code=NO_PLACE, details=list(problems))


def is_untouched(branch: Branch) -> bool:
    """Whether a branch has not entered any step yet, and so stands before the first one of whatever it runs."""
    return not (branch.entries or branch.earlier or branch.frames or branch.answered or branch.visit)
