"""Everything that plugs in: what the outside implements, one protocol each."""

from collections.abc import Sequence
from typing import Protocol

from tallystick.budgets.model import Ask, Granted, OpenReservation, Standing


class CountersAway(Exception):
    """The counters cannot be asked now; each budget's `fail` decides.

    Attributes:
        reason: For people: away, empty after a restart, full, too slow.
    """

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


class Counters(Protocol):
    """The counters of budgets, wherever they are: in this process, in shared memory, in Redis.

    The ledger is the authority; these are its fast copy, with an epoch that says whether it
    was built. Amounts are whole; `posted + reserved <= limit` holds at every instant for
    every counter that was only ever reserved with that limit.
    """

    async def reserve(self, ask: Ask) -> Granted:
        """Create what is not there and reserve on all counters, or on none: one atomic act.

        The largest output from `least` to `most` that fits everywhere is granted. A hold
        without a limit never refuses. A breaker without room opens; while it is open it refuses.
        The same `reservation_id` again gives the same answer and reserves nothing more.

        Raises:
            CountersAway: Not reachable within the deadline, not built, or full.
        """

    def settle(self, reservation_id: str, amounts: Sequence[int] | None) -> None:
        """Replace a reservation by what was really used, in the order of its holds; exactly once.

        None posts the bound itself; zeros release. Never waited for: where it needs a round
        trip it is queued and tried again until done. An unknown id changes nothing.
        """

    async def read(self, keys: Sequence[bytes]) -> list[Standing]:
        """Each counter by itself (limit None); one that is not there stands at 0."""

    async def open_reservations(self) -> list[OpenReservation]:
        """All that are not settled."""

    async def correct(self, key: bytes, expected: int, posted: int, ends_us: int) -> bool:
        """Set `posted` if it still is what was expected: a repair never overwrites a settlement. Whether it was."""

    async def reopen(self, keys: Sequence[bytes]) -> None:
        """Close breakers by hand."""

    async def built(self) -> bool:
        """Whether the counters were built from the ledger since they last were empty."""

    async def mark_built(self) -> None:
        """Say that they are."""

    async def close(self) -> None:
        """Finish what is queued, let go."""
