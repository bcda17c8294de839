"""`make bench`: Clew's workloads beside the limit of their store, then Clew beside its peers.

python -m benchmarks [--quick]
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Iterable
from contextlib import AbstractContextManager

from rich.console import Console
from rich.table import Table

from benchmarks.peers import __main__ as peers
from benchmarks.stores import Store, new_postgres, new_sqlite, why_no_postgres
from benchmarks.time_travel import looked_back
from benchmarks.workloads import EVERYTHING, ON_POSTGRES, QUICK, Workload

WIDTH = 170


def main() -> None:
    """Measure, and print each rate beside its ratio to the limit of its store, and beside what the peers reach."""
    parser = argparse.ArgumentParser(prog="make bench")
    parser.add_argument("--quick", action="store_true", help="the workloads that take seconds, without the peers")
    quick = parser.parse_args().quick
    table = Table("workload", "rate", "of bare commits", "durable by", "note", title="Clew, this machine, this run")
    measure(table, new_sqlite, QUICK if quick else EVERYTHING)
    for measured in () if quick else looked_back(new_sqlite):
        table.add_row(measured.name, f"{measured.rate:,.0f} {measured.unit}", "", "", measured.note)
    missing = why_no_postgres()
    if missing is None:
        table.add_section()
        measure(table, new_postgres, ON_POSTGRES)
    console = Console(width=WIDTH)
    console.print(table)
    if missing is not None:
        console.print(f"Without PostgreSQL: {missing} (CLEW_TEST_POSTGRES names another one).")
    if not quick:
        peers.main()


def measure(
    table: Table, new_store: Callable[[], AbstractContextManager[Store]], workloads: Iterable[Workload]
) -> None:
    """Add a row for each workload, the limit of the store first. One that fails says so, and the others go on."""
    limit = 0.0
    for workload in workloads:
        try:
            with new_store() as store:
                measured = workload(store)
        except Exception as error:  # noqa: BLE001 - whatever it is, it is told in the table
            table.add_row(workload.__name__, "–", "–", "", f"not measured: {type(error).__name__}: {error}")
            continue
        limit = limit or measured.rate
        ratio = f"{measured.rate / limit:.2f}"
        table.add_row(measured.name, f"{measured.rate:,.0f} {measured.unit}", ratio, store.name, measured.note)


if __name__ == "__main__":
    main()
