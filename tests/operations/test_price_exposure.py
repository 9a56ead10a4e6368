"""What price files would cost the demo company, against SQL written from each file, its rates by hand.

The SQL reads the ledger's plain columns through DuckDB itself and takes nothing of the code that it judges. What a
file does not name costs what the ledger holds.
"""

from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import duckdb
import pytest

from tallystick.cli.price_changes import read_file
from tallystick.kernel.period import DAY_US
from tallystick.operations.context import Context
from tallystick.operations.simulate_prices import Simulation, simulate_prices, totals
from tallystick.pricing.scenario import parse_scenario
from tests.operations.northwind import NOW_US, northwind

FIRST, END = NOW_US - 60 * DAY_US, NOW_US


@pytest.fixture(scope="module")
def company(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Context]:
    with northwind(tmp_path_factory.mktemp("exposure"), events=30_000, seed=5) as context:
        yield context


LIST_PRICES = """
name = "Opus a fifth dearer in November, GPT-5.4 reads for 3 dollars"
[[change]]
provider = "anthropic"
model = "claude-opus-*"
from = "2026-11-01"
percent = 20
[[change]]
provider = "openai"
model = "gpt-5.4"
input = "3.00"
output = "18.00"
"""
# Grains are 1e-12 dollars: 5 dollars for a million tokens are 5,000,000 grains a token.
LIST_PRICES_SQL = """
WITH rates AS (
    SELECT * FROM (VALUES
        ('claude-opus-5',    5000000,  500000,  6250000, 10000000, 25000000),
        ('claude-opus-4-1', 15000000, 1500000, 18750000, 30000000, 75000000)
    ) t(model, fresh, read, five, hour, written)
), calls AS (
    SELECT team, feature, customer, outcome, effective_cost, occurred_at, x.model,
        coalesce(q_uncached_input, 0) AS fresh_q, coalesce(q_cache_read, 0) AS read_q,
        coalesce(q_cache_write_5m, 0) AS five_q, coalesce(q_cache_write_1h, 0) AS hour_q,
        coalesce(q_plain_output, 0) + coalesce(q_reasoning_output, 0) AS out_q,
        input_tokens > 272000 AS long, r.model AS opus,
        fresh_q * r.fresh + read_q * r.read + five_q * r.five + hour_q * r.hour + out_q * r.written AS opus_before
    FROM usage_event x LEFT JOIN rates r ON r.model = x.model AND x.provider = 'anthropic'
    WHERE occurred_at >= make_timestamp($first) AND occurred_at < make_timestamp($end)
), priced AS (
    SELECT team, feature, customer,
        CASE WHEN outcome <> 'ok' THEN NULL -- a failed call has no usage and no cost
             WHEN opus IS NOT NULL THEN opus_before
             WHEN model = 'gpt-5.4' AND long THEN fresh_q * 5000000 + read_q * 500000 + out_q * 22500000
             WHEN model = 'gpt-5.4' THEN fresh_q * 2500000 + read_q * 250000 + out_q * 15000000
             ELSE effective_cost * 1000000000000 END::HUGEINT AS before,
        CASE WHEN outcome <> 'ok' THEN NULL
             WHEN opus IS NOT NULL AND occurred_at >= TIMESTAMP '2026-11-01' THEN opus_before * 6 // 5
             WHEN opus IS NOT NULL THEN opus_before
             WHEN model = 'gpt-5.4' AND long THEN fresh_q * 3000000 + read_q * 500000 + out_q * 18000000
             WHEN model = 'gpt-5.4' THEN fresh_q * 3000000 + read_q * 250000 + out_q * 18000000
             ELSE effective_cost * 1000000000000 END::HUGEINT AS after
    FROM calls
)
SELECT {group}, sum(before), sum(after) FROM priced GROUP BY {group}
ORDER BY abs(coalesce(sum(after), 0) - coalesce(sum(before), 0)) DESC, {group}
"""

