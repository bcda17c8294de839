"""Prints the workflow schema: `python -m interfaces.schema`."""

from __future__ import annotations

import json
import sys

from application.schemas import workflow_schema
from interfaces.bootstrap import library_nodes


def rendered() -> str:
    """The schema of the language with the node library, as it is published."""
    return json.dumps(workflow_schema(library_nodes()), indent=2, ensure_ascii=False) + "\n"


if __name__ == "__main__":
    sys.stdout.write(rendered())
