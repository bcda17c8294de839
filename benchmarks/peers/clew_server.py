"""`clew serve` in a process of its own, and a client that costs little beside it: plain HTTP/1.1 on kept connections."""

from __future__ import annotations

import asyncio
import json
import socket
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

NODES = Path(__file__).with_name("clew_nodes")
HOST = "127.0.0.1"
START_S = 30.0
STOP_S = 10.0
POLL_S = 0.05

Streams = tuple[asyncio.StreamReader, asyncio.StreamWriter]


class Server:
    """A server that listens on a port of this machine."""

    def __init__(self, port: int) -> None:
        self._port = port
        self._idle: list[Streams] = []

    async def answer(self, method: str, path: str, body: bytes = b"", *headers: str) -> tuple[int, Any]:
        """The status and the body of a request, on a connection that is kept."""
        reader, writer = self._idle.pop() if self._idle else await asyncio.open_connection(HOST, self._port)
        lines = [f"{method} {path} HTTP/1.1", f"host: {HOST}:{self._port}", f"content-length: {len(body)}", *headers]
        writer.write("\r\n".join([*lines, "", ""]).encode() + body)
        head = (await reader.readuntil(b"\r\n\r\n")).decode().lower().split("\r\n")
        length = next(int(line.partition(":")[2]) for line in head if line.startswith("content-length:"))
        answered = await reader.readexactly(length)
        self._idle.append((reader, writer))
        return int(head[0].split(" ")[1]), json.loads(answered)

    async def ready(self) -> bool:
        """Whether it answers that it is."""
        try:
            status, _ = await self.answer("GET", "/readyz")
        except ConnectionError:
            return False
        return status == 200

    def hang_up(self) -> None:
        """Close every connection."""
        for _, writer in self._idle:
            writer.close()


@asynccontextmanager
async def serving(store: str, home: Path) -> AsyncIterator[Server]:
    """A server on a store; it is told to stop at the end."""
    with socket.socket() as probe:
        probe.bind((HOST, 0))
        port = probe.getsockname()[1]
    command = ["-m", "clew", "serve", "--host", HOST, "--port", str(port), "--store", store, "--nodes", str(NODES)]
    with (home / "server.log").open("wb") as log:
        process = await asyncio.create_subprocess_exec(sys.executable, *command, stdout=log, stderr=log)
    server = Server(port)
    try:
        async with asyncio.timeout(START_S):
            while not await server.ready():
                if process.returncode is not None:
                    raise RuntimeError((home / "server.log").read_text())
                await asyncio.sleep(POLL_S)
        yield server
    finally:
        server.hang_up()
        if process.returncode is None:
            process.terminate()
            await asyncio.wait_for(process.wait(), STOP_S)
