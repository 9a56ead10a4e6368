"""The golden usage shapes as tests read them."""

import json
import tomllib
from decimal import Decimal
from pathlib import Path

HERE = Path(__file__).parent
SHAPES = sorted((HERE / "usage_shapes").glob("*.json"))
PRICES = HERE / "prices.toml"


def read_shape(path):
    return json.loads(path.read_text(encoding="utf-8"))


def names(paths):
    return [path.stem for path in paths]


def request_body(shape):
    """The request as the caller sends it: compact JSON."""
    return json.dumps(shape["request"], separators=(",", ":"), ensure_ascii=False).encode()


def answer_bytes(shape):
    """What the provider answers."""
    if "stream" in shape:
        return "".join(shape["stream"]).encode()
    return json.dumps(shape["response"], ensure_ascii=False).encode()


def client_bytes(shape):
    """What the caller gets."""
    return "".join(shape.get("client", shape.get("stream", []))).encode() or answer_bytes(shape)


def expected_cost(shape):
    """Rate x tokens, class by class, as a decimal: the last column is the price of a million."""
    return sum((Decimal(price) * count / 1_000_000 for _, count, price in shape["expect"]["cost"]), Decimal(0))


def price_entries():
    """The entries of the golden price file."""
    return tomllib.loads(PRICES.read_text(encoding="utf-8"), parse_float=Decimal)["price"]
