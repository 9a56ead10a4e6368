"""One seed owns the clock, the order of every step and every crash; counters and spool are the real ones.

    python -m tests.counters.simulate --seeds 1000 [--seed FIRST]

Gateways reserve, write the intent, reach the provider, write the completion and settle; between any
two steps another may act, a gateway may die (also inside the lock of the shared counters, at any write), the
app may die and begin anew, the counters' file may be lost. After each step no limit is passed, counting the
true cost of everything that reached the provider (law 4). In the end each attempt that reached the provider
is one event in the ledger (law 1), counters are what the ledger says, and who has room is not refused.
"""

import argparse
import contextlib
import os
import random
import shutil
import sys
import tempfile
from asyncio import events
from collections.abc import Callable, Coroutine, Generator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

import msgspec

from tallystick.budgets import repair
from tallystick.budgets.model import Ask, Hold
from tallystick.counters.process import ProcessCounters
from tallystick.counters.shared import SharedCounters
from tallystick.ports import Counters, CountersAway
from tallystick.storage.spool import SpoolReader, SpoolWriter
from tests.counters.deadly import make_deadly

T = TypeVar("T")
Steps = Generator[str, None, None]
START_US, WINDOW_US, MILLI = 1_777_032_000_000_000, 20_000_000, 1000
LIMITS = {"team0": 1500, "team1": 700, "cust0": 900, "cust1": 400, "cust2": 250, "calls": 60}
STEPS = 700


class Broken(AssertionError):
    """A law did not hold."""


class Killed(BaseException):
    """The process of a gateway ends here."""


def drive(coroutine: Coroutine[Any, Any, T]) -> T:
    """Counters of this machine never wait: their coroutines end at the first step."""
    try:
        coroutine.send(None)
    except StopIteration as end:
        return end.value  # type: ignore[no-any-return]
    raise AssertionError("the counters waited")


class Row(msgspec.Struct):
    """What a spool record holds: the counters, the bound on each, and the cost on each if it is known."""

    keys: list[str]
    bound: list[int]
    cost: list[int] | None = None

    def amounts(self) -> dict[bytes, int]:
        return dict(zip(map(bytes.fromhex, self.keys), self.cost or self.bound, strict=True))


@dataclass
class Gateway:
    name: str
    counters: Counters
    spool: SpoolWriter
    calls: list[tuple[int, Steps]] = field(default_factory=list)


class Round:
    """Stands for the loop of a gateway while something settles; keeps what is to be done when its round ends."""

    def __init__(self) -> None:
        self.ends: list[Callable[[], None]] = []
        self.call_soon = self.ends.append

    def __enter__(self) -> list[Callable[[], None]]:
        events._set_running_loop(self)  # type: ignore[arg-type]
        return self.ends

    def __exit__(self, *_: object) -> None:
        events._set_running_loop(None)


