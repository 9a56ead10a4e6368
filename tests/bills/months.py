"""Random months of one account: the same traffic metered, reported and invoiced, with planted differences.

Imports nothing of the product: a month is plain dictionaries, money is whole grains of 1e-12, and what
has to be found is worked out beside the planting, never by the rules under test.
"""

import random
from dataclasses import dataclass, field

DAY = 86_400_000_000
HOUR = DAY // 24
OCTOBER = 1_790_812_800_000_000  # 2026-10-01 UTC
CENT = 10**10

MODELS = ("alpha", "beta", "gamma")
METERS = ("uncached_input", "cache_read", "plain_output")
TEAMS = ("search", "support", "")
FEATURES = ("chat", "index", "draft")

# Grains a token, by the book the meters were priced with.
PRICES = {
    (model, meter): (place + 1) * price
    for place, model in enumerate(MODELS)
    for meter, price in (("uncached_input", 3_000_000), ("cache_read", 300_000), ("plain_output", 15_000_000))
}
FLEX_PERCENT = 50
PLANTS = ("price_drift", "missing_calls", "unpriced", "tier", "discount", "residual", "pending")


@dataclass
class Made:
    """One month.

    Attributes:
        calls: Metered calls: at, model, team, feature, quantities, costs (None where the book has no price).
        reports: Lines of the provider's cost report, `usage` of its usage report, `invoice` of the cloud bill.
        copies: Calls that a second gateway's log has too: of which call, its source, and whether it knows the account.
        classes: What each class has to come to.
        record: The cost of record.
        billed: What the strongest lines come to.
    """

    seed: int
    calls: list = field(default_factory=list)
    usage: list = field(default_factory=list)
    reports: list = field(default_factory=list)
    invoice: list = field(default_factory=list)
    copies: list = field(default_factory=list)
    classes: dict = field(default_factory=dict)
    metered: int = 0
    billed: int = 0
    record: int = 0

    def plant(self, name, amount):
        """Count an amount of a class."""
        self.classes[name] = self.classes.get(name, 0) + amount


def make_month(seed, days=3):
    """The month of a seed. Every (day, model, meter) may carry up to two planted differences."""
    dice = random.Random(seed)
    month = Made(seed)
    style = dice.choice(("usage+cost+invoice", "cost+invoice", "cost", "invoice lines", "usage+invoice total"))
    last_billed = days - (1 if dice.random() < 0.5 else 0)
    reported, left = 0, []
    for day in range(days):
        for model in MODELS:
            for meter in METERS:
                tokens = _calls(dice, month, day, model, meter)
                if not tokens:
                    continue
                plants = dice.sample(PLANTS, dice.choice((0, 0, 1, 1, 2)))
                if day >= last_billed or ("pending" in plants and style in ("cost", "invoice lines")):
                    left.append((day, tokens * PRICES[model, meter]))
                    continue
                reported += _billed(dice, month, (day, model, meter, tokens), style, plants)
    reported += _never_metered(dice, month, style)
    _bill(dice, month, style, reported, last_billed)
    until = max((line.get("end", line["day"] + 1) for line in month.usage + month.reports + month.invoice), default=0)
    for day, amount in left:
        month.plant("timing" if until and day >= until else "pending", -amount)
        month.record += amount
    month.metered = sum(cost or 0 for call in month.calls for cost in call["costs"].values())
    _through_two_gateways(dice, month)
    return month


def _through_two_gateways(dice, month):
    """Some calls stand in the logs of other gateways too: metered again at our book, and counted once."""
    if dice.random() < 0.5:
        return
    for number, call in enumerate(month.calls):
        if dice.random() < 0.3:
            cost = sum(one or 0 for one in call["costs"].values())
            for source in dice.choice((["litellm"], ["portkey"], ["litellm", "portkey"])):
                month.copies.append({"of": number, "source": source, "account_known": dice.random() < 0.5})
                month.metered += cost
                month.plant("duplicate", -cost)


