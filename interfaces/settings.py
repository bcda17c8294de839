"""The service's settings: flags, then `CLEW_*` environment variables, then defaults."""

from __future__ import annotations

import os
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Final

import msgspec

from domain.errors import ClewError
from domain.limits import Limits
from interfaces.limits import limits_from

DEFAULT_STORE: Final = "sqlite:///.clew/log.db"
EACH_PREFIX: Final = "CLEW_SECRET_"


class BadSetting(ClewError):
    """A setting has a value that can't be used."""

    code = "BAD_SETTING"


class Secret:
    """A text that is shown to nobody: it is in no text made of it, and so in no log and no traceback."""

    __slots__ = ("_text",)

    def __init__(self, text: str = "") -> None:
        self._text = text

    def __repr__(self) -> str:
        return "Secret(***)" if self._text else "Secret()"

    def __bool__(self) -> bool:
        return bool(self._text)

    def reveal(self) -> str:
        """The text itself, for the one who needs it."""
        return self._text


NO_SECRET: Final = Secret()


class Settings(msgspec.Struct, frozen=True, kw_only=True):
    """What a service is started with.

    `store` is `sqlite:///PATH` (relative to the working directory; four slashes for an absolute path) or `memory:`.
    `nodes` are folders of node files, `files` the one folder that the `filesystem` node may touch (None: `files` beside
    the store).

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

    @property
    def store_path(self) -> Path | None:
        """The log's file; None for a store in memory. Raises BadSetting for a store of another kind."""
        if self.store == "memory:":
            return None
        if self.store.startswith("sqlite:///") and len(self.store) > len("sqlite:///"):
            return Path(self.store.removeprefix("sqlite:///"))
        raise BadSetting(f"The store {self.store!r} is not one that Clew knows: sqlite:///PATH or memory:.")


def from_environment(environment: Mapping[str, str] | None = None) -> Settings:
    """The settings that the environment gives. Raises BadSetting."""
    found = os.environ if environment is None else environment
    port = found.get("CLEW_PORT", "8484")
    if not port.isdecimal() or int(port) > 65_535:
        raise BadSetting(f"CLEW_PORT={port} is not a port: it is a number from 0 to 65535.")
    folders = [Path(part) for part in found.get("CLEW_NODES", "").split(os.pathsep) if part]
    files = found.get("CLEW_FILES")
    return Settings(
        host=found.get("CLEW_HOST", "127.0.0.1"),
        port=int(port),
        store=found.get("CLEW_STORE", DEFAULT_STORE),
        nodes=tuple(folders),
        files=Path(files) if files else None,
        allow_hosts=_listed(found.get("CLEW_ALLOW_HOSTS", "")),
        smtp_url=_secret(found, "CLEW_SMTP_URL"),
        smtp_from=found.get("CLEW_SMTP_FROM", ""),
        ai_url=found.get("CLEW_AI_URL", ""),
        ai_key=_secret(found, "CLEW_AI_KEY"),
        ai_model=found.get("CLEW_AI_MODEL", ""),
        ai_hosts=_listed(found.get("CLEW_AI_HOSTS", "")),
        ai_prices=found.get("CLEW_AI_PRICES", ""),
        limits=limits_from(found),
        secrets=_secrets(found),
    )


def _listed(text: str) -> tuple[str, ...]:
    return tuple(filter(None, (part.strip() for part in text.split(","))))


def _secrets(environment: Mapping[str, str]) -> dict[str, Secret]:
    """All secrets by name: those of the TOML file of CLEW_SECRETS, and over them `CLEW_SECRET_<NAME>`. Raises BadSetting."""
    found = _secrets_file(environment)
    for variable in environment:
        if variable.startswith(EACH_PREFIX):
            found[variable.removeprefix(EACH_PREFIX)] = _secret(environment, variable)
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
    return {name: _referred(value, f"{name} in {path}", path.parent) for name, value in written.items()}


def _secret(environment: Mapping[str, str], name: str) -> Secret:
    """The variable, or what is in the file that it refers to as `file:PATH`. Raises BadSetting."""
    return _referred(environment.get(name, ""), name, Path())


def _referred(text: str, name: str, folder: Path) -> Secret:
    if not text.startswith("file:"):
        return Secret(text)
    path = folder / text.removeprefix("file:")
    try:
        return Secret(path.read_text().strip())
    except (OSError, ValueError) as error:
        raise BadSetting(f"{name} refers to the file {path}, which can't be read: {error}.") from error
