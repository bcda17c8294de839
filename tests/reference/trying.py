"""When a step is tried again by itself (LANGUAGE section 5)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from tests.reference.outline import Step


@dataclass(frozen=True)
class Policy:
    """At most so many attempts, for errors that another may help with; then fail, or pause."""

    most: int = 1
    never: tuple[str, ...] = ()
    pauses: bool = False

    @staticmethod
    def of(step: Step, definition: dict[str, Any]) -> Policy:
        """The step's own, which replaces the workflow's as a whole; none, and there is one attempt."""
        written = step.options.get("$retry", definition.get("settings", {}).get("retry"))
        if written is None or step.node == "fail":
            return Policy()
        return Policy(
            written.get("maxAttempts", 3), tuple(written.get("nonRetryable", ())), written.get("exhausted") == "pause"
        )

    def helps(self, error: Any) -> bool:
        """Whether this error may be gone at another attempt; without a policy nobody asks."""
        limits = ("STEP_LIMIT", "STATE_LIMIT")
        asked = self != Policy()
        return asked and error["recoverable"] is True and error["code"] not in (*self.never, *limits)
