"""Conversations with a server, told once: what is sent again, when, and what is waited for.

A talk is a generator. It yields a Request to send or a Pause to make, and is sent what came of it; its result is that of
the conversation. `Wire` and `AsyncWire` carry talks, each in its own way of waiting.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Generator, Iterator
from typing import Any, Final, TypeVar
from urllib.parse import urlsplit

import httpx2
import msgspec

from domain.errors import Unacceptable, Unavailable
from interfaces.client.requests import Answer, Call, Request

T = TypeVar("T")
JSON_HEADERS: Final = {"Content-Type": "application/json"}
FIRST_PAUSE_S: Final = 0.1
LONGEST_PAUSE_S: Final = 2.0
LOOPBACK: Final = frozenset({"127.0.0.1", "localhost", "::1"})
LOST: Final = (httpx2.NetworkError, httpx2.RemoteProtocolError, httpx2.ConnectTimeout)
"""The connection was refused or broke. A slow answer is not among them: the server is at it."""


class Pause(msgspec.Struct, frozen=True):
    """A time in which nothing is asked."""

    seconds: float


Told = Answer | httpx2.HTTPError | None
"""What came of a step: an answer or none; None after a pause."""
Talk = Generator[Request | Pause, Told, T]


class Server:
    """One server as its client knows it: where it is, how often it is asked, and how far its log had come.

    `position` is that of the newest change made here: lists are asked to have reached it.
    """

    def __init__(self, url: str, *, timeout_s: float, attempts: int, actor: str) -> None:
        if urlsplit(url).scheme not in ("http", "https") or not urlsplit(url).hostname:
            raise Unacceptable(f"{url!r} is not the address of a server: write it as http://127.0.0.1:8484.")
        self.url = url.rstrip("/")
        self.position = 0
        self.long_waits = 0
        self._timeout_s = timeout_s
        self._attempts = max(attempts, 1)
        self._headers = {"Clew-Actor": actor.encode()} if actor else {}

    @property
    def options(self) -> dict[str, Any]:
        """What its connections are made with."""
        # A proxy of the environment is for the world outside, not for this machine.
        return {"headers": self._headers, "trust_env": urlsplit(self.url).hostname not in LOOPBACK}

    def form(self, request: Request) -> dict[str, Any]:
        """A request as the arguments that httpx2 takes. Parameters that are None or empty are left out."""
        headers = dict(request.headers)
        if request.body is not None:
            headers.update(JSON_HEADERS)
        if request.wait_s:
            headers["Prefer"] = f"wait={request.wait_s}"
        if request.seen and self.position:
            headers["Clew-Position"] = str(self.position)
        return {
            "method": request.method,
            "url": self.url + request.path,
            "params": {name: value for name, value in request.params.items() if value not in (None, "", (), [])},
            "content": request.body,
            "headers": headers,
            # Whoever waits for a free connection waits for himself.
            "timeout": httpx2.Timeout(self._timeout_s + request.wait_s, pool=None),
        }

    def ask(self, call: Call[T], *, attempts: int | None = None) -> Talk[T]:
        """Carry out an operation. Raises the error that a refusal stands for, and Unavailable when no answer comes."""
        answer = yield from self._answered(call.request, attempts or self._attempts)
        self.position = max(self.position, answer.position)
        return call.decode(answer)

    def _answered(self, request: Request, attempts: int) -> Talk[Answer]:
        pause_s = FIRST_PAUSE_S
        for left in reversed(range(attempts)):
            told = yield request
            if isinstance(told, Answer):
                if told.status != 503 or not left:
                    return told
                pause_s = max(pause_s, told.retry_after_s)
            elif not isinstance(told, LOST):
                reason = f"{self.url} gave no answer to {request.method} {request.path}: {_reason(told)}."
                raise Unavailable(reason) from told
            elif not left:
                raise self._unreachable(told) from told
            yield Pause(min(pause_s, LONGEST_PAUSE_S))
            pause_s *= 2
        raise AssertionError("the last attempt returns or raises")

    def broken(self, request: Request, error: httpx2.HTTPError) -> Unavailable:
        """What a stream that has failed stands for: it is not asked for again, for a part of it may have been used."""
        if isinstance(error, httpx2.ConnectError | httpx2.ConnectTimeout):
            return self._unreachable(error)
        return Unavailable(f"The answer of {self.url} to GET {request.path} broke off: {_reason(error)}.")

    def _unreachable(self, error: httpx2.HTTPError) -> Unavailable:
        return Unavailable(
            f"No server answers at {self.url} ({_reason(error)}). Start one with `clew serve`, or name another address.",
            code="UNREACHABLE",
        )


class Wire:
    """Carries talks, one after another."""

    def __init__(self, server: Server, *, sleep: Callable[[float], None] = time.sleep) -> None:
        self._server = server
        self._sleep = sleep
        self._http = httpx2.Client(**server.options)

    def close(self) -> None:
        """Let go of the connections."""
        self._http.close()

    def carry(self, talk: Talk[T]) -> T:
        """The result of a conversation."""
        try:
            step = next(talk)
            while True:
                step = talk.send(self._done(step))
        except StopIteration as end:
            result: T = end.value
            return result
        finally:
            talk.close()

    def lines(self, request: Request) -> Iterator[bytes]:
        """The lines of a streamed answer as they come; to stop reading is to close the iterator, and so the connection.

        Raises the error that a refusal stands for, and Unavailable when no answer comes or it breaks off.
        """
        split = _Lines()
        try:
            with self._http.stream(**self._server.form(request)) as response:
                if not response.is_success:
                    response.read()
                    _answer(response).json()
                for piece in response.iter_bytes():
                    yield from split.add(piece)
        except httpx2.HTTPError as error:
            raise self._server.broken(request, error) from error

    def _done(self, step: Request | Pause) -> Told:
        if isinstance(step, Pause):
            self._sleep(step.seconds)
            return None
        try:
            return _answer(self._http.request(**self._server.form(step)))
        except httpx2.HTTPError as error:
            return error


class AsyncWire:
    """Carries talks, many at once, on one event loop."""

    def __init__(self, server: Server, *, sleep: Callable[[float], Awaitable[None]] = asyncio.sleep) -> None:
        self._server = server
        self._sleep = sleep
        self._http = httpx2.AsyncClient(**server.options)

    async def close(self) -> None:
        """Let go of the connections."""
        await self._http.aclose()

    async def carry(self, talk: Talk[T]) -> T:
        """The result of a conversation."""
        try:
            step = next(talk)
            while True:
                step = talk.send(await self._done(step))
        except StopIteration as end:
            result: T = end.value
            return result
        finally:
            talk.close()

    async def lines(self, request: Request) -> AsyncIterator[bytes]:
        """As `Wire.lines`."""
        split = _Lines()
        try:
            async with self._http.stream(**self._server.form(request)) as response:
                if not response.is_success:
                    await response.aread()
                    _answer(response).json()
                async for piece in response.aiter_bytes():
                    for line in split.add(piece):
                        yield line
        except httpx2.HTTPError as error:
            raise self._server.broken(request, error) from error

    async def _done(self, step: Request | Pause) -> Told:
        if isinstance(step, Pause):
            await self._sleep(step.seconds)
            return None
        try:
            return _answer(await self._http.request(**self._server.form(step)))
        except httpx2.HTTPError as error:
            return error


class _Lines:
    """Makes lines of pieces. Only a line feed ends one: texts in JSON may hold all that else counts as the end of a line."""

    def __init__(self) -> None:
        self._begun: list[bytes] = []

    def add(self, piece: bytes) -> list[bytes]:
        """The lines that a further piece completes."""
        *ended, rest = piece.split(b"\n")
        if ended:
            ended[0] = b"".join((*self._begun, ended[0]))
            self._begun = []
        self._begun.append(rest)
        return ended


def _answer(response: httpx2.Response) -> Answer:
    return Answer(
        status=response.status_code,
        content=response.content,
        headers=response.headers,
        url=str(response.request.url),
    )


def _reason(error: Exception | None) -> str:
    return str(error).rstrip(".") or type(error).__name__
