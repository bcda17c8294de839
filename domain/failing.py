"""The end of an execution by an error, after going back to its snapshot if the workflow says so."""

from __future__ import annotations

from domain.commands import PersonCommand, Rules
from domain.draft import Draft
from domain.errors import ErrorInfo
from domain.events import Failed, RolledBack
from domain.execution import Execution, Snapshot
from domain.going_back import position_of, standing
from domain.patches import diff


def fail_execution(
    draft: Draft, rules: Rules, error: ErrorInfo, *, address: str, visit: int, branch: str, now: int
) -> None:
    """Record the failure. With `settings.onCriticalError: "rollback"`, a critical error first takes the execution back to
    the snapshot that was named last, if there is one.
    """
    snapshot = draft.execution.snapshot
    restored = False
    if rules.program.rolls_back and error.severity == "critical" and snapshot is not None and snapshot.branches:
        why = PersonCommand(now=now, reason=f"{error.code}: {error.message}")
        go_back(draft, snapshot, name=snapshot.name, by=why)
        restored = True
    draft.record(Failed(time=now, error=error, address=address, visit=visit, branch=branch, restored=restored))


def go_back(draft: Draft, then: Snapshot | Execution, *, name: str, by: PersonCommand, paused: bool = False) -> None:
    """Put the execution back to what there was at another version of it."""
    draft.record(
        RolledBack(
            time=by.now,
            actor=by.actor,
            to=then.version,
            execution=then.execution if isinstance(then, Snapshot) else "",
            name=name,
            patch=tuple(diff(draft.execution.state, then.state)),
            outputs=tuple(diff(draft.execution.outputs.whole(), then.outputs.whole())),
            branches=standing(then.branches if isinstance(then, Snapshot) else position_of(then)),
            paused=paused,
            reason=by.reason,
            key=by.key,
        )
    )
