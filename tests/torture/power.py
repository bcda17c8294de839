"""Power failures: what a disk could hold after one, at any moment of a traced run.

What was synced is there. Of each file's other writes, each is there, is not, or is there in some of its sectors of 512
bytes, whatever came after it: that is also how a disk that reorders them leaves it. Names of files (made, removed, renamed)
are there in their order up to some point behind the last sync of their directory. What a failed sync was to write may never
be written, also when a later sync succeeds: the kernel forgets it.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path
from random import Random
from typing import Final, Literal

from tests.torture.disk import Record

SECTOR: Final = 512
REBUILT: Final = "-shm"
"""What SQLite makes anew when it is opened after a crash."""
Mode = Literal["nothing", "everything", "writes", "sectors"]
MODES: Final[tuple[Mode, ...]] = ("nothing", "everything", "writes", "sectors", "sectors")


@dataclass
class Inode:
    """A file: what is on the disk for certain, and what may be."""

    synced: bytearray = field(default_factory=bytearray)
    unsynced: list[Record] = field(default_factory=list)


@dataclass
class Drive:
    """A disk as it has come to be by the calls so far. `forgets` decides what a failed sync has written all the same."""

    forgets: Random
    inodes: dict[int, Inode] = field(default_factory=dict)
    names: dict[str, int] = field(default_factory=dict)
    """As the running system sees them."""
    synced_names: dict[str, int] = field(default_factory=dict)
    unsynced_names: list[Record] = field(default_factory=list)
    _numbers: count[int] = field(default_factory=count)

    def hold(self, files: dict[str, bytes]) -> None:
        """Begin with these files, for certain."""
        for name, content in files.items():
            number = next(self._numbers)
            self.inodes[number] = Inode(bytearray(content))
            self.names[name] = self.synced_names[name] = number

    def do(self, record: Record) -> None:
        """Take in the next call."""
        match record.kind:
            case "W" | "T":
                self.inodes[self.names[record.path]].unsynced.append(record)
            case "S" if record.path == ".":
                self.synced_names = _named(self.synced_names, self.unsynced_names)
                self.unsynced_names.clear()
            case "S":
                inode = self.inodes[self.names[record.path]]
                _apply(inode.synced, inode.unsynced)
                inode.unsynced.clear()
            case "F" if record.path != ".":
                inode = self.inodes[self.names[record.path]]
                _apply(inode.synced, _torn(inode.unsynced, 0.5, self.forgets))
                inode.unsynced.clear()
            case "C":
                number = next(self._numbers)
                self.inodes[number] = Inode()
                self._name(record._replace(at=number))
            case "U" | "R":
                self._name(record)
            case _:
                pass

    def _name(self, record: Record) -> None:
        self.names = _named(self.names, [record])
        self.unsynced_names.append(record)

    def is_certain(self) -> bool:
        """Whether there is one way only in which a power failure could leave it."""
        return not self.unsynced_names and not any(self.inodes[number].unsynced for number in self.names.values())

    def fails(self, mode: Mode, chance: Random) -> dict[str, bytes]:
        """The files after a power failure, by name."""
        kept_names = {"nothing": 0, "everything": len(self.unsynced_names)}
        some = kept_names.get(mode, chance.randint(0, len(self.unsynced_names)))
        names = _named(self.synced_names, self.unsynced_names[:some])
        return {name: self._content(self.inodes[number], mode, chance) for name, number in names.items()}

    def _content(self, inode: Inode, mode: Mode, chance: Random) -> bytes:
        content = bytearray(inode.synced)
        likely = chance.choice((0.1, 0.5, 0.9))
        match mode:
            case "nothing":
                pass
            case "everything":
                _apply(content, inode.unsynced)
            case "writes":
                _apply(content, [record for record in inode.unsynced if chance.random() < likely])
            case "sectors":
                _apply(content, _torn(inode.unsynced, likely, chance))
        return bytes(content)


def _named(names: dict[str, int], changes: Iterable[Record]) -> dict[str, int]:
    """The names after some changes of them."""
    names = dict(names)
    for record in changes:
        match record.kind:
            case "C":
                names[record.path] = record.at
            case "U":
                names.pop(record.path, None)
            case "R" if record.path in names:
                names[record.data.decode()] = names.pop(record.path)
            case _:
                pass
    return names


def _apply(content: bytearray, records: Iterable[Record]) -> None:
    for record in records:
        if record.kind == "T":
            del content[record.at :]
            content.extend(bytes(record.at - len(content)))
            continue
        content.extend(bytes(max(0, record.at - len(content))))
        content[record.at : record.at + len(record.data)] = record.data


def _torn(records: Iterable[Record], likely: float, chance: Random) -> list[Record]:
    """Some sectors of some of the writes."""
    torn: list[Record] = []
    for record in records:
        if record.kind == "T":
            torn += [record] if chance.random() < likely else []
            continue
        at, end = record.at, record.at + len(record.data)
        while at < end:
            border = min((at // SECTOR + 1) * SECTOR, end)
            if chance.random() < likely:
                torn.append(record._replace(at=at, data=record.data[at - record.at : border - record.at]))
            at = border
    return torn


def lay_down(files: dict[str, bytes], home: Path, chance: Random) -> None:
    """Make a folder as a power failure has left it; of what is rebuilt after one, only rubbish is left."""
    home.mkdir()
    for name, content in files.items():
        whole = chance.randbytes(len(content)) if name.endswith(REBUILT) else content
        (home / name).write_bytes(whole)
