"""Links between the pages lead somewhere, and pages say what can be said to anybody."""

import re
from pathlib import Path

import pytest
from doc_examples import PROJECT

PAGES = sorted({*PROJECT.glob("*.md"), *(PROJECT / "docs").rglob("*.md"), *(PROJECT / "configs").rglob("*.md")})
LINK = re.compile(r"(!?)\[([^\]]*)\]\(([^)\s]+)\)")
FOLDER_OF_PICTURES = PROJECT / "docs" / "pictures"
PICTURES = {"checklist.png", "finished-cutoff.png", "run-form.png", "scheduled-cutoff.png", "report.png"}


def without_code(page: Path) -> str:
    return re.sub(r"^```.*?^```", "", page.read_text(encoding="utf-8"), flags=re.MULTILINE | re.DOTALL)


def anchors(page: Path) -> set[str]:
    """Name the anchors of a page's headings as its readers' sites make them."""
    heads = re.findall(r"^#+ (.+)$", without_code(page), re.MULTILINE)
    return {re.sub(r"[^\w -]", "", head.lower()).replace(" ", "-") for head in heads}


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(PROJECT)))
def test_links_lead_somewhere(page: Path) -> None:
    for picture, words, address in LINK.findall(without_code(page)):
        if address.startswith("https://"):
            continue
        path, _, anchor = address.partition("#")
        target = (page.parent / path).resolve() if path else page
        assert target.is_relative_to(PROJECT)
        if picture:
            assert words, f"{address} is a picture without words for those who do not see it"
            assert target.parent == FOLDER_OF_PICTURES
            assert target.name in PICTURES
            assert target.exists() or not FOLDER_OF_PICTURES.exists(), address  # they are made from a run, all at once
            continue
        assert target.exists(), address
        assert not anchor or anchor in anchors(target), address


def test_the_how_to_lists_every_heading_of_its_own() -> None:
    page = PROJECT / "docs" / "how-to.md"
    text = without_code(page)
    listed = [words for _picture, words, address in LINK.findall(text[: text.index("\n## ")]) if address.startswith("#")]
    assert sorted(listed) == sorted(re.findall(r"^## (.+)$", text, re.MULTILINE))


def test_the_folder_of_decisions_is_numbered_without_gaps() -> None:
    decisions = sorted((PROJECT / "docs" / "adr").glob("*.md"))
    assert [int(page.name[:4]) for page in decisions] == list(range(1, len(decisions) + 1))
    for page in decisions:
        text = page.read_text(encoding="utf-8")
        assert len(text.splitlines()) <= 25, page.name
        assert re.findall(r"^## (.+)$", text, re.MULTILINE) == ["Context", "Decision", "Consequences"], page.name
        assert text.startswith(f"# {int(page.name[:4])}. "), page.name
