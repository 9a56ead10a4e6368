"""A server that is told to stop leaves nothing in the spool: the last calls are in the ledger, the killed ones too."""

import http.client
import json
import os
import signal
import time
from pathlib import Path

import pytest

from tests.flows.running import Running, ledger_rows, running_product, running_stub


def _begin_stream(product: Running, key: str) -> http.client.HTTPConnection:
    connection = http.client.HTTPConnection("127.0.0.1", product.port, timeout=20)
    body = {"model": "gpt-4o-mini", "stream": True, "messages": [{"role": "user", "content": "slowly"}]}
    headers = {"authorization": f"Bearer {key}", "content-type": "application/json", "x-stub-delay": "0.5"}
    connection.request("POST", "/openai/v1/chat/completions", json.dumps(body), headers | {"x-cost-run": "last"})
    return connection


@pytest.mark.slow
@pytest.mark.parametrize("killed", [False, True])
def test_stopping_settles_what_the_gateways_left(tmp_path: Path, killed: bool) -> None:
    with running_stub() as stub, running_product(tmp_path, stub, "[gateway]\nworkers = 2\n") as product:
        key = product.tally("keys", "create", "--team", "search")["key"]
        connection = _begin_stream(product, key)
        time.sleep(0.8)
        assert product.process is not None
        if killed:
            pids = [
                int(path.parent.name) for path in Path("/proc").glob("[0-9]*/cmdline") if _is_gateway(path, product)
            ]
            os.kill(product.process.pid, signal.SIGTERM)
            for pid in pids:
                os.kill(pid, signal.SIGKILL)
        product.stop()
        connection.close()
        assert not list((product.data / "spool").glob("*/*.seg"))
        ((run, outcome, _, _, state),) = ledger_rows(product.data)
        assert (run, outcome) == ("last", "interrupted" if killed else "ok")
        assert killed or state == "reported"


def _is_gateway(path: Path, product: Running) -> bool:
    try:
        words = path.read_bytes().split(b"\0")
    except OSError:
        return False
    return b"tallystick.cli.child" in words and b"gateway" in words and str(product.data).encode() in words


@pytest.mark.slow
def test_a_browser_left_on_the_live_log_does_not_delay_the_stop(tmp_path: Path) -> None:
    with running_stub() as stub, running_product(tmp_path, stub) as product:
        token = (product.data / "cli.token").read_text().strip()
        line = http.client.HTTPConnection("127.0.0.1", product.port, timeout=30)
        line.request("GET", "/gateway/live", headers={"authorization": f"Bearer {token}"})
        assert line.getresponse().status == 200
        began = time.monotonic()
        product.stop()
        assert time.monotonic() - began < 15
        line.close()
