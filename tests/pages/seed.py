"""Small companies for the pages: figures made by hand here, so that tests can add them up themselves."""

from dataclasses import dataclass

from tallystick.usage.model import Measured, UsageEvent

DAY = 86_400_000_000
HOUR = DAY // 24
# Grains for one token: of input, of output.
PRICES = {"gpt-5": (1_250_000, 10_000_000), "claude-opus-5": (5_000_000, 25_000_000), "gpt-5-nano": (50_000, 400_000)}
PROVIDERS = {"gpt-5": "openai", "claude-opus-5": "anthropic", "gpt-5-nano": "openai", "saga-1-preview": "anthropic"}
TEAMS = ("Support", "Search", "Platform", "Growth", "Finance", "Legal", "Sales", "Risk", "Mobile")
FEATURES = ("ticket-triage", "reply-draft", "semantic-search")
DAYS = 60

LONGEST = "x" * 200
HOSTILE = (
    LONGEST,
    "Überlänge 🚀🧑‍🚀👩‍👩‍👧‍👦 " * 8,
    "فريق الدعم والمساندة الفنية " * 7,
    "\u202eevil right-to-left override",
    '<img src=x onerror=alert(1)><script>alert("x")</script>',
    "'; DROP TABLE usage_event; --",
    "{{ 7*7 }} {% raw %}",
    "a|b,c=d&e?f#g/h%2e",
    "  spaces   inside  ",
)


@dataclass(frozen=True)
class Call:
    """What a test wants to vary of one call."""

    number: int
    at: int
    model: str
    team: str = ""
    feature: str = ""
    outcome: str = "ok"
    estimated: bool = False


def event(call: Call) -> UsageEvent:
    """One call with quantities that follow from its number."""
    refused = call.outcome == "refused"
    sent, answered = 1000 + 10 * (call.number % 97), 100 + call.number % 53
    prices = PRICES.get(call.model)
    priced = {} if refused or not prices else {"uncached_input": sent * prices[0], "plain_output": answered * prices[1]}
    cost = sum(priced.values()) if priced else None
    quantities = {} if refused else {"uncached_input": sent, "plain_output": answered, "requests": 1}
    return UsageEvent(
        event_id=f"evt_{call.number:010d}",
        call_id=f"call_{call.number:010d}",
        occurred_at=call.at,
        attempt=0 if refused else 1,
        outcome=call.outcome,
        status=429 if refused else 500 if call.outcome == "error" else 200,
        operation_name="chat",
        provider=PROVIDERS.get(call.model, "openai"),
        key="key_production",
        request_model=call.model,
        response_model=call.model,
        model=call.model,
        dimensions={name: value for name, value in (("team", call.team), ("feature", call.feature)) if value},
        tags={"claimed_team": "Board", "squad": "blue"} if call.number % 50 == 1 else {},
        measured=Measured(
            quantities,
            None if refused else sent,
            None if refused else answered,
            "absent" if refused else "estimated" if call.estimated else "reported",
            ("plain_output",) if call.estimated else (),
            ("unknown field thoughts_tokens",) if call.number % 40 == 3 else (),
        ),
        price_id="price_by_hand" if priced else "",
        priced=priced,
        list_cost=cost,
        effective_cost=cost,
        duration_us=840_000,
        time_to_first_token_us=120_000,
        stream=call.number % 2 == 0,
    )


def company(now_us: int) -> list[UsageEvent]:
    """Nine teams, four models (one without a price) and some calls of nobody, up to a minute ago."""
    calls, number = [], 0
    models = (*PRICES, "saga-1-preview")
    for back in range(DAYS):
        for index in range(24):
            number += 1
            at = now_us - back * DAY - index * HOUR // 2 - 60_000_000
            team = "" if index == 23 else TEAMS[(index * index + back) % len(TEAMS)]
            model = models[3] if index == 11 and back < 5 else models[index % 3]
            feature = "" if not team else FEATURES[index % 3]
            outcome = "error" if number % 37 == 0 else "refused" if number % 61 == 0 else "ok"
            calls.append(Call(number, at, model, team, feature, outcome, estimated=number % 29 == 0))
    return [event(call) for call in calls]


def hostile(now_us: int) -> list[UsageEvent]:
    """The longest and the nastiest names, in every place a name can be."""
    calls = []
    for number, name in enumerate(HOSTILE * 6, start=1):
        at = now_us - number * 5 * HOUR - 60_000_000
        calls.append(Call(number, at, "gpt-5" if number % 2 else name[:200], name, name[::-1]))
    return [event(call) for call in calls]
