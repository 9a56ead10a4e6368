"""The kind of source `gcp`: one billing export, from BigQuery or from files of the same table."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from tallystick.bills.model import BillLine, Rejected
from tallystick.connectors.gcp.answers import rows_of
from tallystick.connectors.gcp.bigquery import TABLE, BigQuery, look, parts, query_body
from tallystick.connectors.gcp.flat import nest
from tallystick.connectors.gcp.focus_rows import read_focus
from tallystick.connectors.gcp.rows import Reading, Row, read_row
from tallystick.connectors.gcp.service_account import ServiceAccount
from tallystick.connectors.gcp.token import METADATA_URL, Given, Metadata
from tallystick.connectors.labels import parse_labels
from tallystick.connectors.records import Unusable
from tallystick.connectors.sheets import Unreadable, is_cut_off, read_rows, unpack
from tallystick.kernel.errors import ConfigError
from tallystick.kernel.period import Period
from tallystick.ports import Option, Page, Setup, SourceFailed, SourceKind, Stream
from tallystick.transport.patience import Patience

# Late usage, credits and corrections of a month are written into the next one.
STREAMS: dict[str, Stream] = {
    "detailed": Stream("detailed", "Billing export (detailed)", "invoice", "month", revises_days=15),
    "standard": Stream("standard", "Billing export (standard)", "invoice", "month", revises_days=15),
    "focus": Stream("focus", "Billing export (FOCUS)", "invoice", "month", revises_days=15),
}
_ENDINGS = (".csv", ".csv.gz", ".json", ".json.gz", ".jsonl", ".jsonl.gz", ".parquet")
_PAGE_ROWS = 10_000
_BIGQUERY_URL = "https://bigquery.googleapis.com"


@dataclass(frozen=True, slots=True)
class GcpSource:
    """Google Cloud as set up.

    Attributes:
        table: `project.dataset.table`; empty where files are read.
        folder: Where the files are; None where a table is.
    """

    setup: Setup
    stream: Stream
    table: str
    folder: Path | None
    query: BigQuery
    labels: Mapping[str, str]

    @property
    def streams(self) -> Sequence[Stream]:
        return (self.stream,)

    def fetch(self, stream: Stream, window: Period, cursor: str = "", number: int = 0) -> Iterator[Page]:
        if self.folder is not None:
            return self._files(self.folder, stream, window, cursor, number)
        return self._pages(stream, window, cursor, number)

    def _pages(self, stream: Stream, window: Period, cursor: str, number: int) -> Iterator[Page]:
        body = query_body(self.query, self.table, window, focus=stream.name == "focus")
        for part in parts(self.query, body, cursor):
            yield Page(stream.name, window, number, cursor, part.following, part.body, self.setup.account)
            cursor, number = part.following, number + 1

    def _files(self, folder: Path, stream: Stream, window: Period, cursor: str, number: int) -> Iterator[Page]:
        """Each file is a page of every month: its rows say which month they are of."""
        names = _names(folder)
        start = names.index(cursor.removeprefix("file|")) if cursor.removeprefix("file|") in names else 0
        if cursor and not start:
            raise SourceFailed(
                "the files have changed while they were read; the month is read anew", retry_seconds=60.0
            )
        for place in range(start, len(names)):
            try:
                body = unpack((folder / names[place]).read_bytes())
            except (OSError, Unreadable) as error:
                raise SourceFailed(f"{names[place]!r} cannot be read: {error}", retry_seconds=900.0) from None
            if is_cut_off(body):
                words = "ends in the middle of a row: is it still being written? Nothing is replaced"
                raise SourceFailed(f"{names[place]!r} {words}", retry_seconds=900.0)
            following = f"file|{names[place + 1]}" if place + 1 < len(names) else ""
            yield Page(stream.name, window, number, cursor, following, body, self.setup.account)
            cursor, number = following, number + 1

    def parse(self, page: Page) -> Iterator[BillLine | Rejected]:
        strict = self.folder is None
        reading = Reading(page.stream, page.window, page.account, self.labels, strict)
        for number, row in _rows(page.body, answers=strict):
            if isinstance(row, Rejected):
                yield row
            elif page.stream == "focus":
                line = read_focus(row, number, page, self.labels, strict=strict)
                if line is not None:
                    yield line
            else:
                yield from read_row(nest(row), number, reading)

    def check(self) -> str:
        if self.folder is not None:
            return f"{len(_names(self.folder))} files"
        look(self.query, self.table)
        return f"the token may read {self.table}"


def _rows(body: bytes, *, answers: bool) -> Iterator[tuple[int, Row | Rejected]]:
    if not answers:
        yield from read_rows(body)
        return
    try:
        rows = rows_of(body)
    except Unusable as problem:
        words = f"no answer of BigQuery: {problem}"
        yield 0, Rejected(0, words, body[:200].decode("utf-8", "replace"))
        return
    yield from enumerate(rows, start=1)


def _names(folder: Path) -> list[str]:
    if not folder.is_dir():
        raise SourceFailed(f"{str(folder)!r} is no folder; check folder")
    root = folder.resolve()
    found = (one for one in root.rglob("*") if one.is_file() and one.resolve().is_relative_to(root))
    names = sorted(one.relative_to(root).as_posix() for one in found if one.name.lower().endswith(_ENDINGS))
    if not names:
        raise SourceFailed(f"{str(folder)!r} holds no file of an export ({', '.join(_ENDINGS)})", retry_seconds=3600.0)
    return names


def connect(setup: Setup) -> GcpSource:
    """Google Cloud from its options.

    Raises:
        ConfigError: Something is missing, or two exports of the same costs are named.
    """
    options = setup.options
    given = [(name, where) for name in STREAMS for where in ("table", "folder") if options.get(f"{name}_{where}")]
    if len(given) != 1:
        words = "nothing to read" if not given else "two exports hold the same costs"
        tables = ", ".join(f"{name}_{where}" for name in STREAMS for where in ("table", "folder"))
        raise ConfigError(f"{words}: give one of {tables}", where=f"{given[-1][0]}_{given[-1][1]}" if given else "",
                          next_steps=["a second export is a second source"])  # fmt: skip
    name, where = given[0]
    value = options[f"{name}_{where}"]
    table = value.strip("`") if where == "table" else ""
    match = TABLE.fullmatch(table)
    if table and match is None:
        raise ConfigError(f"{value!r} is no table; write project.dataset.table", where=f"{name}_{where}")
    patience = Patience(most_seconds=120.0)
    return GcpSource(
        setup=setup,
        stream=STREAMS[name],
        table=table,
        folder=Path(value) if where == "folder" else None,
        query=BigQuery(
            base_url=options.get("base_url", "").rstrip("/") or _BIGQUERY_URL,
            project=options.get("project", "") or (match[1] if match else ""),
            location=options.get("location", "") or "US",
            token=_token(setup, patience),
            page_rows=_page_rows(options.get("page_rows", "")),
            patience=patience,
        ),
        labels=parse_labels(options.get("labels", "")),
    )


def _token(setup: Setup, patience: Patience) -> Callable[[], str]:
    auth, secret = setup.options.get("auth", ""), setup.secret
    if auth in {"", "token", "key"}:
        token_url = setup.options.get("token_url", "")
        key = ServiceAccount(lambda: secret("service_account_key"), setup.now_us, patience, token_url)
        given = Given(lambda: secret("access_token"))
        if auth == "key":
            return key
        return given if auth else lambda: key() if secret("service_account_key") else given()
    if auth != "metadata":
        raise ConfigError(f"{auth!r} is none of key, token, metadata", where="auth")
    url = setup.options.get("metadata_url", "").rstrip("/") or METADATA_URL
    return Metadata(url, setup.now_us, patience)


def _page_rows(text: str) -> int:
    if text and not (text.isdecimal() and 1 <= int(text) <= 100_000):
        raise ConfigError(f"{text!r} is no number of rows from 1 to 100000", where="page_rows")
    return int(text or _PAGE_ROWS)


KIND = SourceKind(
    kind="gcp",
    title="Google Cloud",
    options=(
        Option("detailed_table", "Detailed billing export: project.dataset.gcp_billing_export_resource_v1_…"),
        Option("standard_table", "Standard billing export: project.dataset.gcp_billing_export_v1_…"),
        Option("focus_table", "FOCUS export or view: project.dataset.table"),
        Option("detailed_folder", "Folder with files of the detailed export"),
        Option("standard_folder", "Folder with files of the standard export"),
        Option("focus_folder", "Folder with files of the FOCUS export"),
        Option("project", "Project in which queries run; else that of the table"),
        Option("location", "Location of the dataset", default="US"),
        Option(
            "auth",
            "key (service_account_key), token (access_token), or metadata (the machine's own account, on Google "
            "Cloud); else what is given",
        ),
        Option("service_account_key", "Key file of a service account (JSON)", secret=True),
        Option("access_token", "OAuth access token, which something else refreshes", secret=True),
        Option("page_rows", "Most rows of one answer", default="10000"),
        Option("labels", "Labels and tags that are dimensions: team=squad,feature=app"),
        Option("base_url", "BigQuery's address", default=_BIGQUERY_URL),
        Option("token_url", "Address that gives tokens, in place of the key's"),
        Option("metadata_url", "Address of the metadata server", default=METADATA_URL),
    ),
    connect=connect,
)
