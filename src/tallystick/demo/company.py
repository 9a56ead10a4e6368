"""Who Northwind is: teams, features, models, customers. All of it is made up; the models' names are real.

Names of models must be in the price list, apart from the one that is meant to have no price.
"""

from tallystick.demo.model import DemoModel, Feature, Team

ORGANIZATION = "Northwind"

TEAMS: tuple[Team, ...] = (
    Team("Support", "Customer", "CC-410", 18),
    Team("Growth", "Customer", "CC-420", 9),
    Team("Sales", "Customer", "CC-430", 14),
    Team("Platform", "Engineering", "CC-110", 22),
    Team("Search", "Engineering", "CC-120", 8),
    Team("Mobile", "Engineering", "CC-130", 11),
    Team("Data", "Engineering", "CC-140", 10),
    Team("Logistics", "Operations", "CC-210", 12),
    Team("Procurement", "Operations", "CC-220", 7),
    Team("Finance", "Corporate", "CC-310", 9),
    Team("Legal", "Corporate", "CC-320", 6),
    Team("Risk", "Corporate", "CC-330", 8),
)

UNPRICED_MODEL = "claude-saga-1-preview"

MODELS: dict[str, DemoModel] = {
    "opus": DemoModel("claude-opus-5", "anthropic", "org-northwind-main"),
    "opus-old": DemoModel("claude-opus-4-1", "anthropic", "org-northwind-main"),
    "sonnet": DemoModel("claude-sonnet-5", "anthropic", "org-northwind-main"),
    "sonnet-old": DemoModel("claude-sonnet-4-5", "anthropic", "org-northwind-main"),
    "haiku": DemoModel("claude-haiku-4-5", "anthropic", "org-northwind-main"),
    "saga": DemoModel(UNPRICED_MODEL, "anthropic", "org-northwind-main"),
    "gpt": DemoModel("gpt-5.4", "openai", "org-nw-openai"),
    "gpt-5": DemoModel("gpt-5", "openai", "org-nw-openai"),
    "gpt-mini": DemoModel("gpt-5-mini", "openai", "org-nw-openai"),
    "gpt-pro": DemoModel("gpt-5-pro", "openai", "org-nw-openai", caches=False),
    "gpt-41": DemoModel("gpt-4.1", "azure.ai.openai", "northwind-azure-eu"),
    "embed": DemoModel("text-embedding-3-large", "openai", "org-nw-openai"),
    "gemini": DemoModel("gemini-2.5-pro", "gcp.gemini", "northwind-vertex-prod"),
    "flash": DemoModel("gemini-2.5-flash", "gcp.gemini", "northwind-vertex-prod"),
    "nova": DemoModel("amazon.nova-premier-v1:0", "aws.bedrock", "410022907731", caches=False),
    "mistral": DemoModel("mistral-large", "mistral_ai", "northwind-eu", caches=False),
}

LAUNCHED_FEATURE = "delivery-copilot"
LOOP_FEATURE = "invoice-matching"
SWITCHED_FEATURE = "ticket-triage"
SWITCH_FROM, SWITCH_TO = "opus-old", "sonnet"
UNPRICED_FEATURE = "code-review"

