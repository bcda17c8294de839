"""`serve`, `migrate` and `version`: the service itself."""

from __future__ import annotations

from pathlib import Path

import click

from interfaces.cli.options import (
    FOLDER,
    STORE_HELP,
    Place,
    before_command,
    config_option,
    json_option,
    nodes_option,
    place_options,
)


@click.command()
@click.option("--host", metavar="HOST", help="The address to listen on. [env: CLEW_HOST; default: 127.0.0.1]")
@click.option("--port", type=click.IntRange(0, 65_535), help="Its port. [env: CLEW_PORT; default: 8484]")
@click.option("--store", metavar="STORE", help=f"{STORE_HELP} [env: CLEW_STORE; default: .clew/log.db]")
@nodes_option
@click.option("--files", type=FOLDER, metavar="DIR", help="The folder for the filesystem node. [env: CLEW_FILES]")
@config_option
@click.pass_context
def serve(
    ctx: click.Context,
    host: str | None,
    port: int | None,
    store: str | None,
    nodes_dirs: tuple[Path, ...],
    files: Path | None,
    config: Path | None,
) -> None:
    """Start the service, and go on with what was running in its store."""
    from msgspec.structs import replace

    from interfaces.http.server import serve as serve_http
    from interfaces.settings import from_environment

    before = before_command(ctx)
    found = from_environment(config=config or before.config)
    serve_http(
        replace(
            found,
            host=host or found.host,
            port=found.port if port is None else port,
            store=store or before.store or found.store,
            nodes=nodes_dirs or found.nodes,
            files=files or found.files,
        )
    )


@click.command()
@click.option("--store", metavar="STORE", help=f"{STORE_HELP} [env: CLEW_STORE]")
@config_option
@click.pass_context
def migrate(ctx: click.Context, store: str | None, config: Path | None) -> None:
    """Bring the tables of a store in PostgreSQL to this version of Clew.

    A server makes them by itself where there are none; it does not change those of an older version. Several may run at
    once: each step is taken once.
    """
    from msgspec.structs import replace

    from interfaces.bootstrap import migrate as migrate_store
    from interfaces.settings import from_environment

    before = before_command(ctx)
    found = from_environment(config=config or before.config)
    click.echo(migrate_store(replace(found, store=store or before.store or found.store)))


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
