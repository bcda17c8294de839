"""`ls`, `show`, `events` and `nodes`: what can be read, from a server or from a store."""

from __future__ import annotations

from typing import Any, Literal

import click

from interfaces.cli.options import Place, json_option, place_options

STATUSES = ("running", "suspended", "paused", "completed", "failed", "cancelled")
LIMIT = click.IntRange(1, 1_000)


@click.command()
@click.option("--status", type=click.Choice(STATUSES), multiple=True, help="Only these; repeatable.")
@click.option("--workflow", metavar="ID", help="Only executions of this workflow.")
@click.option("--limit", type=LIMIT, default=20, show_default=True, help="At most so many.")
@click.option("--cursor", metavar="CURSOR", help="Go on where `next` of the JSON said.")
@json_option
@place_options
def ls(place: Place, status: Any, workflow: str | None, limit: int, cursor: str | None, as_json: bool) -> None:
    """List executions, newest first."""
    from interfaces.cli.sources import reading
    from interfaces.cli.tables import print_executions, print_json

    with reading(place) as source:
        page = source.executions(status=status, workflow=workflow, limit=limit, cursor=cursor)
    if as_json:
        print_json(page)
        return
    print_executions(page["items"])
    if page["next"]:
        click.echo(f"There are more: --limit, or --cursor {page['next']}", err=True)


@click.command()
@click.argument("execution_id", metavar="ID")
@click.option("--path", "with_path", is_flag=True, help="Also each visit, with the parameters that it ran with.")
@click.option(
    "--after", type=click.IntRange(min=0), default=0, help="With --path: only those begun behind this version."
)
@click.option("--limit", type=LIMIT, default=100, show_default=True, help="With --path: at most so many visits.")
@json_option
@place_options
def show(place: Place, execution_id: str, with_path: bool, after: int, limit: int, as_json: bool) -> None:
    """Show an execution: where it is, what it waits for, how it ended."""
    from interfaces.cli.sources import reading
    from interfaces.cli.tables import print_execution, print_json

    with reading(place) as source:
        execution = source.path(execution_id, after=after, limit=limit) if with_path else source.execution(execution_id)
    if as_json:
        print_json(execution)
        return
    print_execution(execution)
    if with_path:
        from interfaces.cli.charts import print_path

        print_path(execution["path"])
        if execution["path"]["next"]:
            click.echo(f"There are more: --after {execution['path']['next']}", err=True)


@click.command()
@click.argument("execution_id", metavar="ID")
@click.option("--after", type=click.IntRange(min=0), default=0, help="Only those behind this version.")
@click.option("--limit", type=LIMIT, default=100, show_default=True, help="At most so many.")
@click.option("--order", type=click.Choice(["asc", "desc"]), default="asc", show_default=True)
@click.option("--lineage", is_flag=True, help="Go on into what it was forked off; --after then counts all of that.")
@json_option
@place_options
def events(
    place: Place,
    execution_id: str,
    after: int,
    limit: int,
    order: Literal["asc", "desc"],
    lineage: bool,
    as_json: bool,
) -> None:
    """Show the history of an execution.

    With --order desc, --after is the version to begin below.
    """
    from interfaces.cli.sources import reading
    from interfaces.cli.tables import print_events, print_json

    with reading(place) as source:
        page = source.events(execution_id, after=after, limit=limit, order=order, lineage=lineage)
    if as_json:
        print_json(page)
        return
    print_events(page["items"])
    if page["next"]:
        click.echo(f"There are more: --after {page['next']}", err=True)


@click.command()
@click.argument("node_id", metavar="[ID]", required=False)
@json_option
@place_options
def nodes(place: Place, node_id: str | None, as_json: bool) -> None:
    """List the nodes, or show one whole.

    Those of this machine (the library, --nodes, installed packages); with --url those of that server. An ID that there
    is none of ends with 4, and with the ids that are nearest to it.
    """
    from interfaces.cli.catalogue import print_node, print_nodes
    from interfaces.cli.sources import reading
    from interfaces.cli.tables import print_json

    if not place.url:
        place = place._replace(store="memory:")  # nodes are not kept in a store
    with reading(place) as source:
        found: Any = source.nodes() if node_id is None else source.node(node_id)
    if as_json:
        print_json(found)
    elif node_id is None:
        print_nodes(found)
    else:
        print_node(found)
