"""The kind of source `azure`: Cost Management's query, and cost exports from a folder or a container."""

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from tallystick.bills.model import BillLine, Rejected
from tallystick.connectors.azure.away import RETRY_HEADERS, Token, post_query, same_host
from tallystick.connectors.azure.details import Reading, Side, read_detail
from tallystick.connectors.azure.focus_rows import read_focus
from tallystick.connectors.azure.query import (
    API_VERSION,
    Asked,
    Grouping,
    body_of,
    parse_grouping,
    parse_meter_units,
    read_page,
    sum_body,
)
from tallystick.connectors.azure.runs import Run, choose_run
from tallystick.connectors.azure.shelf import Container, Folder, Shelf
from tallystick.connectors.labels import parse_labels
from tallystick.connectors.sheets import Unreadable, is_cut_off, read_rows, unpack
from tallystick.kernel.errors import ConfigError
from tallystick.kernel.period import Period, moment
from tallystick.ports import Option, Page, Setup, SourceFailed, SourceKind, Stream
from tallystick.transport.patience import Patience

QUERY = Stream("query", "Cost Management query", "cost", "month", revises_days=8, backfill_days=396)
DETAILS = Stream("actual_export", "Cost export (actual, amortized)", "invoice", "month", revises_days=8)
FOCUS = Stream("focus_export", "Cost export (FOCUS)", "invoice", "month", revises_days=8)
_SCOPE = re.compile(r"/?((?:subscriptions|providers)/[A-Za-z0-9._:/-]{3,400})/?")
_KINDS: dict[str, str] = {"actual": "ActualCost", "amortized": "AmortizedCost", "focus": "FocusCost"}
_LATER_SECONDS = 900.0


