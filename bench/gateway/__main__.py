"""The gateway beside a plain proxy and its peers: ratios of one run on one machine.

    python -m bench.gateway [--peers nginx,tallystick,litellm,portkey] [--seconds 10] [--warm 20]
                            [--rounds 3] [--soak 200000]
    python -m bench.gateway --workers 2

One worker is pinned to core 0; the load generator (wrk) and the canned upstream (nginx) to core 1. Every
gateway does its whole job: ours checks a key, meters, prices and spools each call. Peers are installed
into $TALLY_BENCH_CACHE (default ~/.cache/tallystick-bench). CPU per request is the steadier figure.

With `--workers` ours alone runs, with one worker and with so many, on all cores beside generator and upstream.
"""

import argparse
import contextlib
import os
import re
import shutil
import signal
import socket
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from bench.gateway.peers import PEERS, Peer, Place

HERE = Path(__file__).parent
JSON = (
    '{"id":"chatcmpl-1","object":"chat.completion","created":1,"model":"gpt-4o-mini","choices":[{"index":0,"message":'
    '{"role":"assistant","content":"Hello there, how can I help?"},"finish_reason":"stop"}],'
    '"usage":{"prompt_tokens":24,"completion_tokens":8,"total_tokens":32}}'
)
# nginx takes no parameter beyond 4,096 bytes, so the chunks are short.
CHUNK = '{"id":"c","model":"gpt-4o-mini","choices":[%s]%s}'
DELTA = '{"index":0,"delta":{"content":"word "}}'
USAGE = ',"usage":{"prompt_tokens":24,"completion_tokens":30,"total_tokens":54}'
STREAM = f"data: {CHUNK % (DELTA, '')}\n\n" * 31 + f"data: {CHUNK % ('', USAGE)}\n\ndata: [DONE]\n\n"
TICK = os.sysconf("SC_CLK_TCK")


@dataclass
class Figures:
    """What was measured of one gateway. Rates a second, latencies and CPU in microseconds."""

    rate: float = 0
    cpu: float = 0
    p50_one: float = 0
    streams: float = 0
    rss_mb: float = 0
    soak: list[float] = field(default_factory=list)
    failures: int = 0


def main() -> None:
    options = arguments()
    if options.workers > 1:
        compare_workers(options)
        return
    cache = Path(os.environ.get("TALLY_BENCH_CACHE", Path.home() / ".cache" / "tallystick-bench"))
    names = options.peers.split(",")
    with tempfile.TemporaryDirectory(prefix="bench-") as folder, canned(Path(folder)) as (upstream, proxy, proxy_pid):
        direct = load(upstream, "/v1/chat/completions", 1, options.seconds, {})[1]
        results: dict[str, Figures] = {}
        for name in names:
            place = Place(cache, Path(folder), upstream, proxy if name == "nginx" else free_port())
            PEERS[name].install(cache)
            with running(PEERS[name], place, proxy_pid) as pid:
                results[name] = measure(PEERS[name], place, pid, options)
                print(f"{name}: {results[name]}", file=sys.stderr, flush=True)
    report(results, direct)


