"""Collecting what is wrong with a document: all of it is counted, as much of it told as an answer may hold."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable
from typing import Final, Literal, NamedTuple

from msgspec.structs import replace

from domain.problems import Problem, Untold, effort, nearest

MAX_PROBLEMS: Final = 100
"""Problems told at once; past it one more says that there are others."""
MAX_COUNTED: Final = 1_000
"""Errors after which nothing further is looked at: nobody mends a document by so many."""
MAX_MESSAGE: Final = 1_000
"""Characters of a message: it may quote what was sent."""
MAX_PLACES: Final = 65_536
"""Characters of all pointers told: each may be as long as the document."""
MAX_EFFORT: Final = 100_000
"""What may be spent on finding names that were probably meant, by `effort`."""

Names = Collection[str] | Callable[[], Collection[str]]


class _Noted(NamedTuple):
    problem: Problem
    meant: str
    known: Names


class Report:
    """Takes in problems, errors and warnings. `known` are those that were found before."""

    def __init__(self, known: Iterable[Problem] = ()) -> None:
        self._noted: dict[str, list[_Noted]] = {"error": [], "warning": []}
        self._counts = {"error": 0, "warning": 0}
        self._room = {"error": MAX_PLACES, "warning": MAX_PLACES}
        for problem in known:
            self(problem)

    def __call__(self, problem: Problem, *, meant: str = "", known: Names = ()) -> None:
        """Take in a problem. Of one with a wrong name, `meant`, the nearest of the `known` ones is looked for if it is told."""
        kind = problem.severity
        if isinstance(problem, Untold):
            self._counts[kind] += problem.count
            return
        noted = self._noted[kind]
        self._counts[kind] += 1
        self._room[kind] -= len(problem.path)
        if len(noted) < MAX_PROBLEMS and (self._room[kind] >= 0 or not noted):
            noted.append(_Noted(_cut(problem), meant, known))

    def skips(self, severity: Literal["error", "warning"], *, count: int = 1) -> bool:
        """Count so many problems that would not be told any more; False: tell them."""
        if len(self._noted[severity]) < MAX_PROBLEMS and (self._room[severity] > 0 or not self._noted[severity]):
            return False
        self._counts[severity] += count
        return True

    def unknown(self, keys: Iterable[str], known: Collection[str], make: Callable[[str], Problem]) -> None:
        """Take in those of the keys that are not known, of which there may be very many."""
        wrong = [key for key in keys if key not in known]
        severity = make(wrong[0]).severity if wrong else "error"
        for at, key in enumerate(wrong):
            if self.skips(severity, count=len(wrong) - at):
                break
            self(make(key), meant=key, known=known)

    @property
    def errors(self) -> int:
        """How many errors there are so far."""
        return self._counts["error"]

    @property
    def full(self) -> bool:
        """Whether to stop looking for more."""
        return self.errors >= MAX_COUNTED

    def problems(self) -> tuple[Problem, ...]:
        """All that is told, errors first."""
        noted = [*self._noted["error"], *self._noted["warning"]][:MAX_PROBLEMS]
        left = MAX_EFFORT
        told: list[Problem] = []
        for problem, meant, known in noted:
            if meant and problem.nearest is None:
                names = known() if callable(known) else known
                left -= effort(meant, names)
                close = nearest(meant, names) if left >= 0 else None
                told.append(replace(problem, nearest=close) if close is not None else problem)
            else:
                told.append(problem)
        return (*told, *self._more(len(told)))

    def inside(self, path: str, *, without: str) -> Report:
        """What takes in the problems of a document inside the document, but for those with one code."""
        return _Inside(self, path, without)

    def _more(self, told: int) -> tuple[Problem, ...]:
        untold = sum(self._counts.values()) - told
        if not untold:
            return ()
        errors_told = min(told, len(self._noted["error"]))
        at_least = "At least " if self.full else ""
        message = f"{at_least}{untold:,} more problems are not listed."
        severity: Literal["error", "warning"] = "error" if self.errors > errors_told else "warning"
        return (Untold(code="MORE", path="", message=message, severity=severity, count=untold),)


def _cut(problem: Problem) -> Problem:
    return (
        problem
        if len(problem.message) <= MAX_MESSAGE
        else replace(problem, message=problem.message[:MAX_MESSAGE] + "…")
    )


class _Inside(Report):
    def __init__(self, around: Report, path: str, without: str) -> None:
        super().__init__()
        self._around = around
        self._path = path
        self._without = without

    def __call__(self, problem: Problem, *, meant: str = "", known: Names = ()) -> None:
        """Hand it on, with its place in the document around."""
        if problem.code != self._without:
            self._around(replace(problem, path=self._path + problem.path), meant=meant, known=known)

    def skips(self, severity: Literal["error", "warning"], *, count: int = 1) -> bool:
        """As the document around does."""
        return self._around.skips(severity, count=count)

    @property
    def errors(self) -> int:
        """Those of the document around as well."""
        return self._around.errors
