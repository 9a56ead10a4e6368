"""The row database: keys, tokens, sessions, prices, imports. SQLite in WAL mode.

One writer at a time across processes (SQLite's own lock); readers never wait.
"""

import sqlite3
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

from tallystick.kernel.errors import Unavailable

Value = str | int | bytes | None

_MIGRATIONS: tuple[str, ...] = (
    """
    CREATE TABLE setting (name TEXT PRIMARY KEY, value TEXT NOT NULL) STRICT;
    CREATE TABLE change (id INTEGER PRIMARY KEY CHECK (id = 1), version INTEGER NOT NULL) STRICT;
    INSERT INTO change VALUES (1, 0);
    CREATE TABLE gateway_key (
        key_id TEXT PRIMARY KEY, name TEXT NOT NULL, secret_hash TEXT NOT NULL UNIQUE, hint TEXT NOT NULL,
        locked TEXT NOT NULL, defaults TEXT NOT NULL, created_at INTEGER NOT NULL, revoked_at INTEGER,
        version INTEGER NOT NULL) STRICT;
    CREATE INDEX gateway_key_version ON gateway_key (version);
    CREATE TABLE api_token (
        token_id TEXT PRIMARY KEY, name TEXT NOT NULL, secret_hash TEXT NOT NULL UNIQUE, hint TEXT NOT NULL,
        role TEXT NOT NULL, teams TEXT NOT NULL, created_at INTEGER NOT NULL, expires_at INTEGER,
        revoked_at INTEGER) STRICT;
    CREATE TABLE login_link (secret_hash TEXT PRIMARY KEY, role TEXT NOT NULL, teams TEXT NOT NULL,
        expires_at INTEGER NOT NULL, used_at INTEGER) STRICT;
    CREATE TABLE session (secret_hash TEXT PRIMARY KEY, name TEXT NOT NULL, role TEXT NOT NULL, teams TEXT NOT NULL,
        csrf TEXT NOT NULL, created_at INTEGER NOT NULL, expires_at INTEGER NOT NULL) STRICT;
    CREATE TABLE price_card (
        price_id TEXT PRIMARY KEY, provider TEXT NOT NULL, model TEXT NOT NULL, body TEXT NOT NULL,
        known_since INTEGER NOT NULL, withdrawn_at INTEGER, version INTEGER NOT NULL) STRICT;
    CREATE INDEX price_card_version ON price_card (version);
    CREATE TABLE import_run (
        import_id TEXT PRIMARY KEY, source TEXT NOT NULL, shape TEXT NOT NULL, file TEXT NOT NULL,
        content_hash TEXT NOT NULL, started_at INTEGER NOT NULL, ended_at INTEGER, rows INTEGER NOT NULL,
        duplicates INTEGER NOT NULL, rejected INTEGER NOT NULL, first_at INTEGER, last_at INTEGER) STRICT;
    CREATE TABLE audit (at INTEGER NOT NULL, who TEXT NOT NULL, what TEXT NOT NULL, detail TEXT NOT NULL) STRICT;
    """,
    """
    CREATE TABLE budget (
        budget_id TEXT PRIMARY KEY, name TEXT NOT NULL, body TEXT NOT NULL, created_at INTEGER NOT NULL,
        deleted_at INTEGER, version INTEGER NOT NULL) STRICT;
    CREATE INDEX budget_version ON budget (version);
    CREATE TABLE routing_rule (
        rule_id TEXT PRIMARY KEY, name TEXT NOT NULL, body TEXT NOT NULL, created_at INTEGER NOT NULL,
        deleted_at INTEGER, version INTEGER NOT NULL) STRICT;
    CREATE INDEX routing_rule_version ON routing_rule (version);
    CREATE TABLE counter_drift (
        at INTEGER NOT NULL, budget_id TEXT NOT NULL, counter TEXT NOT NULL, before INTEGER NOT NULL,
        after INTEGER NOT NULL, reason TEXT NOT NULL) STRICT;
    CREATE INDEX counter_drift_at ON counter_drift (at);
    CREATE TABLE alert (
        alert_id TEXT PRIMARY KEY, subject TEXT NOT NULL UNIQUE, kind TEXT NOT NULL, body TEXT NOT NULL,
        created_at INTEGER NOT NULL) STRICT;
    CREATE INDEX alert_created_at ON alert (created_at);
    CREATE TABLE alert_delivery (
        alert_id TEXT NOT NULL REFERENCES alert (alert_id) ON DELETE CASCADE, channel TEXT NOT NULL,
        attempts INTEGER NOT NULL, next_at INTEGER NOT NULL, delivered_at INTEGER, given_up_at INTEGER,
        last_error TEXT NOT NULL, PRIMARY KEY (alert_id, channel)) STRICT;
    """,
    """
    CREATE TABLE source (
        source_id TEXT PRIMARY KEY, name TEXT NOT NULL, kind TEXT NOT NULL, body TEXT NOT NULL,
        created_at INTEGER NOT NULL, deleted_at INTEGER) STRICT;
    CREATE UNIQUE INDEX source_name ON source (name) WHERE deleted_at IS NULL;
    CREATE TABLE source_window (
        source TEXT NOT NULL, stream TEXT NOT NULL, start_us INTEGER NOT NULL, end_us INTEGER NOT NULL,
        cursor TEXT NOT NULL, pages INTEGER NOT NULL, fetched_at INTEGER, attempts INTEGER NOT NULL,
        next_at INTEGER, last_error TEXT NOT NULL, PRIMARY KEY (source, stream, start_us)) STRICT;
    CREATE TABLE source_page (
        page_id TEXT PRIMARY KEY, source TEXT NOT NULL, stream TEXT NOT NULL, start_us INTEGER NOT NULL,
        end_us INTEGER NOT NULL, number INTEGER NOT NULL, cursor TEXT NOT NULL, next_cursor TEXT NOT NULL,
        file TEXT NOT NULL, sha256 TEXT NOT NULL, bytes INTEGER NOT NULL, fetched_at INTEGER NOT NULL) STRICT;
    CREATE INDEX source_page_window ON source_page (source, stream, start_us);
    CREATE TABLE bill_load (
        load_id TEXT PRIMARY KEY, source TEXT NOT NULL, dataset TEXT NOT NULL, slice_key TEXT NOT NULL,
        provider_account TEXT NOT NULL, content_hash TEXT NOT NULL, loaded_at INTEGER NOT NULL, rows INTEGER NOT NULL,
        rejected INTEGER NOT NULL, currency TEXT NOT NULL, first_at INTEGER, last_at INTEGER, sums TEXT NOT NULL,
        file TEXT NOT NULL, superseded_at INTEGER) STRICT;
    CREATE INDEX bill_load_slice ON bill_load (source, dataset, slice_key);
    CREATE TABLE reconcile_run (
        run_id TEXT PRIMARY KEY, provider_account TEXT NOT NULL, currency TEXT NOT NULL, period_start INTEGER NOT NULL,
        period_end INTEGER NOT NULL, body TEXT NOT NULL, created_at INTEGER NOT NULL, superseded_at INTEGER) STRICT;
    CREATE INDEX reconcile_run_period ON reconcile_run (provider_account, period_start);
    CREATE TABLE price_contract (
        contract_id TEXT PRIMARY KEY, name TEXT NOT NULL, body TEXT NOT NULL, created_at INTEGER NOT NULL,
        deleted_at INTEGER, version INTEGER NOT NULL) STRICT;
    CREATE TABLE price_entry (
        entry_id TEXT PRIMARY KEY, body TEXT NOT NULL, who TEXT NOT NULL, created_at INTEGER NOT NULL,
        deleted_at INTEGER) STRICT;
    CREATE TABLE currency_rate (
        base TEXT NOT NULL, quote TEXT NOT NULL, from_us INTEGER NOT NULL, rate TEXT NOT NULL, source TEXT NOT NULL,
        known_since INTEGER NOT NULL, PRIMARY KEY (base, quote, from_us, known_since)) STRICT;
    CREATE TABLE rerate_run (
        run_id TEXT PRIMARY KEY, body TEXT NOT NULL, created_at INTEGER NOT NULL, done_at INTEGER) STRICT;
    CREATE TABLE finding (
        finding_id TEXT PRIMARY KEY, subject TEXT NOT NULL UNIQUE, kind TEXT NOT NULL, body TEXT NOT NULL,
        found_at INTEGER NOT NULL, seen_at INTEGER NOT NULL, resolved_at INTEGER) STRICT;
    """,
    """
    CREATE TABLE provider_name (
        account TEXT NOT NULL, kind TEXT NOT NULL, id TEXT NOT NULL, name TEXT NOT NULL, seen_at INTEGER NOT NULL,
        PRIMARY KEY (account, kind, id)) STRICT;
    """,
)


