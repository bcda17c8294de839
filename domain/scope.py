"""What an expression can see."""

from __future__ import annotations

from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Final

import msgspec

from domain.bounds import Meter
from domain.layers import Layers

if TYPE_CHECKING:
    from collections.abc import Mapping

NOTHING: Final[Mapping[str, Any]] = MappingProxyType({})


class Scope(msgspec.Struct, frozen=True, kw_only=True):
    """The roots of LANGUAGE section 3, as JSON values, at one moment of one branch. Values must not be changed by readers.

    `meter` counts what all the expressions that are evaluated in it may cost together: those of one visit.
    `error` and `loop` are UNSET where nothing is bound to them: reading them there is `UNDEFINED_REFERENCE`.
    `names` are further roots that a node offers to an expression of its own (`item` of `switch`).
    """

    state: Mapping[str, Any]
    input: Any = None
    output: Mapping[str, Any] | Layers[Any] = NOTHING
    error: Any = msgspec.UNSET
    loop: Any = msgspec.UNSET
    execution: Mapping[str, Any] = NOTHING
    names: Mapping[str, Any] = NOTHING
    meter: Meter = msgspec.field(default_factory=Meter)
