"""The disk that is watched (`watched_disk.c`): how it is made and told what to do, and what its trace says."""

from __future__ import annotations

import ctypes
import json
import os
import shutil
import struct
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from enum import IntEnum, IntFlag
from pathlib import Path
from typing import Any, Final, NamedTuple

SHIM: Final = Path(__file__).with_name("watched_disk.c")
HEAD: Final = struct.Struct("<cHIq")


class What(IntEnum):
    """What happens at the call that is ordered."""

    NOTHING = 0
    KILL_BEFORE = 1
    KILL_WITHIN = 2
    """After half of a write; after any other call."""
    FAIL = 3
    FAIL_THEN_KILL = 4
    """And the process dies at the next call of any kind."""


class Calls(IntFlag):
    """Kinds of calls: writes (and cuts), syncs, names (files made, removed and renamed)."""

    WRITES = 1
    SYNCS = 2
    NAMES = 4
    ALL = 7


@dataclass(frozen=True)
class Order:
    """From the `first` call of these kinds on, `many` in a row; the first is 1. `error` is the errno of a failure."""

    what: What = What.NOTHING
    calls: Calls = Calls.ALL
    first: int = 1
    many: int = 1
    error: int = 0

    def __str__(self) -> str:
        if self.error:
            end = ", and SIGKILL" if self.what is What.FAIL_THEN_KILL else ""
            return f"{os.strerror(self.error)} at {self.many} {self.calls.name} from number {self.first}{end}"
        return f"{self.what.name} at call {self.first}" if self.what else "nothing"


NOTHING: Final = Order()


class Record(NamedTuple):
    """A call that was made, or a note.

    `kind`: W(rite), T(runcate), S(ync), F(ailed sync), C(reate), U(nlink), R(ename: `data` is the new path), N(ote).
    """

    kind: str
    path: str
    at: int
    data: bytes

    @property
    def note(self) -> dict[str, Any]:
        """What was noted."""
        noted: dict[str, Any] = json.loads(self.data)
        return noted


class WatchedDisk:
    """The shim in this process, into which it must have been preloaded."""

    def __init__(self) -> None:
        self._shim = ctypes.CDLL(None)
        self._shim.disk_calls.restype = ctypes.c_long
        self._shim.disk_failed.restype = ctypes.c_long

    def watch(self, folder: Path, trace: Path, *, data: bool, syncs: bool = False) -> None:
        """Watch what is below a folder from now on. Without `syncs` nothing is waited for: a kill loses nothing anyway."""
        self._shim.disk_watch(f"{folder.resolve()}/".encode(), str(trace).encode(), int(data), int(syncs))

    def order(self, order: Order) -> None:
        """Have it happen; calls are counted from now on."""
        numbers = ctypes.c_long(order.first), ctypes.c_long(order.many)
        self._shim.disk_order(int(order.what), int(order.calls), *numbers, order.error)

    def note(self, what: dict[str, Any]) -> None:
        """Write a note into the trace."""
        text = json.dumps(what).encode()
        self._shim.disk_note(text, ctypes.c_size_t(len(text)))

    @property
    def calls(self) -> int:
        """How many of the calls that are ordered were made."""
        return int(self._shim.disk_calls())

    @property
    def failed(self) -> int:
        """How many of them failed by order."""
        return int(self._shim.disk_failed())


def is_watched() -> bool:
    """Whether the shim is in this process."""
    return hasattr(ctypes.CDLL(None), "disk_watch")


def compiler() -> str | None:
    """What the shim can be made with, if there is anything."""
    return shutil.which("gcc") or shutil.which("cc") or shutil.which("clang")


def make(home: Path) -> Path:
    """The shim as a library in `home`."""
    tool, made = compiler(), home / "watched_disk.so"
    assert tool is not None, "there is no C compiler to make the disk with"
    subprocess.run([tool, "-O1", "-shared", "-fPIC", "-pthread", "-o", str(made), str(SHIM)], check=True)
    return made


def records(trace: Path) -> Iterator[Record]:
    """What a trace says, in order."""
    text = trace.read_bytes() if trace.exists() else b""
    at = 0
    while at < len(text):
        kind, path_length, data_length, offset = HEAD.unpack_from(text, at)
        at += HEAD.size
        path = text[at : at + path_length].decode()
        at += path_length
        yield Record(kind.decode(), path, offset, text[at : at + data_length])
        at += data_length


def notes(trace: Path) -> list[dict[str, Any]]:
    """The notes of a trace."""
    return [record.note for record in records(trace) if record.kind == "N"]
