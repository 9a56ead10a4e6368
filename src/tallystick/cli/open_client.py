"""Find the server that runs on a data directory, or stand in for it."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tallystick import wiring
from tallystick.cli.client import ApiClient, AsgiTransport, HttpTransport
from tallystick.cli.server_lock import running_server
from tallystick.config import Config, data_dir, load_config
from tallystick.kernel.errors import Unavailable
from tallystick.operations.instance import TOKEN_FILE, read_cli_token

DEFAULT_CONFIG = Path("tally.toml")


def config_file(option: Path | None) -> Path | None:
    """The file of ``--config``, else ./tally.toml when there is one."""
    return DEFAULT_CONFIG if option is None and DEFAULT_CONFIG.exists() else option


def read_config(option: Path | None) -> Config:
    """The configuration of ``--config``, else of ./tally.toml when there is one, else the defaults."""
    return load_config(config_file(option))


@contextmanager
def open_client(data: Path | None, config: Path | None = None) -> Iterator[ApiClient]:
    """A client of the API over this data directory: of its server if one runs, else in process.

    Raises:
        Unavailable: A server holds the directory and does not answer.
    """
    folder = data_dir(data)
    running = running_server(folder)
    if running is not None:
        token = read_cli_token(folder)
        if not token:
            raise Unavailable(
                "a server runs here, but its token file cannot be read",
                where=str(folder / TOKEN_FILE),
                next_steps=["run the command as the user that started the server"],
            )
        yield ApiClient(HttpTransport(running.url), token, running.url)
        return
    with wiring.open_app(read_config(config), folder) as app:
        yield ApiClient(AsgiTransport(app.asgi), read_cli_token(folder), wiring.default_url(app.config))
