"""All nodes that a definition may name, from the library, from folders and from installed packages."""

from __future__ import annotations

from contextlib import AbstractContextManager
from pathlib import Path
from threading import RLock
from typing import TYPE_CHECKING, Any

from application.ports import LoadProblem, NodeListing, Nodes
from domain.node import Reuse, WorkflowNode
from infrastructure.nodes.discovery import (
    InvalidNode,
    checked_metadata,
    explained,
    line_of,
    load_file,
    load_plugin,
    node_files,
    plugins,
    problem_in,
)
from infrastructure.nodes.registration import Registration, unavailable

if TYPE_CHECKING:
    from collections.abc import Mapping

ENTRY_POINTS = "clew.nodes"


class NodeRegistry(Nodes):
    """The node registry. What can't be loaded is listed in `problems`, and keeps nothing else from loading."""

    def __init__(self, *, secrets: frozenset[str] | None = None) -> None:
        """`secrets` are the names of those that the service has; None: not known."""
        self._secrets = secrets
        self._lock = RLock()
        self._nodes: dict[str, Registration] = {}
        self._problems: list[LoadProblem] = []
        self._loaded: set[Path] = set()

    def register(
        self,
        node_class: type[WorkflowNode],
        *,
        reuse: Reuse | None = None,
        singleton: bool = False,
        source: str = "",
        options: Mapping[str, Any] | None = None,
    ) -> None:
        """Add a node under the id in its metadata. `reuse` (or `singleton`) overrules what the metadata says; `options`
        are what the constructor is given. Raises InvalidNode for unsound metadata and for an id that is taken.
        """
        metadata = checked_metadata(node_class)
        place = source or f"{node_class.__module__}.{node_class.__qualname__}"
        registration = Registration(
            metadata.id, node_class, source=place, reuse="singleton" if singleton else reuse, options=options
        )
        self._add(registration)

    def register_lazy(
        self, node_id: str, target: str, *, reuse: Reuse | None = None, options: Mapping[str, Any] | None = None
    ) -> None:
        """Add a node of the library, imported from `module:Class` when it is first used. Its id is reserved."""
        self._add(Registration(node_id, target, source="library", reserved=True, reuse=reuse, options=options))

    def discover(self, directory: Path | str) -> None:
        """Load every node file below a directory. A file that was loaded before is left alone."""
        root = Path(directory).absolute()
        if not root.is_dir():
            message = "there is no such directory" if not root.exists() else "it is not a directory"
            self._report(LoadProblem(source=str(root), line=None, message=message))
            return
        for path in node_files(root):
            with self._lock:
                known = path in self._loaded
                self._loaded.add(path)
            if not known:
                self._load(path)

    def load_entry_points(self, group: str = ENTRY_POINTS) -> None:
        """Load the nodes that installed packages offer in an entry-point group."""
        for point in plugins(group):
            source = f"{point.dist.name if point.dist else 'entry point'}: {point.value}"
            try:
                for node_class in load_plugin(point):
                    self.register(node_class, source=source)
            except (Exception, SystemExit) as error:  # noqa: BLE001 - what a stranger's module may raise
                self._report(LoadProblem(source=source, line=None, message=explained(error)))

    def find(self, node_id: str) -> WorkflowNode | None:
        """A specimen of the node, for its metadata; None when there is none, or it can't be imported."""
        registration = self._nodes.get(node_id)  # every step asks: one look needs no lock
        return self._specimen(registration) if registration is not None else None

    def names(self) -> frozenset[str]:
        """The ids of all registered nodes."""
        with self._lock:
            return frozenset(self._nodes)

    def secret_names(self) -> frozenset[str] | None:
        """The names of the secrets that the service has, if it was told."""
        return self._secrets

    def borrow(self, node_id: str) -> AbstractContextManager[WorkflowNode]:
        """An instance for one visit. Raises StepFailure `NODE_UNAVAILABLE` when there can be none."""
        registration = self._nodes.get(node_id)
        if registration is None:
            raise unavailable(f"no node {node_id!r} is registered here: load it, and retry")
        return registration.borrow()

    def listing(self) -> list[NodeListing]:
        """All nodes that can be loaded, by id."""
        with self._lock:
            registrations = sorted(self._nodes.values(), key=lambda registration: registration.node_id)
        specimens = [(registration, self._specimen(registration)) for registration in registrations]
        return [
            NodeListing(metadata=specimen.metadata, source=registration.source)
            for registration, specimen in specimens
            if specimen is not None
        ]

    def problems(self) -> list[LoadProblem]:
        """What could not be loaded, and why, in the order in which it was tried."""
        with self._lock:
            return list(self._problems)

    def _add(self, registration: Registration) -> None:
        with self._lock:
            taken = self._nodes.get(registration.node_id)
            if taken is not None:
                owner = "the library" if taken.reserved else taken.source
                message = f"The node id {registration.node_id!r} of {registration.source} is taken by {owner}"
                raise InvalidNode(f"{message}: choose another.")
            self._nodes[registration.node_id] = registration

    def _load(self, path: Path) -> None:
        try:
            classes = load_file(path)
        except (Exception, SystemExit) as error:  # noqa: BLE001 - what a stranger's file may raise
            self._report(problem_in(path, error))
            return
        for node_class in classes:
            try:
                self.register(node_class, source=str(path))
            except InvalidNode as error:
                self._report(LoadProblem(source=str(path), line=line_of(node_class), message=error.message))

    def _specimen(self, registration: Registration) -> WorkflowNode | None:
        try:
            return registration.specimen()
        except Exception as error:  # noqa: BLE001 - whatever an import may raise
            self._report(LoadProblem(source=registration.source, line=None, message=explained(error)))
            return None

    def _report(self, problem: LoadProblem) -> None:
        with self._lock:
            if problem not in self._problems:
                self._problems.append(problem)
