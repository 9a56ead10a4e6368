"""The examples and names of the guide to enforcement are true."""

import doctest
import re
from dataclasses import fields
from pathlib import Path

from tallystick.config.model import Budgets

GUIDE = Path(__file__).parents[2] / "docs" / "guide" / "enforcement.md"


def test_the_examples_of_the_guide_hold() -> None:
    found = doctest.testfile(str(GUIDE), module_relative=False)
    assert found.attempted
    assert not found.failed


def test_the_guide_names_every_default_and_only_settings_that_there_are() -> None:
    text = GUIDE.read_text()
    known = {one.name for one in fields(Budgets)}
    amounts = {name for name in known if name.endswith(("_day", "_usd", "_minute", "_calls"))}
    assert all(f"`{name} = " in text for name in amounts - {"ceiling_output_usd", "ceiling_input_usd"})
    defaults = text.partition("## Defaults")[2].partition("## When")[0]
    assert set(re.findall(r"`(\w+) = ", defaults)) <= known