@dataclass(frozen=True, slots=True)
class AzureSource:
    """Azure as set up.

    Attributes:
        paths: `actual`, `amortized`, `focus` → where that export lies; those that are not read are not there.
        scope: What is asked for by query; empty where no query is set up.
    """

    setup: Setup
    paths: Mapping[str, str]
    scope: str
    grouping: Grouping
    asked: Asked
    token: Token | None = field(repr=False)
    patience: Patience

    @property
    def streams(self) -> Sequence[Stream]:
        details = bool({"actual", "amortized"} & self.paths.keys())
        wanted = ((QUERY, bool(self.scope)), (DETAILS, details), (FOCUS, "focus" in self.paths))
        return [stream for stream, there in wanted if there]

    def fetch(self, stream: Stream, window: Period, cursor: str = "", number: int = 0) -> Iterator[Page]:
        if stream.name == QUERY.name:
            return self._query(window, cursor, number)
        sides = ("focus",) if stream.name == FOCUS.name else ("actual", "amortized")
        return self._files(stream, window, cursor, number, [side for side in sides if side in self.paths])

    def _query(self, window: Period, cursor: str, number: int) -> Iterator[Page]:
        assert self.token is not None
        base = self._management_url()
        body = body_of(self.asked.cost_type, window, self.grouping)
        first = f"{base}/{self.scope}/providers/Microsoft.CostManagement/query?api-version={API_VERSION}"
        while True:
            if cursor and not same_host(cursor, base):
                raise SourceFailed("Cost Management sends us to another host for the next page; it is not asked there")
            came = post_query(cursor or first, body, self.token, self.patience)
            following = _next_link(came)
            if following and following == cursor:
                raise SourceFailed("Cost Management's next page leads back to itself", retry_seconds=_LATER_SECONDS)
            yield Page(QUERY.name, window, number, cursor, following, came, self.setup.account)
            if not following:
                return
            cursor, number = following, number + 1

    def _management_url(self) -> str:
        return self.setup.options.get("management_url", "").rstrip("/") or "https://management.azure.com"

    def _files(
        self, stream: Stream, window: Period, cursor: str, number: int, sides: Sequence[str]
    ) -> Iterator[Page]:  # fmt: skip
        """First what the runs are, then their files: the first page says which export each later one is of."""
        runs = {side: self._run(side, window) for side in sides}
        absent = [side for side, run in runs.items() if run is None]
        if absent and len(absent) < len(sides):
            words = f"the {absent[0]} export has nothing of {moment(window.start_us):%Y-%m}, and the other one has"
            raise SourceFailed(f"{words}; it is read once both have", retry_seconds=3600.0)
        found = {side: run for side, run in runs.items() if run is not None}
        steps = [_step(side, run, place) for side, run in found.items() for place in range(len(run.files))]
        start = steps.index(cursor) + 1 if cursor in steps else 0
        if cursor and not start:
            words = "a newer run has taken the place of the one that was being read"
            raise SourceFailed(f"{words}; the month is read anew", retry_seconds=60.0)
        for place in range(max(0, start), len(steps) + 1):
            here = steps[place - 1] if place else ""
            body = _index(found, sides) if not place else self._file(found, here)
            following = steps[place] if place < len(steps) else ""
            yield Page(stream.name, window, number, here, following, body, self.setup.account)
            number += 1

    def _run(self, side: str, window: Period) -> Run | None:
        shelf = self._shelf(side)
        return choose_run(shelf.names(), window, _KINDS[side], shelf.read)

    def _shelf(self, side: str) -> Shelf:
        path = self.paths[side]
        if path.startswith("blob:"):
            return Container(self.setup.secret("sas_url"), path.removeprefix("blob:").lstrip("/"), self.patience)
        return Folder(Path(path))

    def _file(self, runs: Mapping[str, Run], step: str) -> bytes:
        side, _, rest = step.partition("|")
        name = runs[side].files[int(rest.partition("|")[0])]
        try:
            body = unpack(self._shelf(side).read(name))
        except Unreadable as problem:
            raise SourceFailed(f"{name!r}: {problem}", retry_seconds=_LATER_SECONDS) from None
        if is_cut_off(body):
            words = "ends in the middle of a row: is it still being written? Nothing is replaced"
            raise SourceFailed(f"{name!r} {words}", retry_seconds=_LATER_SECONDS)
        return body

    def parse(self, page: Page) -> Iterator[BillLine | Rejected]:
        if page.stream == QUERY.name:
            yield from read_page(page, self.asked)
            return
        side, bar, _ = page.cursor.partition("|")
        if not bar:  # the list of runs, kept so that one sees what was read
            return
        both = {"actual", "amortized"} <= self.paths.keys()
        for number, row in read_rows(page.body):
            if isinstance(row, Rejected):
                yield row
            elif side == "focus":
                yield read_focus(row, number, page, self.asked.labels)
            else:
                which: Side = "amortized" if side == "amortized" else "actual"
                line = read_detail(row, number, Reading(which, both, page.window, page.account, self.asked.labels))
                if line is not None:
                    yield line

    def check(self) -> str:
        said = []
        if self.token is not None:
            url = f"{self._management_url()}/{self.scope}/providers/Microsoft.CostManagement/query?api-version={API_VERSION}"
            post_query(url, sum_body(self.asked.cost_type), self.token, self.patience)
            said.append(f"the app may read the costs of {self.scope}")
        said += [f"{side}: {len(self._shelf(side).names())} files" for side in self.paths]
        if "actual" in self.paths and "amortized" not in self.paths:
            said.append("without amortized_path the effective cost of reservations stays unknown")
        return "; ".join(said)


def _step(side: str, run: Run, place: int) -> str:
    return f"{side}|{place}|{run.run}"


def _index(runs: Mapping[str, Run], sides: Sequence[str]) -> bytes:
    found = {side: {"run": runs[side].run, "files": list(runs[side].files)} if side in runs else None for side in sides}
    return json.dumps({"runs": found}).encode()


