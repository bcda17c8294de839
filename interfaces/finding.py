"""Where settings are found: `CLEW_*` environment variables, then a TOML file with the same names in small letters."""

from __future__ import annotations

import os
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final, NamedTuple

import msgspec

from domain.errors import ClewError
from domain.problems import nearest

DEFAULT_CONFIG: Final = Path("clew.toml")
SEPARATORS: Final = {"nodes": os.pathsep, "allow_hosts": ",", "ai_hosts": ","}
"""Settings that are lists, and what is between their parts in an environment variable."""
NAMES: Final = (
    *("url", "host", "port", "store", "nodes", "files", "tables", "allow_hosts", "smtp_url", "smtp_from"),
    *("ai_url", "ai_key", "ai_model", "ai_hosts", "ai_prices"),
)
KINDS: Final = {
    bool: "true or false",
    int: "a number",
    float: "a number with a fraction",
    list: "an array",
    dict: "a table",
}
"""What a value is instead: the value itself may be a secret in the wrong place."""


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


class Found(NamedTuple):
    """The texts of settings by name, and what each is called where it was found."""

    texts: Mapping[str, str]
    places: Mapping[str, str]

    @classmethod
    def of(cls, environment: Mapping[str, str], config: Path | None = None) -> Found:
        """What the environment says, and what the file says of the rest. Raises BadSetting."""
        first, second = cls.in_environment(environment, config), cls.in_file(environment, config)
        return cls({**second.texts, **first.texts}, {**second.places, **first.places})

    @classmethod
    def in_environment(cls, environment: Mapping[str, str], config: Path | None = None) -> Found:
        """What the environment says; no file is read."""
        del config
        places = {name: f"CLEW_{name.upper()}" for name in NAMES if f"CLEW_{name.upper()}" in environment}
        return cls({name: environment[variable] for name, variable in places.items()}, places)

    @classmethod
    def in_file(cls, environment: Mapping[str, str], config: Path | None = None) -> Found:
        """What the file says: `config`, else the one that the environment names, else the default one if it is there."""
        path = config or (Path(environment["CLEW_CONFIG"]) if environment.get("CLEW_CONFIG") else None)
        if path is None and DEFAULT_CONFIG.is_file():
            path = DEFAULT_CONFIG
        texts = {} if path is None else _read(path)
        return cls(texts, {name: f"{name} in {path}" for name in texts})

    def text(self, name: str, default: str = "") -> str:
        """The text of a setting."""
        return self.texts.get(name, default)

    def listed(self, name: str) -> tuple[str, ...]:
        """The parts of a list."""
        parts = self.text(name).split(SEPARATORS[name])
        return tuple(filter(None, (part.strip() for part in parts)))

    def secret(self, name: str) -> Secret:
        """The text, or what is in the file that it refers to as `file:PATH`. Raises BadSetting."""
        text = self.text(name)
        return referred(text, self.called(name), Path()) if text else Secret()

    def called(self, name: str) -> str:
        """What a setting is called where it was found."""
        return self.places[name]


def referred(text: str, name: str, folder: Path) -> Secret:
    """The text, or what is in the file that it refers to as `file:PATH`, from a folder. Raises BadSetting."""
    if not text.startswith("file:"):
        return Secret(text)
    path = folder / text.removeprefix("file:")
    try:
        return Secret(path.read_text().strip())
    except (OSError, ValueError) as error:
        raise BadSetting(f"{name} refers to the file {path}, which can't be read: {error}.") from error


def _read(path: Path) -> dict[str, str]:
    try:
        values = tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:  # of TOML too, which tells line and column
        raise BadSetting(f"The settings in {path} can't be read: {error}.") from error
    for name in values:
        if name not in NAMES:
            close = nearest(name, NAMES)
            hint = f" Did you mean {close!r}?" if close else f" There are: {', '.join(NAMES)}."
            raise BadSetting(f"{path} has a setting {name!r}, which Clew doesn't know.{hint}")
    return {name: _text(name, value, path) for name, value in values.items()}


def _text(name: str, value: Any, path: Path) -> str:
    """A value as an environment variable would have it."""
    separator = SEPARATORS.get(name)
    if separator is not None:
        if not isinstance(value, list) or not all(isinstance(part, str) and separator not in part for part in value):
            raise BadSetting(f"{name} in {path} is an array of texts, none of them with {separator!r}.")
        return separator.join(value)
    if name == "ai_prices" and isinstance(value, dict):
        return msgspec.json.encode(value).decode()
    if name == "port" and type(value) is int:
        return str(value)
    if not isinstance(value, str):
        wanted = "number" if name == "port" else "text"
        raise BadSetting(f"{name} in {path} is a {wanted}, not {KINDS.get(type(value), 'what it is there')}.")
    return value
