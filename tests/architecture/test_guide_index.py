"""Every guide is found from the index, and every link of a guide leads somewhere."""

import re
from pathlib import Path

GUIDE = Path(__file__).parents[2] / "docs" / "guide"
_LINK = re.compile(r"\]\(([^)#:]+)(?:#[^)]*)?\)")


def test_every_guide_is_named_in_the_index() -> None:
    named = set(_LINK.findall((GUIDE / "README.md").read_text()))
    assert {one.name for one in GUIDE.glob("*.md")} - {"README.md"} <= named


def test_every_link_of_a_guide_leads_somewhere() -> None:
    lost = [
        f"{page.name}: {link}"
        for page in sorted(GUIDE.glob("*.md"))
        for link in _LINK.findall(page.read_text())
        if not (GUIDE / link).exists()
    ]
    assert lost == []
