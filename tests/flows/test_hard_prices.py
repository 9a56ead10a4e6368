"""What fools other price books, from an imported file to `tally costs`: every figure by hand, in grains.

A dollar a million tokens is 1,000,000 grains a token. Rows are calls as a proxy logs them: the input
with what was cached in it, beside it how much of it was read from or written to a cache.
"""

import json
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from tallystick.cli.main import app

HEADER = (
    "time,provider,model,service_tier,input_tokens,cache_read,cache_write_5m,cache_write_1h,output_tokens,feature\n"
)

# Time, provider, model, tier, input, read, written 5 m, written 1 h, output; and the cost in grains.
CALLS: dict[str, tuple[str, int]] = {
    # OpenAI counts cached tokens in its input: 2,000 at 2.50 and 8,000 at 1.25.
    "cached-openai": ("2026-11-10,openai,gpt-4o,,10000,8000,0,0,0", 2_000 * 2_500_000 + 8_000 * 1_250_000),
    # Anthropic: 2,000 beside 8,000 read; written out with both in the input: 2,000 at 3 and 8,000 at 0.30.
    "cached-anthropic": (
        "2026-11-10,anthropic,claude-sonnet-4-5,,10000,8000,0,0,0",
        2_000 * 3_000_000 + 8_000 * 300_000,
    ),
    # A quarter more for five minutes, twice the input for an hour.
    "write-5m": ("2026-11-10,anthropic,claude-sonnet-4-5,,10000,0,10000,0,0", 10_000 * 3_750_000),
    "write-1h": ("2026-11-10,anthropic,claude-sonnet-4-5,,10000,0,0,10000,0", 10_000 * 6_000_000),
    # Half the price in a batch, also before the list wrote it down in October 2026.
    "batch-2025": (
        "2025-11-01,anthropic,claude-sonnet-4-5,batch,1000,0,0,0,1000",
        1_000 * 1_500_000 + 1_000 * 7_500_000,
    ),
    "batch-2026-09": ("2026-09-30,openai,gpt-5-mini,batch,1000,0,0,0,1000", 1_000 * 125_000 + 1_000 * 1_000_000),
    "batch-2026-11": ("2026-11-10,openai,gpt-5-mini,batch,1000,0,0,0,1000", 1_000 * 125_000 + 1_000 * 1_000_000),
    # o3 by priority is 3.50 and 14, since its price of June 2025.
    "priority-2026-09": ("2026-09-30,openai,o3,priority,1000,0,0,0,1000", 1_000 * 3_500_000 + 1_000 * 14_000_000),
    "priority-2026-11": ("2026-11-10,openai,o3,priority,1000,0,0,0,1000", 1_000 * 3_500_000 + 1_000 * 14_000_000),
    # o3 fell from 10 and 40 to 2 and 8 on 10 June 2025, in the middle of its month.
    "june-9": ("2025-06-09T23:59:59Z,openai,o3,,1000,0,0,0,1000", 1_000 * 10_000_000 + 1_000 * 40_000_000),
    "june-10": ("2025-06-10T00:00:00Z,openai,o3,,1000,0,0,0,1000", 1_000 * 2_000_000 + 1_000 * 8_000_000),
    # One token above 200,000 makes the whole request dearer; what was cached counts.
    "long-below": ("2026-11-10,anthropic,claude-sonnet-4-5,,199999,0,0,0,100", 199_999 * 3_000_000 + 100 * 15_000_000),
    "long-at": ("2026-11-10,anthropic,claude-sonnet-4-5,,200000,0,0,0,100", 200_000 * 3_000_000 + 100 * 15_000_000),
    "long-above": ("2026-11-10,anthropic,claude-sonnet-4-5,,200001,0,0,0,100", 200_001 * 6_000_000 + 100 * 22_500_000),
    "long-cached": ("2026-11-10,anthropic,claude-sonnet-4-5,,200001,200000,0,0,0", 1 * 6_000_000 + 200_000 * 600_000),
    "gemini-at": ("2026-11-10,google,gemini-2.5-pro,,200000,0,0,0,100", 200_000 * 1_250_000 + 100 * 10_000_000),
    "gemini-above": ("2026-11-10,google,gemini-2.5-pro,,200001,0,0,0,100", 200_001 * 2_500_000 + 100 * 15_000_000),
}


def say(*words: str) -> Any:
    result = CliRunner().invoke(app, [*words, "--json"], catch_exceptions=False)
    assert result.exit_code == 0, result.output
    return json.loads(result.stdout)


def grains(amount: str) -> int:
    return int(Decimal(amount) * 10**12)


def test_an_imported_call_costs_to_the_grain_what_its_provider_charged(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TALLY_DATA", str(tmp_path / "data"))
    monkeypatch.chdir(tmp_path)
    rows = "".join(f"{call},{name}\n" for name, (call, _) in CALLS.items())
    (tmp_path / "calls.csv").write_text(HEADER + rows)
    say("import", "calls.csv")
    costs = say("costs", "--by", "feature", "--from", "2025-01-01", "--to", "2026-11-20", "--limit", "100")
    found = {row["group"]["feature"]: grains(row["value"]) for row in costs["rows"]}
    assert found == {name: cost for name, (_, cost) in CALLS.items()}
    assert grains(costs["total"]) == sum(cost for _, cost in CALLS.values())
    # The month of June 2025 holds both prices.
    june = say("costs", "--by", "feature", "--from", "2025-06-01", "--to", "2025-07-01")
    assert grains(june["total"]) == CALLS["june-9"][1] + CALLS["june-10"][1]
