"""The end of an execution by an error, after going back to its snapshot if the workflow says so."""

from __future__ import annotations

from domain.commands import PersonCommand, Rules
from domain.draft import Draft
from domain.errors import ErrorInfo
from domain.events import Failed, RolledBack
from domain.execution import Execution, Snapshot
from domain.going_back import position_of, standing
from domain.patches import diff
from domain.placing import unplaceable
from domain.program import Program


def fail_execution(
    draft: Draft, rules: Rules, error: ErrorInfo, *, address: str, visit: int, branch: str, now: int
) -> None:
    """Record the failure. With `settings.onCriticalError: "rollback"`, a critical error first takes the execution back to
    the snapshot that was named last, if there is one, and if its place is in the definition that is run by now.
    """
    snapshot = _usable(draft.execution.snapshot, rules.program) if error.severity == "critical" else None
    if snapshot is not None:
        why = PersonCommand(now=now, reason=f"{error.code}: {error.message}")
        go_back(draft, snapshot, name=snapshot.name, by=why)
    restored = snapshot is not None
    draft.record(Failed(time=now, error=error, address=address, visit=visit, branch=branch, restored=restored))


def _usable(snapshot: Snapshot | None, program: Program) -> Snapshot | None:
    """The snapshot, if the program goes back to such, it is complete, and its place is there: it may be older than a
    change of definition.
    """
    if not program.rolls_back or snapshot is None or not snapshot.branches:
        return None
    return None if unplaceable(standing(snapshot.branches), program) else snapshot


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
