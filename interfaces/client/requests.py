"""What is sent to a server and what comes back, before anything is known of connections."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final, Generic, TypeVar

import msgspec

from domain.errors import ClewError
from interfaces.client.refusals import error_of

T = TypeVar("T")
KEY: Final = "Idempotency-Key"
REPEATABLE: Final = frozenset({"GET", "PUT"})


class Request(msgspec.Struct, frozen=True, kw_only=True):
    """A request that may be sent twice: it asks, says what is to stand there, or carries a key.

    `wait_s` are the seconds that the server may take until an execution settles. `seen`: the answer, a list, is to show
    all that this client has done.
    """

    method: str
    path: str
    params: Mapping[str, Any] = {}
    body: bytes | None = None
    headers: Mapping[str, str] = {}
    wait_s: int = 0
    seen: bool = False

    def __post_init__(self) -> None:
        assert self.method in REPEATABLE or KEY in self.headers, f"{self.method} {self.path} has no {KEY}"


class Answer(msgspec.Struct, frozen=True, kw_only=True):
    """An answer as it came. The names of `headers` are found in any case."""

    status: int
    content: bytes
    headers: Mapping[str, str]
    url: str

    def json(self) -> Any:
        """The body. Raises the error that a refusal stands for; ClewError (NOT_CLEW) when an answer is not JSON."""
        refused = not 200 <= self.status < 300
        try:
            body = msgspec.json.decode(self.content)
        except msgspec.DecodeError as error:
            if not refused:
                message = f"{self.url} answered with something that is not JSON. Is a Clew server there?"
                raise ClewError(message, code="NOT_CLEW") from error
            body = {"title": f"{self.url} answered with the HTTP status {self.status}."}  # some proxy's page
        if refused:
            raise error_of(self.status, body)
        return body

    @property
    def position(self) -> int:
        """Where in the log a change was recorded; 0 when the server doesn't say."""
        told = self.headers.get("Clew-Position", "")
        return int(told) if told.isascii() and told.isdecimal() else 0

    @property
    def replayed(self) -> bool:
        """Whether an earlier request with this key had done it already."""
        return self.headers.get("Idempotency-Replayed", "").lower() == "true"

    @property
    def retry_after_s(self) -> float:
        """How long the server asks to be left alone."""
        told = self.headers.get("Retry-After", "")
        return float(told) if told.isascii() and told.isdecimal() and len(told) < 6 else 0.0


class Call(msgspec.Struct, Generic[T], frozen=True):
    """One operation: what to send, and what its answer means."""

    request: Request
    decode: Callable[[Answer], T]
