"""`serve` and `version`: the service itself."""

from __future__ import annotations

from pathlib import Path

import click

from interfaces.cli.options import FOLDER, Place, json_option, nodes_option, place_options


@click.command()
@click.option("--host", metavar="HOST", help="The address to listen on. [env: CLEW_HOST; default: 127.0.0.1]")
@click.option("--port", type=click.IntRange(0, 65_535), help="Its port. [env: CLEW_PORT; default: 8484]")
@click.option("--store", metavar="STORE", help="sqlite:///PATH or memory:. [env: CLEW_STORE; default: .clew/log.db]")
@nodes_option
@click.option("--files", type=FOLDER, metavar="DIR", help="The folder for the filesystem node. [env: CLEW_FILES]")
@click.pass_context
def serve(
    ctx: click.Context,
    host: str | None,
    port: int | None,
    store: str | None,
    nodes_dirs: tuple[Path, ...],
    files: Path | None,
) -> None:
    """Start the service, and go on with what was running in its store."""
    from msgspec.structs import replace

    from interfaces.http.server import serve as serve_http
    from interfaces.settings import from_environment

    before = ctx.find_root().obj
    store = store or (before.store if isinstance(before, Place) else None)
    found = from_environment()
    serve_http(
        replace(
            found,
            host=host or found.host,
            port=found.port if port is None else port,
            store=store or found.store,
            nodes=nodes_dirs or found.nodes,
            files=files or found.files,
        )
    )


@click.command()
@json_option
@place_options
def version(place: Place, as_json: bool) -> None:
    """Say which version of Clew this is.

    With --url, also that of the server.
    """
    from importlib.metadata import version as installed_version

    found = {"version": installed_version("clew")}
    if place.url:
        from interfaces.cli.sources import connect

        with connect(place) as client:
            found["server"] = client.version()["version"]
    if as_json:
        from interfaces.cli.tables import print_json

        print_json(found)
        return
    click.echo(f"clew {found['version']}")
    if "server" in found:
        click.echo(f"server {found['server']}")
