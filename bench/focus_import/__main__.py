"""How long a FOCUS bill of a million rows takes to import, and in how much memory.

    python -m bench.focus_import --rows 1000000
    python -m bench.focus_import --cur --parquet

Writes a FOCUS 1.3 CSV of all 65 columns with random, reproducible rows (one in five is AI),
imports it into an empty ledger as the running server does, checks rows and billed sum
against what was written, and prints beside it, in the same run, how long DuckDB takes to
read the same file into a table: the ratio is what exact money, AI and slices cost.

With `--cur` it is a month of AWS's Cost and Usage Report instead, packed CSV or Parquet, from a folder through the
connector, its pages kept on the way.
"""

import argparse
import csv
import random
import resource
import shutil
import tempfile
import time
from decimal import Decimal
from pathlib import Path

import duckdb

from bench.focus_import.cur import synced, write_cur
from tallystick.focus.columns import BROUGHT
from tallystick.kernel.money import grains_from_decimal
from tallystick.operations.context import Context
from tallystick.operations.import_bills import BillRequest, import_bills
from tallystick.operations.start_ledger import start_ledger
from tallystick.pricing.book import PriceBook
from tallystick.storage.config_db import ConfigDb
from tallystick.storage.duckdb_engine import DuckDbEngine

NAMES = sorted(name for version in ("1.0", "1.1", "1.2", "1.3") for name in BROUGHT[version])
SERVICES = (("Amazon EC2", "Compute", "Virtual Machines"), ("Amazon S3", "Storage", "Object Storage"),
            ("Amazon RDS", "Databases", "Relational Databases"), ("AWS Lambda", "Compute", "Serverless Compute"))  # fmt: skip
METERS = ("Input Tokens", "Output Tokens", "Cache Read Input Tokens", "Cache Write Input Tokens")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--parquet", action="store_true", help="the same rows as Parquet")
    parser.add_argument("--cur", action="store_true", help="AWS's Cost and Usage Report through its connector")
    parser.add_argument("--folder", help="where files are made; the system's temporary folder by default")
    options = parser.parse_args()
    folder = Path(tempfile.mkdtemp(prefix="tally-focus-", dir=options.folder))
    try:
        run(options, folder)
    finally:
        shutil.rmtree(folder)


def run(options: argparse.Namespace, folder: Path) -> None:
    if options.cur:
        path = folder / "report" / "BILLING_PERIOD=2026-10" / ("bill.parquet" if options.parquet else "bill.csv.gz")
        path.parent.mkdir(parents=True)
        billed = write_cur(path, options.rows)
    else:
        path = folder / "bill.csv"
        billed = write(path, options.rows)
    if options.parquet and not options.cur:
        packed = folder / "bill.parquet"
        duckdb.execute(f"COPY (FROM read_csv('{path}', all_varchar = true)) TO '{packed}' (FORMAT parquet)")
        path.unlink()
        path = packed
    print(f"{options.rows:,} rows, {path.stat().st_size / 1e6:,.0f} MB of {path.suffix[1:]}")
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    read = imported_by_sync if options.cur else imported
    seconds, cpu = read(path, folder, options.rows, billed)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    reference = read_by_duckdb(path, folder)
    print(f"imported in {seconds:.1f} s ({options.rows / seconds:,.0f} rows/s, CPU {cpu:.1f} s)")
    print(f"memory at most {peak / 1024:,.0f} MB, {before / 1024:,.0f} MB before")
    print(f"DuckDB reads the file into a table in {reference:.1f} s: ratio {seconds / reference:.1f}")


def imported(path: Path, folder: Path, rows: int, billed: int) -> tuple[float, float]:
    engine, config_db = DuckDbEngine(folder / "ledger.duckdb", memory_limit="512MB"), ConfigDb(folder / "config.db")
    context = Context(ledger=engine, config_db=config_db, data_dir=folder)
    start_ledger(context)
    said = [0.0]

    def on_batch(file: str, done: int, at: int, total: int) -> None:
        del file
        if time.monotonic() - said[0] > 10:
            said[0] = time.monotonic()
            peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
            print(f"  {done:,} rows, {100 * at // total} %, {peak:,.0f} MB at most so far", flush=True)

    wall, cpu = time.monotonic(), time.process_time()
    done = import_bills(context, PriceBook([]), BillRequest((path,)), lambda file, bad: None, on_batch)
    wall, cpu = time.monotonic() - wall, time.process_time() - cpu
    (file,) = done.files
    assert (file.rows, file.rejected, file.sums["USD"]["billed_cost"]) == (rows, 0, billed), "not what was written"
    engine.close()
    config_db.close()
    return wall, cpu


