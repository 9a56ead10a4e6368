"""The control plane as one FastAPI application: the guard, the routes of the API, and the pages beside them."""

from collections.abc import Iterable, Iterator

from fastapi import APIRouter, FastAPI
from fastapi.exceptions import RequestValidationError
from fastapi.telemetry import TelemetryConfig
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Mount, Route

from tallystick.api import (
    alerts,
    budgets,
    currency,
    erase,
    explore,
    gateway_health,
    health,
    imports,
    keys,
    ledger,
    login,
    metrics,
    price_changes,
    prices,
    reconcile,
    replay,
    requests,
    rules,
    sources,
    status,
    tokens,
    values,
)
from tallystick.api.access import doors
from tallystick.api.answers import error_answer
from tallystick.api.auth import Failures
from tallystick.api.errors import WrongMethod
from tallystick.api.guard import Gate, Guard
from tallystick.api.services import Services
from tallystick.kernel.errors import NotFound, TallyError, UsageError
from tallystick.operations.context import Context

# The framework can send spans, with what requests held, wherever an environment variable says. Not from here.
_NO_TELEMETRY: TelemetryConfig = {
    "tracing": False,
    "metrics": False,
    "logs": False,
    "operation_spans": False,
    "auto_configure": False,
}

ROUTERS: tuple[APIRouter, ...] = (
    health.router,
    explore.router,
    requests.router,
    values.router,
    sources.router,
    reconcile.router,
    ledger.router,
    status.router,
    keys.router,
    budgets.router,
    replay.router,
    tokens.router,
    prices.router,
    price_changes.router,
    currency.router,
    imports.router,
    rules.router,
    gateway_health.router,
    erase.router,
    alerts.router,
    metrics.router,
)


def build_api(context: Context, services: Services, web_router: APIRouter | None = None) -> FastAPI:
    """The application that serves the API and, given their router, the pages.

    Raises:
        ValueError: A route exists that `api/access.py` says nothing about.
    """
    app = FastAPI(
        title="Tallystick",
        version=services.version or "0",
        openapi_url="/api/v1/openapi.json",
        docs_url=None,
        redoc_url=None,
        redirect_slashes=False,
        telemetry=_NO_TELEMETRY,
    )
    app.state.context = context
    app.state.services = services
    app.state.failures = Failures()
    app.router.routes.append(login.LINK_ROUTE)
    for router in (*ROUTERS, *([web_router] if web_router else []), login.router):
        app.include_router(router)
    table = doors(list_routes(app.routes))
    app.add_middleware(Guard, gate=Gate(context, services, table, app.state.failures))
    for kind in (TallyError, RequestValidationError, HTTPException):
        app.add_exception_handler(kind, _answer)
    return app


def list_routes(routes: Iterable[BaseRoute]) -> Iterator[tuple[str, str]]:
    """Method and template of every route, those of included routers and mounts too."""
    for route in routes:
        inner = getattr(route, "original_router", None)
        if inner is not None:
            yield from list_routes(inner.routes)
        elif isinstance(route, Mount):
            yield "GET", f"{route.path}/{{path:path}}"
        elif isinstance(route, Route):
            yield from ((method, route.path) for method in sorted(route.methods or ()))


def _answer(request: Request, error: Exception) -> Response:
    services: Services = request.app.state.services
    return error_answer(request, _as_tally(request, error), services.error_page)


def _as_tally(request: Request, error: Exception) -> TallyError:
    """Any error in the product's own words."""
    if isinstance(error, TallyError):
        return error
    if isinstance(error, RequestValidationError):
        return _of_validation(request, error)
    if isinstance(error, HTTPException) and error.status_code == 405:
        return WrongMethod(f"{request.method} is not possible here", where=request.scope["path"])
    if isinstance(error, HTTPException) and error.status_code != 404:
        return UsageError("the request cannot be read", where=request.scope["path"])
    return NotFound("there is no such page", where=request.scope["path"])


def _of_validation(request: Request, error: RequestValidationError) -> TallyError:
    """The first thing wrong with a body; what was sent is not repeated, for it may hold a secret."""
    first = error.errors()[0]
    place = ".".join(str(part) for part in first.get("loc", ())[1:])
    what = f'"{place}": {first.get("msg", "not valid")}' if place else str(first.get("msg", "not valid"))
    return UsageError(
        f"the body cannot be used: {what}", where=request.scope["path"], next_steps=["GET /api/v1/openapi.json"]
    )
