"""Where settings are found: `CLEW_*` environment variables, then a TOML file with the same names in small letters."""

from __future__ import annotations

import os
import tomllib
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, Final, NamedTuple

import msgspec

from domain.problems import nearest
from interfaces import limits
from interfaces.setting import BadSetting, Secret, referred

DEFAULT_CONFIG: Final = Path("clew.toml")
SEPARATORS: Final = {"nodes": os.pathsep, "allow_hosts": ",", "ai_hosts": ","}
"""Settings that are lists, and what is between their parts in an environment variable."""
NAMES: Final = (
    *("url", "host", "port", "store", "nodes", "files", "home", "allow_hosts", "smtp_url", "smtp_from"),
    *("ai_url", "ai_key", "ai_model", "ai_hosts", "ai_prices", "secrets"),
    *(f"limit_{name}" for name in limits.NAMES),
)
LIMITS: Final = "limits"
"""The table of the file that has the limits, each by its own name."""
KINDS: Final = {
    bool: "true or false",
    int: "a number",
    float: "a number with a fraction",
    list: "an array",
    dict: "a table",
}
"""What a value is instead: the value itself may be a secret in the wrong place."""


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
        return cls(texts, {name: f"{name.replace('limit_', 'limits.')} in {path}" for name in texts})

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

    def variables(self, environment: Mapping[str, str]) -> dict[str, str]:
        """The environment, with what is found elsewhere as variables of it."""
        return {f"CLEW_{name.upper()}": text for name, text in self.texts.items()} | dict(environment)

    def variable_called(self, variable: str) -> str:
        """What an environment variable is called where its value was found."""
        return self.places.get(variable.removeprefix("CLEW_").lower(), variable)

    def called(self, name: str) -> str:
        """What a setting is called where it was found."""
        return self.places[name]


def _read(path: Path) -> dict[str, str]:
    try:
        values = tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:  # of TOML too, which tells line and column
        raise BadSetting(f"The settings in {path} can't be read: {error}.") from error
    given = values.pop(LIMITS, {})
    _refuse_unknown(values, [*(name for name in NAMES if not name.startswith("limit_")), LIMITS], "a setting", path)
    if not isinstance(given, dict):
        raise BadSetting(f"{LIMITS} in {path} is a table.")
    _refuse_unknown(given, limits.NAMES, "a limit", path)
    settings = values | {f"limit_{name}": value for name, value in given.items()}
    return {name: _text(name, value, path) for name, value in settings.items()}


def _refuse_unknown(found: Iterable[str], known: Sequence[str], what: str, path: Path) -> None:
    for name in found:
        if name not in known:
            close = nearest(name, known)
            hint = f" Did you mean {close!r}?" if close else f" There are: {', '.join(known)}."
            raise BadSetting(f"{path} has {what} {name!r}, which Clew doesn't know.{hint}")


def _text(name: str, value: Any, path: Path) -> str:
    """A value as an environment variable would have it."""
    separator = SEPARATORS.get(name)
    if separator is not None:
        if not isinstance(value, list) or not all(isinstance(part, str) and separator not in part for part in value):
            raise BadSetting(f"{name} in {path} is an array of texts, none of them with {separator!r}.")
        return separator.join(value)
    if name == "ai_prices" and isinstance(value, dict):
        return msgspec.json.encode(value).decode()
    is_number = name == "port" or name.startswith("limit_")
    if is_number and type(value) is int:
        return str(value)
    if not isinstance(value, str):
        wanted = "number" if is_number else "text"
        name = name.replace("limit_", "limits.")
        raise BadSetting(
            f"{name.replace('limit_', 'limits.')} in {path} is a {wanted}, not {KINDS.get(type(value), 'what it is there')}."
        )
    return value
