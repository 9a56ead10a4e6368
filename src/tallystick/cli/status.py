"""`tally status`: what is in the ledger, how fresh, and whether a server runs."""

from tallystick.cli.open_client import open_client
from tallystick.cli.options import AsJson, ConfigFile, Data
from tallystick.cli.output import Form, chosen_form, note, print_fields, print_json, print_rows
from tallystick.cli.server_lock import running_server
from tallystick.config import data_dir


def status(data: Data = None, config: ConfigFile = None, as_json: AsJson = False) -> None:
    """What is in the ledger, how fresh, and whether a server runs."""
    folder = data_dir(data)
    running = running_server(folder)
    with open_client(data, config) as client:
        answer = client.call("GET", "/api/v1/status")
        sources = client.call("GET", "/api/v1/sources")
    form = chosen_form(as_json=as_json, as_csv=False)
    server = {"url": running.url, "pid": running.pid} if running else None
    if form is Form.JSON:
        print_json({"data": str(folder), "server": server, **answer, **sources})
        return
    print_fields({"data": str(folder), "server": running.url if running else "not running (tally up)"}, form=form)
    plain = {
        name.replace("_", " "): _word(value) for name, value in answer.items() if not isinstance(value, dict | list)
    }
    print_fields({name: word for name, word in plain.items() if word}, form=form)
    rows = [
        [str(one.get("source")), f"{one.get('events', 0):,}", str(one.get("last_at") or "")]
        for one in sources["sources"]
    ]
    if rows:
        print_rows(["source", "events", "last event"], rows, form=form, numeric=frozenset({"events"}))
    else:
        note("Nothing recorded yet: tally demo, tally import FILE… or tally up")


def _word(value: object) -> str:
    """A value for people; nothing for what is absent."""
    if isinstance(value, bool):
        return "yes" if value else "no"
    return f"{value:,}" if isinstance(value, int) else str(value or "")