@dataclass
class World:
    """Everything there is. Ledger: the row of each event. Reached: what each attempt truly cost."""

    seed: int
    folder: Path
    rules: Any = repair

    def __post_init__(self) -> None:
        self.dice = random.Random(self.seed)
        self.shared = self.seed % 4 != 0
        self.now_us = START_US
        self.ledger: dict[str, Row] = {}
        self.reached: dict[str, dict[bytes, int]] = {}
        self.spent: dict[bytes, int] = {}
        self.gateways: list[Gateway] = []
        self.made = 0
        self.log: list[str] = []
        self.empty_since: int | None = None
        self.reader = SpoolReader(self.folder / "spool")
        self.app_counters: Counters = self.open_counters()
        self.app: Steps = self.app_steps()

    # ── parts ────────────────────────────────────────────────────────────────

    def open_counters(self) -> Counters:
        if self.shared:
            return SharedCounters(self.folder / "counters", counters=64, reservations=64, deadline_ms=1000)
        return ProcessCounters()

    def start_gateway(self) -> None:
        self.made += 1
        name = f"gw-{self.made}"
        spool = SpoolWriter(self.folder / "spool" / name, segment_bytes=32 * 1024, fsync_interval=0.0)
        # Without shared memory the counters are the one gateway's own, and end with it.
        counters = self.open_counters()
        if not self.shared:
            self.app_counters = counters
        self.gateways.append(Gateway(name, counters, spool))

    def kill(self, gateway: Gateway) -> None:
        """What the kernel does for a dead process: descriptors and locks are gone, bytes stay."""
        self.gateways.remove(gateway)
        spool: Any = gateway.spool
        spool._sync.close()
        for descriptor in (spool._descriptor, spool._lock):
            if descriptor >= 0:
                os.close(descriptor)
        if self.shared:
            gateway.counters._late.clear()  # type: ignore[attr-defined]
            drive_quietly(gateway.counters)

    # ── a call ───────────────────────────────────────────────────────────────

    def ask(self, gateway: Gateway) -> Ask:
        dice = self.dice
        names = ("calls", f"team{dice.randrange(2)}", f"cust{dice.randrange(3)}")
        window, end = divmod(self.now_us, WINDOW_US)
        ends_us = self.now_us - end + WINDOW_US
        base, most = dice.randrange(5, 40), dice.randrange(5, 60)
        holds = [
            Hold(key_of(n, window), 1 if n == "calls" else base, 0 if n == "calls" else 2000, LIMITS[n], ends_us)
            for n in names
        ]
        holds.append(Hold(key_of("all", window), base, 2000, None, ends_us))
        self.made += 1
        least = dice.choice((5, most))
        expires_us = self.now_us + 10_000_000
        return Ask(f"evt_{self.made:05d}", gateway.name, tuple(holds), most, least, self.now_us, expires_us)

    def call(self, gateway: Gateway) -> Steps:
        dice, ask = self.dice, self.ask(gateway)
        try:
            granted = drive(gateway.counters.reserve(ask))
        except CountersAway:
            return
        if not granted.granted:
            self.note(f"refused {ask.reservation_id}")
            return
        bound = [hold.amount(granted.output) for hold in ask.holds]
        row = Row([hold.key.hex() for hold in ask.holds], bound)
        yield "reserved"
        gateway.spool.intent(ask.reservation_id, msgspec.json.encode(row))
        yield "intent"
        share = dice.choice((0, 30, 100, dice.randrange(101)))
        cost = [amount if ask.holds[n].per_output == 0 else amount * share // 100 for n, amount in enumerate(bound)]
        if dice.random() < 0.05:
            cost = [0] * len(cost)  # the connection was refused: the provider never saw it
        else:
            self.reach(ask, cost)
        for _ in range(dice.randrange(4)):
            yield "waiting"
        unknown = dice.random() < 0.1 and any(cost)
        row.cost = None if unknown else cost
        gateway.spool.completion(ask.reservation_id, msgspec.json.encode(row))
        yield "completed"
        # In some worlds on a running loop: its round ends later, and a gateway that dies before has settled nothing.
        with Round() if self.seed % 8 == 7 else contextlib.nullcontext([]) as ends:
            gateway.counters.settle(ask.reservation_id, row.cost)
        if not ends:
            return
        yield "settled, the round goes on"
        for end in ends:
            end()

    def reach(self, ask: Ask, cost: Sequence[int]) -> None:
        self.reached[ask.reservation_id] = amounts = dict(zip([h.key for h in ask.holds], cost, strict=True))
        for key, amount in amounts.items():
            self.spent[key] = self.spent.get(key, 0) + amount

    # ── the app ──────────────────────────────────────────────────────────────

    def app_steps(self) -> Steps:
        while True:
            for _ in range(self.dice.randrange(1, 6)):
                yield from self.drain(self.dice.randrange(1, 12))
                yield "drained"
            with contextlib.suppress(CountersAway):
                yield from self.mend()

    def drain(self, most: int) -> Generator[str, None, bool]:
        """One batch; whether there was any."""
        batch = self.reader.poll(most)
        for record in batch.records:
            if record.kind == "completion":
                self.ledger.setdefault(record.event_id, msgspec.json.decode(record.payload, type=Row))
        yield "inserted"
        self.reader.commit(batch)
        if batch.records:
            return True
        orphans = self.reader.orphans()
        for event_id, payload in orphans:
            self.ledger.setdefault(event_id, msgspec.json.decode(payload, type=Row))
        yield "orphans inserted"
        self.reader.settle(event_id for event_id, _ in orphans)
        return bool(orphans)

    def mend(self) -> Steps:
        """The repair, step by step as `budgets/repair.py` orders them."""
        counters, rules = self.app_counters, self.rules
        built = drive(counters.built())
        if not built:
            self.empty_since = self.now_us if self.empty_since is None else self.empty_since
            if self.now_us - self.empty_since < rules.GRACE_US:
                return
        yield "looked"
        before = [name for name, _ in self.reader.in_flight()]
        yield "saw those in flight before"
        left = drive(counters.open_reservations())
        # The folder of a gateway goes when it is dead and the ledger holds all of it.
        awaited = {one.owner for one in left if (self.folder / "spool" / one.owner).exists()}
        dead = {one.owner for one in left} - awaited
        yield "saw the dead"
        known = {
            one.reservation_id: self.ledger[one.reservation_id].cost
            for one in left
            if one.reservation_id in self.ledger
        }
        for name, amounts in rules.resolve(left, known, dead, self.now_us, awaited_owners=awaited):
            counters.settle(name, amounts)
            yield "resolved"
        keys = sorted({key for row in self.ledger.values() for key in row.amounts()} | set(self.spent))
        found = dict(zip(keys, [one.posted for one in drive(counters.read(keys))], strict=True))
        yield "read"
        while (yield from self.drain(50)):
            yield "drained on"
        flying = [(name, msgspec.json.decode(payload, type=Row)) for name, payload in self.reader.in_flight()]
        yield "saw those in flight"
        still_open = {one.reservation_id for one in drive(counters.open_reservations())}
        yield "listed"
        now = [name for name, _ in flying]
        # What is not built holds no reservation, so all that is in flight has none.
        loose = rules.in_flight(before if built else now, [one.reservation_id for one in left], now, still_open)
        rows = {**{name: row for name, row in flying if name in loose.counted}, **self.ledger}
        doubtful = {key for name, row in flying if name in loose.doubtful for key in row.amounts()}
        wanted = rules.expected_posted([repair.Counted(n, row.amounts()) for n, row in rows.items()], still_open)
        done = True
        for one in rules.drift(wanted, found):
            if one.key not in doubtful:
                done &= drive(counters.correct(one.key, one.found, one.expected, 0))
                yield "corrected"
        if not built and done:
            drive(counters.mark_built())
            self.empty_since = None

    # ── the schedule ─────────────────────────────────────────────────────────

    def step(self) -> None:
        dice = self.dice
        roll = dice.random()
        self.now_us += dice.choice((0, MILLI, 20 * MILLI, 150 * MILLI))
        late = [
            (g, n)
            for g in self.gateways
            for n, (since, _) in enumerate(g.calls)
            if since and self.now_us - since > 1500 * MILLI
        ]
        if not self.gateways or (self.shared and len(self.gateways) < 3 and roll < 0.05):
            self.start_gateway()
        elif late:
            self.advance(*late[0])
        elif roll < 0.03:
            self.crash()
        elif roll < 0.45:
            self.advance_app()
        else:
            gateway = dice.choice(self.gateways)
            if dice.random() < 0.35 and len(gateway.calls) < 6:
                gateway.calls.append((0, self.call(gateway)))
            self.advance(gateway, dice.randrange(len(gateway.calls)) if gateway.calls else -1)

    def advance(self, gateway: Gateway, number: int) -> None:
        if number < 0:
            return
        _, steps = gateway.calls[number]
        try:
            where = next(steps)
            self.note(f"{gateway.name} {where}")
            # From its reservation to its intent a call never waits: it is soon its turn again.
            gateway.calls[number] = (self.now_us if where == "reserved" else 0, steps)
        except StopIteration:
            del gateway.calls[number]
        except Killed:
            self.note(f"{gateway.name} died inside the lock")
            self.kill(gateway)

    def advance_app(self) -> None:
        self.note(f"app {next(self.app)}")

    def crash(self) -> None:
        dice, gateway = self.dice, self.dice.choice(self.gateways)
        what = dice.choice(("gateway", "gateway", "in the lock", "app", "file"))
        self.note(f"crash: {what} {gateway.name}")
        if what == "gateway":
            self.kill(gateway)
        elif what == "in the lock" and self.shared:
            make_deadly(gateway.counters, dice.randrange(60), die)  # type: ignore[arg-type]
        elif what == "app":
            self.reader = SpoolReader(self.folder / "spool")
            self.app = self.app_steps()
        elif what == "file" and self.shared and dice.random() < 0.4:
            (self.folder / "counters").unlink(missing_ok=True)

    def note(self, what: str) -> None:
        self.log.append(f"{(self.now_us - START_US) / 1e6:8.3f}  {what}")

    # ── the laws ─────────────────────────────────────────────────────────────

    def check(self) -> None:
        limited = [(key, limit_of(key)) for key in self.spent]
        for key, limit in limited:
            if limit is not None and self.spent[key] > limit:
                raise Broken(f"{key!r}: {self.spent[key]} reached the provider, {limit} is the limit")
        if drive(self.app_counters.built()):
            for (key, limit), one in zip(limited, drive(self.app_counters.read([k for k, _ in limited])), strict=True):
                if limit is not None and one.posted + one.reserved > limit:
                    raise Broken(f"{key!r}: {one} passes {limit}")
                if one.posted + one.reserved < self.spent[key]:
                    raise Broken(f"{key!r}: {one} is less than the {self.spent[key]} that reached the provider")

    def finish(self) -> None:
        """Let everything end: half the time by death; then the ledger knows all, and the counters what it knows."""
        for gateway in list(self.gateways):
            if self.dice.random() < 0.5:
                self.kill(gateway)
            for _, steps in gateway.calls if gateway in self.gateways else ():
                with contextlib.suppress(Killed):
                    for _ in steps:
                        self.check()
        if not self.shared and not self.gateways:
            self.start_gateway()
        for gateway in self.gateways:
            gateway.calls.clear()
        for gateway in list(self.gateways) if self.shared else []:
            self.kill(gateway)
        for _ in range(8):
            self.now_us += repair.GRACE_US
            self.app = self.drain_and_mend()
            for _ in self.app:
                self.check()
        self.check_end()

    def drain_and_mend(self) -> Steps:
        while (yield from self.drain(100)):
            pass
        with contextlib.suppress(CountersAway):
            yield from self.mend()

    def check_end(self) -> None:
        missing = sorted(self.reached.keys() - self.ledger.keys())
        if missing:
            raise Broken(f"reached the provider and left no event: {missing}")
        counters = self.app_counters
        if drive(counters.open_reservations()):
            raise Broken("a reservation stays open though everybody is gone")
        sums: dict[bytes, int] = {}
        for row in self.ledger.values():
            for key, amount in row.amounts().items():
                sums[key] = sums.get(key, 0) + amount
        for key, total in sums.items():
            (one,) = drive(counters.read([key]))
            if (one.posted, one.reserved) != (total, 0):
                raise Broken(f"{key!r}: {one}, the ledger says {total}")
            room = (limit_of(key) or total) - total
            last = Ask(f"last {key.hex()}", "last", (Hold(key, room, 0, limit_of(key)),), 0, 0, self.now_us, 0)
            if not drive(counters.reserve(last)).granted:
                raise Broken(f"{key!r} has room for {room} and is refused")

    def close(self) -> None:
        for gateway in list(self.gateways):
            self.kill(gateway)
        drive_quietly(self.app_counters)


def die() -> None:
    raise Killed


def drive_quietly(counters: Counters) -> None:
    with contextlib.suppress(Killed):
        drive(counters.close())


def key_of(name: str, window: int) -> bytes:
    return f"{name}:{window % 10**9}".encode().ljust(16)


def limit_of(key: bytes) -> int | None:
    return LIMITS.get(key.decode().split(":")[0])


def simulate(seed: int, rules: Any = repair, tell: Callable[[str], None] | None = None) -> World:
    """One world from its first step to its end.

    Raises:
        Broken: A law did not hold; the message names the seed, and `tell` gets every step.
    """
    memory = Path("/dev/shm")
    folder = Path(tempfile.mkdtemp(prefix="simulate-", dir=memory if memory.is_dir() else None))
    world = World(seed, folder, rules)
    try:
        for _ in range(STEPS):
            world.step()
            world.check()
        world.finish()
    except Broken as broken:
        raise Broken(f"seed {seed}: {broken}") from None
    finally:
        for line in world.log if tell else ():
            tell(line)  # type: ignore[misc]
        world.close()
        shutil.rmtree(folder)
    return world


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", type=int, default=200)
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    calls = 0
    for seed in range(options.seed, options.seed + options.seeds):
        try:
            calls += len(simulate(seed).reached)
        except Broken as broken:
            with contextlib.suppress(Broken):
                simulate(seed, tell=print)
            print(f"{broken}\nReplay: python -m tests.counters.simulate --seeds 1 --seed {seed}")
            return 1
    print(f"{options.seeds} seeds, {calls} calls reached the provider, every law held.")
    return 0


if __name__ == "__main__":
    sys.exit(main())
