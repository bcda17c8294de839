"""`publish`, `workflows`, `versions` and `start`: definitions that are known by their id."""

from __future__ import annotations

from typing import IO

import click

from interfaces.cli.definitions import Beginning, engine_at, print_outcome, run_options
from interfaces.cli.exits import STATUS_CODES
from interfaces.cli.files import read_definition, refusals_shown, tell_warnings
from interfaces.cli.options import DEFAULT_URL, Place, json_option, place_options


@click.command()
@click.argument("file", type=click.File("rb"))
@json_option
@place_options
def publish(place: Place, file: IO[bytes], as_json: bool) -> None:
    """Publish a definition under its id and version.

    FILE is the definition (-: stdin). A published version never changes: the same definition again is fine, another
    one needs a version of its own.
    """
    definition, place = read_definition(file), _somewhere(place)
    with refusals_shown(place, definition), engine_at(place, place.store or "") as engine:
        published = engine.publish(definition.value)
    event = published.event
    tell_warnings(definition, published.warnings)
    if as_json:
        from application.presenting import describe_published
        from interfaces.cli.tables import print_json

        print_json({**describe_published(event), "new": published.new})
        return
    already = "" if published.new else " (as it was already)"
    click.echo(f"{event.workflow} {event.workflow_version} is published{already}.")


@click.command()
@json_option
@place_options
def workflows(place: Place, as_json: bool) -> None:
    """List the workflows that have been run or published."""
    from interfaces.cli.sources import reading
    from interfaces.cli.tables import print_json, print_workflows

    with reading(place) as source:
        found = source.workflows()
    if as_json:
        print_json(found)
    else:
        print_workflows(found)


@click.command()
@click.argument("workflow_id", metavar="ID")
@json_option
@place_options
def versions(place: Place, workflow_id: str, as_json: bool) -> None:
    """List the published versions of a workflow, the highest first."""
    from interfaces.cli.sources import reading
    from interfaces.cli.tables import print_json, print_versions

    with reading(place) as source:
        found = source.versions(workflow_id)
    if as_json:
        print_json(found)
    else:
        print_versions(found["items"])


@click.command()
@click.argument("workflow_id", metavar="ID")
@click.option("--version", default="latest", show_default=True, metavar="VERSION", help="Such as 1.0.0.")
@run_options
@json_option
@place_options
@click.pass_context
def start(
    ctx: click.Context,
    workflow_id: str,
    place: Place,
    version: str,
    beginning: Beginning,
    as_json: bool,
) -> None:
    """Run a published workflow, and print its result.

    Waits and ends as `clew run` does.
    """
    from interfaces.cli.progress import watch
    from interfaces.cli.sources import reading

    place = _somewhere(place)
    with reading(place) as source:  # an unknown workflow, or no store at all, is told without making one
        definition = source.definition(workflow_id, version)
    state = beginning.state(definition)
    with engine_at(place, place.store or "") as engine:
        accepted = engine.start(
            workflow_id, definition["version"], initial_state=state, execution_id=beginning.execution_id
        )
        execution = watch(engine, accepted.execution_id, timeout_s=beginning.timeout_s)
    print_outcome(execution, place, as_json=as_json)
    ctx.exit(STATUS_CODES[execution["status"]])


def _somewhere(place: Place) -> Place:
    """The place, or the server that is asked when none was named: what is published must last."""
    return place if place.url or place.store else place._replace(url=DEFAULT_URL)
