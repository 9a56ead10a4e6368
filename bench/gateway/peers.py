"""How each gateway is installed (into its own environment) and started in front of the canned upstream."""

import os
import subprocess
import sys
import venv
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

HERE = Path(__file__).parent
LITELLM = os.environ.get("BENCH_LITELLM", "litellm[proxy]")
PORTKEY = os.environ.get("BENCH_PORTKEY", "@portkey-ai/gateway")
# What npm resolves by itself breaks Portkey's streams (HTTP 500).
HONO = "@hono/node-server@1.3.3"


@dataclass(frozen=True)
class Place:
    """Where things are: folders and ports of one run; `workers` of our gateway."""

    cache: Path
    work: Path
    upstream_port: int
    port: int
    workers: int = 1


@dataclass(frozen=True)
class Peer:
    """One gateway: how it is installed and started, and how a call is addressed to it."""

    name: str
    install: Callable[[Path], None]
    command: Callable[[Place], list[str]]
    path: str = "/v1/chat/completions"
    stream_path: str = "/v1/chat/completions"
    env: dict[str, str] = field(default_factory=dict)
    key: Callable[[Place], str] = lambda _: "sk-bench"
    headers: Callable[[Place, bool], str] = lambda _place, _stream: ""
    uses_port: bool = True


def nothing(_: Path) -> None:
    """Nothing to install."""


def install_litellm(cache: Path) -> None:
    folder = cache / "litellm"
    if not (folder / "bin" / "litellm").exists():
        venv.create(folder, with_pip=True)
        subprocess.run([folder / "bin" / "pip", "install", "-q", LITELLM], check=True)


def install_portkey(cache: Path) -> None:
    folder = cache / "portkey"
    if not (folder / "node_modules" / "@portkey-ai" / "gateway").exists():
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "package.json").write_text('{"name":"bench","overrides":{"@hono/node-server":"1.3.3"}}')
        subprocess.run(["npm", "install", "--silent", "--no-audit", "--no-fund", PORTKEY, HONO], cwd=folder, check=True)


def litellm_command(place: Place) -> list[str]:
    config = place.work / "litellm.yaml"
    entry = "  - model_name: {0}\n    litellm_params:\n      model: openai/gpt-4o-mini\n      api_key: sk-x\n      api_base: {1}\n"
    base = f"http://127.0.0.1:{place.upstream_port}"
    config.write_text(
        "model_list:\n" + entry.format("gpt-4o-mini", f"{base}/v1") + "general_settings:\n  master_key: sk-bench\n"
    )
    return [
        str(place.cache / "litellm/bin/litellm"),
        "--config",
        str(config),
        "--port",
        str(place.port),
        "--num_workers",
        "1",
    ]


def portkey_command(place: Place) -> list[str]:
    start = place.cache / "portkey/node_modules/@portkey-ai/gateway/build/start-server.js"
    return ["node", str(start), f"--port={place.port}", "--headless"]


def portkey_headers(place: Place, stream: bool) -> str:
    host = f"http://127.0.0.1:{place.upstream_port}{'/stream' if stream else ''}/v1"
    return f"x-portkey-provider=openai|x-portkey-custom-host={host}"


def ours_command(place: Place) -> list[str]:
    upstream = f"http://127.0.0.1:{place.upstream_port}"
    where = str(place.work / f"ours{place.workers}")
    return [sys.executable, str(HERE / "serve_ours.py"), where, upstream, str(place.port), str(place.workers)]


PEERS = {
    "nginx": Peer("nginx", nothing, lambda _: [], stream_path="/stream/v1/chat/completions", uses_port=False),
    "tallystick": Peer(
        "tallystick",
        nothing,
        ours_command,
        path="/openai/v1/chat/completions",
        stream_path="/stream/v1/chat/completions",
        key=lambda place: (place.work / f"ours{place.workers}" / "key").read_text(),
    ),
    "litellm": Peer("litellm", install_litellm, litellm_command, env={"LITELLM_LOG": "ERROR", "NO_PROXY": "*"}),
    "portkey": Peer(
        "portkey",
        install_portkey,
        portkey_command,
        headers=portkey_headers,
        env={"TRUSTED_CUSTOM_HOSTS": "127.0.0.1,localhost"},
    ),
}
