"""`timeline`, `metrics`, `lineage` and `probe`: what is measured from a log."""

from __future__ import annotations

from typing import Literal

import click

from interfaces.cli.options import Place, json_option, place_options

AFTER = click.IntRange(min=0)


@click.command()
@click.argument("execution_id", metavar="ID")
@click.option("--after", type=AFTER, default=0, help="Only visits that began behind this version.")
@click.option("--limit", type=click.IntRange(1, 10_000), default=60, show_default=True, help="At most so many.")
@click.option("--lineage", is_flag=True, help="Go on into what it was forked off; --after then counts all of that.")
@json_option
@place_options
def timeline(place: Place, execution_id: str, after: int, limit: int, lineage: bool, as_json: bool) -> None:
    """Draw when each visit of a step began, how long it ran (█) and how long it waited (░).

    With --json as columns, for plotting.
    """
    from interfaces.cli.charts import print_timeline
    from interfaces.cli.sources import reading
    from interfaces.cli.tables import print_json

    with reading(place) as source:
        found = source.timeline(execution_id, after=after, limit=limit, lineage=lineage)
    if as_json:
        print_json(found)
        return
    print_timeline(found)
    if found["next"]:
        click.echo(f"There are more: --after {found['next']}", err=True)


@click.command()
@click.argument("execution_id", metavar="ID")
@json_option
@place_options
def metrics(place: Place, execution_id: str, as_json: bool) -> None:
    """Show what an execution took, in all and by step.

    CRITICAL is the part of a step's time that the execution could not have ended without: of branches that come together
    only the one that closed last counts.
    """
    from interfaces.cli.charts import print_metrics
    from interfaces.cli.sources import reading
    from interfaces.cli.tables import print_json

    with reading(place) as source:
        found = source.metrics(execution_id)
    (print_json if as_json else print_metrics)(found)


@click.command()
@click.argument("execution_id", metavar="ID")
@click.option("--after", type=AFTER, default=0, help="Only its own descendants that began behind this version.")
@click.option("--limit", type=click.IntRange(1, 1_000), default=100, show_default=True, help="At most so many of them.")
@click.option("--depth", type=click.IntRange(1, 64), default=3, show_default=True, help="Generations of them.")
@json_option
@place_options
def lineage(place: Place, execution_id: str, after: int, limit: int, depth: int, as_json: bool) -> None:
    """Show what an execution came from, the walks it has made, and what came from it, as a tree."""
    from interfaces.cli.charts import print_lineage
    from interfaces.cli.sources import reading
    from interfaces.cli.tables import print_json

    with reading(place) as source:
        found = source.lineage(execution_id, after=after, limit=limit, depth=depth)
    (print_json if as_json else print_lineage)(found)


@click.command()
@click.argument("execution_id", metavar="ID")
@click.argument("expr", metavar="EXPRESSION")
@click.option(
    "--every",
    type=click.Choice(["version", "change"]),
    default="change",
    show_default=True,
    help="A line for each version, or only where the value is another one.",
)
@click.option("--from", "from_", metavar="VERSION", help="The first version: 17, head~3, or a time. Default: 1.")
@click.option("--to", metavar="VERSION", help="The last version. Default: head.")
@click.option("--json", "as_json", is_flag=True, help="A JSON document in each line, for programs.")
@place_options
def probe(
    place: Place,
    execution_id: str,
    expr: str,
    every: Literal["version", "change"],
    from_: str | None,
    to: str | None,
    as_json: bool,
) -> None:
    """Evaluate an expression at every version of an execution: `clew probe ID '$.order.total'`.

    It sees what a step would that came next: $, input, output, execution; and error and loop where there is one.
    """
    from interfaces.cli.charts import probed
    from interfaces.cli.sources import reading

    with reading(place) as source:
        for line in source.probe(execution_id, expr, every=every, from_=from_, to=to):
            click.echo(probed(line, as_json=as_json))
