"""What the processes of a server leave in its directory is the owner's alone."""

import stat
from pathlib import Path

import pytest

from tests.flows.running import running_product, running_stub


@pytest.mark.slow
def test_nobody_else_may_open_the_socket_or_read_a_file(tmp_path: Path) -> None:
    with running_stub() as stub, running_product(tmp_path, stub) as product:
        open_to_others = [
            path.name
            for path in product.data.rglob("*")
            if not path.is_dir() and stat.S_IMODE(path.stat().st_mode) & 0o077
        ]
    assert not open_to_others


@pytest.mark.parametrize("text", ["", "nonsense", "abc"])
def test_a_damaged_instance_secret_is_explained(tmp_path: Path, text: str) -> None:
    from tallystick.kernel.errors import Unavailable
    from tallystick.operations.instance import SECRET_FILE, prepare_instance

    prepare_instance(tmp_path)
    (tmp_path / SECRET_FILE).write_text(text)
    if text:
        with pytest.raises(Unavailable, match="damaged"):
            prepare_instance(tmp_path)
    else:
        assert len(prepare_instance(tmp_path).secret) == 32
