"""The HTTP interface under test: in this process, or as a real server in one of its own."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx2
from starlette.testclient import TestClient

from domain.limits import Limits
from domain.node import WorkflowNode
from interfaces.bootstrap import make_service
from interfaces.http.app import create_app
from interfaces.settings import HOME, Settings

ROOT = Path(__file__).resolve().parents[2]
JSON = {"Content-Type": "application/json"}
START_S = 30.0
STOP_S = 15.0


def definition(*steps: Any, **more: Any) -> dict[str, Any]:
    """A definition with these steps."""
    return {"id": "test", "name": "Test", "version": "1.0.0", "workflow": list(steps), **more}


@contextmanager
def client(
    *classes: type[WorkflowNode],
    nodes: Sequence[Path] = (),
    limits: Limits | None = None,
    store: str = "memory:",
    home: Path = HOME,
) -> Iterator[TestClient]:
    """A client of the interface of a service in this process, which has these nodes too."""
    settings = Settings(store=store, nodes=tuple(nodes), limits=limits or Limits(), home=home)
    service = make_service(settings)
    for node in classes:
        service.nodes.register(node)
    try:
        service.start()
        with TestClient(create_app(service, limits=settings.limits)) as found:
            yield found
    finally:
        service.stop()


def submit(http: Any, *steps: Any, wait: int = 10, status: str | None = None, **more: Any) -> dict[str, Any]:
    """Run steps until they settle, at the status that is expected; the execution."""
    answer = http.post("/workflows", json=definition(*steps, **more), headers={"Prefer": f"wait={wait}"})
    assert answer.status_code == 200, answer.text
    body: dict[str, Any] = answer.json()
    assert status is None or body["status"] == status, body
    return body


def refused(answer: Any, status: int, code: str) -> dict[str, Any]:
    """The error object of an answer that must be this refusal, in the form that all refusals have."""
    assert answer.status_code == status, (answer.status_code, answer.text)
    assert answer.headers["content-type"] == "application/problem+json"
    body = answer.json()
    assert {"type", "title", "status", "detail", "error"} <= set(body) <= {
        "type", "title", "status", "detail", "error", "warnings",
    }  # fmt: skip
    error: dict[str, Any] = body["error"]
    assert body["status"] == status
    assert body["detail"] == error["message"]
    assert {"code", "message", "details", "timestamp", "executionId", "requestId"} <= set(error)
    assert error["code"] == code, error
    assert error["requestId"] == answer.headers["x-request-id"]
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z", error["timestamp"])
    assert all("path" in detail and "message" in detail and "code" in detail for detail in error["details"])
    return error


class RunningServer:
    """A real server on a free port of its own; what it says goes to `said`.

    `file_bytes` is how large a file of its may become: a disk that is full, as far as it can see.
    """

    def __init__(
        self,
        home: Path,
        *,
        nodes: Sequence[Path] = (),
        port: int = 0,
        store: str | None = None,
        file_bytes: int | None = None,
    ) -> None:
        self.store = store or f"sqlite:///{home / 'log.db'}"
        self._said: list[str] = []
        self._listens = threading.Event()
        code = (
            "import sys; from pathlib import Path; from interfaces.settings import HOME, Settings; "
            "from interfaces.http.server import serve; "
            "serve(Settings(port=int(sys.argv[1]), store=sys.argv[2], nodes=tuple(map(Path, sys.argv[3:]))))"
        )
        if file_bytes is not None:
            bound = f"({file_bytes}, {file_bytes})"
            code = f"import resource; resource.setrlimit(resource.RLIMIT_FSIZE, {bound}); {code}"
        command = [sys.executable, "-c", code, str(port), self.store, *map(str, nodes)]
        environment = {**os.environ, "PYTHONPATH": str(ROOT)}
        self.process = subprocess.Popen(command, cwd=home, env=environment, stderr=subprocess.PIPE, text=True)
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def _read(self) -> None:
        assert self.process.stderr is not None
        for line in self.process.stderr:
            self._said.append(line)
            if " listens on " in line:
                self._listens.set()
        self._listens.set()

    @property
    def said(self) -> str:
        """Everything on its standard error so far; all of it once it has ended."""
        if self.process.poll() is not None:
            self._reader.join(STOP_S)
        return "".join(self._said)

    @property
    def url(self) -> str:
        """Its address, once it listens."""
        assert self._listens.wait(START_S), "the server said nothing"
        found = re.search(r"listens on (http://\S+),", self.said)
        assert found is not None, self.said
        return found[1]

    def http(self) -> httpx2.Client:
        """A client of it."""
        return httpx2.Client(base_url=self.url, timeout=60.0, trust_env=False)

    def ends(self) -> int:
        """Wait for its end by itself; the exit status."""
        return self.process.wait(timeout=START_S)

    def stop(self) -> int:
        """SIGTERM, if it runs; the exit status."""
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
        try:
            return self.process.wait(timeout=STOP_S)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
            raise
        finally:
            self._reader.join(STOP_S)
            if self.process.stderr is not None:
                self.process.stderr.close()


@contextmanager
def running_server(home: Path, **more: Any) -> Iterator[RunningServer]:
    """A server that is stopped at the end."""
    server = RunningServer(home, **more)
    try:
        yield server
    finally:
        server.stop()
