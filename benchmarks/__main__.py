"""Runs every workload and prints the table."""

from __future__ import annotations

import tempfile
from pathlib import Path

from rich.console import Console
from rich.table import Table

from benchmarks.workloads import WORKLOADS


def main() -> None:
    """Measure, and print each rate beside its ratio to the limit of the disk."""
    table = Table(
        "workload", "rate", "of raw commits", "note", title="Clew, SQLite synchronous=FULL, this machine, this run"
    )
    limit = 0.0
    for workload in WORKLOADS:
        with tempfile.TemporaryDirectory() as home:
            measured = workload(Path(home))
        limit = limit or measured.rate
        table.add_row(
            measured.name, f"{measured.rate:,.0f} {measured.unit}", f"{measured.rate / limit:.2f}", measured.note
        )
    Console(width=130).print(table)


if __name__ == "__main__":
    main()