def _next_link(body: bytes) -> str:
    try:
        properties = json.loads(body)["properties"]
        columns, following = properties["columns"], properties.get("nextLink")
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        columns, following = None, None
    if not isinstance(columns, list) or not (following is None or isinstance(following, str)):
        words = "Cost Management answers with something that is no page (no properties.columns)"
        raise SourceFailed(f"{words}; its API may have changed", retry_seconds=_LATER_SECONDS)
    return following or ""


def connect(setup: Setup) -> AzureSource:
    """Azure from its options.

    Raises:
        ConfigError: One is missing, or two would count the same money twice.
    """
    options = setup.options
    paths = {side: path for side in _KINDS if (path := options.get(f"{side}_path", ""))}
    if "focus" in paths and len(paths) > 1:
        raise _bad("focus_path and actual_path hold the same costs; give one of the two kinds", "focus_path")
    scope = _scope(options.get("scope", ""))
    if not scope and not paths:
        raise _bad("nothing to read: give a scope, or the path of an export", "scope")
    cost_type = options.get("cost_type", "") or "ActualCost"
    if cost_type not in {"ActualCost", "AmortizedCost"}:
        raise _bad(f"{cost_type!r} is none of ActualCost, AmortizedCost", "cost_type")
    patience = Patience(retry_headers=RETRY_HEADERS, most_seconds=120.0)
    labels = parse_labels(options.get("labels", ""))
    return AzureSource(
        setup=setup,
        paths=paths,
        scope=scope,
        grouping=parse_grouping(options.get("group", "") or "ResourceId,Meter"),
        asked=Asked(cost_type, parse_meter_units(options.get("meter_units", "")), labels),
        token=_token(setup, patience) if scope else None,
        patience=patience,
    )


def _scope(text: str) -> str:
    found = _SCOPE.fullmatch(text.strip())
    if text and (found is None or ".." in text):
        raise _bad(f"{text!r} is no scope; write subscriptions/<id> or providers/Microsoft.Billing/…", "scope")
    return found[1].rstrip("/") if found else ""


def _token(setup: Setup, patience: Patience) -> Token:
    for name in ("tenant", "client_id"):
        if not setup.options.get(name):
            raise _bad(f"a scope is asked for with an app of Entra: {name} is missing", name)
    login = setup.options.get("login_url", "").rstrip("/") or "https://login.microsoftonline.com"
    options = setup.options
    secret = setup.secret
    return Token(
        login, options["tenant"], options["client_id"], lambda: secret("client_secret"), setup.now_us, patience
    )


def _bad(what: str, where: str) -> ConfigError:
    return ConfigError(what, where=where, next_steps=["see the guide: sources-azure"])


KIND = SourceKind(
    kind="azure",
    title="Azure",
    options=(
        Option("scope", "Scope of the query: subscriptions/<id>, providers/Microsoft.Billing/billingAccounts/<id> …"),
        Option("tenant", "Entra tenant of the app that asks"),
        Option("client_id", "Client id of the app"),
        Option("client_secret", "Client secret of the app", secret=True),
        Option("cost_type", "What the query sums: ActualCost or AmortizedCost", default="ActualCost"),
        Option("group", "What the query groups by, at most two", default="ResourceId,Meter"),
        Option("meter_units", "Units of measure of the query's meters, as *1M Tokens=1M;*Tokens=1K"),
        Option("actual_path", "Folder of the actual cost export, or blob:<prefix>"),
        Option("amortized_path", "Folder of the amortized cost export, or blob:<prefix>"),
        Option("focus_path", "Folder of the FOCUS export, or blob:<prefix>"),
        Option("sas_url", "Address of the container with its signature", secret=True),
        Option("labels", "Tags that are dimensions: team=squad,feature=app"),
        Option("login_url", "Entra's address", default="https://login.microsoftonline.com"),
        Option("management_url", "Azure's address", default="https://management.azure.com"),
    ),
    connect=connect,
)
