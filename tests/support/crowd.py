"""Many clients that send their requests at the same moment, each over a connection of its own."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

import msgspec

CONNECTING = 128
"""Connections that are being made at once: fewer than a backlog."""


@dataclass(frozen=True)
class Told:
    """What one of them was answered; header names are in lower case."""

    status: int
    headers: dict[str, str]
    body: Any


def post(path: str, body: Any, **headers: str) -> bytes:
    """A request in full, whose connection ends with the answer. `Idempotency_Key` is `Idempotency-Key`."""
    text = msgspec.json.encode(body)
    lines = [f"POST {path} HTTP/1.1", "Host: clew", "Content-Type: application/json", "Connection: close"]
    lines += [f"{name.replace('_', '-')}: {value}" for name, value in headers.items()]
    return "\r\n".join([*lines, f"Content-Length: {len(text)}", "", ""]).encode() + text


def at_once(url: str, requests: Sequence[bytes], *, within_s: float) -> list[Told]:
    """Connect with everyone, let them all send in one turn, and read every answer. Raises TimeoutError past the time."""
    return asyncio.run(asyncio.wait_for(_at_once(url, requests), within_s))


async def _at_once(url: str, requests: Sequence[bytes]) -> list[Told]:
    place, connecting = urlsplit(url), asyncio.Semaphore(CONNECTING)

    async def connect() -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        async with connecting:
            return await asyncio.open_connection(place.hostname, place.port)

    connections = await asyncio.gather(*(connect() for _ in requests))
    for (_, writer), request in zip(connections, requests, strict=True):
        writer.write(request)  # goes out at once: nothing is before it
    answers = await asyncio.gather(*(reader.read() for reader, _ in connections))
    for _, writer in connections:
        writer.close()
    return [_told(answer) for answer in answers]


def _told(answer: bytes) -> Told:
    head, _, body = answer.partition(b"\r\n\r\n")
    first, *lines = head.decode("latin-1").split("\r\n")
    headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)}
    return Told(int(first.split()[1]), headers, msgspec.json.decode(body))
