"""Which network addresses the nodes may connect to: public ones, and what the server's settings name."""

from __future__ import annotations

import re
from collections.abc import Sequence
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network
from typing import Final

import msgspec

IpAddress = IPv4Address | IPv6Address
IpNetwork = IPv4Network | IPv6Network

_NAME: Final = re.compile(r"(?:\*\.)?[a-z0-9_](?:[a-z0-9_.-]*[a-z0-9_])?", re.ASCII)
_WITH_PORT: Final = re.compile(r"(?P<host>\[[0-9a-f:.]+\]|[^:\[\]]+)(?::(?P<port>\d{1,5}))?", re.ASCII)
_NAT64: Final = IPv6Network("64:ff9b::/96")
_NAT64_LOCAL: Final = IPv6Network("64:ff9b:1::/48")
_COMPATIBLE: Final = IPv6Network("::/96")
_SPECIAL: Final = (ip_network("192.0.0.0/24"), ip_network("192.88.99.0/24"), ip_network("168.63.129.16/32"))
"""Not in every Python's list: protocol assignments (a cloud's metadata among them), 6to4 relays, and an address that is
public by its number but answered by the machine's own cloud."""


class _Pattern(msgspec.Struct, frozen=True):
    """One allowed place: a network, or a name (`*.` for any below it); with a port only that one."""

    name: str
    network: IpNetwork | None
    port: int | None

    def admits(self, host: str, port: int, address: IpAddress | None) -> bool:
        if self.port is not None and self.port != port:
            return False
        if self.network is not None:
            return address is not None and address.version == self.network.version and address in self.network
        if self.name.startswith("*."):
            return host.endswith(self.name[1:])
        return host == self.name


class HostPatterns:
    """Places that settings allow: `host`, `*.host`, an address or a CIDR network, each with `:port` if only that one.

    An IPv6 address or network with a port is written in brackets. Raises ValueError, with a sentence, for anything else.
    """

    def __init__(self, patterns: Sequence[str] = ()) -> None:
        self._patterns = tuple(_parsed(pattern) for pattern in patterns)

    def name(self, host: str, port: int) -> bool:
        """Whether a host is allowed as it is written, before it is resolved."""
        plain = host_name(host)
        return any(pattern.admits(plain, port, _as_address(plain)) for pattern in self._patterns)

    def address(self, host: str, port: int, address: str) -> bool:
        """Whether connecting to this address, found for that host, is allowed: by a pattern, or because it is public."""
        found = _as_address(address)
        if found is None:
            return False
        plain = host_name(host)
        return is_public(found) or any(pattern.admits(plain, port, found) for pattern in self._patterns)


def host_name(host: str) -> str:
    """A host as it is compared: lower case, without brackets and the dot at its end."""
    return host.strip("[]").rstrip(".").lower()


def is_public(address: IpAddress) -> bool:
    """Whether an address is out in the internet: not private, local to the link or machine, shared, reserved, multicast
    or a cloud's own; nor an IPv6 form of an IPv4 address that is.
    """
    if isinstance(address, IPv6Address):
        inner = _embedded(address)
        if inner is not None:
            return is_public(inner)
        if address.is_site_local or address in _NAT64_LOCAL:
            return False
    return (
        address.is_global
        and not (address.is_multicast or address.is_reserved or address.is_unspecified)
        and not any(address in network for network in _SPECIAL if network.version == address.version)
    )


def _embedded(address: IPv6Address) -> IPv4Address | None:
    """The IPv4 address that packets to this one may end at: mapped, 6to4, Teredo (its client), NAT64, IPv4-compatible."""
    if address.ipv4_mapped is not None:
        return address.ipv4_mapped
    if address.sixtofour is not None:
        return address.sixtofour
    if address.teredo is not None:
        return address.teredo[1]
    if address in _NAT64 or (address in _COMPATIBLE and int(address) > 1):
        return IPv4Address(int(address) & 0xFFFF_FFFF)
    return None


def _as_address(text: str) -> IpAddress | None:
    try:
        return ip_address(text.partition("%")[0])
    except ValueError:
        return None


def _parsed(pattern: str) -> _Pattern:
    text = pattern.strip().lower()
    network = _as_network(text)
    if network is not None:
        return _Pattern("", network, None)
    host, slash, rest = text.partition("/")
    if slash:  # a network with a port: 10.0.0.0/8:80 or [fd00::/8]:80
        return _network_with_port(pattern, text)
    matched = _WITH_PORT.fullmatch(host)
    if matched is None or rest:
        raise ValueError(_not_a_pattern(pattern))
    port = _port(matched["port"], pattern)
    network = _as_network(matched["host"].strip("[]"))
    if network is not None:
        return _Pattern("", network, port)
    name = matched["host"].rstrip(".")
    if _NAME.fullmatch(name) is None:
        raise ValueError(_not_a_pattern(pattern))
    return _Pattern(name, None, port)


def _network_with_port(pattern: str, text: str) -> _Pattern:
    block, _, port = text.rpartition(":")
    network = _as_network(block.removeprefix("[").removesuffix("]"))
    if network is None or not port.isdecimal():
        raise ValueError(_not_a_pattern(pattern))
    return _Pattern("", network, _port(port, pattern))


def _port(text: str | None, pattern: str) -> int | None:
    if text is None:
        return None
    if not 0 < int(text) <= 65_535:
        raise ValueError(_not_a_pattern(pattern))
    return int(text)


def _as_network(text: str) -> IpNetwork | None:
    try:
        return ip_network(text)
    except ValueError:
        return None


def _not_a_pattern(pattern: str) -> str:
    return f"{pattern!r} is no host, host:port, *.host, address or CIDR network (such as 10.0.0.0/8)"
