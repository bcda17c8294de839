"""Disks that fall ill under a running server and get well again: by real means where there are any, else by a shim."""

from __future__ import annotations

import errno
import os
import shutil
import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

SHIM = Path(__file__).with_name("sick_disk.c")
SMALL_DISK = "2m"
CHUNK = b"\0" * 4_096


@dataclass(frozen=True)
class Disk:
    """A folder for a store, what makes it sick and well, and what a server on it is started with."""

    folder: Path
    sicken: Callable[[], None]
    heal: Callable[[], None]
    environment: dict[str, str]


@contextmanager
def failing(home: Path, order: str) -> Iterator[Disk]:
    """A disk whose calls fail as ordered (see `sick_disk.c`)."""
    compiler = shutil.which("gcc") or shutil.which("cc")
    if compiler is None:
        pytest.skip("there is no C compiler to make a failing disk with")
    shim, ordered, folder = home / "sick_disk.so", home / "order", home / "store"
    subprocess.run([compiler, "-O1", "-shared", "-fPIC", "-o", str(shim), str(SHIM)], check=True)
    folder.mkdir()

    def sicken() -> None:
        (home / "new-order").write_text(order)
        (home / "new-order").rename(ordered)

    environment = {"LD_PRELOAD": str(shim), "SICK_DIR": f"{folder}/", "SICK_ORDER": str(ordered)}
    yield Disk(folder, sicken, ordered.unlink, environment)


def calls(*names: str, error: int) -> str:
    """An order: these calls fail with this error."""
    return "".join(f"{name} {error}\n" for name in names)


@contextmanager
def full(home: Path) -> Iterator[Disk]:
    """A small file system of its own, filled to the last page by somebody else's file."""
    folder = home / "store"
    folder.mkdir()
    mounting = ["mount", "-t", "tmpfs", "-o", f"size={SMALL_DISK}", "none", str(folder)]
    if os.geteuid() != 0:
        pytest.skip("only root can mount a small file system to be filled")
    if subprocess.run(mounting, check=False, capture_output=True).returncode != 0:
        pytest.skip("a small file system can't be mounted here")
    ballast = folder / "ballast"

    def fill() -> None:
        with ballast.open("wb", buffering=0) as file:
            try:
                while True:
                    file.write(CHUNK)
            except OSError as error:
                assert error.errno == errno.ENOSPC

    try:
        yield Disk(folder, fill, ballast.unlink, {})
    finally:
        subprocess.run(["umount", str(folder)], check=True)


@contextmanager
def gone(home: Path) -> Iterator[Disk]:
    """A folder that is not where it was, as a file system that was unmounted, and is later."""
    folder, away = home / "store", home / "away"
    folder.mkdir()
    yield Disk(folder, lambda: _move(folder, away), lambda: _move(away, folder), {})


def _move(source: Path, target: Path) -> None:
    source.rename(target)
