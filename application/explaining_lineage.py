"""What an explanation looks through: one execution, or all those of a lineage, and the version that it begins at."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import msgspec

from application.ancestry import Part
from application.folds import Folds
from application.places import Places, cut
from application.ports import Recorded
from domain.errors import Unacceptable
from domain.execution import Execution


class Span(msgspec.Struct, frozen=True, kw_only=True):
    """The versions of one execution behind `after` and up to `upto`. `inherits`: it began with what its source had."""

    execution: str
    after: int
    upto: int
    inherits: bool


class Ground:
    """Executions that lead to one, the oldest first, each up to where the next was forked off it; and a version of one."""

    def __init__(self, folds: Folds, head: Execution, parts: Sequence[Part]) -> None:
        self._folds = folds
        self._parts = parts
        self._heads = {head.id: head}
        self.execution_id = head.id
        self.version = head.version

    def head(self, execution_id: str) -> Execution:
        """One of the executions, at the last of its versions that count."""
        if execution_id not in self._heads:
            part = self._parts[self._index(execution_id)]
            self._heads[execution_id] = self._folds.load(execution_id, upto=part.upto)
        return self._heads[execution_id]

    def stand(self, places: Places, at: str, *, named: bool) -> None:
        """Begin at the version that `at` names: of the newest execution, or if `named` (`ID@VERSION`) of another one.

        Raises Unacceptable.
        """
        name, sign, version = at.partition("@")
        if not named or not sign or ":" in name:
            self.version = places.version(self.head(self.execution_id), at)
            return
        known = [part.execution for part in self._parts]
        if name not in known:
            message = f"at={cut(at)} names no version: those that lead to {self.execution_id} are {', '.join(known)}."
            raise Unacceptable(message, code="INVALID_VERSION", details={"path": "?at"})
        self.version = places.version(self.head(name), version)
        self.execution_id = name

    def before(self, recorded: Recorded) -> Execution | None:
        """What an event befell: its execution one version earlier, for the first of a fork its source; None: nothing."""
        if recorded.version > 1:
            return self.at(recorded.stream, recorded.version - 1)
        index = self._index(recorded.stream)
        return self.head(self._parts[index - 1].execution) if index else None

    def at(self, execution_id: str, version: int) -> Execution:
        """One of the executions at a version."""
        known = self._heads.get(execution_id)
        return known if known is not None and known.version == version else self._folds.load(execution_id, upto=version)

    def back(self, *, upto: int) -> Iterator[Span]:
        """From a version of the execution that this stands in towards the oldest one."""
        index = self._index(self.execution_id)
        yield self._span(index, 0, upto)
        for earlier in reversed(range(index)):
            yield self._span(earlier, 0, self._parts[earlier].upto)

    def forward(self) -> Iterator[Span]:
        """Behind the version that this stands at, towards the newest."""
        index = self._index(self.execution_id)
        yield self._span(index, self.version, self._parts[index].upto)
        for later in range(index + 1, len(self._parts)):
            yield self._span(later, 0, self._parts[later].upto)

    def _span(self, index: int, after: int, upto: int) -> Span:
        return Span(execution=self._parts[index].execution, after=after, upto=upto, inherits=index > 0)

    def _index(self, execution_id: str) -> int:
        return next(at for at, part in enumerate(self._parts) if part.execution == execution_id)
