"""Real servers on 127.0.0.1 that stand in for the outside: HTTP with scripted answers, and a mail server that keeps all."""

from __future__ import annotations

import socketserver
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from email import message_from_bytes
from email.message import EmailMessage
from email.policy import default
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, NamedTuple

from infrastructure.nodes.registry import NodeRegistry


class Asked(NamedTuple):
    """A request that a stand-in got. Header names are in lower case."""

    method: str
    path: str
    headers: dict[str, str]
    body: bytes


class Reply(NamedTuple):
    """What a stand-in answers. `endless` goes on sending; `wait_s` comes first.

    `parts` follow the body one by one, `part_wait_s` before each; a number among them is a time to wait, in seconds.
    `torn` hangs up after them as if there were more to say.
    """

    status: int = 200
    body: bytes = b""
    headers: tuple[tuple[str, str], ...] = (("Content-Type", "application/json"),)
    endless: bool = False
    wait_s: float = 0.0
    parts: tuple[bytes | float, ...] = ()
    part_wait_s: float = 0.0
    torn: bool = False


class Web(NamedTuple):
    """A stand-in HTTP server."""

    port: int
    asked: list[Asked]

    def url(self, path: str = "/") -> str:
        """The address of a path on it."""
        return f"http://127.0.0.1:{self.port}{path}"


@contextmanager
def web(answer: Callable[[Asked], Reply]) -> Iterator[Web]:
    """A server that answers what `answer` says, while the block runs."""
    asked: list[Asked] = []

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def handle_one_request(self) -> None:
            self.raw_requestline = self.rfile.readline(65_537)
            if not self.raw_requestline or not self.parse_request():
                self.close_connection = True
                return
            length = int(self.headers.get("Content-Length") or 0)
            headers = {name.lower(): value for name, value in self.headers.items()}
            found = Asked(self.command, self.path, headers, self.rfile.read(length))
            asked.append(found)
            self._reply(answer(found))

        def _reply(self, reply: Reply) -> None:
            time.sleep(reply.wait_s)
            self.close_connection = True
            try:
                self.send_response(reply.status)
                for name, value in (*reply.headers, ("Connection", "close")):
                    self.send_header(name, value)
                if not reply.endless:
                    size = len(reply.body) + reply.torn
                    size += sum(len(part) for part in reply.parts if isinstance(part, bytes))
                    self.send_header("Content-Length", str(size))
                self.end_headers()
                if self.command != "HEAD":
                    self.wfile.write(reply.body)
                for part in reply.parts:
                    time.sleep(part if isinstance(part, float) else reply.part_wait_s)
                    if isinstance(part, bytes):
                        self.wfile.write(part)
                        self.wfile.flush()
                while reply.endless:
                    self.wfile.write(b"x" * 65_536)
            except OSError:
                self.close_connection = True  # the client has what it wanted

        def log_message(self, format: str, *args: Any) -> None:
            """Silence: the tests look at `asked`."""

    class Server(ThreadingHTTPServer):
        request_queue_size = 128

    with _served(Server(("127.0.0.1", 0), Handler)) as port:
        yield Web(port, asked)


class Mailbox(NamedTuple):
    """A stand-in mail server."""

    port: int
    messages: list[Delivered]
    commands: list[str]


class Delivered(NamedTuple):
    """A message as it was handed in."""

    sender: str
    recipients: list[str]
    message: EmailMessage


@contextmanager
def mailbox(replies: dict[str, str] | None = None) -> Iterator[Mailbox]:
    """A mail server, while the block runs. `replies` are its answers to lines that begin so, instead of its own."""
    box = Mailbox(0, [], [])

    class Handler(socketserver.StreamRequestHandler):
        def handle(self) -> None:
            self._say("220 stand-in")
            sender, recipients = "", list[str]()
            while line := self.rfile.readline().decode().rstrip("\r\n"):
                box.commands.append(line)
                verb = line.split(" ")[0].upper()
                scripted = next((said for begin, said in (replies or {}).items() if line.startswith(begin)), None)
                if scripted is not None:
                    self._say(scripted)
                elif verb == "EHLO":
                    self._say("250-stand-in\r\n250-AUTH PLAIN LOGIN\r\n250 8BITMIME")
                elif verb == "AUTH":
                    self._say("235 welcome")
                elif verb == "MAIL":
                    sender = line.partition("<")[2].partition(">")[0]
                    self._say("250 ok")
                elif verb == "RCPT":
                    recipients.append(line.partition("<")[2].partition(">")[0])
                    self._say("250 ok")
                elif verb == "DATA":
                    self._say("354 go on")
                    box.messages.append(Delivered(sender, recipients, self._message()))
                    self._say("250 taken")
                elif verb == "QUIT":
                    self._say("221 bye")
                    return
                else:
                    self._say("250 ok")

        def _say(self, text: str) -> None:
            self.wfile.write(text.encode() + b"\r\n")

        def _message(self) -> EmailMessage:
            lines = []
            while (line := self.rfile.readline()) != b".\r\n":
                lines.append(line.removeprefix(b".") if line.startswith(b"..") else line)
            found = message_from_bytes(b"".join(lines).replace(b"\r\n", b"\n"), policy=default)
            assert isinstance(found, EmailMessage)
            return found

    class Server(socketserver.ThreadingTCPServer):
        daemon_threads = True

    with _served(Server(("127.0.0.1", 0), Handler)) as port:
        yield box._replace(port=port)


@contextmanager
def _served(server: socketserver.TCPServer) -> Iterator[int]:
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    try:
        yield server.server_address[1]
    finally:
        server.shutdown()
        server.server_close()
        thread.join(5)


class Ran(NamedTuple):
    """A run of a real engine: its end, each visit as `step edge`, and its whole log as text."""

    execution: dict[str, Any]
    visits: list[str]
    log: str

    @property
    def state(self) -> dict[str, Any]:
        """The state at the end."""
        found: dict[str, Any] = self.execution["finalState"]
        return found


def ran(definition: dict[str, Any], nodes: NodeRegistry, *, initial_state: dict[str, Any] | None = None) -> Ran:
    """Run a definition by a real engine in memory."""
    from application.requests import Submission
    from infrastructure.memory_log import MemoryLog
    from tests.support.engines import service_on

    log = MemoryLog()
    with service_on(log, nodes) as service:
        accepted = service.submit_and_wait(Submission(definition=definition, initial_state=initial_state))
        assert service.wait_settled(accepted.execution_id, 20.0), "it does not come to an end"
        execution = service.queries.execution(accepted.execution_id)
        events = service.queries.events(accepted.execution_id, limit=1_000)["items"]
        history = str([recorded.event for recorded in log.read(accepted.execution_id)])
    ends = [event for event in events if event["type"] in ("EdgeTaken", "NodeFailed")]
    visits = [
        f"{event.get('step', event['address'].rpartition('/')[2])} {event['data'].get('edge', 'failed')}"
        for event in ends
    ]
    return Ran(execution, visits, history)
