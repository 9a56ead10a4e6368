"""What the lines of one layer say of one key, and the key by which metered charges are covered."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import NamedTuple

from tallystick.bills.model import ChargeCategory, Layer
from tallystick.kernel.period import DAY_US


class Key(NamedTuple):
    """What a line may say of the charges it covers; an empty part is any, except where `Claim.tier_said`."""

    provider: str = ""
    model: str = ""
    meter: str = ""
    service_tier: str = ""
    region: str = ""
    project: str = ""
    key: str = ""


@dataclass(frozen=True, slots=True)
class Amounts:
    """Grains in each of FOCUS's senses; None where a source does not say."""

    effective: int | None = None
    billed: int | None = None
    list_cost: int | None = None
    contracted: int | None = None


@dataclass(frozen=True, slots=True)
class Said:
    """Lines of one source that agree in everything but their place and amount, summed.

    Attributes:
        start, end: Whole UTC days, end out: shorter periods are summed to their day.
        sub_account_id, credential_id: The provider's own; they are matched where a `Match` says how.
        refund: A line of usage with a negative amount.
        late: Its charge period lies outside its billing period.
        whole: Every line's amount is a whole number of the currency's minor unit.
        dimensions: Attribution that the source itself knows.
    """

    layer: Layer
    source: str
    dataset: str
    start: int
    end: int
    amounts: Amounts
    provider: str = ""
    model: str = ""
    meter: str = ""
    service_tier: str = ""
    region: str = ""
    sub_account_id: str = ""
    credential_id: str = ""
    category: ChargeCategory = "Usage"
    refund: bool = False
    late: bool = False
    ai: bool = True
    service_category: str = ""
    service_name: str = ""
    lines: int = 1
    quantity: int | None = None
    whole: bool = False
    dimensions: Mapping[str, str] = field(default_factory=dict)

    @property
    def own(self) -> bool:
        """Whether it is a row of its own, that nothing metered answers to."""
        return self.category != "Usage" or self.refund or not self.ai


@dataclass(frozen=True, slots=True)
class Copied:
    """Calls of one day that another capture brought too, summed: none of them counts.

    Attributes:
        start: Of the UTC day.
        source: Whose rows do not count; `kept_source` is the one that counts.
        cost: Grains that they were metered at, the unknown as nothing.
    """

    start: int
    provider: str
    model: str
    service_tier: str
    region: str
    source: str
    kept_source: str
    calls: int
    cost: int


@dataclass(frozen=True, slots=True)
class Match:
    """Which of our dimensions the provider's own ids mean; empty where nobody said.

    Attributes:
        projects: `sub_account_id` to our project.
        keys: `credential_id` to our key.
    """

    projects: Mapping[str, str] = field(default_factory=dict)
    keys: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Item:
    """Metered charges of one UTC day and key, or what a weaker layer billed and nobody metered.

    Attributes:
        quantity: Whole units of the key's meter; None where the key has none.
        cost: Grains by our book, None where it has no price.
        said: What it comes from when it was never metered.
    """

    start: int
    key: Key
    quantity: int | None = None
    cost: int | None = None
    list_cost: int | None = None
    said: Said | None = None

    @property
    def end(self) -> int:
        return self.said.end if self.said else self.start + DAY_US
