"""The service's settings: flags, then `CLEW_*` environment variables, then `clew.toml`, then defaults."""

from __future__ import annotations

import os
import re
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Final

import msgspec

from domain.limits import Limits
from interfaces.finding import Found
from interfaces.limits import limits_from
from interfaces.setting import BadSetting, Secret, referred

__all__ = ["BadSetting", "Secret", "Settings", "from_environment", "shown"]

DEFAULT_STORE: Final = "sqlite:///.clew/log.db"
HOME: Final = Path(".clew")
PLACES: Final = ("host=", "hostaddr=", "port=", "dbname=", "schema=")
EACH_PREFIX: Final = "CLEW_SECRET_"
_PASSWORD: Final = re.compile(r"((?<=://)[^/@:]*:)[^/@]*(?=@)|([?&](?:ssl)?password=)[^&]*")


NO_SECRET: Final = Secret()


class Settings(msgspec.Struct, frozen=True, kw_only=True):
    """What a service is started with.

    `store` is `sqlite:///PATH` (relative to the working directory; four slashes for an absolute path), `memory:`, or
    `postgresql://user@host:port/database?schema=clew`. `nodes` are folders of node files, `files` the one folder that the
    `filesystem` node may touch (None: `files` beside the store). `home` is where everything else is that a store which is in
    no file keeps on this machine.

    `allow_hosts` are the places that are not public and `fetchApi` may reach all the same: host, host:port, *.host,
    address or CIDR network. `smtp_url` is `smtp://user:secret@host:port?starttls`, `smtp_from` the sender of all mail.
    `ai_url` is an OpenAI-compatible endpoint with its version (`https://host/v1`), `ai_hosts` are where a definition's
    own `baseUrl` may point (the key goes there too), `ai_prices` is JSON: `{"model": {"input": 0.15, "output": 0.6}}`,
    per million tokens. `secrets` are what a definition may name as `{"$secret": "name"}`, and nodes read by name.
    """

    host: str = "127.0.0.1"
    port: int = 8484
    store: str = DEFAULT_STORE
    nodes: tuple[Path, ...] = ()
    files: Path | None = None
    home: Path = HOME
    allow_hosts: tuple[str, ...] = ()
    smtp_url: Secret = NO_SECRET
    smtp_from: str = ""
    ai_url: str = ""
    ai_key: Secret = NO_SECRET
    ai_model: str = ""
    ai_hosts: tuple[str, ...] = ()
    ai_prices: str = ""
    secrets: Mapping[str, Secret] = {}
    limits: Limits = Limits()
    max_running: int = 1_000
    threads: int = 32

    def __repr__(self) -> str:
        told = msgspec.structs.asdict(self) | {"store": self.shown_store}
        return f"Settings({', '.join(f'{name}={value!r}' for name, value in told.items())})"

    @property
    def store_path(self) -> Path | None:
        """The log's file; None for a store that is in none. Raises BadSetting for a store of another kind."""
        if self.store == "memory:" or self.is_postgres:
            return None
        if self.store.startswith("sqlite:///") and len(self.store) > len("sqlite:///"):
            return Path(self.store.removeprefix("sqlite:///"))
        raise BadSetting(
            f"The store {self.shown_store!r} is not one that Clew knows: sqlite:///PATH, postgresql://… or memory:."
        )

    @property
    def is_postgres(self) -> bool:
        """Whether the store is in PostgreSQL."""
        return self.store.startswith(("postgresql://", "postgres://"))

    @property
    def shown_store(self) -> str:
        """The store as people may see it: a password in it is in no message."""
        return shown(self.store)

    def companion(self, what: str) -> Path | None:
        """The file of something that is kept beside the log: next to it, or in `home` for a log that is in no file.

        None for what is in memory.
        """
        if self.store == "memory:":
            return None
        path = self.store_path
        if path is not None:
            return path.with_name(f"{path.stem}-{what}{path.suffix}")
        return self.home / f"{_slug(self.store)}-{what}.db"


def _slug(store: str) -> str:
    """What tells a store in a database from others, as a part of a name: host, database and schema, but no user."""
    place, _, query = store.partition("://")[2].partition("?")
    told = [place.rpartition("@")[2], *(part for part in query.split("&") if part.startswith(PLACES))]
    return re.sub(r"[^A-Za-z0-9._]+", "-", "-".join(told)).strip("-")


def shown(store: str) -> str:
    """A store without the password that may be in it."""
    return _PASSWORD.sub(r"\1\2***", store)


def from_environment(environment: Mapping[str, str] | None = None, *, config: Path | None = None) -> Settings:
    """The settings that the environment and a file give. Raises BadSetting.

    The file is `config`, else the one that `CLEW_CONFIG` names, else `clew.toml` in the working directory if there is one.
    """
    variables = os.environ if environment is None else environment
    found = Found.of(variables, config)
    return Settings(
        host=found.text("host", "127.0.0.1"),
        port=_port(found),
        store=found.secret("store").reveal() or DEFAULT_STORE,
        nodes=tuple(Path(part) for part in found.text("nodes").split(os.pathsep) if part),
        files=_path(found, "files"),
        home=_path(found, "home") or HOME,
        allow_hosts=found.listed("allow_hosts"),
        smtp_url=found.secret("smtp_url"),
        smtp_from=found.text("smtp_from"),
        ai_url=found.text("ai_url"),
        ai_key=found.secret("ai_key"),
        ai_model=found.text("ai_model"),
        ai_hosts=found.listed("ai_hosts"),
        ai_prices=found.text("ai_prices"),
        limits=limits_from(found.variables(variables), called=found.variable_called),
        secrets=_secrets(found.variables(variables)),
    )


def _port(found: Found) -> int:
    port = found.text("port", "8484")
    if not port.isdecimal() or int(port) > 65_535:
        raise BadSetting(f"{found.called('port')}={port} is not a port: it is a number from 0 to 65535.")
    return int(port)


def _path(found: Found, name: str) -> Path | None:
    text = found.text(name)
    return Path(text) if text else None


def _secrets(environment: Mapping[str, str]) -> dict[str, Secret]:
    """All secrets by name: those of the TOML file of CLEW_SECRETS, and over them `CLEW_SECRET_<NAME>`. Raises BadSetting."""
    found = _secrets_file(environment)
    for variable in environment:
        if variable.startswith(EACH_PREFIX):
            found[variable.removeprefix(EACH_PREFIX)] = referred(environment[variable], variable, Path())
    return found


def _secrets_file(environment: Mapping[str, str]) -> dict[str, Secret]:
    """`name = "value"` or `name = "file:PATH"`, a path from the folder of that file."""
    if not environment.get("CLEW_SECRETS"):
        return {}
    path = Path(environment["CLEW_SECRETS"])
    try:
        written = tomllib.loads(path.read_text())
    except (OSError, ValueError) as error:
        raise BadSetting(f"CLEW_SECRETS refers to the file {path}, which can't be read as TOML: {error}.") from None
    for name, value in written.items():
        if not isinstance(value, str):
            raise BadSetting(f'{path}: {name} is no text. Each secret is a line name = "value" or name = "file:PATH".')
    return {name: referred(value, f"{name} in {path}", path.parent) for name, value in written.items()}
