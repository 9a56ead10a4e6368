"""Which files of an export are read: the newest whole run, from a folder or a container."""

import gzip
import json
import os
from dataclasses import replace
from datetime import date
from pathlib import Path
from urllib.parse import quote

import pytest

from tallystick.bills.model import BillLine, Rejected
from tallystick.connectors.azure.connect import AzureSource, connect
from tallystick.connectors.azure.runs import month_of
from tallystick.kernel.period import days
from tallystick.ports import Page, Setup, SourceFailed
from tests.connectors.azure.samples import AOAI, EA, OCTOBER, PTU, one, page, sheet, source
from tests.connectors.serving import Question, Refuse, serving

RUN = {"first": "2026-10-05T04:00:00Z", "second": "2026-10-06T04:00:00.5Z"}


def write_run(root: Path, run: str, parts: list[bytes], kind: str = "ActualCost", export: str = "daily") -> Path:
    folder = root / export / "20261001-20261031" / run
    folder.mkdir(parents=True)
    names = [f"part_0_000{number}.csv.gz" for number in range(1, len(parts) + 1)]
    for name, body in zip(names, parts, strict=True):
        (folder / name).write_bytes(gzip.compress(body))
    manifest = {
        "manifestVersion": "2024-04-01", "exportConfig": {"exportName": export, "type": kind},
        "runInfo": {"submittedTime": RUN[run], "runId": run},
        "blobs": [{"blobName": f"elsewhere/{export}/20261001-20261031/{run}/{name}"} for name in names],
    }  # fmt: skip
    (folder / "manifest.json").write_text(json.dumps(manifest))
    return folder


def pages_of(made: AzureSource, cursor: str = "", number: int = 0) -> list[Page]:
    return list(made.fetch(made.streams[0], OCTOBER, cursor, number))


def costs(made: AzureSource, pages: list[Page]) -> list[int | None]:
    return [line.billed_cost for one in pages for line in made.parse(one) if isinstance(line, BillLine)]


def test_the_newest_run_of_a_month_is_all_of_it(tmp_path: Path) -> None:
    write_run(tmp_path, "second", [sheet([EA]), sheet([EA, EA])])
    write_run(tmp_path, "first", [sheet([EA] * 5)])
    made = source(actual_path=str(tmp_path))
    pages = pages_of(made)
    assert costs(made, pages) == [750_000_000_000] * 3
    assert [(one.number, bool(one.cursor)) for one in pages] == [(0, False), (1, True), (2, True)]
    assert pages[0].next_cursor == pages[1].cursor
    assert pages_of(made, pages[2].cursor, 2) == pages[2:]


def test_a_run_that_was_replaced_meanwhile_is_read_anew(tmp_path: Path) -> None:
    write_run(tmp_path, "first", [sheet([EA]), sheet([EA])])
    made = source(actual_path=str(tmp_path))
    cursor = pages_of(made)[2].cursor
    write_run(tmp_path, "second", [sheet([EA])])
    with pytest.raises(SourceFailed, match="newer run") as caught:
        pages_of(made, cursor, 2)
    assert caught.value.retry_seconds == 60


def test_a_run_that_is_still_being_written_is_not_read(tmp_path: Path) -> None:
    folder = write_run(tmp_path, "first", [sheet([EA])])
    (folder / "part_0_0001.csv.gz").rename(tmp_path / "away")
    with pytest.raises(SourceFailed, match=r"lacks 'part_0_0001.csv.gz'"):
        pages_of(source(actual_path=str(tmp_path)))
    (folder / "manifest.json").write_text('{"exportConfig"')
    with pytest.raises(SourceFailed, match="no manifest"):
        pages_of(source(actual_path=str(tmp_path)))


def test_exports_beside_each_other_each_give_their_newest_run(tmp_path: Path) -> None:
    write_run(tmp_path, "first", [sheet([EA])], export="team-a")
    write_run(tmp_path, "second", [sheet([EA, EA])], export="team-b")
    made = source(actual_path=str(tmp_path))
    assert len(costs(made, pages_of(made))) == 3


