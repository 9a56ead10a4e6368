"""What route handlers share: the context, the services and the caller, as FastAPI dependencies."""

from dataclasses import dataclass
from typing import Annotated

from fastapi import Depends
from starlette.requests import Request

from tallystick.api.auth import Failures
from tallystick.api.services import Services
from tallystick.operations.context import Context
from tallystick.org.model import Principal


@dataclass(frozen=True, slots=True)
class Call:
    """One request as a handler sees it."""

    request: Request
    context: Context
    services: Services
    principal: Principal
    failures: Failures


def call_of(request: Request) -> Call:
    """The request with what the application gave every handler."""
    state = request.app.state
    return Call(request, state.context, state.services, request.state.principal, state.failures)


Asked = Annotated[Call, Depends(call_of)]
