"""What OpenAI's pages become: hand-checked lines, disjoint classes, nothing lost and nothing twice."""

import json
from copy import deepcopy
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tallystick.bills.model import BillLine, Rejected
from tallystick.bills.sound import fault_of
from tallystick.connectors.openai import completions, costs, counted, lines
from tallystick.connectors.openai.costs import split_item
from tallystick.connectors.openai.streams import REPORTS
from tallystick.kernel.period import DAY_US, Period
from tallystick.ports import Page
from tallystick.usage.meters import INPUT_METERS, OUTPUT_METERS
from tests.connectors.mutated import broken, leaves, with_leaf
from tests.connectors.openai.samples import COMPLETIONS, COSTS, DAY_S, OTHERS, USAGE, page_body

DAY = Period(DAY_S * 1_000_000, DAY_S * 1_000_000 + DAY_US)


def read(stream: str, body: object, window: Period = DAY) -> list[BillLine | Rejected]:
    raw = body if isinstance(body, bytes) else json.dumps(body).encode()
    return list(REPORTS[stream].parse(Page(stream, window, 0, "", "", raw, "main")))


def good(stream: str, result: dict[str, object]) -> list[BillLine]:
    found = read(stream, page_body(result))
    assert all(isinstance(one, BillLine) for one in found), found
    return found  # type: ignore[return-value]


def test_a_completions_result_is_a_line_for_each_class_and_they_are_disjoint() -> None:
    found = good("usage_completions", COMPLETIONS)

    assert {one.meter: one.quantity for one in found} == {
        "uncached_input": 500,
        "uncached_input_audio": 40,
        "uncached_input_image": 20,
        "cache_read": 300,
        "cache_read_audio": 25,
        "cache_read_image": 5,
        "cache_write_30m": 70,
        "cache_write_12h": 30,
        "cache_write_unknown": 10,
        "plain_output": 200,
        "plain_output_audio": 12,
        "plain_output_image": 3,
        "requests": 7,
    }
    first = found[0]
    assert (first.layer, first.dataset, first.slice_key) == ("usage", "usage_completions", "2026-10-01")
    assert (first.charge_period_start, first.charge_period_end) == (1_790_812_800_000_000, 1_790_899_200_000_000)
    assert (first.provider, first.provider_account, first.raw_model) == ("openai", "main", "gpt-6-astra")
    assert (first.sub_account_id, first.principal, first.credential_id) == ("proj_red", "user_ada", "key_one")
    assert (first.service_tier, first.consumed_quantity, first.consumed_unit) == ("flex", Decimal(500), "Tokens")
    assert first.extra == {"api_source": "unlabeled"}
    assert first.billed_cost is None and first.effective_cost is None and first.list_cost is None


@pytest.mark.parametrize(
    ("batch", "tier", "said"),
    [(True, "default", "batch"), (False, "default", ""), (False, "priority", "priority"), (None, None, "")],
)
def test_batch_and_tier_make_the_service_tier(batch: object, tier: object, said: str) -> None:
    found = good("usage_completions", {**COMPLETIONS, "batch": batch, "service_tier": tier})

    assert {one.service_tier for one in found} == {said}


def test_old_rows_without_cache_writes_and_modalities_are_text() -> None:
    old = {"object": COMPLETIONS["object"], "input_tokens": 100, "input_cached_tokens": 40, "output_tokens": 9}

    found = good("usage_completions", old)

    assert {one.meter: one.quantity for one in found} == {"uncached_input": 60, "cache_read": 40, "plain_output": 9}
    assert all(one.extra == {} for one in found)


