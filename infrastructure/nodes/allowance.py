"""What one visit of a list node may make and read: small inputs that grow without measure end early, with a reason."""

from __future__ import annotations

from typing import Any, Final

from domain import json
from domain.errors import ErrorInfo, StepFailure

MAX_RESULT: Final = 4_194_304  # bytes of JSON, more or less: what a state may hold altogether
MAX_LOOKUPS: Final = 1_000_000  # items times the segments of the paths that are read in each
MAX_FIELDS: Final = 50  # entries of one list of fields


class Allowance:
    """Counts down what a result may still weigh. Meant for what is repeated in a result; the rest is as large as before."""

    def __init__(self) -> None:
        self.left = MAX_RESULT

    def spend(self, weight: int) -> None:
        """Take `weight` bytes off; `RESULT_LIMIT` when there are not that many left."""
        self.left -= weight
        if self.left < 0:
            message = f"the result would be larger than {MAX_RESULT // 1_048_576} MiB: work on fewer items at a time"
            raise StepFailure(ErrorInfo(code="RESULT_LIMIT", message=message, details={"limit": MAX_RESULT}))

    def made(self, value: Any) -> Any:
        """The value itself, when there is room for it."""
        self.spend(weight_of(value))
        return value


def weight_of(value: Any) -> int:
    """Bytes of a value as compact JSON."""
    return len(json.encode(value))


def check_lookups(items: int, segments: int) -> None:
    """Raise `WORK_LIMIT` when paths of so many segments, read in so many items, are too much work for one visit."""
    if items * segments > MAX_LOOKUPS:
        message = (
            f"{items} items with fields of {segments} path segments are more than {MAX_LOOKUPS} look-ups: use batches"
        )
        raise StepFailure(ErrorInfo(code="WORK_LIMIT", message=message, details={"limit": MAX_LOOKUPS}))
