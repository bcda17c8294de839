"""The table of a store: rates, and how many times theirs Clew's is, and how near they come to the disk's."""

from __future__ import annotations

from dataclasses import dataclass

from rich.table import Table

from benchmarks.peers.figures import RUN_STEPS, RUNS, STEPS, Figures, Latency
from benchmarks.peers.running import Crash

NONE = "–"
FIGURES = (
    "W1 steps/s",
    "of raw",
    "Clew is",
    "W2 steps/s",
    "Clew is",
    "W3 p50/p99 ms",
    "50 at once",
    "W4 s, again",
)


@dataclass(frozen=True)
class Row:
    """What is known of an entrant: its figures, or the reason why there are none."""

    name: str
    found: Figures | str
    crash: Crash | None = None


def table_of(store: str, rows: list[Row]) -> tuple[Table, list[str]]:
    """The table, and the notes below it. The first row is the limit of the store, the second is Clew."""
    clew = None if isinstance(rows[1].found, str) else rows[1].found
    table = Table(title=f"Clew and its peers on {store}, this machine, this run", title_justify="left")
    table.add_column("engine", min_width=16)
    table.add_column("durable by", min_width=21)
    for name in FIGURES:
        table.add_column(name, justify="right")
    notes: list[str] = []
    for row in rows:
        if isinstance(row.found, str):
            table.add_row(row.name, "no figures: see below")
            notes.append(f"{row.name}: {row.found}")
        else:
            table.add_row(row.found.name, row.found.sync, *_cells(row.found, row.crash, clew))
            notes += _notes(row.found, row.crash)
    return table, notes


def _cells(found: Figures, crash: Crash | None, clew: Figures | None) -> list[str]:
    return [
        _rate(found.w1),
        NONE if found.w1 is None or found.raw is None else f"{found.w1 / found.raw:.2f} of {found.raw:,.0f}",
        _times(clew.w1 if clew else None, found.w1 if found.w2 else None),
        _rate(found.w2),
        _times(clew.w2 if clew else None, found.w2),
        _latency(found.w3),
        _latency(found.w3_at_once),
        NONE if crash is None else f"{crash.next_s:.2f}, {crash.again}",
    ]


def _rate(rate: float | None) -> str:
    return NONE if rate is None else f"{rate:,.0f}"


def _times(ours: float | None, theirs: float | None) -> str:
    return NONE if ours is None or theirs is None else f"{ours / theirs:.1f} x"


def _latency(found: Latency | None) -> str:
    return NONE if found is None else f"{_ms(found.p50_ms)} / {_ms(found.p99_ms)}"


def _ms(value: float) -> str:
    return f"{value:.1f}" if value < 100 else f"{value:,.0f}"


def _notes(found: Figures, crash: Crash | None) -> list[str]:
    said = [found.note] if found.note else []
    slow: list[str] = []
    if found.w2 is not None and found.w1_steps < STEPS:
        slow.append(f"W1 of {found.w1_steps:,} steps instead of {STEPS:,}")
    if found.w2 is not None and found.w2_steps < RUNS * RUN_STEPS:
        slow.append(f"W2 of {found.w2_steps:,} instead of {RUNS * RUN_STEPS:,}")
    if crash is not None and crash.steps < STEPS:
        slow.append(f"W4 in the middle of {crash.steps:,}")
    if slow:
        said.append(f"for want of time {', '.join(slow)}")
    return [f"{found.name}: {'; '.join(said)}."] if said else []
