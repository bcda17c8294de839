"""Parameters that only some operations of a node ask for, and numbers that must be whole."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from infrastructure.nodes.base import invalid
from infrastructure.nodes.trials import Trial, trial


def companion(config: Mapping[str, Any], name: str, asked_by: str) -> Any:
    """The parameter, which `asked_by` needs. Raises `INVALID_PARAMETER` where it is missing."""
    if name not in config:
        raise invalid(f"{asked_by} needs the parameter {name}", parameter=name)
    return config[name]


def whole(config: Mapping[str, Any], name: str, *, least: int) -> int:
    """A parameter of type integer as one (`3.0` too), of at least `least`."""
    value = int(config[name])
    if value < least:
        raise invalid(f"{name} is at least {least}, not {config[name]}", parameter=name)
    return value


def at_least(least: int, name: str, **when: str | tuple[str, ...]) -> Trial:
    """The trial of a parameter that is such a number."""
    return trial(name, attempt=lambda config: whole(config, name, least=least), **when)
