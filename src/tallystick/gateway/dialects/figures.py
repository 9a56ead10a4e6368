"""The figures of one response while they are gathered, and what they become."""

from dataclasses import dataclass, field

from tallystick.gateway.dialects import estimate
from tallystick.gateway.dialects.model import RequestFacts
from tallystick.gateway.dialects.reading import Report
from tallystick.usage.meters import INPUT_METERS, OUTPUT_METERS
from tallystick.usage.model import Measured, UsageState


@dataclass(slots=True)
class Figures:
    """Disjoint classes and inclusive totals; None is a total that was not reported."""

    quantities: dict[str, int] = field(default_factory=dict)
    input_tokens: int | None = None
    output_tokens: int | None = None
    estimated: list[str] = field(default_factory=list)
    report: Report = field(default_factory=Report)

    def add(self, meter: str, quantity: int | None) -> None:
        """Set a meter that was reported, zero included; None leaves it absent."""
        if quantity is not None:
            self.quantities[meter] = quantity

    def count(self, meter: str, quantity: int) -> None:
        """Set a counted unit that occurred."""
        if quantity:
            self.quantities[meter] = quantity

    def guess_missing(self, request: RequestFacts, output_bytes: int) -> None:
        """Estimate the totals that are absent. A reported zero is a figure and stays."""
        if self.input_tokens is None:
            self.guess_input(request)
        if self.output_tokens is None:
            self.guess_output(output_bytes)

    def guess_input(self, request: RequestFacts) -> None:
        """Estimate the input when it is absent."""
        if self.input_tokens is not None:
            return
        known = sum(self.quantities.get(meter, 0) for meter in INPUT_METERS)
        self.input_tokens = max(known, estimate.input_tokens(request))
        self.quantities["uncached_input"] = self.input_tokens - known
        self.estimated.append("uncached_input")

    def guess_output(self, output_bytes: int, at_least: int = 0) -> None:
        """Put an estimate in the place of the output."""
        total = max(at_least, estimate.tokens_of(output_bytes))
        rest = total - sum(self.quantities.get(meter, 0) for meter in OUTPUT_METERS if meter != "plain_output")
        self.quantities["plain_output"] = max(0, rest)
        self.output_tokens = total + max(0, -rest)
        self.estimated.append("plain_output")

    def measured(self) -> Measured:
        """The finished record."""
        state: UsageState = "estimated" if self.estimated else "reported"
        guessed = tuple(dict.fromkeys(self.estimated)) if self.estimated else ()
        return Measured(
            self.quantities, self.input_tokens, self.output_tokens, state, guessed, tuple(self.report.drift)
        )


def nothing_used() -> Measured:
    """A reported zero: a free call, or one that the provider refused."""
    return Measured(
        quantities={"uncached_input": 0, "plain_output": 0}, input_tokens=0, output_tokens=0, state="reported"
    )
