"""Which items were seen before, in this execution or another."""

from __future__ import annotations

from collections.abc import Sequence
from hashlib import sha256
from typing import TYPE_CHECKING, Any, Final

import msgspec

from domain import json
from domain.errors import ErrorInfo, StepFailure
from infrastructure import table_history

if TYPE_CHECKING:
    import sqlite3

    from domain.context import ExecutionContext
    from infrastructure.table_store import TableStore

MAX_HISTORY: Final = 100_000
MAX_ITEMS: Final = 100_000
"""Items that one visit compares with the history."""

_encode = msgspec.json.Encoder(order="sorted").encode


class Past:
    """The history of one scope, as one visit sees and extends it."""

    def __init__(self, tables: TableStore, context: ExecutionContext, scope: str) -> None:
        self._tables = tables
        self._scope = scope_of(context, scope)
        self._key = context.idempotency_key

    def places_of(self, marks: Sequence[Any], *, size: int) -> set[int]:
        """The places of those seen before. All are remembered, and of the scope the `size` last ones seen.

        A second attempt of the visit does not count what the first one remembered. Raises `WORK_LIMIT`.
        """
        if len(marks) > MAX_ITEMS:
            message = f"{len(marks):,} items are more than the {MAX_ITEMS:,} compared with the history at once"
            raise StepFailure(ErrorInfo(code="WORK_LIMIT", message=f"{message}: use batches"))
        digests = [digest_of(mark) for mark in marks]
        distinct = list(dict.fromkeys(digests))

        def work(connection: sqlite3.Connection) -> list[int]:
            known = table_history.seen(connection, self._scope, distinct)
            table_history.remember(connection, self._scope, distinct, size=size)
            return [place for place, digest in enumerate(digests) if digest in known]

        visit = sha256(b"\n".join([self._key.encode(), self._scope.encode(), *digests])).hexdigest()
        return set(self._tables.once(visit, work))


def scope_of(context: ExecutionContext, scope: str) -> str:
    """Whose history it is. A step is told by its address: two steps may have one name."""
    of_workflow = [context.workflow_id]
    return json.encode(of_workflow if scope == "workflow" else [*of_workflow, context.step.address]).decode()


def digest_of(mark: Any) -> bytes:
    """The same for values that are equal as JSON: `1` and `1.0`, objects in any order. A numeric text is a text."""
    return sha256(_encode(_canonical(mark))).digest()


def _canonical(value: Any) -> Any:
    if isinstance(value, float) and abs(value) <= json.MAX_INTEGER and value == int(value):
        return int(value)
    if isinstance(value, list):
        return [_canonical(each) for each in value]
    if isinstance(value, dict):
        return {name: _canonical(each) for name, each in value.items()}
    return value
