"""What a setting may be besides a text: a secret, or unusable."""

from __future__ import annotations

from pathlib import Path

from domain.errors import ClewError


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


def referred(text: str, name: str, folder: Path) -> Secret:
    """The text, or what is in the file that it refers to as `file:PATH`, from a folder. Raises BadSetting."""
    if not text.startswith("file:"):
        return Secret(text)
    path = folder / text.removeprefix("file:")
    try:
        return Secret(path.read_text().strip())
    except (OSError, ValueError) as error:
        raise BadSetting(f"{name} refers to the file {path}, which can't be read: {error}.") from error
