"""What a budget lets through beyond its limit: ours, LiteLLM's and burnlens', by the same script.

    python -m bench.overspend [--only tallystick,LiteLLM,burnlens]

Before each gateway stands the same caller, behind it the same stub, which counts what was really
billed. Each row is a fresh budget that is called upon until nothing passes any more, at the latest at
twice the budget. `left` is how many more calls would have fit when everything was settled and yet
was refused; `early`, how many refusals were followed by a call that passed. A gateway that cannot be
installed is said and left out. Peers are installed into $TALLY_BENCH_CACHE (default
~/.cache/tallystick-bench).
"""

import argparse
import os
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

from bench.overspend.peers import PEERS, Peer, Place
from bench.overspend.script import COST, Cell, Outcome, measure
from tests.flows.running import running_stub

# Millionths of a dollar, and callers.
WAYS = ((100_000, 1), (100_000, 10), (100_000, 50), (1_000_000, 50))


def cells(form: str) -> Iterator[Cell]:
    """All ways of calling on one form of budget."""
    for limit, at_once in WAYS:
        for stream in (False, True):
            yield Cell(form, limit, at_once, stream)


def row(peer: Peer, cell: Cell, found: Outcome) -> str:
    over = found.spent - cell.limit
    left = max(0, -over) // COST
    said = f"{'more than ' if found.endless else ''}{max(0, over) / 1e6:.4f}"
    notes = "".join(f"  {count} x {status}" for status, count in found.failed.items())
    return (
        f"{peer.name:22} {cell.form:9} {cell.dollars:>5} {cell.at_once:8} {'streamed' if cell.stream else 'plain':9}"
        f"{found.spent / 1e6:9.4f} {said:>17} {max(0, over) / cell.limit:7.1%} {found.passed:7} {left:5} {found.early:6}{notes}"
    )


def run(peer: Peer, place: Place) -> None:
    wanted = [cell for form in peer.forms for cell in cells(form)]
    with peer.running(place, wanted) as targets:
        for cell in wanted:
            print(row(peer, cell, measure(cell, targets[cell], place.stub)), flush=True)


def main() -> None:
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))  # what was started is stopped all the same
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", default="", help="beginnings of names, between commas")
    options = parser.parse_args()
    cache = Path(os.environ.get("TALLY_BENCH_CACHE", Path.home() / ".cache" / "tallystick-bench"))
    print(f"{'gateway':22} {'budget of':9} {'limit':>5} {'at once':>8} {'':9}{'spent $':>9} {'over $':>17} {'over':>7}"
          f" {'passed':>7} {'left':>5} {'early':>6}")  # fmt: skip
    for peer in PEERS:
        if not peer.name.startswith(tuple(options.only.split(","))):
            continue
        try:
            print(f"{peer.name}: {peer.install(cache)}", flush=True)
            with tempfile.TemporaryDirectory(prefix="bench-") as folder, running_stub() as stub:
                run(peer, Place(cache, Path(folder), stub))
        except (OSError, RuntimeError, AssertionError, subprocess.SubprocessError) as error:
            print(f"{peer.name}: not run: {str(error)[-300:]}", flush=True)


if __name__ == "__main__":
    main()
