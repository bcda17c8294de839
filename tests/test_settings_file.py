"""Settings from a TOML file: below flags and the environment, above the defaults, and with no room for misspelling."""

from __future__ import annotations

import json
import os
import re
from pathlib import Path

import pytest

from interfaces.settings import BadSetting, Settings, from_environment, shown
from tests.cli.running import COUNTING, clew, written
from tests.support.http import ROOT, running_server

EVERYTHING = """
host = "127.0.0.2"
port = 9000
store = "sqlite:///there.db"
nodes = ["one", "two"]
files = "files here"
home = "here"
allow_hosts = ["10.0.0.0/8", "*.example.org"]
smtp_url = "smtp://robot:s3cret@mail.example.org:25"
smtp_from = "clew@example.org"
ai_url = "https://ai.example.org/v1"
ai_key = "sk-s3cret"
ai_model = "m"
ai_hosts = ["more.example.org"]

secrets = "secrets.toml"
limits = {steps = 7, state_bytes = "1000"}

[ai_prices.m]
input = 1.5
output = 2
"""


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The working directory."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_every_setting_may_stand_in_the_file(home: Path) -> None:
    """Lists as arrays, numbers as numbers, prices as a table."""
    (home / "clew.toml").write_text(EVERYTHING)
    (home / "secrets.toml").write_text('token = "t0ps3cret"')
    found = from_environment({"CLEW_LIMIT_ITERATIONS": "5"})
    assert (found.limits.steps, found.limits.state_bytes, found.limits.iterations) == (7, 1000, 5)
    assert found.secrets["token"].reveal() == "t0ps3cret"
    assert (found.host, found.port, found.store) == ("127.0.0.2", 9000, "sqlite:///there.db")
    assert found.nodes == (Path("one"), Path("two"))
    assert (found.files, found.home) == (Path("files here"), Path("here"))
    assert found.allow_hosts == ("10.0.0.0/8", "*.example.org")
    assert found.smtp_url.reveal() == "smtp://robot:s3cret@mail.example.org:25"
    assert found.ai_key.reveal() == "sk-s3cret"
    assert (found.smtp_from, found.ai_url, found.ai_model) == ("clew@example.org", "https://ai.example.org/v1", "m")
    assert found.ai_hosts == ("more.example.org",)
    assert json.loads(found.ai_prices) == {"m": {"input": 1.5, "output": 2}}
    assert "s3cret" not in repr(found)


def test_the_file_of_the_readme(home: Path) -> None:
    """Is one."""
    [text] = re.findall(r"```toml\n(.*?)```", (ROOT / "README.md").read_text(), re.DOTALL)
    (home / "clew.toml").write_text(text)
    found = from_environment({})
    assert found.is_postgres
    assert found.nodes == (Path("nodes"),)


def test_the_environment_comes_before_the_file_and_the_file_before_defaults(home: Path) -> None:
    """Setting by setting."""
    (home / "clew.toml").write_text('host = "127.0.0.2"\nport = 9000\nnodes = ["one"]\n[limits]\nsteps = 5\n')
    assert from_environment({"CLEW_LIMIT_STEPS": "6"}).limits.steps == 6
    found = from_environment({"CLEW_PORT": "9001", "CLEW_NODES": os.pathsep.join(["x", "y"])})
    assert (found.host, found.port, found.nodes) == ("127.0.0.2", 9001, (Path("x"), Path("y")))
    assert found.store == Settings().store


def test_which_file(home: Path) -> None:
    """The one that is named comes before that of the environment, and that before the one that is there."""
    for name in ("clew", "named", "variable"):
        (home / f"{name}.toml").write_text(f'host = "{name}"')
    variable = {"CLEW_CONFIG": "variable.toml"}
    assert from_environment(variable, config=Path("named.toml")).host == "named"
    assert from_environment(variable).host == "variable"
    assert from_environment({}).host == "clew"
    (home / "clew.toml").unlink()
    assert from_environment({}).host == "127.0.0.1"


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ('prot = 1\nhost = "x"', "'prot', which Clew doesn't know. Did you mean 'port'"),
        ("[xyzzy]\nport = 1", "'xyzzy', which Clew doesn't know. There are: url, host, port"),
        ("port = \nhost = 1", "can't be read: .*line 1, column 8"),
        ("port = 99999", "port in clew.toml=99999 is not a port"),
        ('port = "x"', "port in clew.toml=x is not a port"),
        ("port = 1.5", "port in clew.toml is a number"),
        ("port = true", "port in clew.toml is a number"),
        ("limits.step = 5", "a limit 'step', which Clew doesn't know. Did you mean 'steps'"),
        ("limits = 5", "limits in clew.toml is a table"),
        ("limits.steps = 0", "limits.steps in clew.toml=0 is no limit: it is a whole number from 1"),
        ("limits.steps = 1.5", "limits.steps in clew.toml is a number, not a number with a fraction"),
        ("limit_steps = 5", "'limit_steps', which Clew doesn't know"),
        ("host = 5", "host in clew.toml is a text, not a number"),
        ('smtp_url = ["s3cret"]', r"smtp_url in clew.toml is a text, not an array\.$"),
        ('nodes = "one"', "nodes in clew.toml is an array of texts"),
        ("allow_hosts = [5]", "allow_hosts in clew.toml is an array of texts"),
        ('ai_hosts = ["a,b"]', "none of them with ','"),
        ('ai_key = "file:none"', "ai_key in clew.toml refers to the file none"),
    ],
)
def test_bad_files_are_told(home: Path, text: str, said: str) -> None:
    """With the file, the setting, and what was probably meant; by commands with the code of a mistake of usage."""
    (home / "clew.toml").write_text(text)
    with pytest.raises(BadSetting, match=said):
        from_environment({})
    ran = clew("run", written(home, COUNTING))
    assert (ran.code, ran.out) == (2, "")
    assert "Traceback" not in ran.err


