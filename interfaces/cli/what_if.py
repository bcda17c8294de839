"""`what-if`: executions walked again, with something changed and nothing done."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from interfaces.cli.options import Place, json_argument, json_option, place_options

if TYPE_CHECKING:
    from interfaces.client.client import Client
    from interfaces.what_if import Asking

STATUSES = ("running", "suspended", "paused", "completed", "failed", "cancelled")
RECORDED = "recorded"


@click.command("what-if")
@click.argument("execution_id", metavar="[ID]", required=False)
@click.option("--workflow", metavar="ID", help="The last executions of this workflow, instead of one.")
@click.option(
    "--last", type=click.IntRange(1, 1_000), default=100, show_default=True, help="With --workflow: how many."
)
@click.option("--status", type=click.Choice(STATUSES), multiple=True, help="With --workflow: only these; repeatable.")
@click.option("--at", metavar="VERSION", help="Begin there instead of at the beginning: 17, head~3, a time.")
@click.option("--set", "pairs", multiple=True, metavar="/POINTER=JSON", help="Change the state there; repeatable.")
@click.option("--definition", metavar="FILE|VERSION", help="Under this definition, or a published version (latest).")
@click.option("--assume", metavar="FILE|recorded", help="What steps come to, by address; or what they came to then.")
@json_option
@place_options
def what_if(  # noqa: PLR0913, PLR0917 - one for each option
    place: Place,
    execution_id: str | None,
    workflow: str | None,
    last: int,
    status: Any,
    at: str | None,
    pairs: Sequence[str],
    definition: str | None,
    assume: str | None,
    as_json: bool,
) -> None:
    """Walk an execution again on another state, under another definition, or with other answers.

    Nothing that has an effect runs: its recorded result is taken where it fits, and where none does the walk stops and
    says what it would have to know. With --workflow the last executions are walked, and it is said how many would end
    otherwise.
    """
    from interfaces.cli.tables import print_json
    from interfaces.cli.what_if_tables import print_many, print_one

    if (execution_id is None) == (workflow is None):
        raise click.UsageError("Name an execution, or a workflow with --workflow.")
    if workflow is not None and at is not None:
        raise click.UsageError("--at is a version of one execution: it does not go with --workflow.")
    asked: dict[str, Any] = {
        "patch": [_operation(pair) for pair in pairs],
        "definition": _definition(definition),
        "assume": _assume(assume),
    }
    with _asking(place) as source:
        if workflow is not None:
            found = source.what_if_many(workflow, last=last, status=status, **asked)
        else:
            found = source.what_if(str(execution_id), at=at, **asked)
    if as_json:
        print_json(found)
    elif workflow is not None:
        print_many(found)
    else:
        print_one(found)


def _operation(pair: str) -> dict[str, Any]:
    pointer, separator, text = pair.partition("=")
    if not separator or not pointer.startswith("/"):
        raise click.BadParameter(f"{pair!r} is not of the form /pointer=value.", param_hint="--set")
    return {"op": "add", "path": pointer, "value": _value(text)}


def _value(text: str) -> Any:
    """JSON if it parses, else text."""
    try:
        return json_argument(text.encode("utf-8", "surrogateescape"), hint="--set")
    except click.BadParameter:
        return text


def _definition(given: str | None) -> Any:
    if given is None or not Path(given).is_file():
        return given
    from interfaces.cli.files import read_definition

    with Path(given).open("rb") as file:
        return read_definition(file).value


def _assume(given: str | None) -> Any:
    if given is None or given == RECORDED:
        return given
    if not Path(given).is_file():
        raise click.BadParameter(f"there is no file {given!r}; or write {RECORDED}.", param_hint="--assume")
    return json_argument(Path(given).read_bytes(), hint="--assume")


@contextlib.contextmanager
def _asking(place: Place) -> Iterator[Client | Asking]:
    """Whom to ask: the server, or a local store, which a server may hold."""
    from interfaces.cli.sources import connect

    if place.store is None:
        with connect(place) as client:
            yield client
        return
    from interfaces.bootstrap import open_reader
    from interfaces.what_if import Asking

    reader = open_reader(place.settings(place.store))
    try:
        yield Asking(reader.what_if)
    finally:
        reader.close()
