"""A completion that comes in pieces (server-sent events), put together again."""

from __future__ import annotations

from typing import Any, Final

import msgspec

from infrastructure.nodes.ai_answers import (
    MAX_CALLS,
    Completion,
    Function,
    Message,
    ToolCall,
    Usage,
    refused,
    said,
    unusable,
)
from infrastructure.nodes.connecting import failed

MAX_STREAM_BYTES: Final = 16_777_216
"""Of all pieces with what is around them: a token of four characters takes up to three hundred."""
MAX_STREAMED_CHARACTERS: Final = 1_048_576
"""Of what the pieces come to: as much as an answer in one piece may have."""
_DONE: Final = b"[DONE]"


class _Choice(msgspec.Struct):
    delta: Message = msgspec.field(default_factory=Message)
    finish_reason: str | None = None
    index: int = 0


class _Chunk(msgspec.Struct):
    choices: list[_Choice] = []
    id: str | None = None
    model: str | None = None
    usage: Usage | None = None
    error: Any = None


_decode = msgspec.json.Decoder(_Chunk).decode


class _Pieces:
    """A tool call as far as it has come."""

    def __init__(self) -> None:
        self.id: str | None = None
        self.name: list[str] = []
        self.arguments: list[str] = []

    def add(self, call: ToolCall) -> int:
        """Take in a piece; the characters of it."""
        self.id = call.id or self.id
        function = call.function or Function()
        self.name.append(function.name or "")
        self.arguments.append(function.arguments or "")
        return len(self.name[-1]) + len(self.arguments[-1])

    def together(self) -> ToolCall:
        """The whole call."""
        return ToolCall(id=self.id, function=Function(name="".join(self.name), arguments="".join(self.arguments)))


class Stream:
    """Takes the bytes of a stream as they come. What it has so far can be asked at any time."""

    def __init__(self) -> None:
        self._rest = bytearray()
        self._text: list[str] = []
        self._refusal: list[str] = []
        self._calls: dict[int, _Pieces] = {}
        self._id: str | None = None
        self._model: str | None = None
        self._finish_reason: str | None = None
        self._usage = Usage()
        self._is_done = False
        self.has_begun = False
        """Whether there was any piece: else it is no stream."""
        self.characters = 0

    def feed(self, part: bytes) -> None:
        """Take in the next bytes. Raises ExchangeFailed and StepFailure for what is no stream of a completion."""
        self._rest += part
        if b"\n" not in part:
            return
        *lines, rest = bytes(self._rest).split(b"\n")
        self._rest = bytearray(rest)
        for line in lines:
            self._line(line.rstrip(b"\r"))

    def completion(self) -> Completion:
        """The whole of it. Raises `INVALID_ANSWER`, recoverable, if it has no end."""
        self._line(bytes(self._rest).rstrip(b"\r"))  # the last line need not be ended
        self._rest.clear()
        if not self._is_done and self._finish_reason is None:
            raise unusable("the stream of the answer ends before the answer does")
        message = Message(
            content="".join(self._text) if self._text else None,
            refusal="".join(self._refusal) or None,
            tool_calls=[self._calls[index].together() for index in sorted(self._calls)] or None,
        )
        return said(message, id=self._id, model=self._model, finish_reason=self._finish_reason, usage=self._usage)

    def _line(self, line: bytes) -> None:
        """A comment keeps the connection open, other fields mean nothing here."""
        if not line.startswith(b"data:"):
            return
        self.has_begun = True
        piece = line[5:].strip()
        if piece == _DONE:
            self._is_done = True
            return
        try:
            chunk = _decode(piece.decode(errors="replace"))
        except (msgspec.DecodeError, RecursionError) as error:
            raise unusable(f"the endpoint streams what is no chat completion: {error}") from error
        self._take(chunk)

    def _take(self, chunk: _Chunk) -> None:
        if chunk.error is not None:
            raise _refused(chunk.error)
        self._id = chunk.id or self._id
        self._model = chunk.model or self._model
        self._usage = chunk.usage or self._usage
        for choice in chunk.choices:
            if choice.index == 0:
                self._finish_reason = choice.finish_reason or self._finish_reason
                self._add(choice.delta)

    def _add(self, delta: Message) -> None:
        for pieces, text in ((self._text, delta.content), (self._refusal, delta.refusal)):
            if text is not None:
                pieces.append(text)
                self._count(len(text))
        for place, call in enumerate(delta.tool_calls or ()):
            self._add_call(call, call.index if call.index is not None else place)

    def _add_call(self, call: ToolCall, index: int) -> None:
        if index not in self._calls and len(self._calls) >= MAX_CALLS:
            raise unusable(f"the model answers with more than {MAX_CALLS} tool calls")
        added = self._calls.setdefault(index, _Pieces()).add(call)
        self._count(added)

    def _count(self, characters: int) -> None:
        self.characters += characters
        if self.characters > MAX_STREAMED_CHARACTERS:
            raise failed("RESPONSE_TOO_LARGE", f"the answer is over {MAX_STREAMED_CHARACTERS:,} characters long")


def _refused(error: Any) -> Exception:
    """What an endpoint says in the middle of a stream, where it has no status to say it with."""
    told = error if isinstance(error, dict) else {"message": error}
    status = told.get("code", told.get("status"))
    reason = str(told.get("message") or "it broke off")[:500]
    return refused(status if isinstance(status, int) and 400 <= status < 600 else 500, reason)
