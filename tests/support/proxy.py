"""A TCP proxy on 127.0.0.1 that can fail as networks and servers do."""

from __future__ import annotations

import contextlib
import socket
import threading
from typing import NamedTuple


class Link(NamedTuple):
    """One connection through the proxy."""

    client: socket.socket
    server: socket.socket
    flows: threading.Event

    def close(self) -> None:
        """End it in both directions, whoever is reading."""
        self.flows.set()
        for end in (self.client, self.server):
            with contextlib.suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)


class Proxy:
    """Passes on what it is sent, until it is told to do otherwise."""

    def __init__(self, host: str, port: int) -> None:
        self.target = (host, port)
        self._links: list[Link] = []
        self._lock = threading.Lock()
        self._flows = True
        self._deaf = 0
        self._dumb = 0
        self._listener: socket.socket | None = None
        self.port = 0
        self.mend()

    def mend(self) -> None:
        """Take connections again, on the same port, and pass everything on."""
        listener = socket.socket()
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind(("127.0.0.1", self.port))
        listener.listen(128)
        self.port = listener.getsockname()[1]
        self._listener = listener
        threading.Thread(target=self._accept, args=(listener,), daemon=True).start()

    def cut(self) -> None:
        """End every connection, and refuse new ones until it is mended."""
        if self._listener is not None:
            listener, self._listener = self._listener, None
            with contextlib.suppress(OSError):
                listener.shutdown(socket.SHUT_RDWR)
            listener.close()
        with self._lock:
            links, self._links = self._links, []
        for link in links:
            link.close()

    def freeze(self) -> None:
        """Pass nothing on any more, and let nobody notice: also new connections are taken, and left waiting."""
        with self._lock:
            self._flows = False
            for link in self._links:
                link.flows.clear()

    def thaw(self, *, old: bool = True) -> None:
        """Pass on again, and what was kept; without `old` only for new connections."""
        with self._lock:
            self._flows = True
            for link in self._links if old else []:
                link.flows.set()

    def lose_an_answer(self) -> None:
        """The next answer ends its connection instead of coming back: what was asked has been done."""
        self._deaf = 1

    def lose_a_question(self) -> None:
        """The next thing that is asked ends its connection instead of getting there: it has not been done."""
        self._dumb = 1

    def close(self) -> None:
        """End."""
        self.cut()

    def _accept(self, listener: socket.socket) -> None:
        while True:
            try:
                client, _ = listener.accept()
            except OSError:  # closed
                return
            threading.Thread(target=self._link, args=(client,), daemon=True).start()

    def _link(self, client: socket.socket) -> None:
        with contextlib.suppress(OSError), client, socket.create_connection(self.target, timeout=5) as server:
            server.settimeout(None)
            for end in (client, server):
                end.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            link = Link(client, server, threading.Event())
            with self._lock:
                self._links.append(link)
                if self._flows:
                    link.flows.set()
            back = threading.Thread(target=self._pump, args=(link, server, client), daemon=True)
            back.start()
            self._pump(link, client, server)
            back.join()

    def _pump(self, link: Link, source: socket.socket, sink: socket.socket) -> None:
        with contextlib.suppress(OSError):
            while received := source.recv(65_536):
                link.flows.wait()
                if self._is_lost(source is link.server):
                    break
                sink.sendall(received)
            link.flows.wait()  # an end is kept back like everything else
        link.close()

    def _is_lost(self, is_answer: bool) -> bool:
        with self._lock:
            if is_answer and self._deaf:
                self._deaf -= 1
                return True
            if not is_answer and self._dumb:
                self._dumb -= 1
                return True
            return False