def test_parts_that_fall_short_of_their_total_are_counted_as_text_and_marked() -> None:
    found = good("usage_completions", {**COMPLETIONS, "output_text_tokens": 150, "input_uncached_tokens": 555})

    assert {one.meter: one.quantity for one in found}["plain_output"] == 200
    assert found[0].extra["drift"] == (
        "input_uncached_tokens is 555, but 560 of input_tokens are left for it; "
        "output_text_tokens is 150, but 200 are left for it"
    )


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"input_tokens": 400}, "input_tokens is 400, but 330 cached and 110 written to the cache are more"),
        ({"input_tokens": None}, "input_tokens is missing; the provider may have renamed it"),
        ({"output_tokens": 14}, "output_audio_tokens and …image… are 15, more than the 14 there are"),
        ({"input_cache_write_tokens": 90}, "input_cache_write_tokens is 90, but its parts are 70 and 30"),
        ({"output_tokens": -1}, "output_tokens is -1, and must be from 0 to 1000000000000"),
        ({"output_tokens": 1.5}, "output_tokens is '1.5', which is no whole number"),
        ({"object": "organization.usage.novelties.result"}, "the result calls itself organization.usage.novelties"),
    ],
)
def test_a_result_that_cannot_be_told_apart_is_refused_with_its_reason(change: dict[str, object], reason: str) -> None:
    (found,) = read("usage_completions", page_body({**COMPLETIONS, **change}))

    assert isinstance(found, Rejected) and found.line_no == 1
    assert found.reason.startswith(reason)
    assert "gpt-6-astra" in found.raw


@given(
    st.lists(st.integers(0, 10**9), min_size=12, max_size=12),
    st.booleans(),
    st.booleans(),
)
def test_the_classes_sum_to_the_totals(counts: list[int], modal: bool, split: bool) -> None:
    _text, audio, image, c_text, c_audio, c_image, w30, w12, w_rest, o_text, o_audio, o_image = counts
    result = {
        "object": COMPLETIONS["object"],
        "input_tokens": sum(counts[:9]),
        "input_cached_tokens": c_text + c_audio + c_image,
        "input_cache_write_tokens": w30 + w12 + w_rest,
        "output_tokens": o_text + o_audio + o_image,
    }
    if modal:
        result |= {"input_audio_tokens": audio, "input_image_tokens": image, "input_cached_audio_tokens": c_audio,
                   "input_cached_image_tokens": c_image, "output_audio_tokens": o_audio}  # fmt: skip
    if split:
        result |= {"input_cache_write_30m_tokens": w30, "input_cache_write_12h_tokens": w12}

    found = good("usage_completions", result)

    assert sum(one.quantity or 0 for one in found if one.meter in INPUT_METERS) == result["input_tokens"]
    assert sum(one.quantity or 0 for one in found if one.meter in OUTPUT_METERS) == result["output_tokens"]
    assert len({one.meter for one in found}) == len(found)


@pytest.mark.parametrize(
    ("kind", "expected"),
    [
        ("embeddings", [("uncached_input", 16, Decimal(16), "Tokens"), ("requests", 2, Decimal(2), "Requests")]),
        ("moderations", [("uncached_input", 18, Decimal(18), "Tokens"), ("requests", 3, Decimal(3), "Requests")]),
        ("images", [("images", 4, Decimal(4), "Images"), ("requests", 2, Decimal(2), "Requests")]),
        ("audio_speeches", [("characters", 45, Decimal(45), "Characters"), ("requests", 1, Decimal(1), "Requests")]),
        ("audio_transcriptions", [("seconds", 20_000_000, Decimal(20), "Seconds"), ("requests", 1, Decimal(1), "Requests")]),
        ("vector_stores", [("", None, Decimal(1024), "Bytes")]),
        ("code_interpreter_sessions", [("", None, Decimal(6), "Sessions")]),
        ("file_search_calls", [("", None, Decimal(9), "Requests")]),
        ("web_search_calls", [("searches", 5, Decimal(5), "Searches")]),
    ],
)  # fmt: skip
def test_every_other_report_counts_in_its_own_unit(kind: str, expected: list[tuple[object, ...]]) -> None:
    found = good(f"usage_{kind}", OTHERS[kind])

    assert [(one.meter, one.quantity, one.consumed_quantity, one.consumed_unit) for one in found] == expected
    assert {one.sub_account_id for one in found} == {"proj_red"}


def test_model_requests_around_web_searches_are_kept_beside_and_not_counted_again() -> None:
    (found,) = good("usage_web_search_calls", OTHERS["web_search_calls"])

    assert found.extra == {"num_model_requests": "4", "context_level": "high", "api_source": "unlabeled"}


