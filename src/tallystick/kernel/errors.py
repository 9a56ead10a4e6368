"""The errors of the product: what happened, where, why, and what to do next.

Edges give these a status (api), an exit code (cli) or a provider's shape (gateway);
rules have never heard of HTTP.

    TallyError
    ├── UsageError          the caller's words are wrong (exit 2)
    │   ├── ConfigError     an entry of the configuration file
    │   └── QueryError      a dimension, range, filter or measure nobody knows
    ├── NotFound            no such key, request, token, page
    ├── Conflict            the name is taken, the port is in use, another owner holds the data
    ├── Denied              the caller may not do this
    ├── DataError           a file or body that is not what it claims
    └── Unavailable         a disk, server or provider that does not answer now
"""

from collections.abc import Sequence


class TallyError(Exception):
    """Base of every error a user may read.

    Args:
        what: What happened, with the value found and the value needed.
        where: The place: ``file:line``, a URL, a config entry. May be empty.
        next_steps: Up to three things to do, in the order of likelihood.
    """

    code = "E000"

    def __init__(self, what: str, *, where: str = "", next_steps: Sequence[str] = ()) -> None:
        super().__init__(what)
        self.what = what
        self.where = where
        self.next_steps = tuple(next_steps)

    def __str__(self) -> str:
        return f"{self.where}: {self.what}" if self.where else self.what


class UsageError(TallyError):
    """The caller's words are wrong."""

    code = "E002"


class ConfigError(UsageError):
    """An entry of the configuration cannot be used."""

    code = "E010"


class QueryError(UsageError):
    """A dimension, range, filter or measure that nobody knows."""

    code = "E011"


class NotFound(TallyError):
    """There is no such thing."""

    code = "E004"


class Conflict(TallyError):
    """Somebody else has the name, the port or the data."""

    code = "E009"


class Denied(TallyError):
    """The caller may not do this."""

    code = "E003"


class DataError(TallyError):
    """A file or body that is not what it claims."""

    code = "E014"


class Unavailable(TallyError):
    """A disk, server or provider that does not answer now."""

    code = "E015"