def test_actual_and_amortized_may_lie_in_one_folder_and_are_told_apart(tmp_path: Path) -> None:
    write_run(tmp_path, "first", [sheet([EA, PTU])], export="actual")
    write_run(tmp_path, "first", [sheet([EA, PTU | {"CostInBillingCurrency": "20"}])], "AmortizedCost", "amortized")
    made = source(actual_path=str(tmp_path), amortized_path=str(tmp_path))
    lines = [line for one in pages_of(made) for line in made.parse(one) if isinstance(line, BillLine)]
    assert [(one.billed_cost, one.effective_cost) for one in lines] == [
        (750_000_000_000, 750_000_000_000), (0, 20_000_000_000_000),
    ]  # fmt: skip


def test_one_of_two_exports_alone_does_not_replace_a_month(tmp_path: Path) -> None:
    write_run(tmp_path, "first", [sheet([EA])])
    with pytest.raises(SourceFailed, match="amortized export has nothing"):
        pages_of(source(actual_path=str(tmp_path), amortized_path=str(tmp_path)))


def test_downloads_without_a_manifest_are_read_by_the_month_in_their_names(tmp_path: Path) -> None:
    for age, rows in enumerate([[EA], [EA, EA]]):
        path = tmp_path / f"Detail_8765_202610_en{age}.csv"
        path.write_bytes(sheet(rows))
        os.utime(path, (1000 + age, 1000 + age))
    made = source(actual_path=str(tmp_path))
    assert len(costs(made, pages_of(made))) == 2
    november = list(made.fetch(made.streams[0], days(date(2026, 11, 1), date(2026, 12, 1))))
    assert costs(made, november) == []


@pytest.mark.parametrize(
    ("name", "month"),
    [
        ("a/20261001-20261031/r/part_0_0001.csv", "2026-10"),
        ("exports_2025-01/20261101-20261130/manifest.json", "2026-11"),
        ("cost_20261001-20261031_x.csv", "2026-10"),
        ("Detail_8765_202609_en.csv", "2026-09"),
        ("notes.csv", ""),
        ("12345678901234.csv", ""),
    ],
)
def test_a_path_says_its_month(name: str, month: str) -> None:
    assert month_of(name) == month


def test_a_folder_that_is_none_and_a_gzip_that_is_cut_off_are_told(tmp_path: Path) -> None:
    with pytest.raises(SourceFailed, match="no folder"):
        pages_of(source(actual_path=str(tmp_path / "none")))
    folder = write_run(tmp_path, "first", [sheet([EA])])
    whole = (folder / "part_0_0001.csv.gz").read_bytes()
    (folder / "part_0_0001.csv.gz").write_bytes(whole[:-20])
    with pytest.raises(SourceFailed, match="cut off"):
        pages_of(source(actual_path=str(tmp_path)))


def test_a_container_is_listed_page_by_page_and_read_with_its_signature(tmp_path: Path) -> None:
    write_run(tmp_path, "first", [sheet([EA])])
    files = {one.relative_to(tmp_path).as_posix(): one.read_bytes() for one in tmp_path.rglob("*") if one.is_file()}
    names = sorted(files)

    def answer(question: Question) -> object:
        query = dict(question.query)
        if query.pop("sig", "") != "planted&sig" or query.pop("sv", "") != "2021":
            raise Refuse(403, "AuthenticationFailed")
        if question.path != "/costs":
            if query or question.path.removeprefix("/costs/") not in [quote(name) for name in names]:
                raise Refuse(404, "BlobNotFound")
            return files[question.path.removeprefix("/costs/")]
        if (query.pop("restype", ""), query.pop("comp", ""), query.pop("prefix", "")) != (
            "container",
            "list",
            "daily/",
        ):
            raise Refuse(400, "InvalidQueryParameterValue")
        at = int(query.pop("marker", "0"))
        if query:
            raise Refuse(400, "InvalidQueryParameterValue")
        marker = str(at + 1) if at + 1 < len(names) else ""
        blob = f"<Name>{names[at]}</Name><Properties><Last-Modified>Mon, 05 Oct 2026 04:00:00 GMT</Last-Modified></Properties>"
        return (
            f"<?xml version='1.0'?><EnumerationResults><Blobs><Blob>{blob}</Blob></Blobs>"
            f"<NextMarker>{marker}</NextMarker></EnumerationResults>"
        ).encode()

    with serving(answer, lambda refused: refused.message) as served:
        secrets = {"sas_url": f"{served.url}/costs?sv=2021&sig=planted%26sig"}
        made = connect(Setup("az", "acct", {"actual_path": "blob:daily/"}, secrets.__getitem__, lambda: 0))
        assert costs(made, pages_of(made)) == [750_000_000_000]
        assert made.check().startswith("actual: 2 files")
        secrets["sas_url"] = f"{served.url}/costs?sv=2021&sig=expired"
        with pytest.raises(SourceFailed, match="refuses the signature") as caught:
            pages_of(made)
    assert caught.value.retry_seconds is None
    assert "expired&" not in caught.value.reason and "sig=" not in caught.value.reason


