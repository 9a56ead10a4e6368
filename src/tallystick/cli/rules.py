"""`tally rules`: what happens to calls before they are made."""

import json
import tomllib
from pathlib import Path
from typing import Annotated, Any
from urllib.parse import quote

import typer

from tallystick.cli.keys import confirm, pairs
from tallystick.cli.open_client import open_client
from tallystick.cli.options import AsCsv, AsJson, ConfigFile, Data
from tallystick.cli.output import chosen_form, note, print_json, print_rows
from tallystick.kernel.errors import UsageError

app = typer.Typer(help="Routing rules: another model or provider, a cap, a cached answer, or no call.")

_PATH = "/api/v1/rules"


@app.command("list")
def list_(data: Data = None, config: ConfigFile = None, as_json: AsJson = False, as_csv: AsCsv = False) -> None:
    """Show rules, in the order in which they are asked."""
    with open_client(data, config) as client:
        answer = client.call("GET", _PATH)
    if as_json:
        print_json(answer)
        return
    rows = [
        [
            rule["name"],
            str(rule["priority"]),
            "shadow" if rule["shadow"] else "in effect",
            _words(rule["when"]) or "every call",
            _words(rule["then"]),
        ]
        for rule in answer["rules"]
    ]
    if not rows:
        note("No rules yet: tally rules set NAME --when model=gpt-4o --model gpt-4o-mini")
    print_rows(["name", "priority", "state", "when", "then"], rows, form=chosen_form(as_json=False, as_csv=as_csv))


@app.command("set")
def set_(
    name: Annotated[str, typer.Argument(help="Its name; left out, the file's rules say theirs.")] = "",
    file: Annotated[Path | None, typer.Option(help="TOML of one rule, or of several under [[rule]].")] = None,
    when: Annotated[
        list[str] | None, typer.Option(help="A dimension's value: team=search, environment=!production. Repeatable.")
    ] = None,
    model: Annotated[
        list[str] | None, typer.Option(help="Ask this model, or PROVIDER/MODEL. Repeated: the next where one fails.")
    ] = None,
    provider: Annotated[str, typer.Option(help="Ask this provider, for the model as requested.")] = "",
    max_output: Annotated[int | None, typer.Option(help="Longest answer, tokens.")] = None,
    cache_seconds: Annotated[int | None, typer.Option(help="Answer equal calls from memory for so long.")] = None,
    deny: Annotated[str, typer.Option(help="Refuse, with this message.")] = "",
    priority: Annotated[int, typer.Option(help="Lower numbers are asked first.")] = 100,
    enable: Annotated[bool, typer.Option("--enable", help="Take effect at once; else it starts in shadow.")] = False,
    data: Data = None,
    config: ConfigFile = None,
    as_json: AsJson = False,
) -> None:
    """Make or replace a rule. It starts in shadow: it changes nothing, and each call's decision says what it would do."""
    then: dict[str, Any] = {"model": model, "provider": provider, "max_output": max_output}
    then = {key: value for key, value in (then | {"cache_seconds": cache_seconds, "deny": deny}).items() if value}
    flags = {"priority": priority, "shadow": not enable, "when": _when(when or []), "then": then}
    if file is not None and (then or when):
        raise UsageError("--file says all there is to say of its rules", next_steps=["leave the other options out"])
    rules = [(name, flags)] if file is None else _read(file, name)
    if not all(one for one, _ in rules):
        raise UsageError("a rule needs a name", next_steps=["tally rules set NAME …"])
    with open_client(data, config) as client:
        made = [client.call("PUT", f"{_PATH}/{quote(one, safe='')}", json=rule) for one, rule in rules]
    if as_json:
        print_json({"rules": made})
        return
    for rule in made:
        state = (
            "in shadow: `tally rules enable` lets it take effect" if rule["shadow"] else "in effect from the next call"
        )
        note(f"{rule['name']} is {state}")


@app.command("enable")
def enable(
    name: Annotated[str, typer.Argument(help="Its name.")], data: Data = None, config: ConfigFile = None
) -> None:
    """Let a rule take effect, from the next call on."""
    _shadow(name, data, config, shadow=False)
    note(f"{name} is in effect from the next call")


