"""What the forms of budgets do: set, change, override, release, delete. Each ends where its effect is seen."""

from collections.abc import Callable
from typing import Annotated

from fastapi import Depends
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from tallystick.kernel.errors import Conflict, Denied, NotFound, TallyError, UsageError
from tallystick.operations.manage_budgets import (
    delete_budget,
    override_budget,
    override_end,
    read_budget,
    set_budget,
)
from tallystick.operations.reopen_breaker import reopen_breaker
from tallystick.web.budget_form import START, Fields, Form, changed_wire, choices, failed, new_wire
from tallystick.web.budgets_page import budget_href
from tallystick.web.render import render
from tallystick.web.serve_budgets import serve_budget
from tallystick.web.site import Site

Act = Callable[[Request, Site, Fields], Response]


async def sent_fields(request: Request) -> Fields:
    """What a form has sent; files are no fields."""
    form = await request.form(max_fields=60)
    return {name: value for name, value in form.items() if isinstance(value, str)}


Sent = Annotated[Fields, Depends(sent_fields)]


def serve_new(request: Request, site: Site) -> Response:
    """``/budgets/new``: the empty form; what its address names is filled in."""
    known = {name: value for name, value in request.query_params.items() if name not in {"csrf"}}
    return _form(request, site, Form({**START, **known}))


def make(request: Request, site: Site, fields: Fields) -> Response:
    """Make a budget; one of that name is not changed by it."""
    who = site.principal(request)
    try:
        _check_new(site, fields)
        made, _ = set_budget(site.context, new_wire(fields), who)
    except (UsageError, Conflict, Denied) as error:
        return _form(request, site, failed(fields, error))
    return _back(f"{budget_href(made)}?done=made")


def _check_new(site: Site, fields: Fields) -> None:
    name = fields.get("name", "").strip()
    try:
        read_budget(site.context, name)
    except NotFound:
        return
    raise UsageError("there is a budget of that name already", where="name", next_steps=["open it to change it"])


def change(request: Request, site: Site, fields: Fields) -> Response:
    """Change limit, action, thresholds or owner."""
    budget = read_budget(site.context, request.path_params["name"], site.principal(request))
    try:
        set_budget(site.context, {"name": budget.name, **changed_wire(fields)}, site.principal(request))
    except (UsageError, Conflict) as error:
        return serve_budget(request, site, form=failed(fields, error))
    return _back(f"{budget_href(budget)}?done=changed")


def override(request: Request, site: Site, fields: Fields) -> Response:
    """Let another limit hold for a while."""
    who = site.principal(request)
    budget = read_budget(site.context, request.path_params["name"], who)
    try:
        wanted = (fields.get("limit", "").replace(",", "").lstrip("$ "), _end(fields), _reason(fields))
        override_budget(site.context, budget.budget_id, wanted, who)
    except UsageError as error:
        return serve_budget(request, site, override=failed(fields, error))
    return _back(f"{budget_href(budget)}?done=override")


def _end(fields: Fields) -> int:
    try:
        return override_end("", fields.get("lasts", ""))
    except UsageError as error:
        raise UsageError(error.what, where="lasts", next_steps=error.next_steps) from None


def _reason(fields: Fields) -> str:
    reason = fields.get("reason", "")
    if not reason.strip():
        raise UsageError("say why, for whoever looks later", where="reason")
    return reason


def release(request: Request, site: Site, fields: Fields) -> Response:
    """Close the open breakers of a budget."""
    done = reopen_breaker(site.context, request.path_params["name"], site.principal(request))
    return _back(f"/budgets?done={'released' if done else 'none'}")


def delete(request: Request, site: Site, fields: Fields) -> Response:
    """Delete a budget, once its name was typed.

    Raises:
        NotFound: There is none that the caller may see.
    """
    budget = read_budget(site.context, request.path_params["name"], site.principal(request))
    if fields.get("confirm", "").strip() != budget.name:
        error: TallyError = UsageError("type the budget's name to delete it", where="confirm")
        return serve_budget(request, site, form=Form(fields, {"confirm": error.what}))
    delete_budget(site.context, budget.budget_id, site.principal(request))
    return _back("/budgets?done=deleted")


def _form(request: Request, site: Site, form: Form) -> Response:
    status = 400 if form.errors else 200
    return render(
        request, site, "budget_new.html", status=status, heading="Set a budget", form=form, zone=site.context.zone,
        **choices(),
    )  # fmt: skip


def _back(path: str) -> Response:
    return RedirectResponse(path, 303, headers={"cache-control": "no-store"})


ACTS: tuple[tuple[str, Act], ...] = (
    ("/budgets/new", make),
    ("/budgets/{name}/change", change),
    ("/budgets/{name}/override", override),
    ("/budgets/{name}/release", release),
    ("/budgets/{name}/delete", delete),
)
