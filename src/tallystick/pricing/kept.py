"""Second opinions as one text in the row database, and back."""

import json
from collections.abc import Iterable

from tallystick.pricing.opinion import PriceList, Quote

_NAMED = ("name", "shape", "file", "content_hash", "list_id")


def lists_to_text(lists: Iterable[PriceList]) -> str:
    """All lists; prices are whole grains, so nothing is rounded."""
    return json.dumps(
        [
            {name: getattr(one, name) for name in _NAMED}
            | {
                "imported_at": one.imported_at,
                "left_out": one.left_out,
                "quotes": [[getattr(quote, name) for name in Quote.__slots__] for quote in one.quotes],
            }
            for one in lists
        ],
        separators=(",", ":"),
    )


def lists_of_text(text: str) -> list[PriceList]:
    """The lists of `lists_to_text`; none of an empty text."""
    return [
        PriceList(
            **{name: str(raw[name]) for name in _NAMED},
            quotes=tuple(Quote(*quote) for quote in raw["quotes"]),
            left_out=tuple(raw["left_out"]),
            imported_at=raw["imported_at"],
        )
        for raw in (json.loads(text) if text else [])
    ]
