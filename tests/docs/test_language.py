"""docs/language.md is true: its examples are run, and its tables are compared with the code."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from domain.bounds import MAX_NESTING, MAX_RESULT
from domain.expression_tokens import MAX_SOURCE
from domain.filters import FILTERS, TESTS
from domain.limits import Limits
from domain.operators import MAX_RANGE
from domain.options import MAX_LOCKS, OPTIONS, SETTINGS, SETTINGS_NOT_YET
from domain.outline import LONGEST_NAME
from domain.program import RetryPolicy
from domain.reporting import MAX_PROBLEMS
from domain.retrying import KEYS
from domain.room import MAX_KEYS, MAX_WORDS
from domain.templates import MAX_PIECES, MAX_TEXT
from interfaces.limits import NAMES
from tests.docs.playing import play, registry_of, tabled
from tests.support.pages import DOCS, Fence, fences, told

PAGE = DOCS / "language.md"
TEXT = PAGE.read_text()
FENCES = fences(PAGE)
EXAMPLES = [at for at, fence in enumerate(FENCES) if fence.language == "json" and not fence.mark]
SECRETS = dict(re.findall(r"`CLEW_SECRET_(\w+)=([^`\s]+)`", TEXT))
TABLES = [fence for fence in FENCES if fence.mark in ("values", "expressions")]


def name_of(fence: Fence) -> str:
    """Where it stands."""
    return f"line {fence.line}"


def cells(heading: str) -> list[list[str]]:
    """The rows of the table whose first row begins so, cell by cell."""
    lines = TEXT.partition(f"\n| {heading} ")[2].split("\n\n", 1)[0].splitlines()[2:]
    assert lines, f"there is no table of {heading}"
    return [[cell.strip().strip("`") for cell in line.strip("|").split(" | ")] for line in lines]


@pytest.mark.parametrize("at", EXAMPLES, ids=lambda at: name_of(FENCES[at]))
def test_an_example_does_what_the_page_says(at: int, tmp_path: Path) -> None:
    """Its status, its error, its warnings, the steps that ran, the state: whatever stands behind the arrows."""
    example = FENCES[at]
    assert example.told, "the page does not say what becomes of it"
    published = [fence for fence in FENCES[:at] if fence.mark == "published"]
    for page, outcome in play(example, registry_of(FENCES, tmp_path), published=published, secrets=SECRETS):
        assert not outcome.differs(page), page.text


@pytest.mark.parametrize("table", TABLES, ids=name_of)
def test_a_value_is_what_the_page_says(table: Fence) -> None:
    """Every line of every table of values and expressions."""
    lines = tabled(table)
    assert lines
    for line, said, really in lines:
        assert said == really, line


def test_there_is_no_code_that_nobody_runs() -> None:
    """Every block is an example, a file that examples need, a table that is computed, or a picture."""
    for fence in FENCES:
        if fence.language == "text" and not fence.mark:
            assert re.search(r"[─▶▼]", fence.source), f"line {fence.line} looks like no picture"
        else:
            assert fence.language in ("json", "python") or fence in TABLES, f"line {fence.line}"
            assert fence.language != "python" or fence.mark.startswith("file: "), f"line {fence.line}"


def test_every_filter_and_every_test_is_shown() -> None:
    """In a line of its own, computed by the test above."""
    shown = "\n".join(fence.source for fence in TABLES)
    assert set(re.findall(r"\| (\w+)", shown)) >= FILTERS
    assert set(re.findall(r"is (?:not )?(\w+)", shown)) >= TESTS


def test_every_option_and_setting_is_told() -> None:
    """And none that there is not."""
    assert sorted(row[0] for row in cells("option")) == sorted(OPTIONS)
    later = {
        name for name in SETTINGS_NOT_YET if f"`{name}` is a word of the language that this release refuses" in TEXT
    }
    assert sorted({row[0] for row in cells("setting")} | later) == sorted(SETTINGS)


def test_the_retry_policy_has_these_keys() -> None:
    """With these defaults."""
    rows = {row[0]: row[1] for row in cells("key | default")}
    assert sorted(rows) == sorted(KEYS)
    policy = RetryPolicy()
    assert (rows["maxAttempts"], rows["delay"], rows["maxDelay"]) == (str(policy.max_attempts), '"1s"', '"5m"')
    assert (policy.delay_ms, policy.max_delay_ms, policy.backoff, policy.jitter) == (1_000, 300_000, 2.0, 0.0)


def test_the_limits_are_these() -> None:
    """With their variables and defaults, in the order of the code."""
    limits = Limits()
    told = [(row[1], row[2]) for row in cells("limit")]
    assert told == [(name.upper(), f"{getattr(limits, name):,}") for name in NAMES]


def test_the_bounds_are_these() -> None:
    """Those of expressions, and those of definitions that no setting moves."""
    expressions = (MAX_SOURCE, MAX_WORDS, MAX_PIECES // 2, MAX_RANGE, MAX_RESULT, MAX_NESTING, MAX_TEXT)
    assert [row[1] for row in cells("what")] == [f"{number:,}" for number in expressions]
    definitions = (LONGEST_NAME, MAX_KEYS, MAX_LOCKS, MAX_PROBLEMS)
    assert [row[1] for row in cells("bound")] == [f"{number:,}" for number in definitions]


def test_the_contents_lead_to_the_sections() -> None:
    """Every section is listed, under the anchor that a heading gets."""
    headings = re.findall(r"^## (.*)$", TEXT, re.MULTILINE)
    listed = re.findall(r"^\d+\. \[(.*)\]\(#(.*)\)$", TEXT, re.MULTILINE)
    assert [
        (heading.partition(" ")[2], re.sub(r"[^\w -]", "", heading.lower()).replace(" ", "-")) for heading in headings
    ] == [(title, anchor) for title, anchor in listed]
    for anchor in re.findall(r"\(#([\w-]+)\)", TEXT):
        assert anchor in {each for _, each in listed}


@pytest.mark.parametrize(
    "paragraph",
    ["completed", "**completed**; ran some steps", "**completed**; stat `{}`", "after `1h` **completed**"],
)
def test_what_is_not_understood_is_no_claim(paragraph: str) -> None:
    """A paragraph with a word that nobody compares would look true whatever happens."""
    with pytest.raises(AssertionError):
        told(paragraph)
