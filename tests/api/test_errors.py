"""Every error of the product has a status and one shape."""

from tallystick.api import errors
from tallystick.api.errors import STATUS, LoginNeeded, TooManyAttempts, error_wire, headers_of, status_of
from tallystick.kernel.errors import TallyError, Unavailable


def _kinds(kind: type[TallyError]) -> list[type[TallyError]]:
    return [kind, *(one for child in kind.__subclasses__() for one in _kinds(child))]


def test_every_error_has_a_status() -> None:
    own = [kind for kind in _kinds(TallyError) if kind.__module__ in {"tallystick.kernel.errors", errors.__name__}]
    assert set(own) == set(STATUS)
    for kind in own:
        assert 400 <= status_of(kind("what")) < 600


def test_an_error_made_elsewhere_has_the_status_of_its_kind() -> None:
    class Late(Unavailable):
        pass

    assert status_of(Late("x")) == 503


def test_an_error_says_what_where_and_what_next() -> None:
    error = Unavailable("the disk is full", where="/data", next_steps=["make room"])
    assert error_wire(error) == {
        "error": {"code": "E015", "what": "the disk is full", "where": "/data", "next_steps": ["make room"]}
    }


def test_who_must_wait_or_log_in_is_told_so_by_header() -> None:
    assert headers_of(Unavailable("x")) == {"retry-after": "2"}
    assert headers_of(TooManyAttempts("x")) == {"retry-after": "60"}
    assert headers_of(LoginNeeded("x")) == {"www-authenticate": 'Bearer realm="tallystick"'}
