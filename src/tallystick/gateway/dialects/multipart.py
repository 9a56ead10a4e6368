"""Forms with files (``multipart/form-data``): the small fields read, the files only measured.

The boundary is the body's own first line, so that no header is needed.
"""

import re
from dataclasses import dataclass, field

_LONGEST_FIELD = 64 * 1024
_NAME = re.compile(rb'content-disposition:[^\r\n]*?[;\s]name="?([^";\r\n]*)"?', re.IGNORECASE)
_FILE = re.compile(rb"content-disposition:[^\r\n]*?[;\s]filename\*?=", re.IGNORECASE)


@dataclass(slots=True)
class Form:
    """What a form holds.

    Attributes:
        fields: Name to value of the fields that are no files; the last of several.
        files: Name and bytes of each file.
    """

    fields: dict[str, str] = field(default_factory=dict)
    files: list[tuple[str, int]] = field(default_factory=list)


def is_form(body: bytes) -> bool:
    """Whether the body begins as a form does."""
    return body.startswith(b"--")


def read_form(body: bytes) -> Form | None:
    """The form, None when it is none."""
    form = Form()
    for start, head_end, end in _parts(body):
        found = _NAME.search(body, start, head_end)
        if found is None:
            continue
        name, size = found.group(1).decode("utf-8", "replace"), end - head_end
        if _FILE.search(body, start, head_end):
            form.files.append((name, size))
        elif size <= _LONGEST_FIELD:
            form.fields[name] = body[head_end:end].decode("utf-8", "replace")
    return form if form.fields or form.files else None


def with_field(body: bytes, name: str, value: str) -> bytes:
    """The form with one field's value put in the place of the one it has; as it came where it has none."""
    for start, head_end, end in _parts(body):
        found = _NAME.search(body, start, head_end)
        if found is not None and found.group(1) == name.encode() and not _FILE.search(body, start, head_end):
            return body[:head_end] + value.encode() + body[end:]
    return body


def _parts(body: bytes) -> list[tuple[int, int, int]]:
    """Where each part's head begins, where its content begins and where it ends."""
    first = body.find(b"\r\n")
    if not is_form(body) or first < 0:
        return []
    mark = b"\r\n" + body[:first]
    found: list[tuple[int, int, int]] = []
    start = first
    while True:
        end = body.find(mark, start + 2)
        head_end = body.find(b"\r\n\r\n", start, None if end < 0 else end + 2)
        if end < 0 or head_end < 0:
            return found
        found.append((start, min(head_end + 4, end), end))
        start = end + len(mark)
        if body.startswith(b"--", start):
            return found
