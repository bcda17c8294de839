"""`state`, `diff`, `blame` and `step`: what the state was, what has changed, who wrote it, and where to look next."""

from __future__ import annotations

import click

from interfaces.cli.options import Place, json_option, place_options

lineage_option = click.option(
    "--lineage", is_flag=True, help="Go on into what it was forked off; --at may be ID@17 then, of one of those."
)
AT_HELP = "17, head~3, a time such as 2026-11-22T10:00:00Z, node:/address@visit, mark:name, walk:2/head. Default: head."


@click.command()
@click.argument("execution_id", metavar="ID")
@click.option("--at", metavar="VERSION", help=AT_HELP)
@click.option(
    "--fields",
    "fields",
    metavar="POINTER",
    multiple=True,
    help="Only what is there: /order/total,/customer; repeatable.",
)
@json_option
@place_options
def state(place: Place, execution_id: str, at: str | None, fields: tuple[str, ...], as_json: bool) -> None:
    """Print the state of an execution, at any version, or parts of it.

    With --json it is in an object that says which version it is.
    """
    from domain.pointers import listed
    from interfaces.cli.sources import reading
    from interfaces.cli.tables import print_json

    pointers = [pointer for text in fields for pointer in listed(text, "--fields")]
    with reading(place) as source:
        found = source.state(execution_id, at, fields=pointers if fields else None)
    if not as_json:
        click.echo(f"{found['executionId']} at version {found['version']}", err=True)
    print_json(found if as_json else found["fields" if fields else "state"])


@click.command()
@click.argument("left", metavar="ID")
@click.argument("right", metavar="[OTHER]", required=False)
@click.option("--from", "from_", metavar="VERSION", help="The version to begin with, as for `state --at`. Default: 1.")
@click.option("--to", metavar="VERSION", help="The version to end with. Default: head.")
@json_option
@place_options
def diff(place: Place, left: str, right: str | None, from_: str | None, to: str | None, as_json: bool) -> None:
    """Show what has changed in the state between two versions of an execution, and who changed it.

    With two executions, each ID or ID@VERSION (ex_1@9, ex_1@head~3): where they first differ, where their ways part, and
    what differs in their states.
    """
    if right is not None and (from_ or to):
        raise click.UsageError("--from and --to are of one execution; of two, say ID@VERSION.")
    from interfaces.cli.sources import reading
    from interfaces.cli.tables import print_json

    with reading(place) as source:
        found = source.diff(left, from_, to) if right is None else source.compare(left, right)
    if as_json:
        print_json(found)
    elif right is None:
        from interfaces.cli.changes import print_changes

        print_changes(found)
    else:
        from interfaces.cli.charts import print_comparison

        print_comparison(found)


@click.command()
@click.argument("execution_id", metavar="ID")
@click.argument("pointer")
@click.option("--at", metavar="VERSION", help=AT_HELP)
@click.option(
    "--limit", type=click.IntRange(0, 1_000), default=100, show_default=True, help="At most so many earlier writes."
)
@lineage_option
@json_option
@place_options
def blame(
    place: Place, execution_id: str, pointer: str, at: str | None, limit: int, lineage: bool, as_json: bool
) -> None:
    """Show who wrote what is at a POINTER into the state (/order/total), and what it was before.

    A write to something around it counts, as does one to something in it.
    """
    from interfaces.cli.changes import print_blame
    from interfaces.cli.sources import reading
    from interfaces.cli.tables import print_json

    with reading(place) as source:
        found = source.blame(execution_id, pointer, at, limit=limit, lineage=lineage)
    if as_json:
        print_json(found)
        return
    print_blame(found)
    if found["next"]:
        click.echo(f"There are earlier ones: --at {found['next']}", err=True)


@click.command()
@click.argument("execution_id", metavar="ID")
@click.option("--at", metavar="VERSION", help=f"Where to begin; that version itself is not found. {AT_HELP}")
@click.option(
    "--back", "dir", flag_value="back", default=True, help="Towards the first version; unless --forward is given."
)
@click.option("--forward", "dir", flag_value="forward", help="Towards the head.")
@click.option(
    "--by",
    metavar="WHAT",
    default="event",
    show_default=True,
    help="event, node (one begins), visit (one ends), error, or write:/pointer.",
)
@lineage_option
@json_option
@place_options
def step(place: Place, execution_id: str, at: str | None, dir: str, by: str, lineage: bool, as_json: bool) -> None:
    """Find the event of a kind before a version, or behind it: when a place in the state last changed, for example.

    `clew step ID --by write:/order/total`. Ends with 4 when there is none.
    """
    from interfaces.cli.exits import NOT_FOUND
    from interfaces.cli.sources import reading
    from interfaces.cli.tables import print_events, print_json

    with reading(place) as source:
        found = source.step(execution_id, at, dir="forward" if dir == "forward" else "back", by=by, lineage=lineage)
    if as_json:
        print_json(found)
    elif found["event"] is not None:
        print_events([found["event"]])
    else:
        click.echo("There is none.", err=True)
    if found["event"] is None:
        click.get_current_context().exit(NOT_FOUND)
