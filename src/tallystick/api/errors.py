"""The one table from error to HTTP status, and the errors only HTTP knows.

These keep the code of their kind, for people need no other advice than `tally help` has for it.
"""

from collections.abc import Mapping

from tallystick.kernel.errors import (
    ConfigError,
    Conflict,
    DataError,
    Denied,
    NotFound,
    QueryError,
    TallyError,
    Unavailable,
    UsageError,
)


class LoginNeeded(Denied):
    """Nobody known is asking."""


class TooManyAttempts(Denied):
    """One address failed to log in too often."""


class BodyTooLarge(DataError):
    """A body larger than the route takes."""


class BodyTooSlow(DataError):
    """A body that did not arrive in time."""


class WrongMethod(UsageError):
    """The path is there, for another method."""


STATUS: Mapping[type[TallyError], int] = {
    UsageError: 400,
    ConfigError: 400,
    QueryError: 400,
    NotFound: 404,
    Conflict: 409,
    Denied: 403,
    DataError: 422,
    Unavailable: 503,
    LoginNeeded: 401,
    TooManyAttempts: 429,
    BodyTooLarge: 413,
    BodyTooSlow: 408,
    WrongMethod: 405,
    TallyError: 500,
}
RETRY_SECONDS: Mapping[type[TallyError], int] = {Unavailable: 2, TooManyAttempts: 60}


def status_of(error: TallyError) -> int:
    """The status of an error: its own, else that of the nearest kind it is of."""
    return next(STATUS[kind] for kind in type(error).__mro__ if kind in STATUS)


def headers_of(error: TallyError) -> dict[str, str]:
    """Headers that belong to an error."""
    headers = {}
    if isinstance(error, LoginNeeded):
        headers["www-authenticate"] = 'Bearer realm="tallystick"'
    if type(error) in RETRY_SECONDS:
        headers["retry-after"] = str(RETRY_SECONDS[type(error)])
    return headers


def error_wire(error: TallyError) -> dict[str, object]:
    """The error object of every JSON answer."""
    return {
        "error": {"code": error.code, "what": error.what, "where": error.where, "next_steps": list(error.next_steps)}
    }
