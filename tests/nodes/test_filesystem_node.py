"""`filesystem`, and the root that nothing leaves."""

from __future__ import annotations

import contextlib
import errno
import gc
import os
import threading
from pathlib import Path
from typing import Any

import pytest

from domain.errors import StepFailure
from infrastructure.nodes import files
from infrastructure.nodes.files import RootedFiles
from infrastructure.nodes.filesystem import Filesystem
from tests.support.nodes import Visit, run


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """The one folder for files, beside a secret that is not in it."""
    (tmp_path / "secret.txt").write_text("secret")
    (tmp_path / "outside").mkdir()
    found = tmp_path / "root"
    found.mkdir()
    return found


def names(folder: Path) -> list[str]:
    """What is in a folder."""
    return sorted(path.name for path in folder.iterdir())


def do(root: Path | None, operation: str, path: str = "a.txt", *, routed: tuple[str, ...] = (), **config: Any) -> Visit:
    """One visit."""
    return run(Filesystem(root), {"operation": operation, "path": path, **config}, routed=routed)


def test_write_then_read(root: Path) -> None:
    """A leading slash is the root; parents are made; the keys are those of the operations."""
    written = do(root, "write", "/data/in/a.txt", content="häl\nlo")
    assert written.edge == "success"
    assert written.data == {"path": "/data/in/a.txt"}
    assert written.state == {"fileWritten": "/data/in/a.txt"}
    assert (root / "data/in/a.txt").read_text() == "häl\nlo"
    for path in ("/data/in/a.txt", "data/in/a.txt", "./data//in/../in/./a.txt"):
        visit = do(root, "read", path)
        assert visit.edge == "success"
        assert visit.data == {"path": path, "content": "häl\nlo"}
        assert visit.state == {"fileContent": "häl\nlo"}


@pytest.mark.parametrize(
    ("content", "text"), [({"a": [1, "ä"]}, '{"a":[1,"ä"]}'), ([1], "[1]"), (5, "5"), (None, "null"), ("", "")]
)
def test_what_is_not_text_is_written_as_json(root: Path, content: Any, text: str) -> None:
    """Compact, in UTF-8."""
    assert do(root, "write", content=content).edge == "success"
    assert (root / "a.txt").read_text() == text


def test_base64_carries_any_bytes(root: Path) -> None:
    """Both ways."""
    assert do(root, "write", content="AP/+", encoding="base64").edge == "success"
    assert (root / "a.txt").read_bytes() == b"\x00\xff\xfe"
    assert do(root, "read", encoding="base64").data["content"] == "AP/+"
    refused = do(root, "read")
    assert refused.code == "NOT_UTF8"
    assert "base64" in refused.data["message"]
    assert refused.state == {"fileContent": None}


def test_a_write_replaces_the_whole_file_and_keeps_its_mode(root: Path) -> None:
    """No temporary file stays, and what may read it stays as it was."""
    (root / "a.txt").write_text("a longer text")
    (root / "a.txt").chmod(0o640)
    assert do(root, "write", content="short").edge == "success"
    assert (root / "a.txt").read_text() == "short"
    assert (root / "a.txt").stat().st_mode & 0o777 == 0o640
    assert names(root) == ["a.txt"]


