"""What if, as people ask it: read with everything that is wrong at once."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final, get_args

import msgspec

from application.ports import Status
from application.retracing import Assumed
from application.what_if import MOST_EXECUTIONS, Question
from domain.errors import ClewError, StepFailure, Unacceptable
from domain.json import normal
from domain.json_patch import Operation, read_operations
from domain.patches import Op, Patch
from domain.problems import Problem, nearest, pointer
from domain.reporting import Report

ONE: Final = ("at", "patch", "definition", "assume")
MANY: Final = ("last", "status", "patch", "definition", "assume")
ASSUMED: Final = ("edge", "output", "patch")
RECORDED: Final = "recorded"
STATUSES: Final[tuple[str, ...]] = get_args(Status)
DEFAULT_LAST: Final = 100


class Many(msgspec.Struct, frozen=True, kw_only=True):
    """A question of the last executions of a workflow, of these statuses only if there are any."""

    question: Question
    last: int = DEFAULT_LAST
    status: tuple[Status, ...] = ()


def read_one(sent: Any) -> Question:
    """The question of one execution. Raises Unacceptable."""
    return _Reading(sent, ONE).question()


def read_many(sent: Any) -> Many:
    """The question of many. Raises Unacceptable."""
    reading = _Reading(sent, MANY)
    last, status = reading.last(), reading.status()
    return Many(question=reading.question(), last=last, status=status)


class _Reading:
    """Reads the members of a question, and gathers what is wrong with them."""

    def __init__(self, sent: Any, known: tuple[str, ...]) -> None:
        self._problems = Report()
        if not isinstance(sent, dict):
            message = 'A question is an object such as {"patch": [{"op": "replace", "path": "/total", "value": 3}]}.'
            raise Unacceptable(message, code="SCHEMA", details=[Problem(code="SCHEMA", path="", message=message)])
        self._sent = sent
        self._problems.unknown(sent, known, lambda key: _unknown(key, known, pointer(key)))

    def question(self) -> Question:
        """Everything but what says of which executions it is."""
        question = Question(at=self._at(), patch=self._patch(), definition=self._definition(), assume=self._assume())
        problems = list(self._problems.problems())
        if problems:
            raise Unacceptable(problems[0].message, code=problems[0].code, details=problems)
        return question

    def last(self) -> int:
        last = self._sent.get("last", DEFAULT_LAST)
        if type(last) is not int or not 1 <= last <= MOST_EXECUTIONS:
            self._wrong("/last", f"last is a whole number from 1 to {MOST_EXECUTIONS:,}.")
            return DEFAULT_LAST
        return last

    def status(self) -> tuple[Status, ...]:
        status = self._sent.get("status", [])
        listed = [status] if isinstance(status, str) else status
        if not isinstance(listed, list) or not all(each in STATUSES for each in listed):
            self._wrong("/status", f"status is one of {', '.join(STATUSES)}, or a list of them.")
            return ()
        return tuple(listed)

    def _at(self) -> str | None:
        at = self._sent.get("at")
        if type(at) is int:
            return str(at)
        if at is not None and not isinstance(at, str):
            self._wrong("/at", "at is a version: 17, head~3, or a time such as 2026-11-22T10:00:00Z.")
            return None
        return at

    def _definition(self) -> dict[str, Any] | str | None:
        definition = self._sent.get("definition")
        if definition is not None and not isinstance(definition, dict | str):
            self._wrong("/definition", 'definition is a definition, "latest", or the text of a published version.')
            return None
        return definition

    def _patch(self) -> tuple[Operation, ...]:
        return self._operations(self._sent.get("patch", []), "/patch")

    def _operations(self, sent: Any, at: str) -> tuple[Operation, ...]:
        try:
            return read_operations(sent, at=at)
        except ClewError as error:
            self._take_over(error)
            return ()

    def _assume(self) -> Any:
        assume = self._sent.get("assume", {})
        if assume == RECORDED:
            return RECORDED
        if not isinstance(assume, dict):
            self._wrong("/assume", f'assume is "{RECORDED}", or says by address what a step is taken to come to.')
            return {}
        return {address: self._assumed(each, pointer("assume", address)) for address, each in assume.items()}

    def _assumed(self, sent: Any, at: str) -> Assumed:
        if not isinstance(sent, dict):
            self._wrong(at, 'What a step is taken to come to is an object such as {"edge": "success", "output": {}}.')
            return Assumed()
        self._problems.unknown(sent, ASSUMED, lambda key: _unknown(key, ASSUMED, at + pointer(key)))
        edge = sent.get("edge")
        if edge is not None and (not isinstance(edge, str) or not edge or edge.endswith("?")):
            self._wrong(f"{at}/edge", "edge is the name of an edge (without the `?` of its route), or null.")
            edge = None
        operations = self._operations(sent.get("patch", []), f"{at}/patch")
        return Assumed(edge=edge, output=sent.get("output"), patch=self._writes(operations, f"{at}/patch"))

    def _writes(self, operations: tuple[Operation, ...], at: str) -> Patch:
        return tuple(self._ops(operations, at))

    def _ops(self, operations: tuple[Operation, ...], at: str) -> Iterator[Op]:
        for index, operation in enumerate(operations):
            if operation.op in ("add", "replace", "remove") and operation.path:
                yield Op(operation.op, operation.path, operation.value)
            else:
                self._wrong(f"{at}/{index}", "What a step writes is told by add, replace and remove of something.")

    def _wrong(self, path: str, message: str) -> None:
        self._problems(Problem(code="SCHEMA", path=path, message=message))

    def _take_over(self, error: ClewError) -> None:
        for problem in error.details:
            self._problems(problem)


def _unknown(key: str, known: tuple[str, ...], path: str) -> Problem:
    meant = nearest(key, known)
    hint = f"Did you mean {meant!r}?" if meant else f"Known are {', '.join(known)}."
    return Problem(code="UNKNOWN_KEY", path=path, message=f"{key!r} has no meaning here. {hint}", nearest=meant)


def plain(value: Any) -> Any:
    """A question of a program as plain JSON. Raises Unacceptable."""
    try:
        return normal(value, "the question")
    except StepFailure as failure:
        raise Unacceptable(failure.message, code=failure.code, details=failure.details) from failure


def question_body(**members: Any) -> dict[str, Any]:
    """A question as it is sent: without what is not said."""
    return {name: value for name, value in members.items() if value is not None and value not in ((), [])}
