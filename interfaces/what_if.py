"""What if, asked of a store in this process in the words of `clew.Client`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Literal

from application.ports import Status
from application.what_if import WhatIf
from application.what_if_questions import plain, question_body, read_many, read_one

Assume = Mapping[str, Mapping[str, Any]] | Literal["recorded"]


class Asking:
    """Reads what is asked, and waits for the answer."""

    def __init__(self, what_if: WhatIf) -> None:
        self._what_if = what_if

    def what_if(
        self,
        execution_id: str,
        *,
        at: str | int | None = None,
        patch: Sequence[Mapping[str, Any]] = (),
        definition: Mapping[str, Any] | str | None = None,
        assume: Assume | None = None,
    ) -> dict[str, Any]:
        """An execution walked again. Raises NotFound, Unacceptable, InvalidDefinition or Refused."""
        sent = question_body(at=at, patch=patch, definition=definition, assume=assume)
        return self._what_if.one(execution_id, read_one(plain(sent))).result()

    def what_if_many(
        self,
        workflow_id: str,
        *,
        last: int = 100,
        status: Sequence[Status] = (),
        patch: Sequence[Mapping[str, Any]] = (),
        definition: Mapping[str, Any] | str | None = None,
        assume: Assume | None = None,
    ) -> dict[str, Any]:
        """The last executions of a workflow walked again. Raises the same."""
        sent = question_body(last=last, status=list(status), patch=patch, definition=definition, assume=assume)
        asked = read_many(plain(sent))
        answer = self._what_if.many(workflow_id, asked.question, last=asked.last, status=asked.status)
        return answer.result()
