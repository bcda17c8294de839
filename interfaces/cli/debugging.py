"""`debug`: an execution walked through by keys, or by one command a line."""

from __future__ import annotations

import os
import sys

import click

from interfaces.cli.options import Place, place_options

AT_HELP = "Where to begin: 17, head~3, a time. [default: the newest version]"


@click.command()
@click.argument("execution_id", metavar="ID")
@click.option("--at", default="head", metavar="VERSION", help=AT_HELP)
@place_options
@click.pass_context
def debug(ctx: click.Context, place: Place, execution_id: str, at: str) -> None:
    """Walk through an execution, at any of its versions.

    On a terminal by keys (? shows them): back, forward, to the next error or write, who wrote a value, what changed, and a
    fork from there with a value corrected. Where stdin is no terminal, by one command a line, as in
    `echo 'blame /total' | clew debug ID`; ends with 1 when a command was refused.
    """
    from interfaces.cli.debugger.desk import Desk
    from interfaces.cli.debugger.doing import Doing
    from interfaces.cli.debugger.playing import line_by_line, on_terminal
    from interfaces.cli.exits import FAILED
    from interfaces.cli.sources import reading

    with reading(place) as source:
        desk = Desk(source, Doing(place), execution_id)
        model = desk.opened(at)
        if _is_terminal():
            on_terminal(desk, model)
        elif not line_by_line(desk, model, sys.stdin, click.echo):
            ctx.exit(FAILED)


def _is_terminal() -> bool:
    return sys.stdin.isatty() and sys.stdout.isatty() and os.environ.get("TERM", "dumb") != "dumb"
