"""How long a month of ten million metered events takes to be held against its bills.

    python -m bench.reconcile --events 10000000

Fills a month with events by SQL and posts them (neither is timed): five models, twelve teams, forty
features, every hour, 120 combinations of them (as bench.ingest). The bills are a cost report per day, model and meter, 3 % above what was metered,
and an invoice of one line. Timed is `operations.reconcile`, from the charges to the named run. Beside
it, in the same run: one plain group-by of all events by hour, model, team and feature, which is the
least that any answer of that grain takes.
"""

import argparse
import resource
import shutil
import tempfile
import time
from pathlib import Path

from tallystick.bills.model import BillLine, Load
from tallystick.bills.store import append_lines, append_loads
from tallystick.ledger.store import EVENTS
from tallystick.operations.context import Context
from tallystick.operations.post_charges import post_charges
from tallystick.operations.reconcile import month_of, reconcile
from tallystick.operations.start_ledger import start_ledger
from tallystick.storage.config_db import ConfigDb
from tallystick.storage.duckdb_engine import DuckDbEngine

START = 1_790_812_800_000_000  # 2026-10-01 UTC
DAY = 86_400_000_000
DAYS, MODELS, TEAMS, FEATURES = 31, 5, 12, 40
PRICES = {"uncached_input": 2_500_000, "plain_output": 10_000_000}
STEP = 1_000_000


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--events", type=int, default=10_000_000)
    parser.add_argument("--folder", help="where the store is made; the system's temporary folder by default")
    options = parser.parse_args()
    folder = Path(tempfile.mkdtemp(prefix="tally-reconcile-", dir=options.folder))
    try:
        run(options.events, folder)
    finally:
        shutil.rmtree(folder)


def run(events: int, folder: Path) -> None:
    engine = DuckDbEngine(folder / "ledger.duckdb")
    context = Context(ledger=engine, config_db=ConfigDb(folder / "config.db"), data_dir=folder)
    start_ledger(context)
    fill(context, events)
    post_charges(context)
    bill(context)
    engine.checkpoint()
    plain = timed_group_by(context)
    began, cpu = time.perf_counter(), time.process_time()
    found = reconcile(context, "openai", month_of(START))
    seconds, cpu = time.perf_counter() - began, time.process_time() - cpu
    again = time.perf_counter()
    assert reconcile(context, "openai", month_of(START)) == found, "reconciling again changed something"
    again = time.perf_counter() - again
    ((rows,),) = engine.rows("SELECT count(*) FROM true_up")
    ((charges,),) = engine.rows("SELECT count(*) FROM charge")
    ((total,),) = engine.rows("SELECT sum(c) FROM (SELECT effective_cost AS c FROM charge UNION ALL SELECT effective_cost FROM true_up) AS every")  # fmt: skip
    assert int(total * 10**12) == found.record == found.invoiced, "the record is not the invoice"
    print(f"{events:,} events of a month, {charges:,} charges, {found.claims:,} claims, {rows:,} true-ups")
    print(f"  reconcile          {seconds:8.2f} s   {cpu:8.2f} s of CPU")
    print(f"  plain group-by     {plain:8.2f} s   ratio {seconds / plain:.1f}")
    print(f"  nothing new        {again:8.3f} s")
    print(f"  memory             {resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024:8.0f} MB at the most")
    engine.close()


def fill(context: Context, events: int) -> None:
    """Events spread evenly over the month; every combination of owners comes in every hour where there are enough."""
    for first in range(0, events, STEP):
        params = {"first": first, "end": min(first + STEP, events), "start": START, "gap": DAYS * DAY // events}
        inputs, outputs = "(100 + i % 1000)", "(i % 700)"
        costs = {"uncached_input": f"{inputs} * 0.0000025", "plain_output": f"{outputs} * 0.00001"}
        context.ledger.execute(
            f"""INSERT INTO {EVENTS} (event_id, call_id, attempt, occurred_at, ingest_seq, source, outcome, status,
                  provider, provider_account, model, team, feature, usage_state, input_tokens, output_tokens,
                  q_uncached_input, q_plain_output, c_uncached_input, c_plain_output, list_cost, effective_cost, currency)
                SELECT printf('evt_%026d', i), printf('call_%026d', i), 1, make_timestamp($start + i * $gap), i + 1,
                  'gateway', 'ok', 200, 'openai', 'openai', concat('model ', i % {MODELS}),
                  concat('team ', i % {TEAMS}), concat('feature ', i % {FEATURES}), 'reported', {inputs},
                  {outputs}, {inputs}, {outputs}, {costs["uncached_input"]}, {costs["plain_output"]},
                  {costs["uncached_input"]} + {costs["plain_output"]},
                  {costs["uncached_input"]} + {costs["plain_output"]}, 'USD'
                FROM (SELECT range AS i FROM range($first, $end)) AS n""",
            params,
        )


def bill(context: Context) -> None:
    """A report line per day, model and meter that was metered, and an invoice of one line, ten cents above them."""
    rows = context.ledger.rows(
        "SELECT CAST(epoch_us(time_bucket(INTERVAL '1 day', charge_period_start)) AS BIGINT) AS day, model, "
        "CAST(sum(q_uncached_input) AS BIGINT), CAST(sum(q_plain_output) AS BIGINT) FROM charge GROUP BY ALL ORDER BY ALL"
    )
    lines = []
    for day, model, *quantities in rows:
        for (meter, price), quantity in zip(PRICES.items(), quantities, strict=True):
            amount = int(str(quantity)) * price * 103 // 100
            where = {
                "charge_period_start": int(str(day)),
                "charge_period_end": int(str(day)) + DAY,
                "model": str(model),
            }
            lines.append(line("cost", amount, len(lines) + 1, meter=meter, quantity=int(str(quantity)), **where))
    write(context, "report", lines)
    total = sum(one.billed_cost or 0 for one in lines) + 10**11
    write(context, "invoice", [line("invoice", total, 1, charge_period_end=START + DAYS * DAY)])


def line(layer: str, amount: int, number: int, **fields: object) -> BillLine:
    values: dict[str, object] = {
        "layer": layer, "dataset": layer, "slice_key": "2026-10", "line_no": number, "charge_period_start": START,
        "charge_period_end": START + DAY, "currency": "USD", "provider": "openai", "provider_account": "openai",
        "billed_cost": amount, "effective_cost": amount,
    }  # fmt: skip
    return BillLine(**{**values, **fields})  # type: ignore[arg-type]


def write(context: Context, name: str, lines: list[BillLine]) -> None:
    append_lines(context.ledger, name, f"load_{name}", "page", lines)
    first, last = START, START + DAYS * DAY
    append_loads(context.config_db, [Load(f"load_{name}", name, name, "2026-10", "openai", name, 1, len(lines), 0, "USD", first, last)])  # fmt: skip


def timed_group_by(context: Context) -> float:
    began = time.perf_counter()
    context.ledger.rows(
        "SELECT count(*) FROM (SELECT time_bucket(INTERVAL '1 hour', occurred_at) AS hour, model, team, feature, "
        "sum(q_uncached_input), sum(q_plain_output), sum(effective_cost) AS cost FROM usage_event "
        "GROUP BY hour, model, team, feature) AS summed WHERE cost > 0"
    )
    return time.perf_counter() - began


if __name__ == "__main__":
    main()