def compare_workers(options: argparse.Namespace) -> None:
    """One worker beside several, in turns."""
    peer = PEERS["tallystick"]
    rates: dict[int, list[float]] = {1: [], options.workers: []}
    with tempfile.TemporaryDirectory(prefix="bench-") as folder, canned(Path(folder)) as (upstream, _, proxy_pid):
        for number in range(2 * options.rounds):
            workers = (1, options.workers)[number % 2]
            work = Path(folder) / f"{number}"
            work.mkdir()
            place = Place(work, work, upstream, free_port(), workers)
            with running(peer, place, proxy_pid, cores="0-1"):
                env = {"BENCH_KEY": peer.key(place), "BENCH_HEADERS": ""}
                load(place.port, peer.path, 16, options.warm, env)
                rates[workers].append(load(place.port, peer.path, 16, options.seconds, env)[0])
    one, many = (statistics.median(rates[workers]) for workers in rates)
    print(f"1 worker {one:.0f}/s, {options.workers} workers {many:.0f}/s: {many / one:.2f} x   {rates}")


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--peers", default="nginx,tallystick,litellm,portkey")
    parser.add_argument("--seconds", type=int, default=10)
    parser.add_argument("--warm", type=int, default=20)
    parser.add_argument("--workers", type=int, default=1, help="compare one worker with so many")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--soak", type=int, default=0, help="requests to watch our memory over")
    return parser.parse_args()


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@contextlib.contextmanager
def canned(work: Path) -> Iterator[tuple[int, int, int]]:
    """nginx as upstream and as plain proxy, each with its core: both ports, and the proxy's process id."""
    ports = free_port(), free_port()
    template = (HERE / "nginx.conf").read_text()
    started = []
    for role, core in (("upstream", 1), ("proxy", 0)):
        folder = work / role
        folder.mkdir()
        text = template.replace("@UPSTREAM@", str(ports[0])).replace("@PROXY@", str(ports[1]))
        text = text.replace("@JSON@", JSON).replace("@STREAM@", STREAM)
        (folder / "nginx.conf").write_text(keep_server(text, role))
        command = ["taskset", "-c", str(core), "nginx", "-p", str(folder), "-c", str(folder / "nginx.conf")]
        started.append(subprocess.Popen(command, stderr=subprocess.DEVNULL))
    try:
        for port in ports:
            wait_for(port)
        yield *ports, started[1].pid
    finally:
        for process in started:
            process.send_signal(signal.SIGTERM)
            process.wait()


def keep_server(text: str, role: str) -> str:
    """The configuration with only one of its two servers."""
    other = "proxy" if role == "upstream" else "upstream"
    return re.sub(rf" *# begin {other}.*?# end {other}\n", "", text, flags=re.DOTALL)


@contextlib.contextmanager
def running(peer: Peer, place: Place, proxy_pid: int, cores: str = "0") -> Iterator[int]:
    """The gateway on core 0, or those; its process id (nginx's proxy runs already)."""
    if not peer.uses_port:
        yield proxy_pid
        return
    command = ["taskset", "-c", cores, *peer.command(place)]
    log = (place.work / f"{peer.name}.log").open("wb")
    process = subprocess.Popen(command, env={**os.environ, **peer.env}, stdout=log, stderr=log)
    try:
        wait_for(place.port, 180)
        yield process.pid
    finally:
        for one in reversed(family(process.pid)):
            with contextlib.suppress(ProcessLookupError):
                os.kill(one, signal.SIGTERM)
        process.wait(60)
        log.close()


def wait_for(port: int, seconds: float = 20) -> None:
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        with contextlib.suppress(urllib.error.HTTPError):
            try:
                urllib.request.urlopen(f"http://127.0.0.1:{port}/", timeout=5)
            except (urllib.error.URLError, ConnectionError, TimeoutError) as error:
                if isinstance(error, urllib.error.HTTPError):
                    return
                time.sleep(0.1)
                continue
        return
    raise SystemExit(f"nothing answers on port {port}")


