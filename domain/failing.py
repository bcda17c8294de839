"""The end of an execution by an error, after going back to its snapshot if the workflow says so."""

from __future__ import annotations

from domain.commands import Rules
from domain.draft import Draft
from domain.errors import ErrorInfo
from domain.events import Failed, RolledBack
from domain.execution import Snapshot
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
        roll_back(draft, snapshot, now=now, reason=f"{error.code}: {error.message}")
        restored = True
    draft.record(Failed(time=now, error=error, address=address, visit=visit, branch=branch, restored=restored))


def roll_back(draft: Draft, snapshot: Snapshot, *, now: int, reason: str) -> None:
    """Put the execution back to what a snapshot has."""
    draft.record(
        RolledBack(
            time=now,
            to=snapshot.version,
            name=snapshot.name,
            patch=tuple(diff(draft.execution.state, snapshot.state)),
            outputs=tuple(diff(draft.execution.outputs.whole(), snapshot.outputs.whole())),
            branches={name: branch.plain() for name, branch in snapshot.branches.items()},
            reason=reason,
        )
    )