def test_a_cost_is_exact_dollars_with_model_meter_and_quantity() -> None:
    (found,) = good("costs", COSTS)

    assert (found.layer, found.slice_key, found.currency) == ("cost", "2026-10-01", "USD")
    assert found.billed_cost == found.effective_cost == 13_500_000_000
    assert found.list_cost is None and found.contracted_cost is None
    assert (found.raw_model, found.meter, found.quantity) == ("gpt-6-astra", "uncached_input", 5400)
    assert (found.consumed_quantity, found.consumed_unit) == (Decimal(5400), "Tokens")
    assert (found.sku_id, found.sku_meter) == ("gpt-6-astra, input_tokens", "input_tokens")
    assert found.charge_description == "gpt-6-astra, input_tokens"
    assert (found.sub_account_id, found.principal, found.credential_id) == ("proj_red", "user_ada", "key_one")
    assert found.extra == {"api_source": "agents_api"}


@pytest.mark.parametrize(
    ("digits", "grains", "beside"),
    [
        ("0.13080438", 130_804_380_000, None),
        ("0.1", 100_000_000_000, None),  # as a float this is 0.1000000000000000055
        ("1e-7", 100_000, None),
        ("123456789.123456789012", 123_456_789_123_456_789_012, None),  # as a float …8912
        ("0.0000000000005", 0, "5E-13"),
        ("0.01307999999999999829", 13_080_000_000, "0.01307999999999999829"),
        ("-2.5", -2_500_000_000_000, None),
        ("7", 7_000_000_000_000, None),
    ],
)
def test_money_is_read_from_its_digits(digits: str, grains: int, beside: str | None) -> None:
    body = json.dumps(page_body(COSTS)).replace("0.0135", digits).encode()

    (found,) = read("costs", body)

    assert isinstance(found, BillLine)
    assert found.billed_cost == grains
    assert found.extra.get("amount.value") == beside


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"amount": None}, "amount.value is missing"),
        ({"amount": {"value": None, "currency": "usd"}}, "amount.value is missing"),
        ({"amount": {"value": "abc", "currency": "usd"}}, "value is 'abc', which is no number"),
        ({"amount": {"value": 1, "currency": None}}, "currency is ''"),
        ({"amount": {"value": 1e40, "currency": "usd"}}, "value is 1E+40, which has more digits than money"),
        ({"amount": 5}, "amount is '5', which is no object"),
    ],
)
def test_a_cost_without_an_amount_is_refused_and_never_zero(change: dict[str, object], reason: str) -> None:
    (found,) = read("costs", page_body({**COSTS, **change}))

    assert isinstance(found, Rejected) and found.reason.startswith(reason)


@pytest.mark.parametrize(
    ("item", "expected"),
    [
        ("gpt-4o-2024-08-06, Input", ("gpt-4o-2024-08-06", "uncached_input", "")),
        ("gpt-realtime-2.1, audio input", ("gpt-realtime-2.1", "uncached_input_audio", "")),
        ("gpt-6-astra, output_tokens", ("gpt-6-astra", "plain_output", "")),
        ("gpt-6-astra, cached input", ("gpt-6-astra", "cache_read", "")),
        ("gpt-6-astra, batch input", ("gpt-6-astra", "uncached_input", "batch")),
        ("ft:gpt-4o, acme, output", ("ft:gpt-4o, acme", "plain_output", "")),
        ("gpt-image-2, image output", ("gpt-image-2", "plain_output_image", "")),
        ("Web search, low context", ("", "", "")),
        ("assistants api | file search", ("", "", "")),
        (", input", ("", "", "")),
        ("", ("", "", "")),
    ],
)
def test_a_line_item_is_split_at_its_last_comma_or_left_whole(item: str, expected: tuple[str, str, str]) -> None:
    assert split_item(item) == expected


