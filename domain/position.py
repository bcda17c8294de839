"""Where the branches of an execution stand: their steps, loops, bindings and visits.

A rollback puts a position back, so these are in the log too: what a field means, and its name, never changes.
"""

from __future__ import annotations

from typing import Any, Literal

import msgspec
from msgspec.structs import replace

from domain.layers import added


class WaitFor(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, rename="camel"):
    """What a parked visit waits for. `since` is when it parked, `due` when it stops waiting (microseconds)."""

    kind: Literal["timer", "signal", "approval", "retry", "lock", "branches", "child"]
    since: int
    name: str = ""
    due: int | None = None
    schema: Any = None
    choices: tuple[str, ...] = ()
    about: dict[str, Any] = {}

    @property
    def takes_signals(self) -> bool:
        """Whether a signal can end it."""
        return self.kind in ("signal", "approval")


class Joining(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, rename="camel"):
    """How branches come together again.

    `wanted` branches must end well (0: all of them); `collect` says that one that fails lets the others go on. A
    concurrent loop makes a pass along `edge` for each of its `items` (absent: it is none), `most` at a time.
    """

    wanted: int = 0
    collect: bool = False
    items: list[Any] | msgspec.UnsetType = msgspec.UNSET
    most: int = 0
    edge: str = ""


class Frame(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, rename="camel"):
    """One entry into a loop: its step, the entry count of that step, the pass it is in, and what it keeps until it is left.

    `entries` counts how often each step was entered in this pass; `total` is how many passes there will be, if the loop
    says so.
    """

    address: str
    entry: int
    index: int = 0
    total: int | None = None
    item: Any = None
    parameters: dict[str, Any] | None = None
    saved: dict[str, Any] = {}
    unset: tuple[str, ...] = ()
    entries: dict[str, int] = {}


class Bound(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, rename="camel"):
    """A binding of `error`: valid inside a block; one made by a jump ends when another is made."""

    block: str
    jump: bool
    error: Any


class Opened(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, rename="camel"):
    """The branches that a visit has opened: those still `open`, by name, and how the others came out.

    `results` (last edge data) and `errors` (error objects) are by the edge that led into the branch; a concurrent loop
    keeps neither. `begun` counts the branches opened so far.
    """

    joining: Joining
    open: tuple[str, ...] = ()
    begun: int = 0
    results: dict[str, Any] = {}
    errors: dict[str, Any] = {}
    cancelled: tuple[str, ...] = ()


class Visit(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, rename="camel"):
    """A visit that has begun and not ended: in flight, or parked when it has a `wait`.

    `number` is its running count in the walk, `pass_` its place among the passes of the loops and the branches around
    it, `started` the time of its newest attempt, `recoveries` how often a crash interrupted it, or a store that failed
    (`bereft` counts the latter alone: they say nothing of its node). `between` says that its newest attempt is over (cut
    short like that, or the last that its policy has) and the next one has not begun, `ready` that it has waited for its
    locks and its node is to run now; `openings` counts the attempts that opened branches.
    """

    address: str
    pass_: str = msgspec.field(name="pass")
    number: int
    attempt: int
    started: int
    recoveries: int = 0
    bereft: int = 0
    between: bool = False
    wait: WaitFor | None = None
    ready: bool = False
    opened: Opened | None = None
    openings: int = 0

    @property
    def crashes(self) -> int:
        """How often a crash interrupted it."""
        return self.recoveries - self.bereft


class ListReplaced(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, rename="camel"):
    """A loop goes through another list from now on, at the index where it is: that at a pointer of the state.

    `frame` is the place of the loop among the frames of the branch, from 0, and `parameter` what its list is called
    there; without a frame it is the loop whose passes, beside one another, the visit of the branch has opened.
    """

    at: str
    parameter: str
    branch: str = ""
    frame: int = -1


class Branch(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, rename="camel"):
    """Where one strand of an execution stands: the step to visit next or being visited (None: at its end).

    `parent` is the branch whose visit opened it (None: the execution began with it), by the edge `edge`. The first
    `base` frames are those of the loops around it; `around` is the part of a pass that they and the branches around it
    make. `answered` says that some node in it has taken an edge, so that `input` is its own. `entries` counts how often
    each step was entered outside the loops in it; what it does not say, `earlier` does (never in the log).
    """

    address: str | None
    parent: str | None = None
    edge: str = ""
    around: str = ""
    base: int = 0
    answered: bool = False
    frames: tuple[Frame, ...] = ()
    bindings: tuple[Bound, ...] = ()
    entries: dict[str, int] = {}
    input: Any = None
    visit: Visit | None = None
    earlier: dict[str, int] = {}

    def entered(self, address: str) -> int:
        """How often a step was entered in the pass that the branch is in."""
        if len(self.frames) > self.base:
            return self.frames[-1].entries.get(address, 0)
        return self.entries.get(address) or self.earlier.get(address, 0)

    def entering(self, address: str) -> Branch:
        """The branch, at a step that it enters once more."""
        count = self.entered(address) + 1
        if len(self.frames) > self.base:
            top = self.frames[-1]
            counted = replace(top, entries={**top.entries, address: count})
            return replace(self, address=address, frames=(*self.frames[:-1], counted))
        entries, earlier = added(self.entries, self.earlier, address, count)
        return replace(self, address=address, entries=entries, earlier=earlier)

    def unentered(self, address: str) -> Branch:
        """The branch, as if it had not entered a step the last time."""
        if len(self.frames) > self.base:
            top = self.frames[-1]
            fewer = replace(top, entries=_one_less(top.entries, address))
            return replace(self, frames=(*self.frames[:-1], fewer))
        branch = self.plain()
        return replace(branch, entries=_one_less(branch.entries, address))

    def plain(self) -> Branch:
        """The branch as the log has it."""
        return replace(self, entries={**self.earlier, **self.entries}, earlier={}) if self.earlier else self


def _one_less(entries: dict[str, int], address: str) -> dict[str, int]:
    left = {other: count for other, count in entries.items() if other != address}
    count = entries.get(address, 0) - 1
    return {**left, address: count} if count > 0 else left


def pass_data(items: list[Any], index: int) -> dict[str, Any]:
    """What a pass over a list gets as its edge data."""
    total = len(items)
    return {
        "item": items[index],
        "index": index,
        "total": total,
        "isFirst": index == 0,
        "isLast": index == total - 1,
        "remaining": total - index - 1,
    }
