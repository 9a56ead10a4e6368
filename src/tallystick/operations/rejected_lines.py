"""Lines that could not be loaded, kept beside the ledger for their owner."""

import json
from pathlib import Path

from tallystick.bills.model import Rejected


class Aside:
    """The file of one load's bad lines, made when the first one is written."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._waiting: list[str] = []
        self._made = False
        self.lines = 0

    @property
    def name(self) -> str:
        """Where they are; empty when there are none."""
        return str(self._path) if self._made else ""

    def add(self, page_id: str, one: Rejected) -> None:
        """Hold one line with its place and reason."""
        entry = {"page": page_id, "line": one.line_no, "reason": one.reason, "row": one.raw}
        self._waiting.append(json.dumps(entry, ensure_ascii=True))
        self.lines += 1

    def flush(self) -> None:
        """Write what is held."""
        if not self._waiting:
            return
        self._path.parent.mkdir(mode=0o700, exist_ok=True)
        with self._path.open("a", encoding="utf-8") as file:
            file.writelines(f"{line}\n" for line in self._waiting)
        self._waiting.clear()
        self._made = True

    def forget(self) -> None:
        """Take the file away: its load came to nothing, or is what was there before."""
        self._waiting.clear()
        if self._made:
            self._path.unlink(missing_ok=True)
            self._made = False
