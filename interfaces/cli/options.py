"""Options that commands share, and what is given with them."""

from __future__ import annotations

import functools
import os
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple, TypeVar

import click

if TYPE_CHECKING:
    from interfaces.settings import Settings

DEFAULT_URL = "http://127.0.0.1:8484"
Function = TypeVar("Function", bound=Callable[..., Any])
FOLDER = click.Path(file_okay=False, path_type=Path)
CONFIG = click.Path(exists=True, dir_okay=False, path_type=Path)
STORE_HELP = "A store: sqlite:///PATH, postgresql://… or memory:."
NODE_FOLDER = click.Path(exists=True, file_okay=False, path_type=Path)


class Place(NamedTuple):
    """Where a command finds executions: at a server, in a local store, or (neither) where it looks by default.

    `nodes` and `files` are of use with a local store only. `config` is the file of settings that was named.
    """

    url: str | None = None
    store: str | None = None
    config: Path | None = None
    nodes: tuple[Path, ...] = ()
    files: Path | None = None

    def settings(self, default_store: str) -> Settings:
        """The settings of an engine here: flags, then the environment, the file, defaults. Raises BadSetting."""
        from msgspec.structs import replace

        from interfaces.settings import from_environment

        found = from_environment(config=self.config)
        return replace(
            found,
            store=self.store or default_store,
            nodes=self.nodes or found.nodes,
            files=self.files or found.files,
        )


def place_options(function: Function) -> Function:
    """Add --url, --store, --nodes, --files and --config; the command gets them as `place`, a Place."""

    @functools.wraps(function)
    def command(
        *args: Any,
        url: str | None,
        store: str | None,
        config: Path | None,
        nodes_dirs: tuple[Path, ...],
        files: Path | None,
        **options: Any,
    ) -> Any:
        said = Place(url, store, config)
        place = _chosen(click.get_current_context(), said)._replace(nodes=nodes_dirs, files=files)
        return function(*args, place=place, **options)

    for option in (
        config_option,
        click.option("--files", type=FOLDER, metavar="DIR", help="The folder for the filesystem node."),
        nodes_option,
        click.option("--store", metavar="STORE", help=f"{STORE_HELP} [env: CLEW_STORE]"),
        click.option("--url", metavar="URL", help="The server to ask. [env: CLEW_URL]"),
    ):
        command = option(command)
    return command  # type: ignore[return-value]  # click's decorators give back what they are given


def config_option(function: Function) -> Function:
    """Add --config."""
    help_text = "A TOML file of settings. [env: CLEW_CONFIG; default: clew.toml if it is there]"
    return click.option("--config", type=CONFIG, metavar="FILE", help=help_text)(function)


def nodes_option(function: Function) -> Function:
    """Add --nodes, repeatable, as `nodes_dirs`."""
    help_text = "A folder of node files; repeatable. [env: CLEW_NODES]"
    return click.option("--nodes", "nodes_dirs", type=NODE_FOLDER, multiple=True, metavar="DIR", help=help_text)(
        function
    )


def json_option(function: Function) -> Function:
    """Add --json as `as_json`."""
    return click.option("--json", "as_json", is_flag=True, help="One JSON document, for programs.")(function)


def reason_option(function: Function) -> Function:
    """Add --reason."""
    return click.option("--reason", default="", metavar="TEXT", help="Why: it is recorded.")(function)


def before_command(context: click.Context) -> Place:
    """What was said before the command."""
    before = context.find_root().obj
    return before if isinstance(before, Place) else Place()


def _chosen(context: click.Context, own: Place) -> Place:
    """The nearest of: the command's own options, those before the command, the environment, the file of settings."""
    from interfaces.finding import Found

    before = before_command(context)
    config = own.config or before.config
    for place in (own, before):
        if place.url and place.store:
            raise click.UsageError("--url and --store exclude each other: a server or a local store.")
        if place.url or place.store:
            return place._replace(config=config)
    for look in (Found.in_environment, Found.in_file):
        found = look(os.environ, config)
        url, store = found.text("url"), found.secret("store").reveal()
        if url or store:
            return Place(url or None, None if url else store, config)
    return Place(config=config)


def initial_state(base: dict[str, Any] | None, pairs: Sequence[str]) -> dict[str, Any] | None:
    """A state with `k=v` pairs laid over it: dots in a key go deeper, a value is JSON if it parses, else text."""
    from domain import json

    if not pairs:
        return base
    state: dict[str, Any] = json.copy(base or {})
    for pair in pairs:
        key, separator, text = pair.partition("=")
        names = key.split(".")
        if not separator or not all(names):
            raise click.BadParameter(f"{pair!r} is not of the form key=value.", param_hint="--state")
        holder = state
        for name in names[:-1]:
            inner = holder.setdefault(name, {})
            if not isinstance(inner, dict):
                raise click.BadParameter(f"{key}: {name} holds a value, not an object.", param_hint="--state")
            holder = inner
        holder[names[-1]] = _value(text)
    return state


def _value(text: str) -> Any:
    from domain.document import parse
    from domain.errors import NotJson

    try:
        return parse(text.encode("utf-8", "surrogateescape"))
    except NotJson:
        return text


def json_argument(text: bytes, *, hint: str) -> Any:
    """A value that a person gave as JSON. Anything else is a mistake of usage."""
    from domain.document import parse
    from domain.errors import NotJson

    try:
        return parse(text)
    except NotJson as error:
        message = f"line {error.line}, column {error.column}: {error.message}"
        raise click.BadParameter(message, param_hint=hint) from None
