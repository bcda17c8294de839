"""Prints the workflow schema: `python -m interfaces.schema`."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

from application.schemas import workflow_schema
from interfaces.bootstrap import library_nodes
from interfaces.layout import laid_out

if TYPE_CHECKING:
    from domain.node import NodeCatalog


def rendered(nodes: NodeCatalog | None = None) -> str:
    """The text of the schema of the language with these nodes (without: the library, as it is published)."""
    return laid_out(workflow_schema(nodes if nodes is not None else library_nodes())) + "\n"


if __name__ == "__main__":
    sys.stdout.write(rendered())
