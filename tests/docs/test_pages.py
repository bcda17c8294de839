"""What holds for every page of the documentation."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from domain.node import NodeMetadata, Parameter
from interfaces.markdown import marked
from tests.support.pages import DOCS

ROOT = DOCS.parent
PAGES = [*sorted(DOCS.glob("*.md")), ROOT / "README.md"]


def anchors(page: Path) -> set[str]:
    """What a link into a page can name: its headings, as they are made into anchors."""
    headings = re.findall(r"^#+ (.*)$", page.read_text(), re.MULTILINE)
    return {re.sub(r"[^\w -]", "", heading.lower()).replace(" ", "-") for heading in headings}


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_links_lead_somewhere(page: Path) -> None:
    """To a file of the repository, and to a heading in it."""
    for target in re.findall(r"\]\(([^)\s]+)\)", page.read_text()):
        name, _, anchor = target.partition("#")
        file = page.parent / name if name else page
        assert file.exists(), target
        assert not anchor or anchor in anchors(file), target


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_nothing_of_a_machine_is_on_a_page(page: Path) -> None:
    """No path of one, and no address but the loopback's and those made for examples."""
    text = page.read_text()
    assert not re.findall(r"(?<![\w.])/(?:home|root|tmp|work|usr|Users)/\w+", text)
    hosts = set(re.findall(r"https?://([^/\s\"'`)]+)", text))
    assert all(re.search(r"^127\.0\.0\.1|^host$|example\.org$|^mermaid\.js\.org$", host) for host in hosts), hosts


def test_every_page_is_in_the_index() -> None:
    """And the README leads to the index."""
    index = (DOCS / "README.md").read_text()
    assert {f"]({page.name})" in index for page in DOCS.glob("*.md") if page.name != "README.md"} == {True}
    assert "](docs/README.md)" in (ROOT / "README.md").read_text()


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("the outputField of it", "the `outputField` of it"),
        ("of text and all", "of text and all"),
        ("NODE_TIMEOUT, by $timeout", "`NODE_TIMEOUT`, by `$timeout`"),
        ("under <outputField>", "under `<outputField>`"),
        ("to <field>_<operation> or <field>Result", "to `<field>_<operation>` or `<field>Result`"),
        ("{id, name?} or {order: up}", "`{id, name?}` or {order: up}"),
        ("a < b or a | b, a_b * c", r"a \< b or a \| b, a\_b \* c"),
        ("as `a | b` is", "as `a | b` is"),
    ],
)
def test_names_are_set_as_code(text: str, shown: str) -> None:
    """As far as they can be told from words; nothing else is markup."""
    parameters = {"outputField": Parameter(types=("string",)), "text": Parameter()}
    assert marked(NodeMetadata(id="n", name="N", version="1.0.0", parameters=parameters), text) == shown