def test_a_write_that_fails_leaves_the_old_file(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A full disk takes nothing away, and leaves no half of anything."""
    (root / "a.txt").write_text("old")

    def full(descriptor: int, content: bytes) -> int:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "write", full)
    visit = do(root, "write", content="new")
    monkeypatch.undo()
    assert visit.code == "DISK_FULL"
    assert visit.data["recoverable"] is True
    assert str(root) not in visit.data["message"]
    assert (root / "a.txt").read_text() == "old"
    assert names(root) == ["a.txt"]


def test_append_adds_to_the_end(root: Path) -> None:
    """Making the file and its parents."""
    for line in ("one\n", "two\n"):
        visit = do(root, "append", "logs/a.txt", content=line)
        assert visit.edge == "success"
        assert visit.state == {"fileWritten": "logs/a.txt"}
    assert (root / "logs/a.txt").read_text() == "one\ntwo\n"


def test_an_append_that_fails_adds_nothing(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What was written of it is taken back."""
    (root / "a.txt").write_text("old")
    write = os.write

    def half(descriptor: int, content: bytes) -> int:
        if len(content) < 8:
            raise OSError(errno.EIO, "Input/output error")
        return write(descriptor, content[:4])

    monkeypatch.setattr(os, "write", half)
    visit = do(root, "append", content="12345678")
    monkeypatch.undo()
    assert visit.code == "IO_ERROR"
    assert (root / "a.txt").read_text() == "old"


def test_appends_from_many_threads_are_all_there(root: Path) -> None:
    """Each whole."""
    store = RootedFiles(root)
    lines = [f"{number:04}" * 50 + "\n" for number in range(40)]
    threads = [threading.Thread(target=store.append, args=("a.txt", line.encode())) for line in lines]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(10)
    assert sorted((root / "a.txt").read_text().splitlines(keepends=True)) == lines


@pytest.mark.parametrize(
    ("path", "found"), [("a.txt", True), ("d", True), ("/", True), ("b", False), ("a.txt/b", False)]
)
def test_exists(root: Path, path: str, found: bool) -> None:
    """Files and directories."""
    (root / "a.txt").write_text("x")
    (root / "d").mkdir()
    visit = do(root, "exists", path)
    assert visit.edge == ("exists" if found else "not_exists")
    assert visit.data == {"exists": found, "path": path}
    assert visit.state == {"fileExists": found}


def test_delete(root: Path) -> None:
    """The file is gone."""
    (root / "a.txt").write_text("x")
    visit = do(root, "delete")
    assert visit.edge == "success"
    assert visit.data == {"path": "a.txt"}
    assert visit.state == {"fileDeleted": True}
    assert names(root) == []


@pytest.mark.parametrize(("operation", "key"), [("read", "fileContent"), ("delete", "fileDeleted")])
def test_a_missing_file_takes_not_exists_if_that_is_routed(root: Path, operation: str, key: str) -> None:
    """Else it is an error; either way the result key is null."""
    visit = do(root, operation, "x/y.txt", routed=("not_exists",))
    assert visit.edge == "not_exists"
    assert visit.data == {"exists": False, "path": "x/y.txt"}
    assert visit.state == {key: None}
    visit = do(root, operation, "x/y.txt", routed=("success",))
    assert visit.code == "FILE_NOT_FOUND"
    assert visit.state == {key: None}


def test_mkdir(root: Path) -> None:
    """With parents; again is fine."""
    for _ in range(2):
        visit = do(root, "mkdir", "x/y")
        assert visit.edge == "success"
        assert visit.data == {"path": "x/y"}
        assert visit.state == {"dirCreated": True}
    assert (root / "x/y").is_dir()


def test_list(root: Path) -> None:
    """Each entry by name with its type and size, without the temporary files of writes in progress."""
    (root / "b.txt").write_text("12345")
    (root / "a").mkdir()
    (root / "c").symlink_to("b.txt")
    (root / ".clew-0.tmp").write_text("")
    os.mkfifo(root / "p")
    (root / os.fsdecode(b"z\xff")).write_text("")
    visit = do(root, "list", "/")
    entries = [
        {"name": "a", "type": "directory", "size": (root / "a").stat().st_size},
        {"name": "b.txt", "type": "file", "size": 5},
        {"name": "c", "type": "link", "size": 5},
        {"name": "p", "type": "other", "size": 0},
        {"name": "z\ufffd", "type": "file", "size": 0},
    ]
    assert visit.data == {"path": "/", "entries": entries}
    assert visit.state == {"fileList": entries}
    assert do(root, "list", "nope").code == "FILE_NOT_FOUND"
    assert do(root, "list", "b.txt").code == "NOT_A_DIRECTORY"


OUT = [
    "../secret.txt",
    "/../secret.txt",
    "x/../../secret.txt",
    "..",
    "out/new.txt",
    "out.txt",
    "absolute/new.txt",
    "absolute.txt",
    "d/back/../secret.txt",
    "twice",
]


@pytest.mark.parametrize("path", OUT)
@pytest.mark.parametrize("operation", ["read", "write", "append", "exists", "delete", "mkdir", "list"])
def test_nothing_leaves_the_root(root: Path, operation: str, path: str) -> None:
    """Neither by `..` nor by a link, in the middle or at the end; and nothing is made on the way."""
    (root / "d").mkdir()
    (root / "out").symlink_to("../outside")
    (root / "out.txt").symlink_to("../secret.txt")
    (root / "absolute").symlink_to(root.parent / "outside")
    (root / "absolute.txt").symlink_to(root.parent / "secret.txt")
    (root / "d/back").symlink_to("..")
    (root / "twice").symlink_to("d/back/out.txt")
    before = sorted(root.parent.rglob("*"))
    visit = do(root, operation, path, content="x")
    assert visit.code == "PATH_OUTSIDE_ROOT"
    assert str(root) not in visit.data["message"]
    assert (root.parent / "secret.txt").read_text() == "secret"
    assert sorted(root.parent.rglob("*")) == before


def test_links_that_stay_inside_are_followed(root: Path) -> None:
    """Relative and absolute ones, also up again; writing goes to what they name, deleting removes the link."""
    (root / "d").mkdir()
    (root / "d/a.txt").write_text("a")
    (root / "relative").symlink_to("d/../d")
    (root / "absolute").symlink_to(root / "d")
    (root / "file").symlink_to("relative/a.txt")
    for path in ("relative/a.txt", "absolute/a.txt", "file", "absolute/../d/a.txt"):
        assert do(root, "read", path).data["content"] == "a"
    assert do(root, "write", "file", content="b").edge == "success"
    assert (root / "d/a.txt").read_text() == "b"
    assert (root / "file").is_symlink()
    assert do(root, "delete", "file").edge == "success"
    assert (root / "d/a.txt").read_text() == "b"
    assert not (root / "file").is_symlink()


def test_a_link_to_nothing_does_not_exist(root: Path) -> None:
    """It can be written through, and be deleted."""
    (root / "gone").symlink_to("b.txt")
    assert do(root, "exists", "gone").edge == "not_exists"
    assert do(root, "read", "gone").code == "FILE_NOT_FOUND"
    assert do(root, "write", "gone", content="x").edge == "success"
    assert (root / "b.txt").read_text() == "x"


def test_links_in_a_circle_end(root: Path) -> None:
    """After as many as the system itself would follow."""
    (root / "a").symlink_to("b")
    (root / "b").symlink_to("a")
    assert do(root, "read", "a").code == "TOO_MANY_LINKS"


def test_a_link_swapped_in_meanwhile_is_not_followed(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What was a file when it was looked at, and is a link out when it is opened, is refused."""
    (root / "a.txt").symlink_to("../secret.txt")
    (root / "d").symlink_to("../outside")
    monkeypatch.setattr(files, "_link_target", lambda directory, name: None)
    assert do(root, "read", "a.txt").code == "TOO_MANY_LINKS"
    assert do(root, "append", "a.txt", content="x").code == "TOO_MANY_LINKS"
    assert do(root, "write", "d/new.txt", content="x").code == "NOT_A_DIRECTORY"
    assert (root.parent / "secret.txt").read_text() == "secret"
    assert names(root.parent / "outside") == []


@pytest.mark.parametrize(
    ("operation", "path", "code"),
    [
        ("read", "d", "IS_A_DIRECTORY"),
        ("read", "/", "IS_A_DIRECTORY"),
        ("write", "d", "IS_A_DIRECTORY"),
        ("write", "/", "IS_A_DIRECTORY"),
        ("append", "d", "IS_A_DIRECTORY"),
        ("delete", "d", "IS_A_DIRECTORY"),
        ("delete", "/", "IS_A_DIRECTORY"),
        ("mkdir", "a.txt", "NOT_A_DIRECTORY"),
        ("write", "a.txt/b", "NOT_A_DIRECTORY"),
        ("read", "a.txt/b", "NOT_A_DIRECTORY"),
        ("read", "pipe", "NOT_A_FILE"),
        ("write", "pipe", "NOT_A_FILE"),
        ("read", "n" * 300, "NAME_TOO_LONG"),
        ("read", "", "INVALID_PARAMETER"),
        ("read", "a\0b", "INVALID_PARAMETER"),
    ],
)
def test_what_is_no_file_is_refused(root: Path, operation: str, path: str, code: str) -> None:
    """With a code that says what it is; a pipe does not block."""
    (root / "d").mkdir()
    (root / "a.txt").write_text("x")
    os.mkfifo(root / "pipe")
    assert do(root, operation, path, content="x").code == code


def test_reading_is_bounded(root: Path) -> None:
    """A larger file is `FILE_TOO_LARGE`, naming the limit."""
    (root / "a.txt").write_text("12345678")
    config = {"operation": "read", "path": "a.txt"}
    assert run(Filesystem(root, max_read_bytes=8), config).edge == "success"
    visit = run(Filesystem(root, max_read_bytes=7), config)
    assert visit.code == "FILE_TOO_LARGE"
    assert "7 bytes" in visit.data["message"]


def test_listing_is_bounded(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As everything is."""
    monkeypatch.setattr(files, "MAX_ENTRIES", 2)
    for name in "abc":
        (root / name).write_text("")
    assert do(root, "list", "/").code == "TOO_MANY_ENTRIES"


@pytest.mark.parametrize(
    "config",
    [
        {"operation": "copy", "path": "a"},
        {"path": "a"},
        {"operation": "read"},
        {"operation": "read", "path": 5},
        {"operation": "read", "path": "a", "encoding": "latin-1"},
        {"operation": "write", "path": "a"},
        {"operation": "append", "path": "a"},
        {"operation": "write", "path": "a", "content": "not base64!", "encoding": "base64"},
        {"operation": "write", "path": "a", "content": {"a": 1}, "encoding": "base64"},
    ],
)
def test_bad_input_is_the_error_edge(root: Path, config: dict[str, Any]) -> None:
    """And the result keys of the operation are null; all of them when there is no such operation."""
    visit = run(Filesystem(root), config)
    assert visit.code == "INVALID_PARAMETER"
    assert visit.state == dict.fromkeys(Filesystem().result_keys(config))
    assert names(root) == []


def test_without_a_root_there_are_no_files() -> None:
    """It says what the service would need."""
    assert do(None, "read").code == "FILES_NOT_CONFIGURED"


def test_a_root_that_is_not_there_is_made_by_the_first_write(tmp_path: Path) -> None:
    """Until then nothing exists in it."""
    root = tmp_path / "new/root"
    assert do(root, "exists").edge == "not_exists"
    assert do(root, "read").code == "FILE_NOT_FOUND"
    assert do(root, "write", content="x").edge == "success"
    assert (root / "a.txt").read_text() == "x"


@pytest.mark.parametrize(
    ("operation", "effect", "key"),
    [
        ("read", "reads", "fileContent"),
        ("exists", "reads", "fileExists"),
        ("list", "reads", "fileList"),
        ("write", "writes", "fileWritten"),
        ("append", "writes", "fileWritten"),
        ("delete", "writes", "fileDeleted"),
        ("mkdir", "writes", "dirCreated"),
    ],
)
def test_effect_and_key_depend_on_the_operation(operation: str, effect: str, key: str) -> None:
    """Reading operations are `reads`, the others `writes`."""
    assert Filesystem().effect({"operation": operation}) == effect
    assert Filesystem().state_keys({"operation": operation}) == frozenset({key})


def test_an_unknown_operation_may_do_anything() -> None:
    """As far as validation can tell."""
    assert Filesystem().effect({}) == "writes"
    assert Filesystem().state_keys({"operation": "$.operation"}) == frozenset(Filesystem.metadata.outputs or ())
    assert not Filesystem.inline
    assert Filesystem.metadata.exit_edges == ("not_exists",)


def test_no_descriptor_is_left_open(root: Path) -> None:
    """Neither after success nor after a refusal."""
    store = RootedFiles(root)
    (root / "out").symlink_to("..")
    gc.collect()  # what earlier tests left to be closed some time
    before = descriptors()
    for _ in range(5):
        store.write("d/e/a.txt", b"x")
        store.read("d/e/a.txt")
        store.entries("d/e")
        for path in ("d/e", "out/secret.txt", "d/../../x", "nope"):
            with pytest.raises((StepFailure, OSError)):
                store.read(path)
    assert descriptors() <= before


def descriptors() -> set[str]:
    """What this process has open, by number and what it is; of its own look at them only the number is left."""
    found = set()
    for name in names(Path("/proc/self/fd")):
        with contextlib.suppress(FileNotFoundError):
            found.add(f"{name} {Path('/proc/self/fd', name).readlink()}")
    return found
