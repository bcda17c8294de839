"""A client of a service in memory, and a real server."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from starlette.testclient import TestClient

from tests.support.http import RunningServer, client, running_server


@pytest.fixture(scope="module")
def http() -> Iterator[TestClient]:
    """One service for a module: executions don't meet."""
    with client() as found:
        yield found


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningServer]:
    """One real server for a module."""
    home: Path = tmp_path_factory.mktemp("server")
    with running_server(home) as found:
        yield found
