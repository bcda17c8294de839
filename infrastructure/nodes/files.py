"""Files under one root, which nothing leaves: every component of a path is opened from its parent's descriptor.

A link is read and followed here, not by the system, so that one swapped in meanwhile is refused instead of followed.
"""

from __future__ import annotations

import errno
import fcntl
import os
import secrets
import stat
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, Any, Final

from domain.errors import ErrorInfo, StepFailure

if TYPE_CHECKING:
    from pathlib import Path

MAX_READ_BYTES: Final = 1_048_576
MAX_ENTRIES: Final = 10_000
MAX_LINKS: Final = 40  # as Linux has it

_DIRECTORY: Final = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
_PLAIN: Final = os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC  # a pipe must not block, and is refused once it is open
_TEMPORARY: Final = ".clew-"


class RootedFiles:
    """The files below `root`. A path's leading `/` is the root.

    Raises StepFailure for what is refused (`PATH_OUTSIDE_ROOT`, `FILE_TOO_LARGE`, `NOT_A_FILE`, `TOO_MANY_ENTRIES`),
    and the system's OSError for the rest.
    """

    def __init__(self, root: Path, *, max_read_bytes: int = MAX_READ_BYTES) -> None:
        self._root = os.path.abspath(root)  # noqa: PTH100 - links in the root's own path stay as they are
        self._max_read_bytes = max_read_bytes

    def read(self, path: str) -> bytes:
        """The whole of a file, up to the limit."""
        with self._at(path) as (parent, name), _opened(parent, name, os.O_RDONLY, path=path) as descriptor:
            content = _read_up_to(descriptor, self._max_read_bytes + 1)
        if len(content) > self._max_read_bytes:
            message = f"{path} has more than {self._max_read_bytes:,} bytes, the most that is read at once"
            raise refused("FILE_TOO_LARGE", message)
        return content

    def write(self, path: str, content: bytes) -> None:
        """Put a file in place as a whole, on the disk: a crash leaves the old one or the new one."""
        with self._at(path, create=True) as (parent, name):
            mode = _mode_of_existing(parent, name, path)
            temporary = f"{_TEMPORARY}{secrets.token_hex(8)}.tmp"
            try:
                with _opened(parent, temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, path=path) as descriptor:
                    if mode is not None:
                        os.fchmod(descriptor, mode)
                    _write_all(descriptor, content)
                    os.fsync(descriptor)
                os.replace(temporary, name, src_dir_fd=parent, dst_dir_fd=parent)
            except BaseException:
                with suppress(OSError):  # the failure to report is the first one
                    os.unlink(temporary, dir_fd=parent)
                raise
            os.fsync(parent)

    def append(self, path: str, content: bytes) -> None:
        """Add to the end of a file, all of it or nothing, on the disk. The lock keeps other appenders of ours out."""
        with self._at(path, create=True) as (parent, name):
            with _opened(parent, name, os.O_WRONLY | os.O_APPEND | os.O_CREAT, path=path) as descriptor:
                fcntl.flock(descriptor, fcntl.LOCK_EX)
                before = os.fstat(descriptor).st_size
                try:
                    _write_all(descriptor, content)
                    os.fsync(descriptor)
                except BaseException:
                    os.ftruncate(descriptor, before)
                    raise
            os.fsync(parent)

    def exists(self, path: str) -> bool:
        """Whether there is a file or directory."""
        try:
            with self._at(path) as (parent, name):
                os.stat(name, dir_fd=parent, follow_symlinks=False)
        except (FileNotFoundError, NotADirectoryError):
            return False
        return True

    def delete(self, path: str) -> None:
        """Remove a file; of a link, the link."""
        with self._at(path):  # refuses a link that leads out, though removing it would do no harm
            pass
        with self._at(path, follow_last=False) as (parent, name):
            if stat.S_ISDIR(os.stat(name, dir_fd=parent, follow_symlinks=False).st_mode):
                raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR))
            os.unlink(name, dir_fd=parent)
            os.fsync(parent)

    def make_directory(self, path: str) -> None:
        """Make a directory and its parents; one that is there already is fine."""
        with self._at(path, create=True) as (parent, name):
            os.close(_enter(parent, name, create=True))

    def entries(self, path: str) -> list[dict[str, Any]]:
        """What is in a directory: {name, type: file | directory | link | other, size}, by name."""
        with self._at(path) as (parent, name):
            directory = os.open(name, _DIRECTORY, dir_fd=parent)
        try:
            with os.scandir(directory) as found:
                entries = [_entry(each) for each in found if not each.name.startswith(_TEMPORARY)]
        finally:
            os.close(directory)
        if len(entries) > MAX_ENTRIES:
            message = f"{path} has {len(entries):,} entries; at most {MAX_ENTRIES:,} are listed"
            raise refused("TOO_MANY_ENTRIES", message)
        return sorted(entries, key=lambda entry: str(entry["name"]))

    @contextmanager
    def _at(self, path: str, *, create: bool = False, follow_last: bool = True) -> Iterator[tuple[int, str]]:
        """(descriptor of the parent directory, name in it), with no link left to follow; the name of a root is `.`."""
        walk = _Walk(self._root, path, create=create)
        try:
            yield walk.to_parent(follow_last=follow_last)
        finally:
            walk.close()


