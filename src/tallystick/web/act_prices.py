"""What the form for a file of changes does: it plays real usage under them. Nothing is written."""

from starlette.requests import Request
from starlette.responses import Response

from tallystick.web.budget_form import Fields
from tallystick.web.serve_prices import serve_prices
from tallystick.web.site import Site


def simulate(request: Request, site: Site, fields: Fields) -> Response:
    """``POST /prices``: what the changes of a file, or of a text, would cost whom."""
    return serve_prices(request, site, fields)


ACTS = (("/prices", simulate),)
