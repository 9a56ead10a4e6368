"""Records of which several are made on the way of every call.

Python makes a frozen dataclass field by field through `object.__setattr__`, which costs four times as
much as an assignment: a tenth of a call's time in the gateway. A `record` is one to the type checker,
which refuses to assign to its fields; running, nothing stands in the way.
"""

from collections.abc import Callable
from typing import TYPE_CHECKING, TypeVar

__all__ = ["record"]

if TYPE_CHECKING:
    from dataclasses import dataclass as record
else:
    from dataclasses import dataclass

    _T = TypeVar("_T")

    def record(*, frozen: bool, slots: bool) -> Callable[[type[_T]], type[_T]]:
        """As `dataclass(frozen=True, slots=True)`: compared and hashed by its fields."""
        return dataclass(slots=slots, unsafe_hash=frozen)
