"""Axis ticks at round values. Whole numbers in, whole numbers out, whatever the unit."""


def nice_ticks(largest: int, wanted: int = 4) -> tuple[int, ...]:
    """Ticks from 0 in steps of 1, 2, 2.5 or 5 times a power of ten, the last at or above `largest`.

    >>> nice_ticks(3030), nice_ticks(0), nice_ticks(7)
    ((0, 1000, 2000, 3000, 4000), (0, 1), (0, 2, 4, 6, 8))
    """
    if largest <= 0:
        return (0, 1)
    rough = -(-largest // max(1, wanted))
    step = _nice(rough)
    count = -(-largest // step)
    return tuple(step * index for index in range(count + 1))


def _nice(rough: int) -> int:
    power = int("1" + "0" * (len(str(rough)) - 1))
    for halves in (2, 4, 5, 10, 20):  # of half a power: 2.5 stays a whole number
        if halves * power % 2 == 0 and halves * power >= 2 * rough:
            return halves * power // 2
    return 10 * power
