"""What counts as a public address, and what settings allow beside those."""

from __future__ import annotations

from ipaddress import ip_address

import pytest

from infrastructure.nodes.addresses import HostPatterns, is_public


@pytest.mark.parametrize(
    "address", ["8.8.8.8", "93.184.215.14", "2606:2800:21f:cb07:6820:80da:af6b:8b2c", "::ffff:8.8.8.8"]
)
def test_public_addresses(address: str) -> None:
    """What is out in the internet may be reached."""
    assert is_public(ip_address(address))


@pytest.mark.parametrize(
    "address",
    [
        "127.0.0.1", "127.255.0.9", "0.0.0.0", "10.1.2.3", "172.16.0.1", "192.168.1.1", "169.254.169.254", "100.64.0.1",
        "100.100.100.200", "192.0.0.192", "198.18.0.1", "224.0.0.1", "240.0.0.1", "255.255.255.255", "168.63.129.16",
        "::", "::1", "fe80::1", "fec0::1", "fc00::1", "fd00:ec2::254", "ff02::1", "::ffff:127.0.0.1", "::127.0.0.1",
        "::ffff:169.254.169.254", "64:ff9b::7f00:1", "64:ff9b:1::1", "2002:7f00:1::", "2001:db8::1",
        "2001:0:4136:e378:8000:63bf:80ff:fffe",
    ],
)  # fmt: skip
def test_addresses_that_are_not_public(address: str) -> None:
    """Private, loopback, link-local, shared, metadata, reserved and multicast ones, in every notation of IPv6 too."""
    assert not is_public(ip_address(address))
    assert not HostPatterns().address("api.example.com", 80, address)


@pytest.mark.parametrize(
    ("pattern", "host", "port", "address", "allowed"),
    [
        ("10.0.0.0/8", "a.example", 80, "10.9.9.9", True),
        ("10.0.0.0/8", "a.example", 80, "11.9.9.9", True),
        ("10.0.0.0/8", "a.example", 80, "127.0.0.1", False),
        ("10.0.0.0/8:8080", "a.example", 8080, "10.1.1.1", True),
        ("10.0.0.0/8:8080", "a.example", 80, "10.1.1.1", False),
        ("127.0.0.1", "127.0.0.1", 9, "127.0.0.1", True),
        ("127.0.0.1:80", "127.0.0.1", 81, "127.0.0.1", False),
        ("127.0.0.1:80", "localhost", 80, "127.0.0.1", True),
        ("Inside.Example", "inside.example.", 80, "10.1.1.1", True),
        ("inside.example", "other.example", 80, "10.1.1.1", False),
        ("inside.example:80", "inside.example", 81, "10.1.1.1", False),
        ("*.inside.example", "a.b.inside.example", 80, "10.1.1.1", True),
        ("*.inside.example", "inside.example", 80, "10.1.1.1", False),
        ("*.inside.example", "badinside.example", 80, "10.1.1.1", False),
        ("[::1]:80", "[::1]", 80, "::1", True),
        ("::1", "localhost", 80, "::1", True),
        ("[fd00::/8]:80", "a.example", 80, "fd00::9", True),
        ("10.0.0.0/8", "a.example", 80, "no address", False),
    ],
)
def test_what_settings_allow(*, pattern: str, host: str, port: int, address: str, allowed: bool) -> None:
    """A network allows what is in it, a name whatever it resolves to; a port only that one."""
    assert HostPatterns([pattern]).address(host, port, address) is allowed


@pytest.mark.parametrize(
    "pattern", ["", "http://a", "a:0", "a:99999", "a:b", "10.0.0.0/99", "10.0.0.1/8", "a b", "*", "a/b", "10.0.0.0/8:x"]
)
def test_what_is_no_pattern(pattern: str) -> None:
    """Refused when the service starts, rather than allowing nothing in silence."""
    with pytest.raises(ValueError, match="is no host"):
        HostPatterns([pattern])


def test_a_name_is_allowed_as_it_is_written() -> None:
    """Before anything is resolved."""
    patterns = HostPatterns(["ai.example:443", "10.0.0.0/8"])
    assert patterns.name("AI.example", 443)
    assert patterns.name("10.1.1.1", 80)
    assert not patterns.name("ai.example", 80)
    assert not patterns.name("other.example", 443)