class _Walk:
    """The way down from the root, with a descriptor of each directory on it, so that `..` goes back up the same way."""

    def __init__(self, root: str, path: str, *, create: bool) -> None:
        self._path = path
        self._create = create
        self._root = root
        parts = _parts(path)
        if _climbs(parts):  # before anything is made on the way
            raise self._outside()
        self._pending = deque(parts)
        if create:
            os.makedirs(root, exist_ok=True)  # noqa: PTH103 - one call of the system beside the others
        self._open = [os.open(root, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)]

    def to_parent(self, *, follow_last: bool) -> tuple[int, str]:
        links = 0
        while self._pending:
            part = self._pending.popleft()
            if part == "..":
                self._up()
                continue
            last = not self._pending
            target = None if last and not follow_last else _link_target(self._open[-1], part)
            if target is not None:
                links += 1
                if links > MAX_LINKS:
                    raise OSError(errno.ELOOP, os.strerror(errno.ELOOP))
                self._follow(target)
            elif last:
                return self._open[-1], part
            else:
                self._open.append(_enter(self._open[-1], part, create=self._create))
        return self._open[-1], "."

    def close(self) -> None:
        while self._open:
            os.close(self._open.pop())

    def _up(self) -> None:
        if len(self._open) == 1:
            raise self._outside()
        os.close(self._open.pop())

    def _follow(self, target: str) -> None:
        if target.startswith("/"):
            target = self._below_root(target)
            while len(self._open) > 1:
                self._up()
        self._pending.extendleft(reversed(_parts(target)))

    def _below_root(self, target: str) -> str:
        """A link's absolute target as seen from the root."""
        for root in (self._root, os.path.realpath(self._root)):
            if target == root or target.startswith(root.rstrip("/") + "/"):
                return target[len(root) :]
        raise self._outside()

    def _outside(self) -> StepFailure:
        return refused("PATH_OUTSIDE_ROOT", f"{self._path} leads out of the folder that files may be in")


def _parts(path: str) -> list[str]:
    return [part for part in path.split("/") if part not in ("", ".")]


def _climbs(parts: list[str]) -> bool:
    """Whether `..` leads out, taking the path as written."""
    depth = 0
    for part in parts:
        depth += -1 if part == ".." else 1
        if depth < 0:
            return True
    return False


def _link_target(directory: int, name: str) -> str | None:
    try:
        return os.readlink(name, dir_fd=directory)
    except FileNotFoundError:
        return None
    except OSError as error:
        if error.errno == errno.EINVAL:  # it is something else than a link
            return None
        raise


def _enter(directory: int, name: str, *, create: bool) -> int:
    """Open a directory inside another; make it first, on the disk, if asked and missing."""
    try:
        return os.open(name, _DIRECTORY, dir_fd=directory)
    except FileNotFoundError:
        if not create:
            raise
    with suppress(FileExistsError):  # another step made it meanwhile
        os.mkdir(name, dir_fd=directory)
        os.fsync(directory)
    return os.open(name, _DIRECTORY, dir_fd=directory)


@contextmanager
def _opened(parent: int, name: str, flags: int, *, path: str) -> Iterator[int]:
    """A descriptor of a plain file; of nothing else, and never through a link."""
    descriptor = os.open(name, flags | _PLAIN, 0o666, dir_fd=parent)
    try:
        _only_plain(os.fstat(descriptor), path)
        yield descriptor
    finally:
        os.close(descriptor)


def _read_up_to(descriptor: int, most: int) -> bytes:
    chunks = []
    while most and (chunk := os.read(descriptor, most)):
        chunks.append(chunk)
        most -= len(chunk)
    return b"".join(chunks)


def _only_plain(found: os.stat_result, path: str) -> None:
    if stat.S_ISDIR(found.st_mode):
        raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR))
    if not stat.S_ISREG(found.st_mode):
        raise refused("NOT_A_FILE", f"{path} is neither a file nor a directory")


def _mode_of_existing(parent: int, name: str, path: str) -> int | None:
    try:
        found = os.stat(name, dir_fd=parent, follow_symlinks=False)
    except FileNotFoundError:
        return None
    _only_plain(found, path)
    return stat.S_IMODE(found.st_mode) & 0o777


def _write_all(descriptor: int, content: bytes) -> None:
    rest = memoryview(content)
    while rest:
        rest = rest[os.write(descriptor, rest) :]


def _entry(entry: os.DirEntry[str]) -> dict[str, Any]:
    found = entry.stat(follow_symlinks=False)
    kinds = ((stat.S_ISREG, "file"), (stat.S_ISDIR, "directory"), (stat.S_ISLNK, "link"))
    kind = next((name for test, name in kinds if test(found.st_mode)), "other")
    name = os.fsencode(entry.name).decode("utf-8", "replace")  # JSON can't hold the bytes of a name that is not UTF-8
    return {"name": name, "type": kind, "size": found.st_size}


def refused(code: str, message: str) -> StepFailure:
    """The failure of something that is never done, whatever the disk says."""
    return StepFailure(ErrorInfo(type="validation", code=code, message=message))
