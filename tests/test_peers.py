"""The harness that measures Clew beside its peers: what a table says, and that a crash is measured as it was."""

from __future__ import annotations

from pathlib import Path

import pytest
from rich.console import Console

from benchmarks.peers.__main__ import row
from benchmarks.peers.entrants import CLEW, Entrant
from benchmarks.peers.figures import Figures, Latency, fitting, latency, read
from benchmarks.peers.running import Crash, NotMeasured, killed, new_sqlite
from benchmarks.peers.tables import Row, table_of

RAW = Figures(name="bare commits", sync="FULL", w1=4_000.0, w1_steps=4_000, raw=4_000.0)
OURS = Figures(name="Clew", sync="FULL", w1=3_000.0, w1_steps=1_000, raw=4_000.0, w2=12_000.0, w2_steps=2_000)
SLOW = Figures(
    name="Slow",
    sync="NORMAL",
    w1=100.0,
    w1_steps=250,
    raw=2_000.0,
    w2=60.0,
    w2_steps=400,
    w3=Latency(p50_ms=9.31, p99_ms=113.6, runs=200),
    note="asked to resume",
)


def shown(rows: list[Row]) -> tuple[str, list[str]]:
    table, notes = table_of("SQLite", rows)
    console = Console(width=160)
    with console.capture() as captured:
        console.print(table)
    return captured.get(), notes


def test_a_peer_is_set_beside_clew_and_beside_the_disk_of_its_own_time() -> None:
    """Each ratio has the right one of the two below it."""
    table, notes = shown([Row("raw", RAW), Row("Clew", OURS), Row("Slow", SLOW, Crash(1.234, 1, 250))])
    slow = next(line for line in table.splitlines() if "Slow" in line)
    cells = [cell.strip() for cell in slow.strip("│").split("│")]
    assert cells == [
        "Slow", "NORMAL", "100", "0.05 of 2,000", "30.0 x", "60", "200.0 x", "9.3 / 114", "–", "1.23, 1",
    ]  # fmt: skip
    assert notes == [
        "Slow: asked to resume; for want of time W1 of 250 steps instead of 1,000, W2 of 400 instead of 2,000, "
        "W4 in the middle of 250."
    ]


def test_who_could_not_be_measured_is_in_the_table_with_the_reason() -> None:
    """Clew too, and then nobody is set beside it."""
    table, notes = shown([Row("raw", RAW), Row("Clew", "not measured: no such store"), Row("Slow", SLOW)])
    assert "no figures" in table
    assert " x " not in table
    assert notes[0] == "Clew: not measured: no such store"


def test_figures_are_read_as_they_were_told(capsys: pytest.CaptureFixture[str]) -> None:
    """The line between the processes loses nothing."""
    SLOW.tell()
    assert read(capsys.readouterr().out) == SLOW


def test_latencies_are_the_median_and_the_99th_percentile() -> None:
    """In milliseconds, of runs in any order."""
    assert latency([n / 1_000 for n in range(200, 0, -1)]) == Latency(p50_ms=101.0, p99_ms=199.0, runs=200)


def test_a_slow_engine_gets_fewer_steps_but_some() -> None:
    """As many as fit into its time."""
    assert [fitting(rate, 2.0, most=1_000, least=100) for rate in (10.0, 300.0, 9_000.0)] == [100, 600, 1_000]


def test_clew_is_killed_in_the_middle_and_runs_one_step_again() -> None:
    """The measurement of W4, on Clew's own script: the step in flight runs again, and no other."""
    with new_sqlite() as (store, home):
        crash = killed(CLEW, store, home, 20)
    assert crash.again == 1
    assert 0 < crash.next_s < 60


def test_a_script_that_fails_makes_a_row_with_its_last_line() -> None:
    """One that can't be found, as one that can't be installed, leaves the others their rows."""
    absent = Entrant(name="Absent", module="absent_peer")
    found = row(absent, new_sqlite, {absent: None}).found
    assert isinstance(found, str)
    assert "No module named benchmarks.peers.absent_peer" in found
    assert row(absent, new_sqlite, {absent: "not installed: no network"}).found == "not installed: no network"


def test_a_run_that_is_not_killed_is_no_crash(tmp_path: Path) -> None:
    """Nothing is measured of a process that fails before its time."""
    with pytest.raises(NotMeasured, match="nowhere"):
        killed(CLEW, "nowhere:", tmp_path, 20)
