"""The attribution dimensions: who a call belongs to.

Each is a column of events; everything else a caller says lands in the `tags` map.
"""

ATTRIBUTION: tuple[str, ...] = (
    "organization",
    "department",
    "team",
    "product",
    "feature",
    "customer",
    "customer_tier",
    "user",
    "agent",
    "workflow",
    "run",
    "conversation",
    "pull_request",
    "environment",
    "lifecycle_stage",
    "project",
    "cost_center",
    "gl_account",
    "experiment_variant",
    "workload_class",
    "region",
)

ALIASES: dict[str, str] = {
    "session": "conversation",
    "tier": "customer_tier",
    "variant": "experiment_variant",
    "workload": "workload_class",
    "run_id": "run",
    "pr": "pull_request",
}

# What a call was made with, beside who it belongs to.
TECHNICAL: tuple[str, ...] = (
    "provider",
    "model",
    "request_model",
    "response_model",
    "operation_name",
    "service_tier",
    "key",
    "provider_account",
    "source",
    "outcome",
    "verdict",
    "served_from",
)

# Low-cardinality dimensions the hourly charge keeps; the others are answered from events.
CHARGE_DIMENSIONS: tuple[str, ...] = (
    "provider",
    "provider_account",
    "model",
    "service_tier",
    "region",
    "key",
    "source",
    "organization",
    "department",
    "team",
    "product",
    "feature",
    "environment",
    "lifecycle_stage",
    "project",
    "cost_center",
    "customer_tier",
    "workload_class",
)

GROUPABLE: tuple[str, ...] = tuple(dict.fromkeys(TECHNICAL + ATTRIBUTION))


def canonical_dimension(name: str) -> str:
    """The dimension a caller's word means: hyphen and underscore alike, without case, aliases resolved.

    A word that is no dimension comes back normalised, to be used as a tag's name.

    >>> canonical_dimension("Run-ID"), canonical_dimension("Cost-Center"), canonical_dimension("Squad")
    ('run', 'cost_center', 'squad')
    """
    normal = name.strip().lower().replace("-", "_")
    return ALIASES.get(normal, normal)