def measure(peer: Peer, place: Place, pid: int, options: argparse.Namespace) -> Figures:
    env = {"BENCH_KEY": peer.key(place), "BENCH_HEADERS": peer.headers(place, False)}
    streaming = {**env, "BENCH_HEADERS": peer.headers(place, True), "BENCH_STREAM": "1"}
    figures = Figures()
    load(place.port, peer.path, 16, options.warm, env)
    rates, cpus, ones, streams = [], [], [], []
    for _ in range(options.rounds):
        before = cpu_seconds(pid)
        rate, _, count, failed = load(place.port, peer.path, 16, options.seconds, env)
        rates.append(rate)
        cpus.append((cpu_seconds(pid) - before) / max(1, count) * 1e6)
        figures.failures += failed
        ones.append(load(place.port, peer.path, 1, options.seconds // 2 or 1, env)[1])
        rate, _, _, failed = load(place.port, peer.stream_path, 16, options.seconds, streaming)
        streams.append(rate)
        figures.failures += failed
    figures.rate, figures.cpu = statistics.median(rates), statistics.median(cpus)
    figures.p50_one, figures.streams = statistics.median(ones), statistics.median(streams)
    figures.rss_mb = rss_mb(pid)
    while peer.name == "tallystick" and options.soak > 0:
        options.soak -= load(place.port, peer.path, 16, options.seconds, env)[2]
        figures.soak.append(round(rss_mb(pid), 1))
    return figures


def load(port: int, path: str, connections: int, seconds: int, env: dict[str, str]) -> tuple[float, float, int, int]:
    """Requests a second, p50 in microseconds, requests, failures."""
    command = ["taskset", "-c", "1", "wrk", "-t1", f"-c{connections}", f"-d{max(1, seconds)}s", "--latency"]
    command += ["--timeout", "30s", "-s", str(HERE / "call.lua"), f"http://127.0.0.1:{port}{path}"]
    told = {"BENCH_KEY": "sk", "BENCH_HEADERS": "", "BENCH_STREAM": "0", **env}
    out = subprocess.run(command, env={**os.environ, **told}, capture_output=True, text=True, check=True).stdout
    count = re.search(r"(\d+) requests in", out).group(1)  # type: ignore[union-attr]
    amount, unit = re.search(r"50%\s+([\d.]+)(us|ms|s)", out).group(1, 2)  # type: ignore[union-attr]
    failed = sum(int(number) for number in re.findall(r"Non-2xx or 3xx responses: (\d+)", out))
    p50 = float(amount) * {"us": 1, "ms": 1e3, "s": 1e6}[unit]
    return float(re.search(r"Requests/sec:\s+([\d.]+)", out).group(1)), p50, int(count), failed  # type: ignore[union-attr]


def family(pid: int) -> list[int]:
    """A process and its descendants."""
    found = [pid]
    for parent in found:
        with contextlib.suppress(OSError):
            children = Path(f"/proc/{parent}/task/{parent}/children").read_text().split()
            found.extend(int(child) for child in children)
    return found


def cpu_seconds(pid: int) -> float:
    total = 0
    for one in family(pid):
        with contextlib.suppress(OSError):
            words = Path(f"/proc/{one}/stat").read_text().rpartition(")")[2].split()
            total += int(words[11]) + int(words[12])
    return total / TICK


def rss_mb(pid: int) -> float:
    total = 0
    for one in family(pid):
        with contextlib.suppress(OSError, AttributeError):
            text = Path(f"/proc/{one}/status").read_text()
            total += int(re.search(r"VmRSS:\s+(\d+)", text).group(1))  # type: ignore[union-attr]
    return total / 1024


def report(results: dict[str, Figures], direct: float) -> None:
    ours = results.get("tallystick")
    print(
        f"\n{'':12}{'req/s @16':>12}{'CPU us/req':>12}{'added p50 ms @1':>17}{'streams/s':>11}{'MB':>6}{'failed':>8}{'  ours is':>14}"
    )
    for name, one in results.items():
        ratio = (
            f"{ours.rate / one.rate:8.3f} x | {ours.streams / max(one.streams, 0.01):.2f} x"
            if ours and one is not ours
            else ""
        )
        added = (one.p50_one - direct) / 1000
        print(
            f"{name:12}{one.rate:12.0f}{one.cpu:12.0f}{added:17.2f}{one.streams:11.0f}{one.rss_mb:6.0f}{one.failures:8d}  {ratio}"
        )
    if ours and ours.soak:
        print(f"memory over the soak, MB: {' '.join(map(str, ours.soak))}")


if __name__ == "__main__":
    missing = [program for program in ("wrk", "nginx", "taskset") if not shutil.which(program)]
    if missing:
        raise SystemExit(f"needs {', '.join(missing)}: apt-get install wrk nginx-light util-linux")
    main()
