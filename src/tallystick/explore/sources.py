"""What a source has brought, how fresh and how sure it is."""

from dataclasses import dataclass

from tallystick.kernel.period import DAY_US, HOUR_US, MINUTE_US, SECOND_US

GATEWAY = "gateway"
_STALE_US = 2 * DAY_US  # an import that nobody repeated for so long is worth a look


@dataclass(frozen=True, slots=True)
class SourceStatus:
    """One source of rows.

    Attributes:
        source: `gateway`, `demo`, or `import:<name>`.
        events: Rows of the ledger.
        first_at, last_at: Instants of its earliest and latest row; None when it brought none.
        lag_us: From its latest row until now.
        currency: Of `cost`; a source of several currencies is several of these.
        cost: Effective cost in grains, None when no row has one.
        tokens: Input and output; `unpriced_tokens` of them have no price.
        estimated_calls: Calls whose usage we had to guess.
        imported_at: When its last import ended; None for a gateway.
        file, shape: Of its last import.
        rejected, duplicates: Lines that its last import set aside, or had already.
        freshness: In words.
    """

    source: str
    events: int
    first_at: int | None = None
    last_at: int | None = None
    lag_us: int | None = None
    currency: str = "USD"
    cost: int | None = None
    calls: int = 0
    errors: int = 0
    tokens: int = 0
    unpriced_calls: int = 0
    unpriced_tokens: int = 0
    estimated_calls: int = 0
    imported_at: int | None = None
    file: str = ""
    shape: str = ""
    rejected: int = 0
    duplicates: int = 0
    freshness: str = ""


@dataclass(frozen=True, slots=True)
class ImportRun:
    """The last import of a source."""

    source: str
    ended_at: int | None
    file: str
    shape: str
    rejected: int
    duplicates: int


def freshness_text(source: str, lag_us: int | None, run: ImportRun | None) -> str:
    """How fresh a source is, in words that say what to expect of it."""
    if lag_us is None:
        return "no rows yet"
    age = ago_text(lag_us)
    if source == GATEWAY:
        return f"live, last call {age}"
    if run is not None and run.ended_at is None:
        return f"an import did not finish; last row {age}"
    if source.startswith("import:"):
        return f"last row {age}" + (", import it again for newer rows" if lag_us > _STALE_US else "")
    return f"last row {age}"


def ago_text(lag_us: int) -> str:
    """``12 s ago``, ``3 h ago``; the future is "just now".

    >>> ago_text(12 * SECOND_US), ago_text(90 * MINUTE_US), ago_text(-5)
    ('12 s ago', '1 h ago', 'just now')
    """
    for step, unit in ((DAY_US, "days"), (HOUR_US, "h"), (MINUTE_US, "min"), (SECOND_US, "s")):
        if lag_us >= step:
            number = lag_us // step
            return f"{number} {'day' if unit == 'days' and number == 1 else unit} ago"
    return "just now"