FEATURES: tuple[Feature, ...] = (
    Feature("ticket-triage", "Support", "Helpdesk", "chat", ("opus-old", "haiku"), 6.0, customers=True),
    Feature("reply-drafting", "Support", "Helpdesk", "chat", ("sonnet", "gpt"), 5.0, customers=True),
    Feature("help-center-chat", "Support", "Helpdesk", "chat", ("haiku", "gpt-mini"), 3.5, customers=True),
    Feature("call-summaries", "Support", "Helpdesk", "document", ("gemini", "flash"), 2.4, customers=True),
    Feature("refund-agent", "Support", "Helpdesk", "agent", ("opus", "sonnet"), 6.0, True, "refund-agent"),
    Feature("campaign-copy", "Growth", "Marketing site", "chat", ("gpt-pro", "sonnet"), 2.0),
    Feature(
        "audience-builder", "Growth", "Marketing site", "agent", ("gemini", "gpt-pro"), 2.2, agent="audience-agent"
    ),
    Feature("seo-briefs", "Growth", "Marketing site", "document", ("flash", "gpt-mini"), 1.0),
    Feature("lead-scoring", "Sales", "CRM", "chat", ("gpt-mini", "flash"), 1.6, customers=True),
    Feature("account-research", "Sales", "CRM", "agent", ("opus", "gpt-pro"), 4.0, True, "research-agent"),
    Feature("proposal-writer", "Sales", "CRM", "document", ("gpt-pro", "opus"), 0.7, customers=True),
    Feature("meeting-notes", "Sales", "CRM", "document", ("gemini", "gpt"), 1.5),
    Feature("code-review", "Platform", "Developer tools", "agent", ("opus", "gpt"), 8.0, agent="review-bot"),
    Feature("code-assistant", "Platform", "Developer tools", "agent", ("opus", "sonnet"), 16.0, agent="coder"),
    Feature("incident-helper", "Platform", "Developer tools", "agent", ("sonnet", "gpt"), 1.8, agent="oncall-agent"),
    Feature("test-writer", "Platform", "Developer tools", "agent", ("sonnet", "gpt-5"), 3.0, agent="test-bot"),
    Feature("log-explainer", "Platform", "Developer tools", "chat", ("haiku", "nova"), 1.2),
    Feature("semantic-search", "Search", "Shop", "embedding", ("embed",), 2.6, customers=True),
    Feature("query-rewrite", "Search", "Shop", "chat", ("flash", "gpt-mini"), 2.2, customers=True),
    Feature("result-summaries", "Search", "Shop", "chat", ("gpt-mini", "flash"), 1.2, customers=True),
    Feature("catalog-enrichment", "Search", "Shop", "document", ("gemini", "gpt-41"), 4.5),
    Feature("app-assistant", "Mobile", "App", "chat", ("gpt", "opus"), 3.5, customers=True),
    Feature("photo-returns", "Mobile", "App", "chat", ("gemini", "gpt-41"), 1.2, customers=True),
    Feature("voice-notes", "Mobile", "App", "chat", ("flash", "gpt-mini"), 0.9, customers=True),
    Feature("sql-copilot", "Data", "Analytics", "chat", ("opus", "gpt-5"), 2.0),
    Feature("report-narratives", "Data", "Analytics", "document", ("gpt-pro", "opus"), 0.9),
    Feature("pipeline-doctor", "Data", "Analytics", "agent", ("gemini", "sonnet"), 2.4, agent="pipeline-agent"),
    Feature("delivery-copilot", "Logistics", "Delivery", "agent", ("opus", "gpt"), 10.0, True, "delivery-agent"),
    Feature("route-explanations", "Logistics", "Delivery", "chat", ("flash", "mistral"), 1.0, customers=True),
    Feature("customs-forms", "Logistics", "Delivery", "document", ("nova", "gpt-41"), 1.3, customers=True),
    Feature("supplier-emails", "Procurement", "Purchasing", "chat", ("mistral", "gpt-mini"), 1.0),
    Feature("tender-analysis", "Procurement", "Purchasing", "document", ("nova", "opus"), 1.2),
    Feature("invoice-matching", "Finance", "Back office", "agent", ("opus", "sonnet"), 1.6, agent="matching-agent"),
    Feature("expense-checks", "Finance", "Back office", "document", ("gpt-mini", "nova"), 1.2),
    Feature("board-pack-drafts", "Finance", "Back office", "document", ("gpt-pro", "opus"), 0.3),
    Feature("contract-review", "Legal", "Back office", "document", ("opus", "gpt-pro"), 1.2),
    Feature("policy-questions", "Legal", "Back office", "chat", ("sonnet", "mistral"), 0.6),
    Feature("fraud-narratives", "Risk", "Payments", "document", ("gpt", "nova"), 1.1, customers=True),
    Feature("chargeback-agent", "Risk", "Payments", "agent", ("gpt-pro", "sonnet"), 1.2, True, "chargeback-agent"),
    Feature("kyc-extraction", "Risk", "Payments", "document", ("gemini", "nova"), 2.4, customers=True),
)

# Usage nobody has claimed: no team and no feature on the call. Its share of spend is UNOWNED_SHARE.
UNOWNED = Feature("", "", "", "chat", ("gpt", "opus"), 1.0)
UNOWNED_SHARE = 0.036

_FIRST = (
    "Alder", "Birch", "Cedar", "Dune", "Ember", "Fjord", "Grove", "Harbor", "Iris", "Juniper",
    "Kestrel", "Lumen", "Meadow", "Nimbus", "Orchard", "Pine", "Quarry", "Ridge", "Summit", "Tundra",
)  # fmt: skip
_SECOND = (
    "Foods", "Retail", "Works", "Outfitters", "Pharmacy", "Books", "Bikes", "Furniture",
    "Garden", "Optics", "Toys", "Tools", "Coffee", "Sports", "Studio",
)  # fmt: skip

# The first customers are the largest. Every pair of words is used once.
CUSTOMERS: tuple[str, ...] = tuple(
    f"{_FIRST[index % 20]} {_SECOND[(index % 20 + index // 20) % 15]}" for index in range(300)
)


def customer_tier(index: int) -> str:
    """The tier of a customer by its size: 30 enterprise, 90 business, 180 starter."""
    return "enterprise" if index < 30 else "business" if index < 120 else "starter"


_GIVEN = (
    "maya", "jonas", "aiko", "leila", "tomas", "nadia", "felix", "priya", "oscar", "ines", "kofi",
    "sara", "liam", "yuki", "elena", "ravi", "hanna", "omar", "julia", "diego", "mei", "anton",
)  # fmt: skip


def people(team: Team) -> list[str]:
    """The user names of a team's people."""
    stem = team.name.lower()
    return [f"{_GIVEN[index % len(_GIVEN)]}.{stem}@northwind.example" for index in range(team.people)]
