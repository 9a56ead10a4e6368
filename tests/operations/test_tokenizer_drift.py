"""A tokenizer's change in fourteen months of the demo company: none is seen where none is, and one is within a day."""

from pathlib import Path

import pytest

from tallystick.kernel.period import DAY_US
from tallystick.operations.find_tokenizer_drift import find_tokenizer_drift
from tests.operations.northwind import NOW_US, northwind

# Where the change is planted: some days ago, of models with traffic on many features.
PLANTED = ((3, "claude-opus-5"), (40, "claude-opus-5"), (20, "gpt-5.4"))


@pytest.mark.slow
def test_the_company_as_it_is_made_raises_nothing_and_ten_per_cent_more_tokens_are_found_within_a_day(
    tmp_path: Path,
) -> None:
    with northwind(tmp_path, 212_000, 42) as company:
        for back in range(0, 14 * 30, 13):  # every weekday, in every month
            assert find_tokenizer_drift(company, NOW_US - back * DAY_US) == [], back
        for back, model in PLANTED:
            start = NOW_US - back * DAY_US
            where = f"model = '{model}' AND occurred_at >= make_timestamp({start})"
            company.ledger.execute(
                f"CREATE TABLE was{back} AS SELECT event_id, input_tokens FROM usage_event WHERE {where}"
            )
            company.ledger.execute(
                f"UPDATE usage_event SET input_tokens = CAST(input_tokens * 1.1 AS BIGINT) WHERE {where}"
            )
            (found,) = find_tokenizer_drift(company, start + DAY_US)
            assert found.subject.endswith(model)
            assert 1.05 < float(found.evidence["ratio"]) < 1.15
            assert found.amount is not None
            assert found.amount > 0
            company.ledger.execute(
                f"UPDATE usage_event SET input_tokens = w.input_tokens FROM was{back} w WHERE w.event_id = usage_event.event_id"
            )
