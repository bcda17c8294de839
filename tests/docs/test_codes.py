"""Every code that this repository can produce is in the tables of docs/language.md, and every code there can be produced."""

from __future__ import annotations

import ast
import re
from pathlib import Path
from typing import Final

from domain.errors import ENGINE_TYPES
from tests.support.pages import DOCS

ROOT: Final = Path(__file__).resolve().parents[2]
ROOMS: Final = ("domain", "application", "infrastructure", "interfaces")
WORD: Final = re.compile(r"[A-Z][A-Z0-9]*(?:_[A-Z0-9]+)*_?")
TOLD: Final = (DOCS / "language.md").read_text().partition("\n## 12. Codes\n")[2]

_NO_CODES: Final = (
    "DELETE GET HEAD OPTIONS PATCH POST PUT JSON",  # HTTP
    "ASC BEGIN COMMIT DESC ROLLBACK CREATE_TABLE UTF8 CLW01",  # SQL, and a state of it
    "ORIGINATOR_ID_TYPE SQLITE_DBNAME",  # settings of the store
    "ALSO BRANCH CURSOR DATA DEFAULT DEFINITION DESCRIPTION DIR EDGE EDGES EFFECT ENDED ERROR EVENT FILE",
    "EXECUTION EXECUTIONS HOLDS HOST NAME NEWEST NODE PARAMETER PROBLEM PUBLISHED REQUIRED SECONDS STARTED STATUS STEP STORE",
    "DETAILS POINTER REASON TAKEN TEXT TIME TYPE URL VERSION VISIT WHAT WORKFLOW NO_COLOR",  # what the command line calls things
    "AVERAGE CRITICAL ERRORS EXPRESSION NEW OLD P95 PARAMETERS RETRIES TOOK TOTAL VALUE VISITS WAITED",  # the same, in charts
    "ADDRESS COUNT VERDICT WAS TERM",  # and for what-if, and the terminal
    "NFKD SSS UTC YYYY AND",  # dates, texts and conditions
    "MAX_SOURCE MISSING STEP_FAILURE OUT_OF_STOCK",  # names inside the code, and the code that an example makes up
)
NO_CODES: Final = frozenset(word for words in _NO_CODES for word in words.split())


def written() -> dict[str, str]:
    """Every text of the code that looks like a code, and where it stands first. A text that is put together counts up to
    its hole: `HTTP_`.
    """
    found: dict[str, str] = {}
    for room in ROOMS:
        for path in sorted((ROOT / room).rglob("*.py")):
            for node in ast.walk(ast.parse(path.read_text())):
                if isinstance(node, ast.Constant) and isinstance(node.value, str) and WORD.fullmatch(node.value):
                    found.setdefault(node.value, f"{path.relative_to(ROOT)}:{node.lineno}")
    return {word: place for word, place in found.items() if len(word) > 2 and not word.startswith("CLEW_")}


def documented() -> set[str]:
    """The codes of the tables' first column; `HTTP_<status>` as `HTTP_`."""
    rows = [line.split(" | ")[0] for line in TOLD.splitlines() if line.startswith("| `")]
    return {code.partition("<")[0] for row in rows for code in re.findall(r"`([^`]+)`", row)}


def test_every_code_is_told() -> None:
    """A text in capitals is a code, unless it is known to be something else."""
    untold = {word: place for word, place in written().items() if word not in documented() | NO_CODES}
    assert not untold


def test_every_code_that_is_told_is_there() -> None:
    """No table promises what nothing produces."""
    assert documented() <= written().keys()


def test_what_is_no_code_is_still_there() -> None:
    """Otherwise a code of that name would not be noticed."""
    assert written().keys() >= NO_CODES


def types_of_errors() -> dict[str, str]:
    """The type of each error that the engine makes, by its code; where it depends, that of the child."""
    found: dict[str, str] = {}
    for room in ("domain", "application"):
        for path in (ROOT / room).rglob("*.py"):
            for node in ast.walk(ast.parse(path.read_text())):
                if isinstance(node, ast.Call) and isinstance(node.func, ast.Name):
                    found |= _made(node, node.func.id)
    return found


def _made(call: ast.Call, function: str) -> dict[str, str]:
    given = {keyword.arg: keyword.value for keyword in call.keywords}
    code = call.args[0] if function == "engine_error" else given.get("code") if function == "ErrorInfo" else None
    if isinstance(code, ast.Name) and code.id.isupper():
        code = ast.Constant(code.id)
    if not isinstance(code, ast.Constant):
        return {}
    made = str(code.value)
    kind = given.get("type", ast.Constant(ENGINE_TYPES.get(made, "runtime")))
    return {made: str(kind.value) if isinstance(kind, ast.Constant) else "the child's"}


def test_the_engines_own_errors_are_told_with_their_types() -> None:
    """In the table of the engine, and no others there."""
    table = TOLD.partition("### Errors of steps: the engine\n")[2].partition("\n### ")[0]
    rows = [line.strip("| ").split(" | ") for line in table.splitlines() if line.startswith("| `")]
    told = {code: row[1] for row in rows for code in re.findall(r"`(\w+)`", row[0])}
    assert told == types_of_errors()


def test_errors_and_warnings_are_told_apart() -> None:
    """What the compiler reports as a warning is in the table of warnings, the rest in that of refusals."""
    errors, _, warnings = TOLD.partition("### What validation warns of\n")
    warned, refused = set[str](), set[str]()
    for path in (ROOT / "domain").glob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "Problem":
                given = {keyword.arg: keyword.value for keyword in node.keywords}
                code, severity = given["code"], given.get("severity", ast.Constant("error"))
                if isinstance(code, ast.Constant) and isinstance(severity, ast.Constant):
                    (warned if severity.value == "warning" else refused).add(str(code.value))
    assert len(warned) > 5
    assert {code for code in warned if f"`{code}`" not in warnings.partition("\n### ")[0]} == set()
    sent = {"INVALID_PAYLOAD", "INVALID_POINTER", "INVALID_PATCH", "PATCH_FAILED"}
    assert {code for code in refused - sent if f"`{code}`" not in errors} == set()
