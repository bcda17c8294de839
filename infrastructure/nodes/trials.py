"""Parameters that can be tried before a node runs: validation warns of literals that it would refuse."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from domain import json
from domain.errors import StepFailure
from domain.parameters import has_type

if TYPE_CHECKING:
    from infrastructure.nodes.needs import Step

MAX_TRIED: Final = 2_048
"""Bytes of JSON of the parameters of a trial. Larger ones are left to the visit: validation has to be quick."""


class Trial(NamedTuple):
    """What a visit does first with the parameters `names`, the first of which is the one that it can refuse.

    It raises StepFailure, and is only done where each parameter of `when`, which it is given too, has one of its values.
    """

    names: tuple[str, ...]
    attempt: Callable[[Mapping[str, Any]], object]
    when: Mapping[str, tuple[str, ...]]


def trial(*names: str, attempt: Callable[[Mapping[str, Any]], object], **when: str | tuple[str, ...]) -> Trial:
    """These parameters are given to `attempt`: always, or when the others named have one of these values."""
    return Trial(names, attempt, {name: (each,) if isinstance(each, str) else each for name, each in when.items()})


def refused(trials: tuple[Trial, ...], step: Step) -> Iterator[tuple[str, str]]:
    """(parameter, sentence) for every trial that fails."""
    for each in trials:
        config = _config(each, step)
        if config is None:
            continue
        try:
            each.attempt(config)
        except StepFailure as failure:
            yield each.names[0], f"{failure.error.message.removesuffix('.')}."


def _config(each: Trial, step: Step) -> dict[str, Any] | None:
    """The parameters of a trial; None where it can't be done, or where something else is told about them already."""
    if each.names[0] not in step.given or any(step.value(name) not in each.when[name] for name in each.when):
        return None
    if any(name in step.given and name not in step.literals for name in each.names):
        return None
    config = {name: step.value(name) for name in each.names if name in step.given or step.value(name) is not None}
    for name, value in config.items():
        types = step.known[name].types
        if types and not has_type(value, types):
            return None
    config |= {name: step.value(name) for name in each.when}
    return config if len(json.encode(config)) <= MAX_TRIED else None
