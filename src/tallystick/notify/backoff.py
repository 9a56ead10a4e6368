"""When an alert that was not taken is tried again: after 1 s, then twice as long each time, an hour at most."""

from tallystick.kernel.period import DAY_US, HOUR_US, SECOND_US


def next_attempt(attempts: int, created_at: int, at: int) -> int | None:
    """The instant of the next attempt after so many have failed; None when it is given up.

    It is given up a day after the alert was raised, yet never before it was tried once:
    an alert that waited while nothing ran is still sent.
    """
    if at - created_at >= DAY_US:
        return None
    return at + min(SECOND_US << min(attempts - 1, 12), HOUR_US)
