"""A real `clew serve` in a process of its own, to be killed."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from time import monotonic
from typing import Any

import httpx2

ROOT = Path(__file__).resolve().parents[2]
START_S = 30.0


def free_port() -> int:
    """A port of 127.0.0.1 that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


class ServerProcess:
    """`clew serve` on a store in `home`, with the nodes of a folder. It can be killed and started again.

    `environment` are further variables of it.
    """

    def __init__(
        self, home: Path, *, nodes: Path, store: str | None = None, environment: Mapping[str, str] | None = None
    ) -> None:
        self.store = home / "log.db"
        self._store = store or f"sqlite:///{self.store}"
        self._home = home
        self._nodes = nodes
        self._environment = {**os.environ, "CLEW_HOME": str(home), **(environment or {})}
        self._port = free_port()
        self._process: subprocess.Popen[bytes] | None = None
        self.http = httpx2.Client(base_url=f"http://127.0.0.1:{self._port}", timeout=30.0, trust_env=False)

    def start(self) -> None:
        """Start it, and return when it is ready."""
        process = self._launch()
        deadline = monotonic() + START_S
        while not self._is_ready():
            if process.poll() is not None or monotonic() > deadline:
                raise AssertionError(f"the server did not start:\n{(self._home / 'server.log').read_text()}")

    def start_until_killed(self) -> int:
        """Start it, and return its exit status when something in it has ended it."""
        return self._launch().wait(START_S)

    def wait_until_killed(self) -> int:
        """The exit status of the running server, once something in it has ended it."""
        assert self._process is not None
        return self._process.wait(START_S)

    def _launch(self) -> subprocess.Popen[bytes]:
        command = [
            sys.executable,
            "-m",
            "clew",
            "serve",
            "--port",
            str(self._port),
            "--store",
            self._store,
        ]
        with (self._home / "server.log").open("ab") as log:
            self._process = subprocess.Popen(
                [*command, "--nodes", str(self._nodes)], cwd=ROOT, stdout=log, stderr=log, env=self._environment
            )
        return self._process

    def _is_ready(self) -> bool:
        try:
            return self.http.get("/readyz").status_code == 200
        except httpx2.TransportError:
            return False

    def kill(self) -> None:
        """SIGKILL, now."""
        assert self._process is not None
        self._process.kill()
        self._process.wait()

    def terminate(self) -> int:
        """SIGTERM; the exit status."""
        assert self._process is not None
        self._process.send_signal(signal.SIGTERM)
        return self._process.wait(timeout=20)

    def close(self) -> None:
        """End it however it is."""
        self.http.close()
        if self._process is not None and self._process.poll() is None:
            self.kill()

    def get(self, path: str, **parameters: Any) -> Any:
        """The body of a GET that must succeed."""
        answer = self.http.get(path, params=parameters)
        assert answer.status_code == 200, answer.text
        return answer.json()

    def events(self, execution_id: str) -> list[dict[str, Any]]:
        """The whole history of an execution."""
        found: list[dict[str, Any]] = []
        after: int | None = 0
        while after is not None:
            page = self.get(f"/executions/{execution_id}/events", after=after, limit=1000)
            found += page["items"]
            after = page["next"]
        return found