def imported_by_sync(path: Path, folder: Path, rows: int, billed: int) -> tuple[float, float]:
    engine, config_db = DuckDbEngine(folder / "ledger.duckdb", memory_limit="512MB"), ConfigDb(folder / "config.db")
    context = Context(ledger=engine, config_db=config_db, data_dir=folder)
    start_ledger(context)
    took = synced(context, path.parent.parent, rows, billed)
    engine.close()
    config_db.close()
    return took


def read_by_duckdb(path: Path, folder: Path) -> float:
    database = duckdb.connect(str(folder / "reference.duckdb"), config={"memory_limit": "512MB"})
    reader = f"read_parquet('{path}')" if path.suffix == ".parquet" else f"read_csv('{path}', all_varchar = true)"
    started = time.monotonic()
    database.execute(f"CREATE TABLE bill AS FROM {reader}")
    database.execute("CHECKPOINT")
    seconds = time.monotonic() - started
    database.close()
    return seconds


def write(path: Path, rows: int) -> int:
    """Write the bill; the grains it bills in all."""
    draw = random.Random(20261001)
    total = 0
    with path.open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(NAMES)
        for _ in range(rows):
            cells, billed = row(draw)
            total += billed
            writer.writerow([cells.get(name, "") for name in NAMES])
    return total


def row(draw: random.Random) -> tuple[dict[str, object], int]:
    day, hour = draw.randrange(1, 31), draw.randrange(23)
    amount = Decimal(draw.randrange(1, 10**9)) / 10**8
    account = draw.randrange(40)
    shared = {
        "BilledCost": amount, "EffectiveCost": amount, "ListCost": amount * 2, "ContractedCost": amount,
        "BillingAccountId": "100000000001", "BillingAccountName": "Harbour", "BillingAccountType": "Billing Account",
        "BillingCurrency": "USD", "BillingPeriodStart": "2026-10-01T00:00:00Z", "BillingPeriodEnd": "2026-11-01T00:00:00Z",
        "ChargePeriodStart": f"2026-10-{day:02d}T{hour:02d}:00:00Z", "ChargePeriodEnd": f"2026-10-{day:02d}T{hour + 1:02d}:00:00Z",
        "ChargeCategory": "Usage", "ChargeFrequency": "Usage-Based", "PricingCategory": "Standard", "PricingCurrency": "USD",
        "PricingCurrencyEffectiveCost": amount, "ProviderName": "AWS", "PublisherName": "AWS", "ServiceProviderName": "AWS",
        "HostProviderName": "AWS", "InvoiceIssuerName": "AWS", "InvoiceId": "INV-10", "RegionId": "eu-west-1",
        "RegionName": "Ireland", "SubAccountId": f"2000000000{account:02d}", "SubAccountName": f"team-{account}",
        "SubAccountType": "Account", "Tags": f'{{"team":"team-{account}","env":"{draw.choice(("prod", "dev"))}"}}',
        "ResourceId": f"arn:aws:service:eu-west-1::thing/{draw.randrange(50_000)}", "ResourceType": "Thing",
    }  # fmt: skip
    kind = _ai(draw) if draw.randrange(5) == 0 else _cloud(draw)
    return shared | kind, grains_from_decimal(amount)


def _ai(draw: random.Random) -> dict[str, object]:
    meter, model, tokens = draw.choice(METERS), f"claude-{draw.randrange(30)}", draw.randrange(10**7)
    return {
        "ServiceCategory": "AI and Machine Learning", "ServiceSubcategory": "Generative AI", "ServiceName": "Amazon Bedrock",
        "ConsumedQuantity": tokens, "ConsumedUnit": "Tokens", "PricingQuantity": Decimal(tokens) / 10**6,
        "PricingUnit": "1000000 Tokens", "SkuMeter": meter, "SkuId": f"{model}/{meter}", "SkuPriceId": f"{model}/{meter}/standard",
        "SkuPriceDetails": f'{{"x_ModelId":"{model}"}}', "ChargeDescription": f"{meter} of {model}",
    }  # fmt: skip


def _cloud(draw: random.Random) -> dict[str, object]:
    (name, category, subcategory), sku = draw.choice(SERVICES), draw.randrange(2000)
    quantity = Decimal(draw.randrange(10**6)) / 1000
    return {
        "ServiceCategory": category, "ServiceSubcategory": subcategory, "ServiceName": name, "ConsumedQuantity": quantity,
        "ConsumedUnit": "Hours", "PricingQuantity": quantity, "PricingUnit": "Hours", "SkuMeter": "Usage", "SkuId": f"SKU{sku}",
        "SkuPriceId": f"SKU{sku}.1", "SkuPriceDetails": '{"CoreCount":4,"MemorySize":16}', "ChargeDescription": f"{name} {sku}",
    }  # fmt: skip


if __name__ == "__main__":
    main()
