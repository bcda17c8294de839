"""The `clew` command: its group, and nothing heavier than click, so that `clew --help` is there at once."""

from __future__ import annotations

import os
from pathlib import Path

import click

from interfaces.cli import (
    acting,
    authoring,
    changing,
    debugging,
    definitions,
    executions,
    explaining,
    forking,
    measuring,
    publishing,
    service,
    what_if,
)
from interfaces.cli.exits import EXPLANATION, Commands
from interfaces.cli.options import STORE_HELP, Place, config_option

HELP = f"""Clew: a durable, event-sourced engine for agentic workflows.

Commands about executions ask the server at --url (CLEW_URL; http://127.0.0.1:8484 if neither is given), or read a
local store with --store (CLEW_STORE), also while a server holds it. `run`, `validate`, `graph`, `schema` and `nodes` need
no server.

{EXPLANATION}"""


@click.group(cls=Commands, help=HELP, context_settings={"help_option_names": ["-h", "--help"]})
@click.option("--url", metavar="URL", help="The server to ask.")
@click.option("--store", metavar="STORE", help=STORE_HELP)
@config_option
@click.version_option(package_name="clew", message="%(prog)s %(version)s")
@click.pass_context
def cli(ctx: click.Context, url: str | None, store: str | None, config: Path | None) -> None:
    """Keep what was said before the command: the command's own options count more."""
    if os.environ.get("NO_COLOR"):  # https://no-color.org; by itself click only looks whether it is a terminal
        ctx.color = False
    ctx.obj = Place(url=url, store=store, config=config)


for command in (
    service.serve,
    service.migrate,
    definitions.run,
    authoring.validate,
    authoring.graph,
    authoring.schema,
    executions.nodes,
    publishing.publish,
    publishing.workflows,
    publishing.versions,
    publishing.start,
    executions.ls,
    executions.show,
    executions.events,
    explaining.state,
    explaining.diff,
    explaining.blame,
    explaining.step,
    measuring.timeline,
    measuring.metrics,
    measuring.probe,
    measuring.lineage,
    forking.fork,
    what_if.what_if,
    debugging.debug,
    acting.resume,
    acting.signal,
    acting.pause,
    acting.retry,
    acting.cancel,
    changing.rollback,
    changing.edit,
    changing.snapshot,
    changing.snapshots,
    service.version,
):
    cli.add_command(command)
