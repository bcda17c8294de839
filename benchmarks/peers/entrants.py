"""Who is measured: the script of each, the packages it needs, and where those come from."""

from __future__ import annotations

import hashlib
import subprocess
import sys
import venv
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
PINS = Path(__file__).parents[1] / "peers.txt"
HOME = ROOT / ".venv-peers"
PYTHON = HOME / "bin" / "python"
INSTALL_S = 300.0
REASON_CHARACTERS = 160


@dataclass(frozen=True, kw_only=True)
class Entrant:
    """An engine, or the bare store. Without packages it runs in Clew's own environment."""

    name: str
    module: str
    packages: tuple[str, ...] = ()
    on_sqlite: bool = True
    on_postgres: bool = True
    takes_up: bool = True
    """Whether it has runs that can be taken up after a crash."""

    @property
    def python(self) -> str:
        """The interpreter that has what it needs."""
        return str(PYTHON) if self.packages else sys.executable


PSYCOPG = "psycopg[binary,pool]"
RAW = Entrant(name="bare commits", module="raw", on_postgres=False, takes_up=False)
RAW_POSTGRES = Entrant(name="bare commits", module="raw", packages=(PSYCOPG,), on_sqlite=False, takes_up=False)
CLEW = Entrant(name="Clew", module="clew_peer")
ENTRANTS = (
    RAW,
    RAW_POSTGRES,
    CLEW,
    Entrant(name="DBOS", module="dbos_peer", packages=("dbos", PSYCOPG)),
    Entrant(
        name="LangGraph",
        module="langgraph_peer",
        packages=("langgraph", "langgraph-checkpoint-sqlite", "langgraph-checkpoint-postgres", PSYCOPG),
    ),
    Entrant(name="Burr", module="burr_peer", packages=("apache-burr", "aiosqlite"), on_postgres=False),
    Entrant(
        name="eventsourcing",
        module="eventsourcing_peer",
        packages=("eventsourcing", PSYCOPG),
        takes_up=False,
    ),
)


def why_not_installed(entrant: Entrant) -> str | None:
    """Install what an entrant needs, unless that is done; the reason when it can't be."""
    if not entrant.packages:
        return None
    done = HOME / f".ready-{entrant.module}"
    wanted = hashlib.sha256(PINS.read_bytes() + repr(entrant.packages).encode()).hexdigest()
    if done.exists() and done.read_text() == wanted:
        return None
    try:
        if not PYTHON.exists():
            venv.create(HOME, with_pip=True)
        _install(entrant.packages)
    except subprocess.CalledProcessError as error:
        return f"not installed: {last_line(error.stderr or str(error))}"
    except (OSError, subprocess.SubprocessError) as error:
        return f"not installed: {error}"
    done.write_text(wanted)
    return None


def _install(packages: tuple[str, ...]) -> None:
    pip = [str(PYTHON), "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--retries", "1"]
    command = [*pip, "--constraint", str(PINS), *packages]
    subprocess.run(command, check=True, capture_output=True, text=True, timeout=INSTALL_S)  # noqa: S603 - names above


def last_line(text: str) -> str:
    """The last line of what a failed process said: its reason, as a rule."""
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    return lines[-1][:REASON_CHARACTERS] if lines else ""
