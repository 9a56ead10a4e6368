"""A month of AWS's Cost and Usage Report 2.0, made by DuckDB from a seed: as Parquet or as packed CSV; and its sync.

One row in five is Bedrock's; there are tags, products as maps, savings plans and their negations, taxes and credits.
"""

import time
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path

import duckdb

from tallystick.connectors.registry import load_kinds
from tallystick.kernel.money import grains_from_decimal
from tallystick.operations.connect_source import Sources
from tallystick.operations.context import Context
from tallystick.operations.manage_sources import NewSource, add_source
from tallystick.operations.sync_source import Wanted, sync
from tallystick.pricing.book import PriceBook

SEED = 20261001

# A whole number below k, of row i and of n alone.
_MACROS = f"CREATE OR REPLACE MACRO pick(i, n, k) AS (hash(i, n, {SEED}) % k)::BIGINT"

_DRAWN = """
SELECT i, pick(i, 1, 5) = 0 AS ai, pick(i, 2, 40) AS account, pick(i, 3, 2000) AS sku, 1 + pick(i, 4, 29) AS day, pick(i, 5, 23) AS hour,
    ((1 + pick(i, 6, 1000000000))::DECIMAL(18, 0) / 100000000)::DECIMAL(18, 8) AS amount, pick(i, 7, 10000000) AS tokens,
    pick(i, 8, 1000000) / 1000 AS used, pick(i, 9, 100) AS kind_of, pick(i, 10, 50000) AS thing, pick(i, 11, 2) AS env,
    ['input-tokens', 'output-tokens', 'cache-read-input-token-count', 'cache-write-5m-input-token-count'][1 + pick(i, 12, 4)] AS meter,
    ['Claude4.6Sonnet', 'Claude4.8Opus', 'NovaPro', 'NovaLite', 'Llama3-3-70B'][1 + pick(i, 13, 5)] AS model,
    ['AmazonEC2', 'AmazonS3', 'AmazonRDS', 'AWSLambda'][1 + pick(i, 14, 4)] AS cloud
FROM range({rows}) AS t(i)
"""

_ROW = """
SELECT
    md5('line' || i) AS identity_line_item_id,
    strftime(start, '%Y-%m-%dT%H:%M:%SZ') || '/' || strftime(start + INTERVAL 1 HOUR, '%Y-%m-%dT%H:%M:%SZ') AS identity_time_interval,
    '100000000001' AS bill_payer_account_id, 'Harbour' AS bill_payer_account_name, 'INV10' AS bill_invoice_id,
    'Amazon Web Services, Inc.' AS bill_invoicing_entity, 'AWS' AS bill_billing_entity, 'Anniversary' AS bill_bill_type,
    TIMESTAMP '2026-10-01' AS bill_billing_period_start_date, TIMESTAMP '2026-11-01' AS bill_billing_period_end_date,
    '2000000000' || lpad(account::VARCHAR, 2, '0') AS line_item_usage_account_id,
    'team-' || account AS line_item_usage_account_name, kind AS line_item_line_item_type,
    start AS line_item_usage_start_date, start + INTERVAL 1 HOUR AS line_item_usage_end_date,
    code AS line_item_product_code,
    CASE WHEN ai THEN 'USE1-' || model || '-' || meter ELSE 'EUC1-' || cloud || ':' || sku END AS line_item_usage_type,
    CASE WHEN ai THEN 'InvokeModelInference' ELSE 'RunInstances:' || (sku % 50) END AS line_item_operation,
    CASE WHEN ai THEN NULL ELSE 'eu-central-1a' END AS line_item_availability_zone,
    CASE WHEN ai THEN tokens::DOUBLE / 1000 ELSE used END AS line_item_usage_amount,
    'USD' AS line_item_currency_code, 0.25::DOUBLE AS line_item_unblended_rate, amount::DOUBLE AS line_item_unblended_cost,
    0.25::DOUBLE AS line_item_blended_rate, amount::DOUBLE AS line_item_blended_cost,
    '$0.25 per ' || code || ' ' || sku AS line_item_line_item_description,
    CASE WHEN kind = 'Tax' THEN 'VAT' END AS line_item_tax_type, 'Amazon Web Services, Inc.' AS line_item_legal_entity,
    CASE WHEN ai THEN NULL ELSE 'arn:aws:ec2:eu-central-1:2000000000:thing/' || thing END AS line_item_resource_id,
    CASE WHEN ai THEN 'arn:aws:iam::200000000001:role/app-' || (thing % 20) END AS line_item_iam_principal,
    1.0::DOUBLE AS line_item_normalization_factor, used AS line_item_normalized_usage_amount,
    MAP {{'product_name': name, 'region': region, 'servicename': name, 'usagetype': code || sku}} AS product,
    code AS product_servicecode, 'SKU' || sku AS product_sku, region AS product_region_code,
    CASE WHEN ai THEN 'Generative AI' ELSE 'Compute Instance' END AS product_product_family,
    'AWS Region' AS product_from_location_type, 'EU (Frankfurt)' AS product_location, name AS product_instance_family,
    'SKU' || sku || '.JRTCKXETXF.6YS6EN2CT7' AS pricing_rate_code, sku::VARCHAR AS pricing_rate_id, 'USD' AS pricing_currency,
    (2 * amount)::DOUBLE AS pricing_public_on_demand_cost, 0.5::DOUBLE AS pricing_public_on_demand_rate, 'OnDemand' AS pricing_term,
    CASE WHEN ai THEN '1K tokens' ELSE 'Hrs' END AS pricing_unit,
    CASE WHEN kind = 'SavingsPlanCoveredUsage' THEN 'arn:aws:savingsplans::1:savingsplan/' || (sku % 9) END AS savings_plan_savings_plan_a_r_n,
    CASE WHEN kind = 'SavingsPlanCoveredUsage' THEN (amount / 2)::DOUBLE END AS savings_plan_savings_plan_effective_cost,
    CASE WHEN kind = 'SavingsPlanCoveredUsage' THEN 0.125::DOUBLE END AS savings_plan_savings_plan_rate,
    MAP {{}}::MAP(VARCHAR, DOUBLE) AS discount, MAP {{'unit': 'unit-' || (account % 5)}} AS cost_category,
    MAP {{'user_team': 'team-' || account, 'user_env': ['prod', 'dev'][1 + env]}} AS resource_tags
FROM (
    SELECT *, TIMESTAMP '2026-10-01' + to_days((day - 1)::INT) + to_hours(hour) AS start,
        CASE WHEN kind_of < 90 OR ai THEN 'Usage' WHEN kind_of < 96 THEN 'SavingsPlanCoveredUsage'
             WHEN kind_of < 98 THEN 'Tax' WHEN kind_of < 99 THEN 'Credit' ELSE 'Fee' END AS kind,
        CASE WHEN ai THEN 'AmazonBedrock' ELSE cloud END AS code,
        CASE WHEN ai THEN 'Amazon Bedrock' ELSE 'Amazon ' || cloud END AS name,
        CASE WHEN ai THEN 'us-east-1' ELSE 'eu-central-1' END AS region
    FROM drawn
)
"""
_MAPS = ("product", "discount", "cost_category", "resource_tags")


