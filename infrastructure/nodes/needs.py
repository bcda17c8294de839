"""Parameters that a node needs because of what others say: validation warns where one is missing."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any, NamedTuple

import msgspec

if TYPE_CHECKING:
    from domain.node import Parameter


class Need(NamedTuple):
    """One of the parameters `any_of` has to be there when each parameter of `when` has one of its values."""

    any_of: tuple[str, ...]
    when: Mapping[str, tuple[str, ...]]


def need(*any_of: str, **when: str | tuple[str, ...]) -> Need:
    """One of these parameters is needed: always, or when all the others named have one of these values."""
    return Need(any_of, {name: (value,) if isinstance(value, str) else value for name, value in when.items()})


class Step(NamedTuple):
    """A step as far as it is known before it runs: its literals, all parameters given, and those that the node knows."""

    literals: Mapping[str, Any]
    given: frozenset[str]
    known: Mapping[str, Parameter]

    def value(self, name: str) -> Any:
        """The literal, or the default where nothing is given; None for what will be computed."""
        if name in self.given:
            return self.literals.get(name)
        default = self.known[name].default
        return None if default is msgspec.UNSET else default


def unmet(needs: tuple[Need, ...], step: Step) -> Iterator[str]:
    """A sentence for every need that the step does not meet, as far as that shows."""
    for each in needs:
        values = {name: step.value(name) for name in each.when}
        asked = all(isinstance(value, str) and value in each.when[name] for name, value in values.items())
        if asked and step.given.isdisjoint(each.any_of):
            by = " and ".join(f"{name} {value}" for name, value in values.items()) or "This step"
            yield f"{by} needs the parameter {' or '.join(each.any_of)}."
