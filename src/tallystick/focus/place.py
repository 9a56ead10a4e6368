"""Where a record stands and what its file says of it; what all lines of one file share."""

from dataclasses import dataclass, field

from tallystick.bills.model import Layer


@dataclass(frozen=True, slots=True)
class Place:
    """What a record does not say of itself.

    Attributes:
        line_no: In its page or file, from 1.
        account: Our name of the provider account; empty: told from the provider or the billing account.
        provider: As the gateway writes it, for AI rows of a source that has only one; empty: told from the row.
        suffix: Put after every slice key, so that a file lands beside another instead of in its place.
        needs_cost: Whether a record without any cost is bad; those that are no charges have none.
    """

    line_no: int = 1
    layer: Layer = "invoice"
    dataset: str = "focus"
    account: str = ""
    provider: str = ""
    suffix: str = ""
    needs_cost: bool = True
    notes: set[str] = field(default_factory=set, compare=False)
