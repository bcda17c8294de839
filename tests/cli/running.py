"""Running commands in this process, and definitions to run."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, NamedTuple

from click.testing import CliRunner

from interfaces.cli.main import cli

COUNTING: dict[str, Any] = {
    "id": "counting",
    "name": "Counting",
    "version": "1.0.0",
    "initialState": {"n": 0, "upto": 3},
    "workflow": [{"while...": {"condition": "$.n < $.upto", "do?": {"$.n": "$.n + 1"}}}, {"end": {"result": "$.n"}}],
}
ASKING: dict[str, Any] = {
    "id": "asking",
    "name": "Asking",
    "version": "1.0.0",
    "workflow": [{"sure": {"$node": "approval", "title": "Sure?", "approve?": {"$.ok": True}, "reject?": "$fail"}}],
}
FAILING: dict[str, Any] = {
    "id": "failing",
    "name": "Failing",
    "version": "1.0.0",
    "initialState": {"why": "no luck"},
    "workflow": [{"give-up": {"$node": "fail", "message": "{{ $.why }}", "code": "GAVE_UP"}}],
}


class Ran(NamedTuple):
    """What a command left."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        """Its stdout, which is one JSON document."""
        return json.loads(self.out)


def clew(*arguments: str, stdin: str | bytes | None = None, env: dict[str, str] | None = None) -> Ran:
    """Run `clew` with these arguments; CLEW_* is empty unless `env` says otherwise."""
    clean = dict.fromkeys(("CLEW_URL", "CLEW_STORE", "CLEW_NODES", "CLEW_FILES", "CLEW_HOST", "CLEW_PORT"))
    result = CliRunner().invoke(cli, arguments, input=stdin, env={**clean, **(env or {})})
    if result.exception is not None and not isinstance(result.exception, SystemExit):
        raise result.exception
    return Ran(result.exit_code, result.stdout, result.stderr)


def written(folder: Path, definition: dict[str, Any]) -> str:
    """The path of a file that holds a definition."""
    path = folder / f"{definition['id']}.json"
    path.write_text(json.dumps(definition, indent=2))
    return str(path)
