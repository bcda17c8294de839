"""Answers what the debugger asks, from a server or a store."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, Final, Literal, Protocol, cast

from domain.errors import ClewError
from interfaces.cli.debugger.changes import NOTHING
from interfaces.cli.debugger.model import Ask, Grown, Landed, Message, Model, Object, Said
from interfaces.cli.debugger.trees import short
from interfaces.cli.wording import plain, step_of

AROUND: Final = 60
"""Events before and behind the cursor that are at hand."""
KEPT: Final = 5_000
"""Events that are remembered."""
EARLIER: Final = 5
"""Writes before the last one that a blame shows."""
_KINDS: Final = {"node": "visit", "error": "error"}
Direction = Literal["back", "forward"]


class Explained(Protocol):
    """What the debugger reads: what `sources.reading` gives."""

    def execution(self, execution_id: str) -> Object:
        """It as it is now."""
        ...

    def state(self, execution_id: str, at: str | None = None) -> Object:
        """Its state at a version."""
        ...

    def definition_of(self, execution_id: str) -> Object:
        """The definition that it runs."""
        ...

    def events(
        self, execution_id: str, *, after: int = 0, limit: int = 100, order: Literal["asc", "desc"] = "asc"
    ) -> Object:
        """A page of its history."""
        ...

    def step(self, execution_id: str, at: str | None = None, *, dir: Direction = "back", by: str = "event") -> Object:
        """The next event of a kind, or the one before."""
        ...

    def blame(self, execution_id: str, pointer: str, at: str | None = None, *, limit: int = 100) -> Object:
        """Who wrote what stands under a pointer."""
        ...

    def diff(self, execution_id: str, from_: str | None = None, to: str | None = None) -> Object:
        """What changed between two versions."""
        ...


class Acting(Protocol):
    """What the debugger does. Answers have `executionId` and `status`."""

    def fork(self, execution_id: str, *, at: int, patch: Sequence[Object]) -> Object:
        """Begin a new execution from a version, with the state changed."""
        ...

    def edit(self, execution_id: str, *, patch: Sequence[Object], if_version: int) -> Object:
        """Change the state."""
        ...

    def rollback(self, execution_id: str, *, to: int, if_version: int) -> Object:
        """Go back to a version."""
        ...


class Desk:
    """One execution, as it is asked about."""

    def __init__(self, source: Explained, acting: Acting, execution_id: str) -> None:
        self._source = source
        self._acting = acting
        self._id = execution_id
        self._execution = source.execution(execution_id)
        self._events: dict[int, Object] = {}

    def opened(self, at: str = "head") -> Model:
        """The debugger as it begins. Raises ClewError for a place that is none."""
        landed = self._landed(at)
        return Model(
            execution=landed.execution,
            definition=self._source.definition_of(self._id),
            at=landed.at,
            page=landed.page,
            state=landed.state,
            before=landed.before,
        )

    def answer(self, ask: Ask) -> Message:
        """What comes of it; a refusal is told in words."""
        try:
            return self._ANSWERS[ask.kind](self, ask)
        except ClewError as error:
            return Said(lines=tuple(error.message.splitlines()), wrong=True)

    def _go(self, ask: Ask) -> Message:
        return self._landed(ask.text)

    def _find(self, ask: Ask) -> Message:
        direction, _, by = ask.text.partition(" ")
        found = self._source.step(self._id, str(ask.at), dir=cast("Direction", direction), by=by)
        if found["version"] is None:
            where = "behind" if direction == "forward" else "before"
            return Said(lines=(f"There is no {_KINDS.get(by, plain(by))} {where} version {ask.at}.",), wrong=True)
        return self._landed(str(found["version"]))

    def _blame(self, ask: Ask) -> Message:
        found = self._source.blame(self._id, ask.text, str(ask.at), limit=EARLIER)
        written = found["written"]
        return Said(lines=tuple(_blamed(found)), place=str(written["version"]) if written else "")

    def _diff(self, ask: Ask) -> Message:
        found = self._source.diff(self._id, ask.text, str(ask.at))
        return Said(lines=tuple(_changed(found)), place=str(found["from"]))

    def _fork(self, ask: Ask) -> Message:
        forked = self._acting.fork(self._id, at=ask.at, patch=ask.patch)
        name = plain(forked["executionId"])
        return Said(lines=(f"Forked: {name} is {forked['status']}.", f"clew debug {name} walks through it."))

    def _edit(self, ask: Ask) -> Message:
        self._acting.edit(self._id, patch=ask.patch, if_version=int(self._execution["version"]))
        return self._landed("head", "Changed.")

    def _rollback(self, ask: Ask) -> Message:
        self._acting.rollback(self._id, to=ask.at, if_version=int(self._execution["version"]))
        return self._landed("head", f"It is back at version {ask.at}, as a new event.")

    def _refresh(self, ask: Ask) -> Message:
        self._execution = self._source.execution(self._id)
        return Grown(execution=self._execution, page=self._page(ask.at))

    def _landed(self, at: str, *said: str) -> Landed:
        found = self._source.state(self._id, at)
        version = int(found["version"])
        if version > int(self._execution["version"]) or at == "head":
            self._execution = self._source.execution(self._id)
        before = self._source.state(self._id, str(version - 1))["state"] if version > 1 else {}
        return Landed(
            execution=self._execution,
            at=version,
            page=self._page(version),
            state=found["state"],
            before=before,
            said=said,
        )

    def _page(self, at: int) -> tuple[Object, ...]:
        """The events around a version, one after another."""
        wanted = range(max(at - AROUND, 1), min(at + AROUND, int(self._execution["version"])) + 1)
        missing = [version for version in wanted if version not in self._events]
        if missing:
            if len(self._events) > KEPT:
                self._events.clear()
            first = missing[0]
            page = self._source.events(self._id, after=first - 1, limit=wanted.stop - first)
            self._events.update((int(event["version"]), event) for event in page["items"])
        return tuple(self._events[version] for version in wanted if version in self._events)

    _ANSWERS: Final[dict[str, Callable[[Desk, Ask], Message]]] = {
        "go": _go,
        "find": _find,
        "blame": _blame,
        "diff": _diff,
        "fork": _fork,
        "edit": _edit,
        "rollback": _rollback,
        "refresh": _refresh,
    }


def _blamed(found: Mapping[str, Any]) -> Iterator[str]:
    written, pointer = found["written"], plain(found["pointer"])
    if written is None:
        yield f"Nobody has written {pointer} up to version {found['at']}."
        return
    value = short(found["value"]) if "value" in found else NOTHING
    yield f"{pointer} is {value} at version {found['at']}"
    old = f", instead of {short(written['old'])}" if "old" in written else ""
    yield f"written at version {written['version']}{_by(written)}{old}"
    for write in found["earlier"]:
        value = short(write["value"]) if "value" in write else NOTHING
        yield f"before that {value}, at version {write['version']}{_by(write)}"


def _by(write: Mapping[str, Any]) -> str:
    """Which step, and who, as far as that is told."""
    step = f" by {step_of(write)}" if write.get("address") else f", {write['type']}" if "type" in write else ""
    visit = f", visit {write['visit']}" if write.get("visit") else ""
    actor = f" ({plain(write['actor'])})" if write.get("actor") else ""
    return f"{step}{visit}{actor}"


def _changed(found: Mapping[str, Any]) -> Iterator[str]:
    changes = found["changes"]
    yield f"From version {found['from']} to {found['to']}: {len(changes) or 'no'} change{'s' * (len(changes) != 1)}"
    for change in changes:
        old = short(change["old"]) if "old" in change else NOTHING
        new = short(change["new"]) if "new" in change else NOTHING
        at = f"  (version {change['version']}{_by(change)})" if "version" in change else ""
        yield f"{plain(change['pointer'])}: {old} → {new}{at}"