def test_a_file_that_is_named_must_be_there(home: Path) -> None:
    """By the flag or by the environment."""
    with pytest.raises(BadSetting, match=r"none\.toml can't be read"):
        from_environment({"CLEW_CONFIG": "none.toml"})
    assert clew("--config", "none.toml", "version").code == 2


def test_commands_take_the_store_of_the_file(home: Path) -> None:
    """Unless a flag or the environment says otherwise; `--config` stands before the command or behind it."""
    (home / "clew.toml").write_text('store = "sqlite:///one.db"')
    (home / "other.toml").write_text('store = "sqlite:///other.db"')
    definition = written(home, COUNTING)
    assert clew("run", definition).code == 0
    assert clew("run", definition, "--config", "other.toml").code == 0
    assert clew("--config", "other.toml", "run", definition).code == 0
    assert clew("run", definition, env={"CLEW_STORE": "sqlite:///environment.db"}).code == 0
    assert clew("run", definition, "--store", "sqlite:///flag.db").code == 0
    counts = {"one": 1, "other": 2, "environment": 1, "flag": 1}
    for name, count in counts.items():
        assert len(clew("ls", "--store", f"sqlite:///{name}.db", "--json").json["items"]) == count
    assert len(clew("ls", "--json").json["items"]) == 1
    assert len(clew("ls", "--json", env={"CLEW_CONFIG": "other.toml"}).json["items"]) == 2


def test_the_url_of_the_environment_comes_before_the_store_of_the_file(home: Path) -> None:
    """And one of the file before the server that commands ask by default."""
    with running_server(home) as server:
        (home / "clew.toml").write_text('store = "sqlite:///none.db"')
        assert clew("ls", "--json", env={"CLEW_URL": server.url}).json["items"] == []
        (home / "clew.toml").write_text(f'url = "{server.url}"')
        assert clew("ls", "--json").json["items"] == []


@pytest.mark.parametrize(
    ("store", "told"),
    [
        ("postgresql://127.0.0.1:5432/test", None),
        ("postgresql://u@h:5432/test?schema=x", None),
        ("postgresql://u:s3cret@h:5432/test", "postgresql://u:***@h:5432/test"),
        ("postgresql://u:s3?c#ret@h/test", "postgresql://u:***@h/test"),
        ("postgresql://h/test?user=u&password=s3cret&schema=x", "postgresql://h/test?user=u&password=***&schema=x"),
        ("postgresql:///test?sslpassword=s3cret", "postgresql:///test?sslpassword=***"),
        ("sqlite:///a:b@c/log.db", None),
        ("memory:", None),
    ],
)
def test_a_store_is_shown_without_its_password(store: str, told: str | None) -> None:
    """And otherwise as it was given."""
    assert shown(store) == (told or store)


@pytest.mark.parametrize(
    ("store", "companion"),
    [
        ("sqlite:///a/log.db", "a/log-tables.db"),
        ("memory:", None),
        ("postgresql://u:s3cret@db.example.org:5432/app", "here/db.example.org-5432-app-tables.db"),
        ("postgresql://u@h/app?schema=x&sslmode=require", "here/h-app-schema-x-tables.db"),
        ("postgresql:///app?host=/run/pg&password=s3cret", "here/app-host-run-pg-tables.db"),
    ],
)
def test_what_stands_beside_a_store(store: str, companion: str | None) -> None:
    """Is named after it, so that no two share it, and tells no secret."""
    found = Settings(store=store, home=Path("here")).companion("tables")
    assert found == (None if companion is None else Path(companion))


def test_a_store_may_be_in_a_file_of_its_own(home: Path) -> None:
    """As any secret may."""
    (home / "store").write_text("sqlite:///secret.db\n")
    assert from_environment({"CLEW_STORE": "file:store"}).store == "sqlite:///secret.db"
    assert clew("run", written(home, COUNTING), env={"CLEW_STORE": "file:store"}).code == 0
    assert (home / "secret.db").exists()
