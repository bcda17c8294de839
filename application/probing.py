"""Probes: what an expression gives at every version of an execution."""

from __future__ import annotations

from collections.abc import Iterator
from time import perf_counter
from typing import Any, Final, Literal

import msgspec

from application.folds import Folds
from domain.durations import iso
from domain.errors import StepFailure, Unacceptable
from domain.execution import ROOT, Execution
from domain.expressions import Expression, InvalidExpression, compile_expression
from domain.patches import same
from domain.position import Branch
from domain.problems import Problem
from domain.scope import Scope

Every = Literal["version", "change"]
BATCH_S: Final = 0.05
"""How long lines are gathered before they are handed on; so long, and one evaluation, goes on whoever has gone meanwhile."""
BATCH: Final = 256
"""Lines that are handed on together at most."""
NOWHERE: Final = Branch(address=None)


def compiled_probe(text: str) -> Expression:
    """The expression of a probe, with or without `{{ }}` around it. Raises Unacceptable, with the place, for one that is none."""
    source = text.strip()
    begins = text.index(source) if source else 0
    if source.startswith("{{") and source.endswith("}}") and len(source) >= 4:
        source, begins = source[2:-2], begins + 2
    try:
        return compile_expression(source, path="?expr")
    except InvalidExpression as error:
        close = error.nearest
        place = Problem(
            code=error.code, path="?expr", message=error.message, offset=begins + error.position, nearest=close
        )
        raise Unacceptable(error.message, code=error.code, details=[place]) from error


class Probe:
    """An expression, evaluated at versions of an execution in order.

    It sees what a setter would that was the next step of the branch an execution begins with: `input`, `error` and `loop`
    are those of that branch.
    """

    def __init__(self, folds: Folds, execution_id: str, expression: Expression, *, every: Every) -> None:
        self._folds = folds
        self._id = execution_id
        self._expression = expression
        self._every = every
        self._seen: tuple[Any, ...] = ()
        self._result: dict[str, Any] = {}

    def lines(self, first: int, last: int) -> Iterator[list[dict[str, Any]]]:
        """`{version, time, value}` or `{version, time, error}` of each version from `first` to `last`, some at a time.

        With `change` only where that is another one than at the version before it. A list may be empty: so that whoever
        reads can stop reading in between.
        """
        batch: list[dict[str, Any]] = []
        since = perf_counter()
        before: dict[str, Any] | None = None
        for execution, recorded in self._folds.walk(self._id, first=first, upto=last):
            result = self._evaluated(execution)
            if self._every == "version" or before is None or _differ(before, result):
                batch.append({"version": recorded.version, "time": iso(recorded.event.time), **result})
            before = result
            if len(batch) >= BATCH or perf_counter() - since >= BATCH_S:
                yield batch
                batch, since = [], perf_counter()
        yield batch

    def _evaluated(self, execution: Execution) -> dict[str, Any]:
        """`{value}` or `{error}`; where nothing has changed that an expression can see, what it was."""
        branch = execution.branches.get(ROOT, NOWHERE)
        seen = (execution.state, execution.outputs, branch.input, branch.bindings, branch.frames)
        if not self._seen or any(now is not then for now, then in zip(seen, self._seen, strict=True)):
            self._seen = seen
            self._result = self._evaluate(_scope(execution, branch))
        return self._result

    def _evaluate(self, scope: Scope) -> dict[str, Any]:
        try:
            return {"value": self._expression.evaluate(scope)}
        except StepFailure as failure:
            return {"error": {"code": failure.error.code, "message": failure.error.message}}


def _scope(execution: Execution, branch: Branch) -> Scope:
    loop = branch.frames[-1] if branch.frames else None
    return Scope(
        state=execution.state,
        input=branch.input,
        output=execution.outputs,
        error=branch.bindings[-1].error if branch.bindings else msgspec.UNSET,
        loop={"index": loop.index, "item": loop.item} if loop is not None else msgspec.UNSET,
        execution={"id": execution.id, "workflow": execution.workflow, "version": execution.workflow_version},
    )


def _differ(before: dict[str, Any], now: dict[str, Any]) -> bool:
    return before is not now and not same(before, now)