class ConfigDb:
    """One SQLite file. Connections are per thread; every change runs in `transaction`."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._local = threading.local()
        try:
            with self.transaction():
                self._migrate()
        except sqlite3.DatabaseError as error:
            raise Unavailable(
                f"cannot open the row database: {error}",
                where=str(path),
                next_steps=["restore it from a backup", "or choose another directory with --data"],
            ) from None

    def _connection(self) -> sqlite3.Connection:
        found: sqlite3.Connection | None = getattr(self._local, "connection", None)
        if found is None:
            found = sqlite3.connect(self._path, isolation_level=None, timeout=10)
            found.execute("PRAGMA journal_mode=WAL")
            found.execute("PRAGMA synchronous=FULL")
            found.execute("PRAGMA foreign_keys=ON")
            self._local.connection = found
        return found

    def _migrate(self) -> None:
        done = int(self.rows("PRAGMA user_version")[0][0] or 0)
        for number, script in enumerate(_MIGRATIONS[done:], start=done + 1):
            for statement in script.split(";"):
                if statement.strip():
                    self.execute(statement)
            self.execute(f"PRAGMA user_version = {number}")

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """One immediate transaction; nested use joins the outer one."""
        connection = self._connection()
        if connection.in_transaction:
            yield
            return
        connection.execute("BEGIN IMMEDIATE")
        try:
            yield
        except BaseException:
            connection.execute("ROLLBACK")
            raise
        connection.execute("COMMIT")

    def execute(self, sql: str, params: Mapping[str, Value] | None = None) -> int:
        """Run one statement with named parameters (``:name``); the number of rows changed."""
        return self._connection().execute(sql, dict(params or {})).rowcount

    def execute_many(self, sql: str, params: Sequence[Mapping[str, Value]]) -> None:
        """Run one statement for each set of parameters."""
        self._connection().executemany(sql, [dict(one) for one in params])

    def rows(self, sql: str, params: Mapping[str, Value] | None = None) -> list[tuple[Value, ...]]:
        """All rows of a query with named parameters (``:name``)."""
        return self._connection().execute(sql, dict(params or {})).fetchall()

    def next_version(self) -> int:
        """Raise the change counter and return it; call inside a transaction, put it on the rows changed."""
        rows = self.rows("UPDATE change SET version = version + 1 RETURNING version")
        return int(rows[0][0] or 0)

    def change_version(self) -> int:
        """The change counter as it stands."""
        return int(self.rows("SELECT version FROM change")[0][0] or 0)

    def read_setting(self, name: str) -> str:
        """A remembered text, empty when there is none."""
        rows = self.rows("SELECT value FROM setting WHERE name = :name", {"name": name})
        return str(rows[0][0]) if rows else ""

    def write_setting(self, name: str, value: str) -> None:
        """Remember a text under a name, in place of the one before."""
        self.execute(
            "INSERT INTO setting (name, value) VALUES (:name, :value) "
            "ON CONFLICT (name) DO UPDATE SET value = excluded.value",
            {"name": name, "value": value},
        )

    def close(self) -> None:
        """Close this thread's connection."""
        found: sqlite3.Connection | None = getattr(self._local, "connection", None)
        if found is not None:
            found.close()
            self._local.connection = None
