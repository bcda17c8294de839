"""Runs every workload and prints the table."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from contextlib import AbstractContextManager

from rich.console import Console
from rich.table import Table

from benchmarks.stores import Store, new_postgres, new_sqlite, why_no_postgres
from benchmarks.workloads import EVERYTHING, ON_POSTGRES, Workload


def main() -> None:
    """Measure, and print each rate beside its ratio to the limit of its store."""
    table = Table("workload", "rate", "of raw commits", "note", title="Clew on this machine, in this run")
    measure(table, new_sqlite, EVERYTHING)
    missing = why_no_postgres()
    if missing is None:
        table.add_section()
        measure(table, new_postgres, ON_POSTGRES)
    console = Console(width=130)
    console.print(table)
    if missing is not None:
        console.print(f"Without PostgreSQL: {missing} (CLEW_TEST_POSTGRES names another one).")


def measure(
    table: Table, new_store: Callable[[], AbstractContextManager[Store]], workloads: Iterable[Workload]
) -> None:
    """Add a row for each workload, the limit of the store first."""
    limit = 0.0
    for workload in workloads:
        with new_store() as store:
            measured = workload(store)
        limit = limit or measured.rate
        table.add_row(
            measured.name, f"{measured.rate:,.0f} {measured.unit}", f"{measured.rate / limit:.2f}", measured.note
        )


if __name__ == "__main__":
    main()
