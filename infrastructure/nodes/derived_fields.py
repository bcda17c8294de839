"""Results that are stored under a name made from that of their source, where the author gives no other."""

from __future__ import annotations

from abc import abstractmethod
from typing import TYPE_CHECKING, Any

from domain.errors import StepFailure
from domain.paths import format_path
from infrastructure.nodes.state_fields import FieldNode, path_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping


def derived_name(source: str, suffix: str) -> str:
    """`user.tags` gives `user.tags<suffix>`, `rows[0]` gives `rows_0<suffix>`. Raises `INVALID_PARAMETER`."""
    path = path_of(source, "field")
    if "[" not in source:
        return f"{source}{suffix}"
    first = max((at for at, key in enumerate(path) if isinstance(key, str)), default=0)
    name = "_".join(map(str, path[first:])) + suffix
    return format_path((*path[:first], name)).removeprefix("$").removeprefix(".")


class DerivedFieldNode(FieldNode):
    """A library node that stores its result at `outputField`, by default beside its source `field`.

    Where the author has it replace the source, an error leaves it alone: a refused operation loses nobody's work.
    """

    @abstractmethod
    def suffix(self, config: Mapping[str, Any]) -> str:
        """What the default name has after the name of the source."""

    def output_name(self, config: Mapping[str, Any]) -> Any:
        """`outputField`, else the name made from that of the source; a source without a name is `items`."""
        if "outputField" in config:
            return config["outputField"]
        source = config.get("field", "items")
        return derived_name(source, self.suffix(config)) if isinstance(source, str) else None

    def stale_fields(self, config: Mapping[str, Any]) -> Iterable[Any]:
        """The output, unless it is the source or holds it."""
        try:
            name = self.output_name(config)
            output = path_of(name, "outputField")
            holds_source = "field" in config and path_of(config["field"], "field")[: len(output)] == output
        except StepFailure:
            return ()
        return () if holds_source else (name,)

    def state_keys(self, config: Mapping[str, Any]) -> frozenset[str] | None:
        """The fixed result keys and the output's, if that is a literal; one that is absent here may be computed."""
        return super().state_keys(config) if "outputField" in config else None
