"""Records of budgets, of what a call asks of them, and of the decision.

Amounts are whole: money in nano-units of the currency (1e-9, rounded up), tokens and
requests as they are. A breaker is a budget of short breath: it counts over a rolling
window and, once passed, stays open for `trip_seconds`.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from tallystick.kernel.record import record

Unit = Literal["usd", "tokens", "requests"]
Window = Literal["run", "conversation", "minute", "hour", "day", "week", "month", "quarter", "year", "total"]
Action = Literal["block", "degrade", "alert", "pause"]
Fail = Literal["open", "closed"]
UnknownPrice = Literal["block", "ceiling", "allow"]
Verdict = Literal["allowed", "alerted", "degraded", "blocked", "paused", "tripped", "denied", "cached"]

UNITS: tuple[Unit, ...] = ("usd", "tokens", "requests")
WINDOWS: tuple[Window, ...] = (
    "run", "conversation", "minute", "hour", "day", "week", "month", "quarter", "year", "total"
)  # fmt: skip
ACTIONS: tuple[Action, ...] = ("block", "degrade", "alert", "pause")
NANO = 10**9
# A call's own request fingerprint, for `group_by` of loop breakers; no header can set it.
FINGERPRINT = "request_fingerprint"
# The lifecycle stage that is locked on the key, ``production`` or empty, for `where`; no header can set it.
KEY_STAGE = "key_stage"
# Least output that a call without `max_tokens` is clamped to; it is refused when not even this fits.
LEAST_OUTPUT_TOKENS = 1024


@dataclass(frozen=True, slots=True)
class Threshold:
    """When an alert is due, before a limit is reached.

    Attributes:
        of: Of the limit itself, of what an even pace would have used by now, or of the forecast at the window's end
            (then `percent` of the limit).
        percent: Whole per cent.
    """

    of: Literal["limit", "pace", "forecast"]
    percent: int


@dataclass(frozen=True, slots=True)
class Override:
    """A temporary other limit.

    Attributes:
        limit: Instead of the budget's, in the budget's unit.
        from_us, until_us: First instant in, first out.
    """

    limit: int
    from_us: int
    until_us: int
    by: str = ""
    reason: str = ""


@dataclass(frozen=True, slots=True)
class Budget:
    """One rule; with `group_by` it makes a counter for each combination of values it meets.

    Attributes:
        budget_id: ``bud_…``; ``default:…`` for those that hold before anybody has set one.
        where: Dimension to accepted values, all dimensions must match, any value of each;
            ``*`` is any value that is present, ``!production`` any value (or none) but that;
            of several with ``!`` all must hold. Providers and models match without case.
        group_by: Dimensions whose values make counters; a call that lacks one is not covered.
            `key` is the gateway key's id, or ``pk_…`` for a caller's own provider key;
            `request_fingerprint` is the call's own.
        limit: Nano-units of the currency, tokens or requests.
        window: ``run`` and ``conversation`` last as long as their name is used and group by it.
        zone: IANA time zone of calendar windows.
        fiscal_start: First month of the year, for quarter and year.
        rolling: The last hour, day … instead of the calendar's; rounded out to whole slots.
        window_count: How many of them, where it is rolling: 10 of ``minute`` are the last ten minutes.
        degrade_to: Model for the action ``degrade``.
        carry_over: What the window before left unused is added, at most one limit.
        fail: What holds when the counters cannot be asked.
        strict: Requests without a bound on their output are refused instead of clamped.
        trip_seconds: Above 0 it is a breaker, which stays open so long once passed.
        preset: Lifecycle stage it was made for.
        created_at, deleted_at: Microseconds.
        version: Rises with every change of any budget; gateways read what is newer.
    """

    budget_id: str
    name: str
    limit: int
    unit: Unit = "usd"
    window: Window = "month"
    where: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    group_by: tuple[str, ...] = ()
    action: Action = "block"
    degrade_to: str = ""
    zone: str = "UTC"
    fiscal_start: int = 1
    rolling: bool = False
    window_count: int = 1
    thresholds: tuple[Threshold, ...] = ()
    carry_over: bool = False
    overrides: tuple[Override, ...] = ()
    fail: Fail = "closed"
    unknown_price: UnknownPrice | None = None
    strict: bool = False
    trip_seconds: int = 0
    owner: str = ""
    preset: str = ""
    created_at: int = 0
    deleted_at: int | None = None
    version: int = 0

    @property
    def blocks(self) -> bool:
        """Whether a call without room is stopped or changed; otherwise it is counted and told."""
        return self.action != "alert"


@dataclass(frozen=True, slots=True)
class Span:
    """One window in time: first microsecond in, first out; `end_us` 0 never ends."""

    start_us: int
    end_us: int


@record(frozen=True, slots=True)
class Bound:
    """The most a call may use, known before it is made.

    `usd` is in grains (1e-12) and linear in the output: ``base_grains + n x grains_per_output``.

    Attributes:
        input_tokens: Upper bound of the input.
        output_tokens: Of the output, all choices together: `max_tokens`, else the model's limit, else the assumed one.
        capped: The request itself caps its output, so it is not clamped.
        choices: Answers asked for; each may be as long as the cap.
        source: How it was computed, in one sentence.
        price: ``exact``, ``ceiling`` (a price was assumed), ``unknown`` (none may be), ``covered`` (a subscription pays).
        unbounded: Why no bound can be known; empty when it can.
        price_id: Card of the dearest price that was used.
    """

    input_tokens: int
    output_tokens: int
    base_grains: int
    grains_per_output: int
    capped: bool
    choices: int = 1
    source: str = ""
    price: Literal["exact", "ceiling", "unknown", "covered"] = "exact"
    unbounded: str = ""
    price_id: str = ""


@record(frozen=True, slots=True)
class Hold:
    """What one call asks of one counter.

    The amount is ``base + ceil(n x per_output / 1000)`` where n is the output granted; money gives
    `per_output` in grains, tokens 1000, requests 0.

    Attributes:
        key: 16 bytes that name the counter.
        limit: None counts without refusing.
        ends_us: When the counter may be forgotten: the end of the last window that still counts it (its own, or
            the one that carries over from it, or that rolls over it); 0 only when it is long idle.
        also: Further counters whose totals count too: earlier slots of a rolling window.
        carry: Counter and limit of the window before, whose unused part is added.
        trip_us: How long a breaker stays open once passed; 0 is no breaker.
        breaker: Counter that remembers whether the breaker is open, the same in every window; empty is `key`.
    """

    key: bytes
    base: int
    per_output: int
    limit: int | None
    ends_us: int = 0
    also: tuple[bytes, ...] = ()
    carry: tuple[bytes, int] | None = None
    trip_us: int = 0
    breaker: bytes = b""

    def amount(self, output: int) -> int:
        """The amount for this much output."""
        return self.base - (-output * self.per_output // 1000)


@record(frozen=True, slots=True)
class Ask:
    """All that one attempt asks, at once.

    Attributes:
        reservation_id: The attempt's event id.
        owner: The gateway process: its spool folder's name.
        most, least: Output that is wanted and that is the least to be of use; equal when it may not be clamped.
        at_us: The call's instant; windows and breakers are judged by it.
        expires_us: When a repair may take the gateway for dead.
    """

    reservation_id: str
    owner: str
    holds: tuple[Hold, ...]
    most: int
    least: int
    at_us: int
    expires_us: int


@record(frozen=True, slots=True)
class Standing:
    """One counter before this call: with `also` and `carry` counted in.

    Attributes:
        limit: Carry included; None when it only counts.
        tripped_until_us: The breaker is open until then; 0 when it is closed.
    """

    posted: int
    reserved: int
    limit: int | None
    tripped_until_us: int = 0


@record(frozen=True, slots=True)
class Granted:
    """The answer to an `Ask`. Nothing is reserved unless `granted`.

    Attributes:
        output: What was granted of the output.
        standings: One for each hold, in order.
        lacking: Indexes of holds without room (or open breakers); empty when granted.
    """

    granted: bool
    output: int
    standings: tuple[Standing, ...]
    lacking: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True)
class OpenReservation:
    """A reservation that nobody has settled yet."""

    reservation_id: str
    owner: str
    expires_us: int
    keys: tuple[bytes, ...]
    amounts: tuple[int, ...]


@record(frozen=True, slots=True)
class Judgement:
    """What the budgets say of one call.

    Attributes:
        verdict: ``degraded`` while nothing was granted yet means: ask again for `breaking.degrade_to`.
        code: Why it is refused, as clients see it: ``budget_exceeded``, ``workload_paused``, ``rate_limited``,
            ``loop_detected``, ``price_unknown``, ``cost_unbounded``, ``output_unbounded``,
            ``budget_unavailable``; empty when it is not.
        breaking: The budget that decided; None when none did.
        reset_us: When to try again; 0 when time alone does not help.
        alerts: Budgets that only count and are over their limit.
    """

    verdict: Verdict
    code: str = ""
    breaking: Budget | None = None
    reset_us: int = 0
    alerts: tuple[Budget, ...] = ()

    @property
    def refuses(self) -> bool:
        """Whether the call does not reach the provider as it was asked."""
        return bool(self.code)


@dataclass(frozen=True, slots=True)
class Try:
    """One asking of the counters for one call: a degraded call has two.

    Attributes:
        model: The model asked for this time.
        ask, granted: None when it came to no asking, or no answer.
    """

    model: str
    dimensions: Mapping[str, str]
    covering: tuple[Budget, ...]
    bound: Bound
    ask: Ask | None = None
    granted: Granted | None = None
