"""Routing rules: what happens to calls before they are made."""

from typing import Any

from fastapi import APIRouter
from pydantic import BaseModel, ConfigDict, Field

from tallystick.api.params import check_params
from tallystick.api.routes import Asked
from tallystick.operations.context import now_us
from tallystick.operations.manage_rules import delete_rule, list_rules, set_rule, shadow_rule, try_rules
from tallystick.routing.model import CallFacts
from tallystick.routing.wire import to_wire

router = APIRouter(prefix="/api/v1/rules", tags=["rules"])


class RuleBody(BaseModel):
    """A rule; its name is in the path. It is in shadow unless `shadow` is false.

    A body of `shadow` alone changes only that of a rule that is there.
    """

    model_config = ConfigDict(extra="forbid", strict=True)

    priority: int = 100
    shadow: bool = True
    when: dict[str, Any] = Field(default_factory=dict)
    then: dict[str, Any] = Field(default_factory=dict)


class DescribedCall(BaseModel):
    """A call, as far as rules look at it.

    Attributes:
        budgets: Name of a budget to the whole per cent of its limit that is used.
    """

    model_config = ConfigDict(extra="forbid", strict=True)

    dimensions: dict[str, str] = Field(default_factory=dict)
    input_bytes: int = 0
    max_tokens: int | None = None
    messages: int | None = None
    tools: bool = False
    at_us: int | None = None
    budgets: dict[str, int] = Field(default_factory=dict)


@router.get("")
def get_rules(asked: Asked) -> dict[str, Any]:
    """The rules in use, in the order in which they are asked."""
    check_params(asked.request, [])
    return {"rules": [to_wire(rule) for rule in list_rules(asked.context)]}


@router.put("/{name}")
def put_rule(asked: Asked, name: str, body: RuleBody) -> dict[str, Any]:
    """Set a rule; it holds for the next call."""
    check_params(asked.request, [])
    if body.model_fields_set == {"shadow"}:
        return to_wire(shadow_rule(asked.context, name, shadow=body.shadow, principal=asked.principal))
    return to_wire(set_rule(asked.context, name, body.model_dump(), asked.principal))


@router.delete("/{name}")
def remove_rule(asked: Asked, name: str) -> dict[str, Any]:
    """Delete a rule; the next call does not know it."""
    check_params(asked.request, [])
    return to_wire(delete_rule(asked.context, name, asked.principal))


@router.post("/test")
def post_test(asked: Asked, call: DescribedCall) -> dict[str, Any]:
    """What the rules would make of a call, without making it."""
    check_params(asked.request, [])
    facts = CallFacts(
        dimensions=call.dimensions,
        at_us=now_us() if call.at_us is None else call.at_us,
        input_bytes=call.input_bytes,
        max_tokens=call.max_tokens,
        messages=call.messages,
        tools=call.tools,
        budgets=call.budgets,
    )
    tried = try_rules(asked.context, facts)
    plan = tried.plan
    return {
        "matching": [{"name": rule.name, "shadow": rule.shadow} for rule in tried.matching],
        "by": dict(plan.by),
        "shadowed": list(plan.shadowed),
        "model": list(plan.models),
        "provider": plan.provider,
        "max_output": plan.max_output,
        "cache_seconds": plan.cache_seconds,
        "deny": plan.deny,
    }