CONTEXT_TIER = """
{"name": "Long contexts cost double", "change": [
    {"provider": "anthropic", "model": "claude-opus-5", "above_input_tokens": 200000,
     "input": "10", "cache_read": "1", "cache_write_5m": "12.50", "cache_write_1h": "20", "output": "37.50"},
    {"provider": "anthropic", "model": "claude-sonnet-5", "above_input_tokens": 400000, "input": "6"}
]}
"""
CONTEXT_TIER_SQL = """
WITH calls AS (
    SELECT team, feature, customer, outcome, model, effective_cost, input_tokens,
        coalesce(q_uncached_input, 0) AS fresh, coalesce(q_cache_read, 0) AS again,
        coalesce(q_cache_write_5m, 0) AS five, coalesce(q_cache_write_1h, 0) AS hour,
        coalesce(q_plain_output, 0) AS written
    FROM usage_event
    WHERE occurred_at >= make_timestamp($first) AND occurred_at < make_timestamp($end)
), priced AS (
    SELECT team, feature, customer,
        CASE
            WHEN outcome <> 'ok' THEN NULL -- a failed call has no usage and no cost
            WHEN model = 'claude-opus-5' THEN
                fresh * 5000000 + again * 500000 + five * 6250000 + hour * 10000000 + written * 25000000
            WHEN model = 'claude-sonnet-5' THEN
                fresh * 2000000 + again * 200000 + five * 2500000 + hour * 4000000 + written * 10000000
            ELSE effective_cost * 1000000000000
        END::HUGEINT AS before,
        CASE
            WHEN outcome <> 'ok' THEN NULL
            WHEN model = 'claude-opus-5' AND input_tokens > 200000 THEN
                fresh * 10000000 + again * 1000000 + five * 12500000 + hour * 20000000 + written * 37500000
            WHEN model = 'claude-opus-5' THEN
                fresh * 5000000 + again * 500000 + five * 6250000 + hour * 10000000 + written * 25000000
            -- What the entry leaves out keeps the list's price, above its threshold too.
            WHEN model = 'claude-sonnet-5' AND input_tokens > 400000 THEN
                fresh * 6000000 + again * 200000 + five * 2500000 + hour * 4000000 + written * 10000000
            WHEN model = 'claude-sonnet-5' THEN
                fresh * 2000000 + again * 200000 + five * 2500000 + hour * 4000000 + written * 10000000
            ELSE effective_cost * 1000000000000
        END::HUGEINT AS after
    FROM calls
)
SELECT {group}, sum(before), sum(after)
FROM priced
GROUP BY {group}
ORDER BY abs(coalesce(sum(after), 0) - coalesce(sum(before), 0)) DESC, {group}
"""

