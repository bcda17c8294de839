"""What the debugger changes: forks, edits and rollbacks, at a server or in a local store."""

from __future__ import annotations

from collections.abc import Sequence

from interfaces.cli.debugger.model import Object
from interfaces.cli.options import Place


class Doing:
    """Changes executions of a place."""

    def __init__(self, place: Place) -> None:
        self._place = place

    def fork(self, execution_id: str, *, at: int, patch: Sequence[Object]) -> Object:
        """Begin a new execution from a version."""
        from interfaces.cli.sources import fork

        return fork(self._place, execution_id, {"at": at, "patch": list(patch)})

    def edit(self, execution_id: str, *, patch: Sequence[Object], if_version: int) -> Object:
        """Change the state."""
        from interfaces.cli.sources import act

        return act(self._place, "edit", execution_id, reason="", patch=list(patch), if_version=if_version)

    def rollback(self, execution_id: str, *, to: int, if_version: int) -> Object:
        """Go back to a version."""
        from interfaces.cli.sources import act

        return act(self._place, "rollback", execution_id, reason="", to=to, if_version=if_version)