def _calls(dice, month, day, model, meter):
    """Two to four calls of one meter; how many tokens."""
    if dice.random() < 0.3:
        return 0
    tokens = 0
    for _ in range(dice.randrange(2, 5)):
        quantity = dice.randrange(1, 40_000)
        tokens += quantity
        month.calls.append(
            {
                "at": OCTOBER + day * DAY + dice.randrange(24) * HOUR + dice.randrange(HOUR),
                "model": model,
                "team": dice.choice(TEAMS),
                "feature": dice.choice(FEATURES),
                "quantities": {meter: quantity},
                "costs": {meter: quantity * PRICES[model, meter]},
                "cell": (day, model, meter),
            }
        )
    return tokens


def _billed(dice, month, cell, style, plants):
    """Plant what differs, write the lines; the amount that the provider bills."""
    day, model, meter, tokens = cell
    price = PRICES[model, meter]
    if style == "usage+invoice total":
        plants = [name for name in plants if name == "missing_calls"]
    if "unpriced" in plants:
        plants = ["unpriced"]
        for call in month.calls:
            if call["cell"] == (day, model, meter):
                call["costs"] = {meter: None}
    quantity, tier, unit = tokens, "", price
    if "missing_calls" in plants:
        quantity = max(tokens + dice.randrange(-(tokens // 2), tokens), 1)
        month.plant("missing_calls", (quantity - tokens) * price)
    if "tier" in plants and not style.startswith("usage"):
        tier, unit = "flex", price * FLEX_PERCENT // 100
        month.plant("tier", quantity * (unit - price))
    if "price_drift" in plants:
        dearer = unit + dice.randrange(unit // 20, unit)
        month.plant("price_drift", quantity * (dearer - unit))
        unit = dearer
    amount = listed = quantity * unit
    if "discount" in plants:
        amount = listed * dice.randrange(50, 100) // 100
        month.plant("discount", amount - listed)
    if "unpriced" in plants:
        month.plant("unpriced", amount)
    line = {
        "day": day, "model": model, "meter": meter, "tier": tier, "quantity": quantity, "cost": amount, "list": listed,
    }  # fmt: skip
    if style.startswith("usage"):
        # Usage reports carry no money of their own: the book rates what it has a price for.
        rated = None if "unpriced" in plants else quantity * price
        month.usage.append(line | {"cost": rated, "list": rated})
    if style in ("usage+cost+invoice", "cost+invoice", "cost"):
        month.reports.append(line)
    if style == "invoice lines":
        month.invoice.append(line)
    return amount


def _never_metered(dice, month, style):
    """A model that nobody metered."""
    if dice.random() < 0.5 or style == "usage+invoice total":
        return 0
    amount = dice.randrange(1, 50) * CENT + dice.randrange(CENT)
    line = {
        "day": 0, "model": "shadow", "meter": "plain_output", "tier": "", "quantity": 1000, "cost": amount, "list": None,
    }  # fmt: skip
    (month.invoice if style == "invoice lines" else month.reports).append(line)
    month.plant("residual", amount)
    return amount


def _bill(dice, month, style, reported, last_billed):
    """The invoice, and what only an invoice has."""
    month.billed = reported
    total = {"day": 0, "end": last_billed, "cost": reported}
    if style in ("usage+cost+invoice", "cost+invoice") and reported:
        # An invoice of one line, rounded to the cent.
        cents = reported // CENT * CENT + (CENT if dice.random() < 0.5 else 0)
        if cents:
            month.plant("rounding", cents - reported)
            month.invoice.append(total | {"cost": cents})
            month.billed = cents
    if style == "usage+invoice total" and reported:
        month.invoice.append(total)
    if month.invoice:
        for category, name in (("Tax", "tax"), ("Credit", "credit")):
            if dice.random() < 0.4:
                amount = dice.randrange(1, 500) * CENT * (1 if name == "tax" else -1)
                month.invoice.append({"day": 0, "category": category, "cost": amount})
                month.plant(name, amount)
                month.billed += amount
    month.record += month.billed