TOKENIZER = """
name = "OpenAI's next tokenizer"
[[change]]
provider = "openai"
model = "*"
tokenizer_percent = 20
"""
TOKENIZER_SQL = """
WITH rates AS (
    SELECT * FROM (VALUES
        ('gpt-5.4',                 0,      2500000,  250000,  15000000),
        ('gpt-5.4',                 272000, 5000000,  500000,  22500000),
        ('gpt-5-pro',               0,     15000000,    NULL, 120000000),
        ('gpt-5',                   0,      1250000,  125000,  10000000),
        ('gpt-5-mini',              0,       250000,   25000,   2000000),
        ('gpt-4.1',                 0,      2000000,  500000,   8000000),
        ('text-embedding-3-large',  0,       130000,    NULL,      NULL)
    ) t(model, above, fresh, read, written)
), calls AS (
    SELECT team, feature, customer, outcome, model, provider, effective_cost, input_tokens,
        coalesce(q_uncached_input, 0) AS fresh, coalesce(q_cache_read, 0) AS again,
        coalesce(q_plain_output, 0) AS plain, coalesce(q_reasoning_output, 0) AS thought,
        -- A fifth more, half a token rounded up.
        (input_tokens * 12 + 5) // 10 AS input_more, (fresh * 12 + 5) // 10 AS fresh_more,
        (again * 12 + 5) // 10 AS again_more, (plain * 12 + 5) // 10 + (thought * 12 + 5) // 10 AS out_more
    FROM usage_event
    WHERE occurred_at >= make_timestamp($first) AND occurred_at < make_timestamp($end)
), tiers AS (
    SELECT c.*,
        (SELECT max(above) FROM rates r WHERE r.model = c.model AND c.input_tokens > above) AS tier,
        (SELECT max(above) FROM rates r WHERE r.model = c.model AND c.input_more > above) AS tier_more
    FROM calls c
), priced AS (
    SELECT team, feature, customer,
        CASE WHEN outcome <> 'ok' THEN NULL -- a failed call has no usage and no cost
             -- Azure lists no price of these models, so OpenAI's hold there and change with it.
             WHEN provider IN ('openai', 'azure.ai.openai') THEN tiers.fresh * a.fresh + again * coalesce(a.read, 0)
                 + (plain + thought) * coalesce(a.written, 0)
             ELSE effective_cost * 1000000000000 END::HUGEINT AS before,
        CASE WHEN outcome <> 'ok' THEN NULL
             WHEN provider IN ('openai', 'azure.ai.openai') THEN fresh_more * b.fresh + again_more * coalesce(b.read, 0)
                 + out_more * coalesce(b.written, 0)
             ELSE effective_cost * 1000000000000 END::HUGEINT AS after
    FROM tiers LEFT JOIN rates a ON a.model = tiers.model AND a.above = tier
    LEFT JOIN rates b ON b.model = tiers.model AND b.above = tier_more
)
SELECT {group}, sum(before), sum(after) FROM priced GROUP BY {group}
ORDER BY abs(coalesce(sum(after), 0) - coalesce(sum(before), 0)) DESC, {group}
"""
FILES = {
    "list prices": ("change.toml", LIST_PRICES, LIST_PRICES_SQL),
    "context tier": ("change.json", CONTEXT_TIER, CONTEXT_TIER_SQL),
    "tokenizer": ("change.toml", TOKENIZER, TOKENIZER_SQL),
}


def simulated(context: Context, file: Path, text: str) -> Simulation:
    file.write_text(text)
    scenario = parse_scenario(read_file(file), file.name)
    return simulate_prices(context, scenario, start_us=FIRST, end_us=END)


def by_hand(context: Context, sql: str, group: str) -> list[tuple[Any, ...]]:
    """The groups in order of exposure: name, grains before, grains after."""
    config = {"autoinstall_known_extensions": "false", "autoload_known_extensions": "false"}
    with duckdb.connect(str(context.data_dir / "ledger.duckdb"), config=config) as ledger:
        return ledger.execute(sql.format(group=group), {"first": FIRST, "end": END}).fetchall()


@pytest.mark.parametrize("kind", FILES)
def test_exposure_is_what_sql_written_from_the_price_file_gives_to_the_grain_and_in_its_order(
    company: Context, tmp_path: Path, kind: str
) -> None:
    name, text, sql = FILES[kind]
    found = simulated(company, tmp_path / name, text)
    sums = set()
    for group, groups in (("team", 13), ("feature", 41), ("customer", 278)):
        expected = by_hand(company, sql, group)
        assert [(one.value, one.before, one.after) for one in totals(found.effects[group])] == expected
        assert len(expected) == groups
        assert len({before is not None and after - before for _, before, after in expected}) > 10
        sums.add(tuple(sum(row[place] or 0 for row in expected) for place in (1, 2)))
    ((before, after),) = sums
    assert after > before * Decimal("1.02")
    assert {one.month for one in found.effects["team"]} == {"2026-09", "2026-10", "2026-11"}
