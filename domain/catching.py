"""Who deals with an error: whether a failure in a branch ends the execution or is the business of a step around it."""

from __future__ import annotations

from typing import Final

from domain.commands import Rules
from domain.errors import ErrorInfo
from domain.execution import Execution
from domain.position import Branch
from domain.retrying import may_try_again

NEVER_ROUTED: Final = frozenset({"STEP_LIMIT", "STATE_LIMIT"})


def is_caught(execution: Execution, rules: Rules, branch: Branch, error: ErrorInfo) -> bool:
    """Whether some step whose branches are around this one would go on from this error: by collecting the errors of its
    branches, by its own `error?` route, or by another attempt.
    """
    if error.code in NEVER_ROUTED:
        return False
    while branch.parent is not None:
        branch = execution.branches[branch.parent]
        visit = branch.visit
        assert visit is not None and visit.opened is not None, f"{execution.id}: a branch whose step has ended is open"
        step = rules.program.at(visit.address)
        policy = step.options.retry
        pauses = policy is not None and policy.pauses and error.recoverable
        if visit.opened.joining.collect or "error" in step.routes or may_try_again(step, error, visit) or pauses:
            return True
    return False
