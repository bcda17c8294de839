"""A server that answers as it is told, and remembers what it was asked."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, NamedTuple

HANG_UP: Any = object()
"""An answer that breaks the connection instead."""


class Answer(NamedTuple):
    """One answer; a body of bytes is sent as it is, another as JSON."""

    status: int
    body: Any = None
    headers: dict[str, str] | None = None


class Asked(NamedTuple):
    """One request as it came in."""

    method: str
    path: str
    headers: dict[str, str]
    body: Any


class Scripted(NamedTuple):
    """The server's address, and all that it was asked."""

    url: str
    asked: list[Asked]


@contextmanager
def scripted(answers: Sequence[Any]) -> Iterator[Scripted]:
    """A server that gives each answer once, in order; asked for more it says 500."""
    left = list(answers)
    asked: list[Asked] = []

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def answer(self) -> None:
            length = int(self.headers.get("Content-Length") or 0)
            sent = self.rfile.read(length)
            asked.append(Asked(self.command, self.path, dict(self.headers), json.loads(sent) if sent else None))
            answer = left.pop(0) if left else Answer(500, {"title": "The script is at its end."})
            if answer is HANG_UP:
                self.close_connection = True
                return
            body = answer.body if isinstance(answer.body, bytes) else json.dumps(answer.body).encode()
            self.send_response(answer.status)
            for name, value in (answer.headers or {}).items():
                self.send_header(name, value)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        do_GET = do_POST = answer  # noqa: N815 - the names that http.server calls

        def log_message(self, format: str, *args: Any) -> None:
            """Say nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    try:
        yield Scripted(f"http://127.0.0.1:{server.server_address[1]}", asked)
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
