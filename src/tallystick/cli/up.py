"""`tally up`: the gateway and the pages behind one port."""

import sys
import time
from pathlib import Path
from typing import Annotated, Any

import typer

from tallystick import __version__, wiring
from tallystick.cli.client import ApiClient, HttpTransport
from tallystick.cli.open_client import config_file, read_config
from tallystick.cli.options import ConfigFile, Data
from tallystick.cli.server_lock import hold_server_lock
from tallystick.cli.supervise import Child, Supervisor, listen, signals
from tallystick.config import Config, data_dir
from tallystick.kernel.errors import ConfigError, TallyError, Unavailable, UsageError
from tallystick.operations.instance import read_cli_token

_START_SECONDS = 60.0
_FINISH_SECONDS = 40.0
_PROBE_SECONDS = 1.0


def up(
    data: Data = None,
    config: ConfigFile = None,
    port: Annotated[int, typer.Option(min=0, max=65535, help="Public port; [server] port by default.")] = 0,
    host: Annotated[str, typer.Option(help="Address to listen on; loopback by default.")] = "",
    role: Annotated[str, typer.Option(help="Run only the gateway or only the app: gateway, app or all.")] = "all",
    behind_proxy: Annotated[bool, typer.Option("--behind-proxy", help="A proxy in front terminates TLS.")] = False,
    mock: Annotated[bool, typer.Option("--mock", help="Make answers up; nothing is sent to any provider.")] = False,
    mock_ms: Annotated[int, typer.Option(min=0, max=60_000, help="How long a made-up answer takes to begin.")] = 300,
) -> None:
    """Run the gateway and the pages until Ctrl-C."""
    if role not in {"all", "gateway", "app"}:
        raise UsageError(f'--role "{role}" is not one of all, gateway, app')
    settings = wiring.with_server(read_config(config), host=host, port=port, behind_proxy=behind_proxy)
    serve(settings, data_dir(data), config_file(config), role=role, mock_seconds=mock_ms / 1000 if mock else None)


def serve(
    config: Config,
    folder: Path,
    file: Path | None,
    *,
    role: str = "all",
    mock_seconds: float | None = None,
) -> None:
    """Run the processes over a data directory until a signal.

    Args:
        mock_seconds: Answers are made up, each after so long; None asks the providers.

    Raises:
        Conflict: The port or the data directory is taken.
        ConfigError: The address would show pages or keys to the network unguarded.
    """
    wiring.check_bind(config, pages=role != "gateway")
    for name, certificate in (("tls_cert", config.server.tls_cert), ("tls_key", config.server.tls_key)):
        if certificate and not Path(certificate).is_file():
            raise ConfigError(f"{name} names no file: {certificate}", where="[server]")
    url = wiring.default_url(config)
    # After an unclean end the children of the dead server may still be finishing their calls.
    patience = _FINISH_SECONDS if (folder / "server.json").exists() else 0.0
    with hold_server_lock(folder, url), listen(config.server.host, config.server.port, patience) as listener:
        wiring.prepare(config, folder)
        more = ["--mock-seconds", str(mock_seconds)] if mock_seconds is not None else []
        children = _children(config, folder, file, listener.fileno(), role=role, more=more)
        supervisor = Supervisor(children, listener)
        with signals(supervisor):
            try:
                supervisor.start()
                if role == "all":
                    client = wait_until_ready(supervisor, url, folder)
                    if client is not None:
                        _greet(config, client, folder, mock=mock_seconds is not None)
                supervisor.watch()
            finally:
                supervisor.stop()


def _children(config: Config, folder: Path, file: Path | None, fd: int, *, role: str, more: list[str]) -> list[Child]:
    shared = ["--data", str(folder), "--host", config.server.host, "--port", str(config.server.port)]
    shared += ["--config", str(file.resolve())] if file else []
    shared += ["--behind-proxy"] if config.server.behind_proxy else []
    shared += more
    # -P: a file in the current directory that bears a module's name is not imported in its place.
    command = [sys.executable, "-P", "-m", "tallystick.cli.child"]
    children = []
    if role in {"all", "gateway"}:
        workers = range(1, config.gateway.workers + 1)
        children += [
            Child(f"gateway {n}", [*command, "gateway", *shared, "--fd", str(fd)], (fd,), drains=True) for n in workers
        ]
    if role in {"all", "app"}:
        children.append(Child("app", [*command, "app", *shared]))
    return children


def wait_until_ready(supervisor: Supervisor, url: str, folder: Path) -> ApiClient | None:
    """A client of the server once it answers; None when a signal came first.

    Raises:
        Unavailable: It does not come up.
    """
    deadline = time.monotonic() + _START_SECONDS
    while time.monotonic() < deadline and not supervisor.stopping:
        token = read_cli_token(folder)
        for child in supervisor.children:
            if child.gave_up:
                raise Unavailable(f"the {child.name} process ended while starting", next_steps=["tally doctor"])
        supervisor.revive()
        if token:
            client = ApiClient(HttpTransport(url), token, url)
            try:
                # The port takes connections before any gateway lives, and when none ever will.
                ApiClient(HttpTransport(url, _PROBE_SECONDS), token, url).call("GET", "/healthz")
            except TallyError:
                pass
            else:
                return client
        time.sleep(0.05)
    if supervisor.stopping:
        return None
    raise Unavailable(f"the server did not answer within {_START_SECONDS:g} s", where=url, next_steps=["tally doctor"])


def _greet(config: Config, client: ApiClient, folder: Path, *, mock: bool) -> None:
    url = client.base_url
    link: dict[str, Any] = client.call("POST", "/api/v1/login-links", json={"next": "/"})
    lines = [f"Tallystick {__version__}  (Ctrl-C to stop)", ""]
    if mock:
        lines += [
            "  MOCK       every answer is made up here, and nothing is sent to any provider;",
            "             rows are kept as real ones are, with the provider account mock",
            "",
        ]
    lines += [
        f"  Pages      {url}{link['path']}",
        "             opens once, within 15 minutes; `tally open` makes another",
        "",
    ]
    for name, variable, base in wiring.base_urls(config):
        lines.append(f"  {name:<10} {'export ' + variable + '=' if variable else ''}{base}")
    lines += ["", "  Key        tally keys create --team TEAM --feature FEATURE"]
    if config.gateway.bring_your_own_key:
        lines.append("             or keep your provider's own key: it is passed on and never stored")
    if folder != data_dir(None):
        lines += [
            "",
            f"  Data       {folder}",
            "             other commands find it with --data, or TALLY_DATA in the environment",
        ]
    sys.stdout.write("\n".join(lines) + "\n")
    sys.stdout.flush()
