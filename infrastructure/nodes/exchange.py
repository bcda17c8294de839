"""One HTTP exchange with the outside, its bodies, redirects and time bounded."""

from __future__ import annotations

import asyncio
import ssl
import zlib
from collections.abc import AsyncIterable, AsyncIterator, Callable
from functools import cache
from typing import TYPE_CHECKING, Final

import httpcore2
import httpx2
import msgspec

from infrastructure.nodes.connecting import ExchangeFailed, GuardedBackend, Resolve, failed, resolve_host

if TYPE_CHECKING:
    from infrastructure.nodes.addresses import HostPatterns

MAX_REQUEST_BYTES: Final = 4_194_304
MAX_RESPONSE_BYTES: Final = 1_048_576
"""Of a body, decompressed. A response is in the state up to three times, and the state holds 4 MiB."""
MAX_REDIRECTS: Final = 5
Heard = Callable[[bytes], None]
"""Is told of a body while it comes in."""
_KEPT_ACROSS_ORIGINS: Final = frozenset(
    {"accept", "accept-encoding", "accept-language", "content-length", "content-type", "host", "idempotency-key"}
    | {"transfer-encoding", "user-agent"}
)
"""Headers that a redirect may carry to another origin: any other could be a credential meant for the first."""
_TRANSPORT_ERRORS: Final = (
    httpx2.HTTPError,
    httpx2.StreamError,
    httpcore2.NetworkError,
    httpcore2.ProtocolError,
    httpcore2.UnsupportedProtocol,
    OSError,
    zlib.error,
)


class Request(msgspec.Struct, frozen=True, kw_only=True):
    """What is asked. `timeout_s` covers the whole exchange with its redirects; None: whoever calls keeps the time."""

    method: str
    url: str
    headers: tuple[tuple[str, str], ...] = ()
    content: bytes | None = None
    timeout_s: float | None = None
    max_redirects: int = MAX_REDIRECTS
    """0: a redirect is the response."""
    max_bytes: int = MAX_RESPONSE_BYTES


class Response(msgspec.Struct, frozen=True, kw_only=True):
    """What came back. Header names are in lower case; `url` is where it came from, after `redirected`."""

    status: int
    reason: str
    headers: dict[str, str]
    body: bytes
    url: str
    redirected: bool


class Door:
    """The way out: makes exchanges with public places, and with those that `allowed` names."""

    def __init__(self, allowed: HostPatterns, *, resolve: Resolve = resolve_host) -> None:
        self.allowed = allowed
        self._backend = GuardedBackend(allowed, resolve)

    async def exchange(self, request: Request, *, heard: Heard | None = None) -> Response:
        """Send a request and read its response. Raises ExchangeFailed, and what `heard` raises.

        `heard` is given the body of a success piece by piece, as it comes.
        """
        if request.content is not None and len(request.content) > MAX_REQUEST_BYTES:
            raise failed("REQUEST_TOO_LARGE", f"the body is over {MAX_REQUEST_BYTES:,} bytes: send less at a time")
        scope = asyncio.timeout(request.timeout_s)
        try:
            async with _Transport(self._backend) as transport, scope:
                return await _follow(transport, request, heard)
        except TimeoutError as error:
            if not scope.expired():
                raise _unreachable(request, error) from error
            message = f"{_place(request.url)} did not answer within {request.timeout_s:g} s"
            raise failed("REQUEST_TIMEOUT", message, recoverable=True) from error
        except _TRANSPORT_ERRORS as error:
            raise _unreachable(request, error) from error


class _Transport(httpx2.AsyncBaseTransport):
    """httpx2's way to a connection pool of our own: its stock transport takes no network backend."""

    def __init__(self, backend: GuardedBackend) -> None:
        self._pool = httpcore2.AsyncConnectionPool(ssl_context=_tls(), network_backend=backend, max_connections=1)

    async def handle_async_request(self, request: httpx2.Request) -> httpx2.Response:
        """Send one request, without redirects."""
        url = request.url
        target = httpcore2.URL(scheme=url.raw_scheme, host=url.raw_host, port=url.port, target=url.raw_path)
        response = await self._pool.handle_async_request(
            httpcore2.Request(request.method, target, headers=request.headers.raw, content=request.stream)
        )
        assert isinstance(response.stream, AsyncIterable)
        return httpx2.Response(
            response.status,
            headers=response.headers,
            stream=_Stream(response.stream),
            extensions=response.extensions,
        )

    async def aclose(self) -> None:
        """Close every connection."""
        await self._pool.aclose()


