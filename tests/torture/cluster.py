"""A PostgreSQL of a campaign's own: in a temporary folder, on a free port of 127.0.0.1, to be crashed at will."""

from __future__ import annotations

import os
import pwd
import shutil
import signal
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from tests.support.process import free_port

PLACES: Final = Path("/usr/lib/postgresql")
"""Where Debian keeps the programs of each version, which are not on the path there."""
PATIENCE_S: Final = 60
SERVANTS: Final = ("postgres", "nobody")
"""As whom it runs when we are root, as whom it refuses to."""
CONFIGURATION: Final = """
listen_addresses = '127.0.0.1'
fsync = on
synchronous_commit = on
full_page_writes = on
shared_buffers = 16MB
max_connections = 60
restart_after_crash = on
"""


def programs() -> Path | None:
    """The folder of the newest PostgreSQL's programs, if there is one on this machine."""
    versions = sorted(PLACES.glob("*/bin/pg_ctl"), key=lambda path: float(path.parts[-3]))
    if versions:
        return versions[-1].parent
    found = shutil.which("pg_ctl")
    return Path(found).resolve().parent if found else None


def servant() -> pwd.struct_passwd | None:
    """The user that it is to run as; None: as we do."""
    if os.geteuid() != 0:
        return None
    names = {user.pw_name: user for user in pwd.getpwall()}
    return next((names[name] for name in SERVANTS if name in names), None)


def missing() -> str | None:
    """Why there can be no such PostgreSQL here, or None."""
    if programs() is None:
        return "there are no programs of PostgreSQL (initdb, pg_ctl) to start one of our own with"
    if os.geteuid() == 0 and servant() is None:
        return "PostgreSQL does not run as root, and there is no user to run it as"
    return None


class Cluster:
    """It, while it exists."""

    def __init__(self, home: Path) -> None:
        self._home = home
        self._programs = programs()
        self._servant = servant()
        self.port = free_port()
        if self._servant is not None:
            os.chown(home, self._servant.pw_uid, self._servant.pw_gid)
        self._run("initdb", "-U", "clew", "--auth=trust", "--no-sync", "--encoding=UTF8", "--locale=C")
        configuration = home / "data" / "postgresql.conf"
        sockets = f"unix_socket_directories = '{home}'\nport = {self.port}\n"
        with configuration.open("a", encoding="utf-8") as file:
            file.write(CONFIGURATION + sockets)

    @property
    def url(self) -> str:
        """Of a store in it."""
        return f"postgresql://clew@127.0.0.1:{self.port}/postgres"

    def start(self) -> None:
        """Start it, and return when it takes connections."""
        self._run("pg_ctl", "start", "-w", "-s", "-l", str(self._home / "log"))

    def crash(self) -> None:
        """End it as a crash does: nothing is finished, and its log is replayed at the next start."""
        self._run("pg_ctl", "stop", "-m", "immediate", "-s")

    def kill(self, backend: int) -> None:
        """SIGKILL one of its processes: it then ends all others, and recovers."""
        os.kill(backend, signal.SIGKILL)

    def _run(self, program: str, *arguments: str) -> None:
        assert self._programs is not None
        environment = {
            name: value for name, value in os.environ.items() if name not in ("LD_PRELOAD", "PGDATA", "PGPORT")
        }
        user = self._servant
        command = [str(self._programs / program), "-D", str(self._home / "data"), *arguments]
        with (self._home / "said").open("ab") as said:
            ended = subprocess.run(
                command,
                cwd=self._home,
                env=environment,
                stdout=said,
                stderr=said,
                check=False,
                timeout=PATIENCE_S,
                user=user.pw_uid if user else None,
                group=user.pw_gid if user else None,
                extra_groups=[] if user else None,
            )
        assert ended.returncode == 0, f"{program} failed: {(self._home / 'said').read_text()[-2000:]}"


@contextmanager
def cluster() -> Iterator[Cluster]:
    """One that has started, and is gone afterwards."""
    home = Path(tempfile.mkdtemp(prefix="clew-postgres-"))
    try:
        made = Cluster(home)
        made.start()
        try:
            yield made
        finally:
            made.crash()
    finally:
        shutil.rmtree(home)
