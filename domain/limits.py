"""Every limit of the language, with its default. All are inclusive, and settings of the server."""

from __future__ import annotations

import msgspec


class Limits(msgspec.Struct, frozen=True, kw_only=True):
    """What one execution may use. A workflow may lower them, and raise its iterations up to `iterations_cap`."""

    definition_bytes: int = 1_048_576
    definition_depth: int = 64
    definition_steps: int = 1_000
    state_bytes: int = 4_194_304
    """State, loop frames and outputs of one execution, as JSON."""
    steps: int = 100_000
    """Visits of one walk."""
    iterations: int = 1_000
    """Passes of one entry into a loop that does not know its own count."""
    iterations_cap: int = 100_000
    node_timeout_ms: int = 30_000
    node_timeout_cap_ms: int | None = None
    """What a step's own `$timeout` may be where the workflow has lowered the default; None: no more than that."""
    kept_signals: int = 100
    """Early signals kept per name."""
    branches: int = 1_000
    """Branches and concurrent passes open at once in one execution."""
    published_versions: int = 10_000
    """Versions that one workflow may have."""
    child_depth: int = 16
    """Executions that may be above one another, each run by a step of the one above."""
    fork_depth: int = 64
    """Executions that a fork may go back to, one after the other, each forked off the one before."""
    recoveries: int = 3
    """Crashes that one visit may be recovered from."""