class _Stream(httpx2.AsyncByteStream):
    def __init__(self, stream: AsyncIterable[bytes]) -> None:
        self._stream = stream

    async def __aiter__(self) -> AsyncIterator[bytes]:
        async for part in self._stream:
            yield part

    async def aclose(self) -> None:
        close = getattr(self._stream, "aclose", None)
        if close is not None:
            await close()


@cache
def _tls() -> ssl.SSLContext:
    """Made once: loading the certificates takes longer than most requests."""
    return httpx2.create_ssl_context()


async def _follow(transport: _Transport, request: Request, heard: Heard | None) -> Response:
    """The response after redirects. Their bodies are never read: nothing bounds them."""
    # Neither proxies nor .netrc: the first would make the check of addresses void, the second adds credentials.
    async with httpx2.AsyncClient(
        transport=transport, trust_env=False, timeout=None, headers={"User-Agent": "clew", "Accept-Encoding": "gzip"}
    ) as client:
        sent = client.build_request(request.method, request.url, headers=_raw(request.headers), content=request.content)
        for hop in range(request.max_redirects + 1):
            response = await client.send(sent, stream=True, follow_redirects=False)
            try:
                following = response.next_request if request.max_redirects else None
                if following is None:
                    return await _received(response, request.max_bytes, redirected=hop > 0, heard=heard)
            finally:
                await response.aclose()
            _leave_credentials_behind(sent, following)
            sent = following
    message = f"{_place(request.url)} redirects more than {request.max_redirects} times"
    raise failed("TOO_MANY_REDIRECTS", message)


def _raw(headers: tuple[tuple[str, str], ...]) -> list[tuple[bytes, bytes]]:
    return [(name.encode(), value.encode()) for name, value in headers]


def _leave_credentials_behind(before: httpx2.Request, after: httpx2.Request) -> None:
    if before.url.origin == after.url.origin:
        return
    for name in [name for name in after.headers if name.lower() not in _KEPT_ACROSS_ORIGINS]:
        del after.headers[name]


async def _received(response: httpx2.Response, max_bytes: int, *, redirected: bool, heard: Heard | None) -> Response:
    return Response(
        status=response.status_code,
        reason=response.reason_phrase,
        headers=dict(response.headers),
        body=await _body(response, max_bytes, heard if response.is_success else None),
        url=str(response.url),
        redirected=redirected,
    )


async def _body(response: httpx2.Response, max_bytes: int, heard: Heard | None) -> bytes:
    """The body, inflated by hand: a stock decoder turns 64 KiB into 64 MiB before anyone can count."""
    encoding = response.headers.get("content-encoding", "identity").strip().lower()
    if encoding not in ("identity", "gzip", "x-gzip", "deflate", ""):
        raise failed("UNKNOWN_ENCODING", f"the response is encoded as {encoding[:40]}, which was not asked for")
    inflate = (
        zlib.decompressobj(wbits=47) if encoding not in ("identity", "") else None
    )  # 47: gzip or zlib, by its head
    body, started = bytearray(), False
    async for chunk in response.aiter_raw():
        started = True
        part = chunk if inflate is None else inflate.decompress(chunk, max_bytes + 1 - len(body))
        body += part
        if len(body) > max_bytes:
            raise failed("RESPONSE_TOO_LARGE", f"the response is over {max_bytes:,} bytes: ask for less at a time")
        if heard is not None:
            heard(part)
    if inflate is not None and started and not inflate.eof:
        raise httpx2.ReadError("the compressed body ends early")
    return bytes(body)


def _unreachable(request: Request, error: BaseException) -> ExchangeFailed:
    """What went wrong below HTTP. Nothing of the URL beyond its place is repeated: its query may hold a secret."""
    if isinstance(error, (httpx2.UnsupportedProtocol, httpcore2.UnsupportedProtocol)):
        return failed("ADDRESS_REFUSED", f"{_place(request.url)} redirects to what is not http or https")
    if _is_untrusted(error):
        return failed("CERTIFICATE_REFUSED", f"{_place(request.url)} has no certificate that holds for it: {error}")
    reason = str(error) or type(error).__name__
    return failed("NETWORK_ERROR", f"{_place(request.url)} can't be reached: {reason}", recoverable=True)


def _is_untrusted(error: BaseException | None) -> bool:
    while error is not None and not isinstance(error, ssl.SSLCertVerificationError):
        error = error.__cause__ or error.__context__
    return error is not None


def _place(url: str) -> str:
    parsed = httpx2.URL(url)
    return f"{parsed.scheme}://{parsed.netloc.decode('ascii', 'replace')}"
