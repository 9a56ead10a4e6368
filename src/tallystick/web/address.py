"""The address of a page as data: every link is the present address with one thing changed.

What a page shows is in its URL and nowhere else, so links, the back button and a URL
sent to a colleague all say the same.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from urllib.parse import parse_qsl, urlencode

from tallystick.explore.conditions import UNKNOWN, condition_param
from tallystick.explore.model import Filter, Operator
from tallystick.usage.dimensions import canonical_dimension

# What only the page reads; the query's grammar does not know these words.
FORM_WORDS = ("q", "f_dim", "f_op", "f_value")
PLACE_WORDS = ("after", "page")
PAGE_WORDS = ("sort", "kind", "basis", "claim", *PLACE_WORDS, *FORM_WORDS)
QUERY_WORDS = ("range", "from", "to", "cmp", "by", "grain", "measure", "currency", "convert", "via", "limit")
# Here `basis` is a part of the question; on the ledger it picks rows, and no other page reads it.
OF_BASIS = frozenset({"/explore", "/explore.csv", "/api/v1/explore"})
# Rows of the ledger stay in the currency they were charged in.
CONVERSION = ("convert", "via")
_SIGNS = {"is_not": "!", "contains": "~", "starts_with": "^"}
_MARKS: dict[Operator, str] = {"is": "=", "is_not": "!=", "contains": "~=", "starts_with": "^="}
_LONGEST = 8000


@dataclass(frozen=True, slots=True)
class Address:
    """A path and its query, in order."""

    path: str
    params: tuple[tuple[str, str], ...] = ()

    @classmethod
    def parse(cls, path: str, query: str) -> "Address":
        """From a request's path and raw query string; empty fields stay until `tidy`."""
        return cls(path, tuple(parse_qsl(query[:_LONGEST], keep_blank_values=True, max_num_fields=200)))

    def tidy(self) -> "Address":
        """Without the empty fields a form sends, and with the filter form's three fields as one condition."""
        kept = [(name, value) for name, value in self.params if value and name not in FORM_WORDS]
        dimension, value, word = self.get("f_dim"), self.get("f_value"), self.get("f_op")
        if word == "unknown":
            value = UNKNOWN
        if dimension and value:
            kept.append((dimension + _SIGNS.get(word, ""), value))
        return Address(self.path, tuple(dict.fromkeys(kept)))

    def get(self, name: str) -> str:
        """The last value of a field, empty when absent."""
        return next((value for field, value in reversed(self.params) if field == name), "")

    def to(self, path: str) -> "Address":
        """The same question on another page, without what only this page reads, and what that one cannot."""
        left = (*_page_words(self.path, path), *(CONVERSION if path.startswith("/ledger") else ()))
        return Address(path, tuple(pair for pair in self.params if pair[0] not in left))

    def having(self, **changes: str | None) -> "Address":
        """Fields replaced; None takes one away. A trailing underscore spells a keyword (``from_``)."""
        wanted = {name.rstrip("_"): value for name, value in changes.items()}
        kept = [(name, value) for name, value in self.params if name not in wanted and name not in PLACE_WORDS]
        kept += [(name, value) for name, value in wanted.items() if value is not None]
        return Address(self.path, tuple(kept))

    def filtered(self, dimension: str, value: str) -> "Address":
        """One condition more: a dimension is a value, which may be unknown (empty)."""
        kept = [pair for pair in self.params if pair[0] not in PLACE_WORDS and not self._is_filter(pair, dimension)]
        return Address(self.path, (*kept, condition_param(Filter(dimension, "is", (value,)))))

    def without(self, dimension: str) -> "Address":
        """No condition on a dimension."""
        kept = [pair for pair in self.params if pair[0] not in PLACE_WORDS and not self._is_filter(pair, dimension)]
        return Address(self.path, tuple(kept))

    def unfiltered(self) -> "Address":
        """No condition at all."""
        kept = [pair for pair in self.params if pair[0] in (*QUERY_WORDS, *PAGE_WORDS) and pair[0] not in PLACE_WORDS]
        return Address(self.path, tuple(kept))

    def fields(self, *leave_out: str) -> list[tuple[str, str]]:
        """What a form carries along in hidden fields: all but its own and the place in a list."""
        return [pair for pair in self.params if pair[0] not in (*leave_out, *PLACE_WORDS, *FORM_WORDS)]

    def question(self) -> dict[str, list[str]]:
        """The fields the query's grammar reads."""
        found: dict[str, list[str]] = {}
        left = _page_words(self.path)
        for name, value in self.params:
            if name not in left:
                found.setdefault(name, []).append(value)
        return found

    def _is_filter(self, pair: tuple[str, str], dimension: str) -> bool:
        name, value = pair
        word = value.split("=")[0] if name == "where" else name
        return canonical_dimension(word.rstrip("!~^ ")) == dimension

    def __str__(self) -> str:
        query = urlencode(self.params, safe=",:!~^/()")
        return f"{self.path}?{query}" if query else self.path


def _page_words(*paths: str) -> tuple[str, ...]:
    """The words that are no part of the question on any of these pages."""
    asked = all(path in OF_BASIS for path in paths)
    return tuple(word for word in PAGE_WORDS if word != "basis" or not asked)


def describe(filters: Iterable[Filter]) -> list[tuple[str, str]]:
    """Each filter as (dimension, words) for chips: ``team = Support``."""
    return [(one.dimension, f"{one.dimension} {_MARKS[one.operator]} {_alternatives(one)}") for one in filters]


def _alternatives(one: Filter) -> str:
    return " or ".join(value or UNKNOWN for value in one.values)