FOCUS = {
    "BilledCost": "1.25", "BillingCurrency": "USD", "BillingAccountId": "/acc/1", "BillingPeriodStart": "2026-10-01T00:00Z",
    "BillingPeriodEnd": "2026-11-01T00:00Z", "ChargeCategory": "Usage", "ChargePeriodStart": "2026-10-02T00:00Z",
    "ChargePeriodEnd": "2026-10-03T00:00Z", "ConsumedQuantity": "500000", "ConsumedUnit": "Units", "ContractedCost": "1.25",
    "EffectiveCost": "1.2", "ListCost": "1.5", "PricingCategory": "Standard", "PricingQuantity": "500",
    "PricingUnit": "1K", "ResourceId": AOAI, "ServiceName": "Foundry Models", "SkuMeter": "gpt 4o 0806 Inp glbl Tokens",
    "Tags": '{"team":"search","squad":"s1"}', "x_SkuMeterCategory": "Foundry Models",
    "x_SkuMeterSubcategory": "Azure OpenAI", "x_PricingBlockSize": "1000", "x_CostCenter": "4711",
}  # fmt: skip


def focus(row: dict[str, str]) -> BillLine | Rejected:
    made = source(focus_path="/f", labels="feature=squad")
    (line,) = made.parse(page(sheet([row]), "focus", "focus_export"))
    return line


def test_a_focus_row_is_a_line_with_azure_s_meter() -> None:
    line = focus(FOCUS)
    assert isinstance(line, BillLine)
    assert (line.billed_cost, line.effective_cost, line.list_cost) == (
        1_250_000_000_000,
        1_200_000_000_000,
        1_500_000_000_000,
    )
    assert (line.raw_model, line.meter, line.quantity) == ("gpt-4o-2024-08-06", "uncached_input", 500_000)
    assert line.dimensions == {"team": "search", "feature": "s1", "cost_center": "4711"}
    assert (line.dataset, line.slice_key, line.provider) == ("focus_export", "/acc/1/2026-10", "azure.ai.openai")


def test_the_name_of_the_meter_is_found_in_the_older_version_too() -> None:
    older = {("x_SkuMeterName" if name == "SkuMeter" else name): value for name, value in FOCUS.items()}
    line = focus(older)
    assert isinstance(line, BillLine)
    assert (line.sku_meter, line.quantity) == ("gpt 4o 0806 Inp glbl Tokens", 500_000)


def test_quantities_that_disagree_are_unknown_and_a_covered_list_cost_of_nothing_too() -> None:
    wrong = focus(FOCUS | {"ConsumedQuantity": "500"})
    assert isinstance(wrong, BillLine)
    assert (wrong.quantity, wrong.consumed_quantity) == (None, 500)
    covered = focus(FOCUS | {"PricingCategory": "Committed", "ListCost": "0"})
    assert isinstance(covered, BillLine)
    assert covered.list_cost is None


def test_a_focus_row_of_another_month_is_rejected() -> None:
    line = focus(FOCUS | {"BillingPeriodStart": "2026-09-01T00:00Z"})
    assert isinstance(line, Rejected)
    assert "2026-09" in line.reason


def test_rows_are_read_the_same_whatever_the_account() -> None:
    line = one(source(actual_path="/a"), EA)
    (other,) = source(actual_path="/a").parse(replace(page(sheet([EA])), account="other"))
    assert isinstance(other, BillLine)
    assert replace(other, provider_account="acct") == line


def test_a_part_that_ends_in_mid_row_replaces_nothing(tmp_path: Path) -> None:
    write_run(tmp_path, "first", [sheet([EA]), sheet([EA, EA]).rstrip()[:-90]])
    with pytest.raises(SourceFailed, match=r"part_0_0002.csv.gz' ends in the middle of a row"):
        pages_of(source(actual_path=str(tmp_path)))
