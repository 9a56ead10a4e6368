"""An hour at half load with budgets, keys and rules on: is memory flat, is p99 steady, is every row there?

    python -m bench.soak [--minutes 60] [--rate 300] [--workers 1] [--budgets 50]

Half of the calls are streams. The rate is kept by the clock, not by the answers, so a slow
answer makes the next ones late and is seen. Each minute prints p50 and p99 in milliseconds
and the resident memory of gateway and app; at the end the ledger's rows are held against what
the provider stub was asked.
"""

import argparse
import asyncio
import json
import statistics
import tempfile
import time
from pathlib import Path
from typing import Any

import duckdb

from tests.flows.running import Running, fetch, running_product, running_stub

CONNECTIONS = 16


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--minutes", type=float, default=60)
    parser.add_argument("--rate", type=int, default=300, help="calls a second")
    parser.add_argument("--workers", type=int, default=1)
    parser.add_argument("--budgets", type=int, default=50)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as name, running_stub() as stub:
        folder = Path(name)
        with running_product(folder, stub, f"[gateway]\nworkers = {options.workers}\n") as product:
            key = configure(product, options.budgets)
            sent, failed = asyncio.run(soak(product, key, options))
            product.drained(120)
            asked = sum(one["method"] == "POST" for one in json.loads(fetch(f"{stub}/__stub/requests")[1]))
            product.stop()
        with duckdb.connect(str(folder / "data" / "ledger.duckdb"), read_only=True) as ledger:
            found = ledger.execute("SELECT count(*) FROM usage_event WHERE attempt >= 1").fetchone()
        rows = found[0] if found else 0
        print(f"sent {sent}, failed {failed}, reached the provider {asked}, rows {rows}, lost {asked - rows}")


def configure(product: Running, budgets: int) -> str:
    """Keys, budgets and a rule, as an operator would make them; the key that calls."""
    keys = [
        product.tally("keys", "create", "--team", f"team{number}", "--default", "environment=production")["key"]
        for number in range(8)
    ]
    for number in range(budgets):
        where = f"team=team{number % 10}" if number % 2 else f"feature=f{number}"
        product.tally("budgets", "set", "--name", f"b{number}", "--where", where, "--limit", "1000000", "--unit", "usd", "--window", ("day", "month")[number % 2], "--action", "block")  # fmt: skip
    return str(keys[1])


async def soak(product: Running, key: str, options: argparse.Namespace) -> tuple[int, int]:
    ended, sent, failed = time.monotonic() + options.minutes * 60, 0, 0
    minute: list[float] = []
    queue: asyncio.Queue[float] = asyncio.Queue()
    requests = [request(key, stream=False), request(key, stream=True)]

    async def client() -> None:
        nonlocal failed, sent
        reader, writer = await asyncio.open_connection("127.0.0.1", product.port)
        while (due := await queue.get()) >= 0:
            sent += 1
            writer.write(requests[sent % 2])
            head = (await reader.readuntil(b"\r\n\r\n")).lower()
            if b"content-length: " in head:
                await reader.readexactly(int(head.split(b"content-length: ")[1].split(b"\r\n")[0]))
            else:
                await reader.readuntil(b"\r\n0\r\n\r\n")
            failed += b" 200 " not in head[:16]
            minute.append((time.perf_counter() - due) * 1000)
        writer.close()

    clients = [asyncio.create_task(client()) for _ in range(CONNECTIONS)]
    began = time.perf_counter()
    told = time.monotonic()
    for number in range(10**9):
        due = began + number / options.rate
        await asyncio.sleep(max(0.0, due - time.perf_counter()))
        queue.put_nowait(due)
        if time.monotonic() - told >= 60:
            told += 60
            tell(product, minute)
            minute.clear()
        if time.monotonic() > ended:
            break
    for _ in clients:
        queue.put_nowait(-1.0)
    await asyncio.gather(*clients)
    return sent, failed


def tell(product: Running, minute: list[float]) -> None:
    cuts = statistics.quantiles(minute, n=100) if len(minute) > 1 else [0.0] * 99
    memory = {role: rss_mb(pid) for role, pid in product.processes().items() if role != "supervisor"}
    shown = ", ".join(f"{role} {mb:.1f} MB" for role, mb in sorted(memory.items()))
    print(
        f"{time.strftime('%H:%M')} {len(minute)} calls, p50 {cuts[49]:.1f} ms, p99 {cuts[98]:.1f} ms; {shown}",
        flush=True,
    )


def rss_mb(pid: int) -> float:
    status = Path(f"/proc/{pid}/status").read_text()
    return int(status.split("VmRSS:")[1].split()[0]) / 1024


def request(key: str, *, stream: bool) -> bytes:
    body: dict[str, Any] = {"model": "gpt-4o-mini", "stream": stream, "max_tokens": 50}
    body["messages"] = [{"role": "user", "content": "a tally stick is split in two; who keeps which half? " * 4}]
    raw = json.dumps(body).encode()
    head = (
        "POST /openai/v1/chat/completions HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\n"
        f"authorization: Bearer {key}\r\nx-cost-feature: f7\r\ncontent-length: {len(raw)}\r\n\r\n"
    )
    return head.encode() + raw


if __name__ == "__main__":
    main()
