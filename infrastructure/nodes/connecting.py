"""Connections to the outside: every address is checked where it is connected to."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Awaitable, Callable, Iterable
from typing import Final, Literal

import httpcore2

from domain.errors import ErrorInfo, StepFailure
from infrastructure.nodes.addresses import HostPatterns, host_name

Resolve = Callable[[str, int], Awaitable[list[str]]]
"""Host and port to the addresses that the host has now, best first. Raises OSError when it has none."""

MAX_ADDRESSES_TRIED: Final = 4


class ExchangeFailed(StepFailure):
    """There was no usable response: nothing answered, too late, too much, or from where nothing may be asked."""


def failed(
    code: str, message: str, *, recoverable: bool = False, type: Literal["runtime", "configuration"] = "runtime"
) -> ExchangeFailed:
    """An exchange's failure, to raise."""
    return ExchangeFailed(ErrorInfo(type=type, code=code, message=message, recoverable=recoverable))


async def resolve_host(host: str, port: int) -> list[str]:
    """The addresses of a host by the system's resolver."""
    found = await asyncio.get_running_loop().getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return list(dict.fromkeys(str(entry[4][0]) for entry in found))


class GuardedBackend(httpcore2.AsyncNetworkBackend):
    """Connects to the very address that was checked, so that no second resolution can differ. The name stays in `Host`
    and in the TLS handshake, which belong to the layers above.
    """

    def __init__(
        self, allowed: HostPatterns, resolve: Resolve, *, inner: httpcore2.AsyncNetworkBackend | None = None
    ) -> None:
        self._allowed = allowed
        self._resolve = resolve
        self._inner = inner if inner is not None else httpcore2.AnyIOBackend()

    async def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,  # noqa: ASYNC109 - the signature of the backend
        local_address: str | None = None,
        socket_options: Iterable[httpcore2.SOCKET_OPTION] | None = None,
    ) -> httpcore2.AsyncNetworkStream:
        """A connection to the first address of the host that takes one. Raises ExchangeFailed if none is allowed."""
        addresses = await self._checked(host, port)
        for address in addresses[:-1]:
            try:
                return await self._inner.connect_tcp(address, port, timeout, local_address, socket_options)
            except (httpcore2.ConnectError, httpcore2.ConnectTimeout):
                continue
        return await self._inner.connect_tcp(addresses[-1], port, timeout, local_address, socket_options)

    async def connect_unix_socket(
        self,
        path: str,
        timeout: float | None = None,  # noqa: ASYNC109 - the signature of the backend
        socket_options: Iterable[httpcore2.SOCKET_OPTION] | None = None,
    ) -> httpcore2.AsyncNetworkStream:
        """Never."""
        del timeout, socket_options
        raise failed("ADDRESS_REFUSED", f"{path} is no address of the network", type="configuration")

    async def _checked(self, host: str, port: int) -> list[str]:
        if not 0 < port <= 65_535:
            raise httpcore2.ConnectError(f"{port} is no port")
        try:
            found = await self._resolve(host_name(host), port)
        except (OSError, UnicodeError) as error:
            raise httpcore2.ConnectError(f"{host} can't be resolved") from error
        allowed = [address for address in found if self._allowed.address(host, port, address)]
        if not found:
            raise httpcore2.ConnectError(f"{host} has no address")
        if not allowed:
            message = (
                f"{host}:{port} is at an address that is not public: the server's settings must allow it"
                f" (CLEW_ALLOW_HOSTS)"
            )
            raise failed("ADDRESS_REFUSED", message, type="configuration")
        return allowed[:MAX_ADDRESSES_TRIED]