@pytest.mark.parametrize(
    ("item", "quantity", "unit", "expected"),
    [
        ("m, input", 5.4, "1000_tokens", (5400, Decimal("5.4"), "1000 Tokens")),
        ("m, input", 5.4001, "1000_tokens", (None, Decimal("5.4001"), "1000 Tokens")),
        ("whisper-2, minutes", 1.5, "duration_minutes", (90_000_000, Decimal("1.5"), "Minutes")),
        ("gpt-image-2, images", 3, "images", (3, Decimal(3), "Images")),
        ("vector storage", 2.25, "gibibyte_hours", (None, Decimal("2.25"), "GiB Hours")),
        ("m, input", 3, "images", (None, Decimal(3), "Images")),
        ("m, input", 3, "furlongs", (None, Decimal(3), "Furlongs")),
        ("m, input", None, None, (None, None, "")),
    ],
)
def test_quantities_keep_their_unit_and_count_in_the_meters_where_they_can(
    item: str, quantity: object, unit: object, expected: tuple[object, ...]
) -> None:
    (found,) = good("costs", {**COSTS, "line_item": item, "quantity": quantity, "quantity_unit": unit})

    assert (found.quantity, found.consumed_quantity, found.consumed_unit) == expected


@pytest.mark.parametrize("stream", sorted(REPORTS))
def test_a_field_that_nobody_knows_lands_in_extra_wherever_it_stands(stream: str) -> None:
    body = deepcopy(page_body(_sample(stream)))
    body["novel"] = "p"
    body["data"][0]["novel"] = {"deep": 1.50}  # type: ignore[index]
    body["data"][0]["results"][0]["input_smell_tokens"] = 12  # type: ignore[index]

    found = read(stream, body)

    for one in found:
        assert isinstance(one, BillLine)
        assert one.extra["page.novel"] == "p" and one.extra["bucket.novel.deep"] == "1.5"
        assert one.extra["input_smell_tokens"] == "12"


def test_a_new_class_of_tokens_beside_nothing_else_is_still_a_line() -> None:
    result = {"object": COMPLETIONS["object"], "input_tokens": 0, "output_tokens": 0, "input_video_tokens": 5}

    (found,) = good("usage_completions", result)

    assert found.meter == "" and found.quantity is None and found.extra == {"input_video_tokens": "5"}


def _sample(stream: str) -> dict[str, object]:
    return COSTS if stream == "costs" else USAGE[stream.removeprefix("usage_")]


@pytest.mark.parametrize("stream", sorted(REPORTS))
def test_every_field_of_an_answer_is_used_or_listed_with_a_reason(stream: str) -> None:
    """Changing any field changes the lines, unless it is listed as ignored."""
    totals = {"usage_completions", "usage_decisions"}
    module = costs if stream == "costs" else completions if stream in totals else counted
    ignored = {*lines.IGNORED_AROUND, *module.IGNORED}
    body = page_body(_sample(stream))
    before = read(stream, body)
    for path in leaves(body):
        where = {1: "page.", 3: "bucket."}.get(len(path), "")
        if f"{where}{path[-1]}" in ignored:
            continue
        assert read(stream, with_leaf(body, path)) != before, f"{path} is neither used nor listed"


def test_a_day_that_was_not_asked_for_is_refused() -> None:
    (found,) = read("costs", page_body(COSTS, DAY_S + 86_400))

    assert isinstance(found, Rejected)
    assert found.reason == "it is of 2026-10-02 00:00, and 2026-10-01 00:00 to 2026-10-02 00:00 was asked for"


def test_an_empty_bucket_is_no_line_and_a_cut_off_page_is_said_to_be_one() -> None:
    empty = page_body(COSTS)
    empty["data"][0]["results"] = []  # type: ignore[index]
    cut = json.dumps(page_body(COSTS)).encode()[:-30]

    assert read("costs", empty) == []
    (found,) = read("costs", cut)
    assert isinstance(found, Rejected) and found.line_no == 0 and "cut off" in found.reason


@given(st.data())
def test_no_page_however_broken_is_an_exception(data: st.DataObject) -> None:
    stream = data.draw(st.sampled_from(sorted(REPORTS)))
    raw = data.draw(broken(page_body(_sample(stream))))

    for one in read(stream, raw):
        if isinstance(one, Rejected):
            assert one.reason
            one.raw.encode()
        else:
            assert fault_of(one) == "" and one.slice_key == "2026-10-01"
