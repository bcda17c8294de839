"""Measures Clew and its peers, each on SQLite and on PostgreSQL where it runs there, and prints a table for each store."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path

from rich.console import Console

from benchmarks.peers.entrants import ENTRANTS, Entrant, why_not_installed
from benchmarks.peers.figures import SEQUENTIAL_S, Figures, fitting
from benchmarks.peers.running import NotMeasured, killed, measured, new_postgres, new_sqlite, why_no_postgres
from benchmarks.peers.tables import Row, table_of

NewStore = Callable[[], AbstractContextManager[tuple[str, Path]]]


def main() -> None:
    """The limit of a store first, then Clew, then its peers."""
    console = Console(width=160)
    missing = {entrant: why_not_installed(entrant) for entrant in ENTRANTS}
    show(console, "SQLite", [row(entrant, new_sqlite, missing) for entrant in ENTRANTS if entrant.on_sqlite])
    reason = why_no_postgres()
    if reason is None:
        show(
            console, "PostgreSQL", [row(entrant, new_postgres, missing) for entrant in ENTRANTS if entrant.on_postgres]
        )
    else:
        console.print(f"Without PostgreSQL: {reason} (CLEW_TEST_POSTGRES names another one).")


def row(entrant: Entrant, new_store: NewStore, missing: dict[Entrant, str | None]) -> Row:
    """What an entrant did on a store of its own, or why it did not."""
    reason = missing[entrant]
    if reason is not None:
        return Row(entrant.name, reason)
    try:
        with new_store() as (store, home):
            figures = measured(entrant, store, home)
        if not entrant.takes_up:
            return Row(entrant.name, figures)
        with new_store() as (store, home):
            return Row(entrant.name, figures, killed(entrant, store, home, steps_to_die_in(figures)))
    except NotMeasured as failed:
        return Row(entrant.name, f"not measured: {failed}")


def steps_to_die_in(figures: Figures) -> int:
    """As many as W1 had, but for an engine that has become slower meanwhile."""
    return fitting(figures.w1 or 0.0, SEQUENTIAL_S, most=figures.w1_steps, least=100)


def show(console: Console, store: str, rows: list[Row]) -> None:
    """Print the table of a store, and what there is to add to it."""
    table, notes = table_of(store, rows)
    console.print(table)
    for note in notes:
        console.print(note, highlight=False)


if __name__ == "__main__":
    main()
