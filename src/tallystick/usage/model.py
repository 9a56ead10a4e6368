"""The usage event: one upstream attempt as measured, or one client request that was refused before any.

A refused request is a row with `attempt` 0 and no quantities: `calls` counts rows
with attempt 0 or 1 (one per client request), money counts what reached a provider.
"""

from collections.abc import Mapping
from dataclasses import field
from typing import Literal

from tallystick.kernel.record import record
from tallystick.usage.meters import FACT_METERS

UsageState = Literal["reported", "estimated", "absent"]
Outcome = Literal["ok", "error", "cut", "client_gone", "interrupted", "refused"]


@record(frozen=True, slots=True)
class Measured:
    """What a response said of its own usage.

    Attributes:
        quantities: Meter name to whole quantity. A meter that is missing here is
            absent; one that is 0 was reported as zero.
        input_tokens: Inclusive total (cached tokens in it), or None when absent.
        output_tokens: Inclusive total (reasoning in it), or None when absent.
        state: `reported`; `estimated` when we had to guess any figure that is
            billed; `absent` when nothing is known.
        estimated: Names of the meters that are guesses.
        drift: What in the report was not understood or did not add up; empty is good.
    """

    quantities: Mapping[str, int] = field(default_factory=dict)
    input_tokens: int | None = None
    output_tokens: int | None = None
    state: UsageState = "absent"
    estimated: tuple[str, ...] = ()
    drift: tuple[str, ...] = ()


@record(frozen=True, slots=True)
class UsageEvent:
    """One attempt, with everything known of it. Times are microseconds, sizes bytes.

    Attributes:
        event_id: Unique; the same on every retry of its delivery.
        call_id: The client's request; equal for all attempts of one request.
        attempt: 1 for the first upstream attempt, 0 for a request refused before any.
        occurred_at: When the request arrived, microseconds since 1970 UTC. Part of
            the identity: a redelivery must carry the same instant.
        source: `gateway`, `demo`, or `import:<name>`.
        outcome: How it ended; `interrupted` means the gateway died with it in flight.
        dimensions: Attribution dimension to value; only what is known.
        priced: Meter name to exact cost in grains; a meter with a quantity and no
            entry here is unpriced. Empty until rated.
        price_id: The price card that rated it, empty when none did.
        list_cost, effective_cost: Sums of the priced lines in grains, None when
            nothing could be priced.
        verdict: What budgets and rules said: `allowed`, `alerted`, `degraded`, `blocked`,
            `paused`, `tripped`, `denied`, `cached`; empty where nobody was asked.
        decision: All that the verdict was made of, as JSON; empty where nobody was asked.
        bound_cost: The reservation's amount in grains: what the call counts for while its
            cost is unknown.
        sent_model: The model asked of the provider, where it is not the one requested.
        attempt_reason: Why this attempt was made, where it is not the first: `retry: 503`,
            `failover: timeout, may have been billed`.
        served_from: `cache` when our response cache answered; never the provider's prompt cache.
        avoided_cost: What the answer from the cache cost when it was made, in grains.
    """

    event_id: str
    call_id: str
    occurred_at: int
    attempt: int = 1
    source: str = "gateway"
    source_key: str = ""
    outcome: Outcome = "ok"
    status: int = 0
    error_type: str = ""
    operation_name: str = ""
    provider: str = ""
    provider_account: str = ""
    key: str = ""
    key_fingerprint: str = ""
    request_model: str = ""
    response_model: str = ""
    model: str = ""
    response_id: str = ""
    requested_service_tier: str = ""
    service_tier: str = ""
    stream: bool = False
    dimensions: Mapping[str, str] = field(default_factory=dict)
    tags: Mapping[str, str] = field(default_factory=dict)
    measured: Measured = field(default_factory=Measured)
    currency: str = "USD"
    price_id: str = ""
    priced: Mapping[str, int] = field(default_factory=dict)
    list_cost: int | None = None
    effective_cost: int | None = None
    request_bytes: int | None = None
    system_bytes: int | None = None
    tools_bytes: int | None = None
    response_bytes: int | None = None
    block_fingerprints: tuple[str, ...] = ()
    requested_max_tokens: int | None = None
    effective_max_tokens: int | None = None
    finish_reason: str = ""
    time_to_first_token_us: int | None = None
    duration_us: int | None = None
    user_agent: str = ""
    retry_count: int | None = None
    trace_id: str = ""
    verdict: str = ""
    decision: str = ""
    bound_cost: int | None = None
    sent_model: str = ""
    attempt_reason: str = ""
    served_from: str = ""
    avoided_cost: int | None = None

    @property
    def unpriced(self) -> tuple[str, ...]:
        """Meters with a quantity that is billed somewhere and no cost here."""
        return tuple(
            name
            for name, quantity in self.measured.quantities.items()
            if quantity and name not in self.priced and name not in FACT_METERS
        )
