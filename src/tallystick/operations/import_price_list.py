"""Keep another price list as a second opinion: it prices no call and is held against the book."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from tallystick.connectors.second_lists import read_price_list
from tallystick.kernel.errors import DataError, NotFound, UsageError
from tallystick.kernel.ids import new_id
from tallystick.kernel.period import rfc3339
from tallystick.operations.audit import record
from tallystick.operations.context import Context, now_us
from tallystick.operations.load_prices import load_book
from tallystick.org.model import Principal
from tallystick.pricing.kept import lists_of_text, lists_to_text
from tallystick.pricing.opinion import Comparison, PriceList, compare

_OPERATOR = Principal("operator", "admin", local=True)
_LONGEST_NAME = 60
_SETTING = "prices.lists"
_MOST_BYTES = 64 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class Imported:
    """A list that was kept, or was there already, and how it compares with the book now.

    Attributes:
        changed: False where the same file was kept under this name before.
    """

    price_list: PriceList
    comparison: Comparison
    changed: bool


def import_price_list(context: Context, path: Path, *, source: str = "", principal: Principal = _OPERATOR) -> Imported:
    """Read a list and keep it under a name; it takes the place of the one that had it. The same file again changes nothing.

    Raises:
        DataError: The file is no list of a shape that is known; what was kept stays.
        UsageError: The name cannot be used, or the file not be read.
    """
    name = source.strip()
    if len(name) > _LONGEST_NAME or not name.isprintable():
        raise UsageError(f"the source's name is at most {_LONGEST_NAME} printable characters", where="source")
    made = read_price_list(_read(path), name, path.name)
    at, held = now_us(), list_price_lists(context)
    same = [one for one in held if (one.name, one.content_hash) == (made.name, made.content_hash)]
    kept = same[0] if same else replace(made, list_id=new_id("list", at), imported_at=at)
    if not same:
        with context.config_db.transaction():
            others = [one for one in list_price_lists(context) if one.name != kept.name]
            _write(context, [*others, kept])
            record(context, principal.name, "import price list", f"{kept.name} {kept.content_hash}")
    return Imported(kept, compare(load_book(context.config_db), kept.quotes, at), changed=not same)


def _read(path: Path) -> str:
    try:
        if not path.is_absolute():
            raise UsageError("the path must be absolute", where=str(path))
        if path.stat().st_size > _MOST_BYTES:
            raise UsageError(f"a price list has at most {_MOST_BYTES:,} bytes", where=str(path))
        return path.read_text(encoding="utf-8")
    except OSError as error:
        raise UsageError(f"the file cannot be read: {error.strerror}", where=str(path)) from None
    except UnicodeDecodeError:
        raise DataError("the file is not UTF-8", where=str(path)) from None


def forget_price_list(context: Context, name: str, principal: Principal = _OPERATOR) -> None:
    """Keep a list no longer.

    Raises:
        NotFound: None has this name.
    """
    with context.config_db.transaction():
        held = list_price_lists(context)
        if all(one.name != name for one in held):
            raise NotFound(f'no price list "{name}" is kept', next_steps=["tally prices lists"])
        _write(context, [one for one in held if one.name != name])
        record(context, principal.name, "forget price list", name)


def list_price_lists(context: Context) -> Sequence[PriceList]:
    """The lists that are kept beside the book, by name."""
    return lists_of_text(context.config_db.read_setting(_SETTING))


def _write(context: Context, lists: Sequence[PriceList]) -> None:
    text = lists_to_text(sorted(lists, key=lambda one: one.name))
    context.config_db.write_setting(_SETTING, text)


def price_list_to_wire(one: PriceList) -> dict[str, object]:
    """A kept list as JSON, without its prices."""
    return {
        "id": one.list_id,
        "name": one.name,
        "shape": one.shape,
        "file": one.file,
        "content_hash": one.content_hash,
        "prices": len(one.quotes),
        "left_out": list(one.left_out),
        "imported_at": rfc3339(one.imported_at),
    }
