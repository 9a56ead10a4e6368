"""What `tally up` starts, wherever it is started."""

import subprocess
from pathlib import Path

from tallystick.cli.up import _children
from tallystick.config.model import Config


def test_a_file_in_the_current_directory_takes_no_module_s_place(tmp_path: Path) -> None:
    for name in ("redis", "duckdb", "msgspec", "uvicorn"):
        (tmp_path / f"{name}.py").write_text("raise SystemExit('imported from the current directory')")
    for child in _children(Config(), tmp_path / "data", None, 3, role="all", more=[]):
        done = subprocess.run(
            [*child.command[:5], "--help"], cwd=tmp_path, capture_output=True, text=True, timeout=60, check=False
        )
        assert "current directory" not in done.stderr
        assert done.returncode == 0, done.stderr