def write_cur(path: Path, rows: int) -> int:
    """Write the report, Parquet or (`.csv.gz`) packed CSV; the grains it bills in all."""
    database = duckdb.connect(config={"memory_limit": "1GB", "threads": 2})
    database.execute(_MACROS)
    query = f"WITH drawn AS ({_DRAWN.format(rows=rows)}) {_ROW.format()}"
    if path.suffix == ".parquet":
        database.execute(f"COPY ({query}) TO '{path}' (FORMAT parquet)")
    else:
        texts = ", ".join(f"to_json({name})::VARCHAR AS {name}" for name in _MAPS)
        database.execute(
            f"COPY (SELECT * REPLACE ({texts}) FROM ({query})) TO '{path}' (FORMAT csv, HEADER, COMPRESSION gzip)"
        )
    found = database.execute(
        f"WITH drawn AS ({_DRAWN.format(rows=rows)}) "
        "SELECT sum(amount) FROM drawn WHERE ai OR kind_of < 90 OR kind_of >= 96"
    ).fetchone()
    database.close()
    assert found is not None
    return grains_from_decimal(Decimal(found[0]))


def synced(context: Context, place: Path, rows: int, billed: int) -> tuple[float, float]:
    """Sync the reports below a folder as `tally sync` does, and hold it to what was written; seconds, and of CPU."""
    kinds = load_kinds()
    add_source(context, kinds, NewSource("aws", "bill", options={"cur": str(place)}))
    october, later = (int(datetime(2026, month, 2, tzinfo=UTC).timestamp()) * 1_000_000 for month in (10, 11))
    sources = Sources(kinds, lambda: PriceBook([]), lambda name: "", clock=lambda: later)
    wall, cpu = time.monotonic(), time.process_time()
    done = sync(context, sources, "bill", Wanted(by_hand=True, since_us=october))
    wall, cpu = time.monotonic() - wall, time.process_time() - cpu
    (loaded,) = [one.loaded for one in done.windows if one.loaded is not None]
    sums = sum(one.sums["billed_cost"] for one in loaded.slices)
    assert (loaded.rows, loaded.rejected, sums) == (rows, 0, billed), "not what was written"
    return wall, cpu
