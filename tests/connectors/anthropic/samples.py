"""Rows as Anthropic gives them, of each report, every field filled in; invented figures."""

DAY = "2026-10-01"
_COUNTS = {
    "uncached_input_tokens": 1_500,
    "cache_creation": {"ephemeral_1h_input_tokens": 1_000, "ephemeral_5m_input_tokens": 500},
    "cache_read_input_tokens": 200,
    "output_tokens": 700,
    "server_tool_use": {"web_search_requests": 10},
}
MESSAGES = {
    **_COUNTS,
    "account_id": "user_ada",
    "api_key_id": "apikey_one",
    "context_window": "200k-1M",
    "inference_geo": "us",
    "model": "claude-opus-5",
    "service_account_id": "svac_bot",
    "service_tier": "batch",
    "speed": "standard",
    "workspace_id": "wrkspc_red",
}
COSTS = {
    "amount": "123.78912",
    "context_window": "0-200k",
    "cost_type": "tokens",
    "currency": "USD",
    "description": "Claude Opus 5 Usage - Input Tokens",
    "inference_geo": "global",
    "model": "claude-opus-5",
    "service_tier": "standard",
    "speed": None,
    "token_type": "uncached_input_tokens",
    "workspace_id": "wrkspc_red",
}
CODE = {
    "date": "2026-10-01T00:00:00Z",
    "actor": {"type": "user_actor", "email_address": "ada@example.com"},
    "organization_id": "11111111-2222-3333-4444-555555555555",
    "customer_type": "api",
    "subscription_type": "team",
    "terminal_type": "vscode",
    "core_metrics": {
        "num_sessions": 5,
        "lines_of_code": {"added": 154, "removed": 89},
        "commits_by_claude_code": 12,
        "pull_requests_by_claude_code": 2,
    },
    "tool_actions": {
        "edit_tool": {"accepted": 45, "rejected": 5},
        "multi_edit_tool": {"accepted": 11, "rejected": 3},
        "write_tool": {"accepted": 8, "rejected": 1},
        "notebook_edit_tool": {"accepted": 4, "rejected": 6},
    },
    "model_breakdown": [
        {
            "model": "claude-sonnet-5",
            "tokens": {"input": 100_000, "output": 35_000, "cache_read": 10_000, "cache_creation": 5_000},
            "estimated_cost": {"currency": "USD", "amount": 1_025},
        },
        {
            "model": "claude-haiku-5",
            "tokens": {"input": 7, "output": 5, "cache_read": 3, "cache_creation": 2},
            "estimated_cost": {"currency": "USD", "amount": "0.25"},
        },
    ],
}
_NO_GROUP = dict.fromkeys(
    ("actor_type", "agent_id", "claude_tag_category", "claude_tag_user_id", "context_window", "deployment_id",
     "environment_id", "inference_geo", "organization_id", "rbac_group_id", "service_tier", "session_id",
     "slack_channel_id", "speed", "user_profile_id", "product", "actor", "api_key_id", "workspace_id")
)  # fmt: skip
ANALYTICS_COST = {
    "group": {
        **_NO_GROUP,
        "actor": {
            "type": "user_actor",
            "user_id": "user_ada",
            "email_address": "ada@example.com",
            "name": "Ada",
            "deleted": False,
        },
        "api_key_id": "apikey_one",
        "cost_type": "tokens",
        "model": "claude-opus-5-5",
        "product": "claude_code",
        "token_type": "cache_read_input_tokens",
        "workspace_id": "wrkspc_red",
    },
    "cost": {"amount": "1523.40125", "list_amount": "1692.66806", "currency": "USD", "requests": None},
}
ANALYTICS_USAGE = {
    "group": {
        **_NO_GROUP,
        "api_key_id": "apikey_one",
        "context_window": "0-200k",
        "model": "claude-opus-5-5",
        "service_tier": "flex",
        "workspace_id": "wrkspc_red",
    },
    "usage": {**_COUNTS, "total_tokens": 3_900, "requests": 12},
}
SAMPLES = {
    "usage_messages": MESSAGES,
    "cost_report": COSTS,
    "claude_code": CODE,
    "analytics_cost": ANALYTICS_COST,
    "analytics_usage": ANALYTICS_USAGE,
}


def page_body(stream: str, row: dict[str, object], day: str = DAY) -> dict[str, object]:
    """A page with one row, in a bucket of one day where the report has buckets."""
    times = {"starting_at": f"{day}T00:00:00Z", "ending_at": f"{day[:-2]}{int(day[-2:]) + 1:02}T00:00:00Z"}
    page: dict[str, object] = {"data": [row], "has_more": False, "next_page": None}
    if stream.startswith("analytics"):
        return {**page, "data": [{**times, **row}], "data_refreshed_at": "2026-10-02T09:00:00Z"}
    return page if stream == "claude_code" else {**page, "data": [{**times, "results": [row]}]}
