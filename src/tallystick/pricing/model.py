"""Price cards: what one model costs on one date under one set of conditions."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from tallystick.kernel.record import record


@dataclass(frozen=True, slots=True)
class Tier:
    """Unit prices that hold from a size of input on.

    The whole request moves to the dearer tier once its input passes the threshold
    (as Anthropic and Google bill it), not only the excess.

    Attributes:
        above_input_tokens: Applies when input_tokens is greater than this; 0 is the base.
        prices: Meter name to grains per unit (1e-12 of the currency for one token).
    """

    above_input_tokens: int
    prices: Mapping[str, int]


@dataclass(frozen=True, slots=True)
class Clause:
    """One rule over a model's name, without case: which names mean the model.

    Attributes:
        kind: `any` and `all` combine `parts`; the others test `text` (`regex` searches).
    """

    kind: Literal["equals", "starts_with", "ends_with", "contains", "regex", "any", "all"]
    text: str = ""
    parts: tuple["Clause", ...] = ()


@dataclass(frozen=True, slots=True)
class PriceCard:
    """All unit prices of one model, valid from a date, as known since a date.

    Attributes:
        price_id: Stable hash of what is sold, when, and for how much (not of source, notes
            or matching): equal content, equal id.
        provider: Lower case, as in OpenTelemetry (`openai`, `anthropic`, …).
        model: Canonical name.
        service_tier: Condition: `""` standard, else `batch`, `flex`, `priority`, `fast` …
        region: Condition: `""` anywhere.
        valid_from, valid_to: Microseconds; valid_from 0 means always, valid_to None means until replaced.
        known_since: Microseconds: when the book learned it. A correction has the old
            valid_from and a new known_since.
        tiers: By rising threshold; the first is the base.
        source: `genai-prices <version>` or `override <file>`.
        hours: Minutes of the UTC day (start in, end out, start < end) it holds in; None all day.
        days: Days of the UTC week (Monday is 0) on which those hours are; empty on each.
        match: Which names mean the model; on one card of a model at least. None: only its own name.
        order: Rank among the provider's models when several match: the lowest wins.
        withdrawn_at: Microseconds: when the book learned that it no longer holds; None while it does.
    """

    price_id: str
    provider: str
    model: str
    tiers: tuple[Tier, ...]
    service_tier: str = ""
    region: str = ""
    currency: str = "USD"
    valid_from: int = 0
    valid_to: int | None = None
    known_since: int = 0
    source: str = ""
    hours: tuple[int, int] | None = None
    days: tuple[int, ...] = ()
    notes: tuple[str, ...] = ()
    match: Clause | None = None
    order: int = 0
    withdrawn_at: int | None = None


@record(frozen=True, slots=True)
class Line:
    """One priced (or unpriced) class of one event.

    Attributes:
        unit_price: Grains per unit, None when the book has no price for the meter.
        cost: Grains, None when unpriced.
    """

    meter: str
    quantity: int
    unit_price: int | None
    cost: int | None


@record(frozen=True, slots=True)
class Rated:
    """What an event costs.

    Attributes:
        price_id: The card used; empty when the model has none.
        model: The canonical model name the match arrived at, or the raw one.
        lines: One for each meter with a quantity that is billed.
        cost: Exact sum of the priced lines, None when no billed line has a price. Where a contract
            holds, lines and sum are what is paid under it.
        list_cost: The same at list prices.
        why: How the model was matched, or why it was not; for people.
    """

    price_id: str
    model: str
    lines: tuple[Line, ...]
    cost: int | None
    currency: str = "USD"
    why: str = ""
    unpriced: tuple[str, ...] = field(default=())
    list_cost: int | None = None
