"""What is no file is refused at once, instead of being waited for."""

import os
from contextlib import ExitStack
from pathlib import Path

import pytest

from tallystick.connectors.files.reading import open_file
from tallystick.kernel.errors import DataError


def test_a_pipe_is_refused_without_waiting_for_its_writer(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    with ExitStack() as closing, pytest.raises(DataError, match="pipe"):
        open_file(tmp_path / "pipe", closing)


@pytest.mark.parametrize("name", ["/dev/zero", "/nowhere/at/all.csv", "/tmp"])
def test_a_device_a_folder_and_nothing_are_refused(name: str) -> None:
    with ExitStack() as closing, pytest.raises(DataError) as caught:
        open_file(Path(name), closing)
    assert caught.value.where == name
