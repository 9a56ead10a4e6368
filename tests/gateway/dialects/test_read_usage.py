"""Every golden shape, plain, streamed and cut, is read into the classes and the cost written beside it."""

from dataclasses import replace

import pytest

from tallystick.connectors.price_overrides import parse_override
from tallystick.gateway.dialects import DIALECTS
from tallystick.kernel.money import grains_from_decimal
from tallystick.pricing.book import PriceBook
from tallystick.pricing.overlay import merge_overrides
from tallystick.pricing.rate import rate
from tallystick.usage.meters import INPUT_METERS, OUTPUT_METERS
from tests.golden.read_shapes import (
    SHAPES,
    answer_bytes,
    client_bytes,
    expected_cost,
    names,
    price_entries,
    read_shape,
    request_body,
)

NOON_US = 1_795_000_000_000_000


@pytest.fixture(scope="module")
def book():
    overrides = [parse_override(entry, f"prices.toml:{number}") for number, entry in enumerate(price_entries())]
    return PriceBook(merge_overrides([], overrides, "golden"))


def read(shape, chunk=64):
    """The facts of a shape and the bytes its caller gets, the stream fed in chunks."""
    dialect = DIALECTS[shape["dialect"]]
    route = dialect.route("POST", shape["path"])
    request = dialect.read_request(route, request_body(shape))
    wire = answer_bytes(shape)
    if "stream" not in shape:
        return dialect.read_response(route, request, shape["expect"]["status"], wire), wire
    reader = dialect.read_stream(route, request)
    passed = b"".join(reader.feed(wire[start : start + chunk]) for start in range(0, len(wire), chunk))
    passed += reader.flush()
    return reader.facts(), passed


def cost(book, shape, facts, measured):
    rated = rate(
        book,
        provider=shape.get("provider", shape["dialect"]),
        model=facts.response_model or shape["request"].get("model") or shape["model"],
        service_tier=facts.service_tier,
        region=facts.region,
        at_us=NOON_US,
        measured=measured,
    )
    assert not rated.unpriced
    return rated.cost


def test_there_are_enough_shapes_to_believe_in():
    assert len(SHAPES) >= 64


@pytest.mark.parametrize("path", SHAPES, ids=names(SHAPES))
def test_a_shape_is_read_class_by_class(path):
    shape = read_shape(path)
    expected = shape["expect"]
    facts, passed = read(shape)

    measured = facts.measured
    assert dict(measured.quantities) == expected["quantities"]
    assert measured.input_tokens == expected["input_tokens"]
    assert measured.output_tokens == expected["output_tokens"]
    assert measured.state == expected["state"]
    assert sorted(measured.estimated) == sorted(expected["estimated"])
    assert sorted(measured.drift) == sorted(expected["drift"])
    assert facts.complete == expected["complete"]
    assert facts.response_model == expected["model"]
    assert facts.service_tier == expected["tier"]
    assert facts.region == expected["region"]
    assert facts.finish_reason == expected["finish"]
    assert facts.error_type == expected["error"]
    assert passed == client_bytes(shape)


@pytest.mark.parametrize("path", SHAPES, ids=names(SHAPES))
def test_the_classes_of_a_shape_sum_to_its_totals(path):
    measured = read(read_shape(path))[0].measured

    assert sum(measured.quantities.get(meter, 0) for meter in INPUT_METERS) == measured.input_tokens
    assert sum(measured.quantities.get(meter, 0) for meter in OUTPUT_METERS) == (measured.output_tokens or 0)


@pytest.mark.parametrize("path", SHAPES, ids=names(SHAPES))
def test_a_shape_costs_rate_times_tokens(book, path):
    shape = read_shape(path)
    facts, _ = read(shape)

    assert cost(book, shape, facts, facts.measured) == grains_from_decimal(expected_cost(shape))


@pytest.mark.parametrize("path", SHAPES, ids=names(SHAPES))
def test_one_token_more_in_any_class_costs_more(book, path):
    shape = read_shape(path)
    facts, _ = read(shape)
    before = cost(book, shape, facts, facts.measured)

    for meter, _, _ in shape["expect"]["cost"]:
        quantities = {**facts.measured.quantities, meter: facts.measured.quantities[meter] + 1}
        assert cost(book, shape, facts, replace(facts.measured, quantities=quantities)) > before


STREAMS = [path for path in SHAPES if "stream" in read_shape(path)]


@pytest.mark.parametrize("path", STREAMS, ids=names(STREAMS))
@pytest.mark.parametrize("chunk", [1, 2, 7, 1_000_000])
def test_the_chunks_of_a_stream_change_nothing(path, chunk):
    shape = read_shape(path)

    assert read(shape, chunk) == read(shape)


@pytest.mark.parametrize("path", STREAMS, ids=names(STREAMS))
def test_lines_may_end_with_carriage_returns(path):
    shape = read_shape(path)
    plain_facts, plain_bytes = read(shape)
    shape["stream"] = [event.replace("\n", "\r\n") for event in shape["stream"]]
    for chunk in (1, 3, 1_000_000):
        facts, passed = read(shape, chunk)

        assert facts == plain_facts
        assert passed == plain_bytes.replace(b"\n", b"\r\n")
