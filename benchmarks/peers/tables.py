"""The table of a store: rates, and how many times Clew's and the disk's they are."""

from __future__ import annotations

from dataclasses import dataclass

from rich.table import Table

from benchmarks.peers.figures import RUN_STEPS, RUNS, STEPS, Figures, Latency
from benchmarks.peers.running import Crash

NONE = "–"


@dataclass(frozen=True)
class Row:
    """What is known of an entrant: its figures, or the reason why there are none."""

    name: str
    found: Figures | str
    crash: Crash | None = None


def table_of(store: str, rows: list[Row]) -> tuple[Table, list[str]]:
    """The table, and the notes below it. The first row is the limit of the store, the second is Clew."""
    limit, clew = rows[0].found, rows[1].found
    table = Table(title=f"Clew and its peers on {store}, this machine, this run", title_justify="left")
    table.add_column("engine")
    table.add_column("durable by")
    for name in ("W1 steps/s", "Clew is", "of raw", "W2 steps/s", "Clew is"):
        table.add_column(name, justify="right")
    for name in ("W3 p50/p99 ms", "50 at once", "W4 next, again"):
        table.add_column(name, justify="right")
    notes: list[str] = []
    for row in rows:
        if isinstance(row.found, str):
            table.add_row(row.name, row.found)
            continue
        table.add_row(row.found.name, row.found.sync, *_cells(row.found, row.crash, limit, clew))
        notes += _notes(row.found)
    return table, notes


def _cells(found: Figures, crash: Crash | None, limit: Figures | str, clew: Figures | str) -> list[str]:
    raw = None if isinstance(limit, str) else limit.w1
    ours = None if isinstance(clew, str) else clew
    return [
        _rate(found.w1),
        _times(ours.w1 if ours else None, found.w1),
        _share(found.w1, raw),
        _rate(found.w2),
        _times(ours.w2 if ours else None, found.w2),
        _latency(found.w3),
        _latency(found.w3_at_once),
        NONE if crash is None else f"{crash.next_s:.2f} s, {crash.again}",
    ]


def _rate(rate: float | None) -> str:
    return NONE if rate is None else f"{rate:,.0f}"


def _times(ours: float | None, theirs: float | None) -> str:
    return NONE if ours is None or theirs is None else f"{ours / theirs:.1f} x"


def _share(rate: float | None, raw: float | None) -> str:
    return NONE if rate is None or raw is None else f"{rate / raw:.2f}"


def _latency(found: Latency | None) -> str:
    return NONE if found is None else f"{found.p50_ms:,.1f} / {found.p99_ms:,.1f}"


def _notes(found: Figures) -> list[str]:
    said = [found.note] if found.note else []
    if found.w2 is not None and found.w1_steps < STEPS:
        said.append(f"slow here: W1 of {found.w1_steps:,} steps instead of {STEPS:,}")
    if found.w2 is not None and found.w2_steps < RUNS * RUN_STEPS:
        said.append(f"W2 of {found.w2_steps:,} steps in {RUNS} runs instead of {RUNS * RUN_STEPS:,}")
    return [f"{found.name}: {'; '.join(said)}."] if said else []
