"""`--set`, `--remove` and `--patch`: changes of a state, as options of a command."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import IO, Any, TypeVar

import click

from interfaces.cli.options import json_argument

F = TypeVar("F", bound=Callable[..., Any])


def patch_options(command: F) -> F:
    """The options; they arrive as `sets`, `removes` and `file`."""
    command = click.option(
        "--patch", "file", type=click.File("rb"), metavar="FILE", help="A JSON Patch (RFC 6902); - is stdin."
    )(command)
    command = click.option(
        "--remove", "removes", multiple=True, metavar="POINTER", help="Take away what is at a place; repeatable."
    )(command)
    return click.option(
        "--set", "sets", multiple=True, metavar="POINTER=JSON", help="Put a value at a place; repeatable."
    )(command)


def patch_of(file: IO[bytes] | None, sets: Sequence[str], removes: Sequence[str]) -> list[Any]:
    """The JSON Patch of the options: first that of the file, then each `--set`, then each `--remove`."""
    return [*_patch(file), *map(_set, sets), *({"op": "remove", "path": pointer} for pointer in removes)]


def _patch(file: IO[bytes] | None) -> list[Any]:
    patch = json_argument(file.read(), hint="--patch") if file is not None else []
    if not isinstance(patch, list):
        raise click.BadParameter("A JSON Patch is a list of operations.", param_hint="--patch")
    return patch


def _set(pair: str) -> dict[str, Any]:
    """The operation that puts a value at a place: what is there already is replaced, an element of a list too."""
    pointer, separator, text = pair.partition("=")
    if not separator or not pointer.startswith("/"):
        raise click.BadParameter(f"{pair!r} is not of the form /pointer=JSON.", param_hint="--set")
    value = json_argument(text.encode("utf-8", "surrogateescape"), hint="--set")
    last = pointer.rpartition("/")[2]
    return {"op": "replace" if last.isdecimal() else "add", "path": pointer, "value": value}
