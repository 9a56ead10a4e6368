"""What the status of an HTTP answer means for an alert."""

from tallystick.notify.model import Undelivered

# What no second attempt can change, for it is in what we send. A wrong address or secret may be put right meanwhile.
_HOPELESS = frozenset({400, 405, 406, 410, 411, 413, 414, 415, 422})


def check_status(host: str, status: int) -> None:
    """Nothing when the alert was taken.

    Raises:
        Undelivered: It was not.
    """
    if 200 <= status < 300:
        return
    if 300 <= status < 400:
        raise Undelivered(f"{host} answered {status}; redirects are not followed", retry=True)
    raise Undelivered(f"{host} answered {status}", retry=status not in _HOPELESS)
