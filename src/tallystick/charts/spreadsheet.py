"""Texts of others in files that a spreadsheet opens: none may become a formula there. Pure."""

import re

_BEGINS = ("=", "+", "@", "-", "\t", "\r")
_NUMBER = re.compile(r"-\d[\d.,]*([eE][+-]?\d{1,4})?%?", re.ASCII)


def harmless(text: str) -> str:
    """A cell no spreadsheet takes for a formula; negative numbers stay as they are.

    >>> harmless("=cmd|' /C calc'!A1"), harmless("-1+cmd"), harmless("-12.50")
    ("'=cmd|' /C calc'!A1", "'-1+cmd", '-12.50')
    """
    return f"'{text}" if text.startswith(_BEGINS) and not _NUMBER.fullmatch(text) else text