@app.command("shadow")
def shadow(
    name: Annotated[str, typer.Argument(help="Its name.")], data: Data = None, config: ConfigFile = None
) -> None:
    """Let a rule change nothing and only say what it would do."""
    _shadow(name, data, config, shadow=True)
    note(f"{name} is in shadow")


@app.command("delete")
def delete(
    name: Annotated[str, typer.Argument(help="Its name.")],
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")] = False,
    data: Data = None,
    config: ConfigFile = None,
    as_json: AsJson = False,
) -> None:
    """Delete a rule; the next call does not know it."""
    confirm(f'Delete the rule "{name}"?', yes=yes)
    with open_client(data, config) as client:
        answer = client.call("DELETE", f"{_PATH}/{quote(name, safe='')}")
    if as_json:
        print_json(answer)
        return
    note(f"{answer['name']} is deleted")


@app.command("test")
def try_(
    dimension: Annotated[
        list[str] | None, typer.Argument(help="The call's dimensions: team=search model=gpt-4o provider=openai …")
    ] = None,
    input_bytes: Annotated[int, typer.Option(help="Size of its body.")] = 0,
    max_tokens: Annotated[int | None, typer.Option(help="The cap it asks for.")] = None,
    messages: Annotated[int | None, typer.Option(help="Length of its conversation.")] = None,
    tools: Annotated[bool, typer.Option("--tools", help="It offers tools.")] = False,
    used: Annotated[list[str] | None, typer.Option(help='Per cent used of a budget: "search a month=85".')] = None,
    data: Data = None,
    config: ConfigFile = None,
    as_json: AsJson = False,
) -> None:
    """Show what the rules would make of a call, without making it."""
    body = {
        "dimensions": pairs("dimension", dimension or []),
        "input_bytes": input_bytes,
        "max_tokens": max_tokens,
        "messages": messages,
        "tools": tools,
        "budgets": {name: _percent(value) for name, value in pairs("--used", used or []).items()},
    }
    with open_client(data, config) as client:
        answer = client.call("POST", f"{_PATH}/test", json=body)
    if as_json:
        print_json(answer)
        return
    effects = answer["by"]
    for rule in answer["matching"]:
        done = [effect for effect, name in effects.items() if name == rule["name"]]
        state = "shadow" if rule["shadow"] else f"gives {', '.join(done)}" if done else "comes after another"
        typer.echo(f"{rule['name']}: {state}")
    said = {key: answer[key] for key in ("deny", "model", "provider", "max_output", "cache_seconds") if answer[key]}
    typer.echo(_words(said) or "the call goes as it came")


def _shadow(name: str, data: Path | None, config: Path | None, *, shadow: bool) -> None:
    with open_client(data, config) as client:
        client.call("PUT", f"{_PATH}/{quote(name, safe='')}", json={"shadow": shadow})


def _when(words: list[str]) -> dict[str, list[str]]:
    chosen: dict[str, list[str]] = {}
    for word in words:
        name, equals, value = word.partition("=")
        if not equals or not name.strip() or not value.strip():
            raise UsageError(f'--when "{word}" is not DIMENSION=VALUE', next_steps=["--when team=search"])
        chosen.setdefault(name.strip(), []).append(value)
    return chosen


def _read(file: Path, name: str) -> list[tuple[str, dict[str, Any]]]:
    try:
        found = tomllib.loads(file.read_text(encoding="utf-8"))
    except OSError as error:
        raise UsageError(f"the file cannot be read: {error.strerror}", where=str(file)) from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise UsageError(f"not valid TOML: {error}", where=str(file)) from None
    listed = found.get("rule")
    rules = listed if isinstance(listed, list) else [found]
    if name and len(rules) != 1:
        raise UsageError(f"the file holds {len(rules)} rules, so one name is not enough", where=str(file))
    return [(name or str(rule.get("name", "")), {key: rule[key] for key in rule if key != "name"}) for rule in rules]


def _percent(value: str) -> int:
    if not value.removesuffix("%").isdigit():
        raise UsageError(f'"{value}" is no whole per cent', next_steps=['--used "search a month=85"'])
    return int(value.removesuffix("%"))


def _words(values: dict[str, Any]) -> str:
    return " ".join(f"{name}={_word(value)}" for name, value in values.items())


def _word(value: Any) -> str:
    if isinstance(value, list):
        return ",".join(str(one) for one in value)
    return json.dumps(value) if isinstance(value, dict | bool) else str(value)
