"""Shared counters that end at a chosen write of a word, whole operations or not."""

from collections.abc import Callable, Sequence
from typing import Any

from tallystick.counters import shared_file
from tallystick.counters.shared import SharedCounters


class DeadlyWords:
    """Words of a file that call `die` instead of the write after the given number of them."""

    def __init__(self, words: memoryview, lives: int, die: Callable[[], None]) -> None:
        self._words = words
        self._lives = lives
        self._die = die

    def __getitem__(self, place: Any) -> Any:
        return self._words[place]

    def __setitem__(self, place: Any, value: Any) -> None:
        self._lives -= 1
        if self._lives < 0:
            self._die()
        self._words[place] = value


def make_deadly(counters: SharedCounters, lives: int, die: Callable[[], None]) -> None:
    """From now on every word of log and commit counts one life; the operations themselves are the real ones."""
    file: Any = counters._file
    deadly = DeadlyWords(file.words, lives, die)

    def log_word_by_word(changes: Sequence[int]) -> None:
        for place, word in enumerate(changes):
            deadly[shared_file._AT_LOG + place] = word

    def commit(changes: Sequence[int]) -> None:
        deadly._words = real = file.words
        file.words = deadly
        try:
            shared_file.SharedFile.commit(file, changes)
        finally:
            file.words = real

    file._write_log = log_word_by_word
    file.commit = commit
