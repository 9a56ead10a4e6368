"""The reference pages are what the code says."""

import pytest

from tests.architecture.make_reference import REFERENCE, pages


@pytest.mark.parametrize("name", ["cli.md", "configuration.md", "errors.md", "dimensions.md"])
def test_the_reference_is_up_to_date(name: str) -> None:
    assert (REFERENCE / name).read_text() == pages()[name], "run `make docs`"
