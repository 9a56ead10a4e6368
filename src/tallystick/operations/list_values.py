"""The values that a dimension has, for menus and completion."""

from tallystick.explore.conditions import dimension as known_dimension
from tallystick.explore.conditions import normal
from tallystick.explore.model import Filter, Query
from tallystick.explore.store import list_tags
from tallystick.explore.store import list_values as read_values
from tallystick.kernel.period import Period
from tallystick.operations.context import Context
from tallystick.operations.explore import read_scope
from tallystick.org.model import Principal

TAGS = "tag"


def list_values(
    context: Context, dimension: str, period: Period, principal: Principal, *, prefix: str = "", limit: int = 100
) -> list[str]:
    """Values in a period, the dearest first; `""` among them when some calls have none and no prefix is given.

    Args:
        context: The instance.
        dimension: A dimension, ``tag.<name>``, or ``tag`` for the names of tags.
        period: Any stretch of time.
        principal: Only what its teams have is listed.
        prefix: How values begin, without case and separators.
        limit: Largest number of values.

    Raises:
        QueryError: No such dimension.
    """
    if dimension.strip().lower() == TAGS:
        scope = read_scope(context, Query(period=period, zone=context.zone), principal, raw=True)
        return [
            name for name in list_tags(context.ledger, scope, 10 * limit) if normal(name).startswith(normal(prefix))
        ][:limit]
    name = known_dimension(dimension, "dimension")
    filters = (Filter(name, "starts_with", (prefix,)),) if normal(prefix) else ()
    query = Query(period=period, group_by=(name,), filters=filters, zone=context.zone)
    return read_values(context.ledger, read_scope(context, query, principal), limit)
