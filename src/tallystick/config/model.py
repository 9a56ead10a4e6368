"""Everything that can be set, as one dataclass tree. Defaults are what holds without a file."""

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class ProviderKey:
    """One of a provider's own keys; the first whose conditions hold is used.

    Attributes:
        api_key_env: Name of the environment variable that holds the secret.
        team, environment: Conditions on the caller's dimensions; empty matches all.
    """

    api_key_env: str
    team: str = ""
    environment: str = ""


@dataclass(frozen=True, slots=True)
class Provider:
    """An upstream, reached at ``/{name}/…``.

    Attributes:
        provider: The OpenTelemetry provider name prices are looked up under; the table's name by default.
        allow_private: The name may resolve to a private, link-local or loopback address.
            An address written out in `base_url` (or ``localhost``) needs no such word.
        allow_paths: Paths no dialect can meter that are forwarded all the same, unmetered.
        timeout_seconds: Longest silence of the upstream.
        auth: How its key travels: ``bearer``, ``x-api-key``, ``api-key``, ``x-goog-api-key``, ``aws-sigv4``,
            or ``none`` for a server that wants no key; the dialect's own way by default.
        region: Cloud region, for signing and for prices that depend on it.
        openai_url: Its own OpenAI-compatible endpoint, through which ``/v1`` reaches its models.
        billing: ``usage``, or ``subscription`` when a flat fee covers its calls: they cost nothing
            against money budgets and show their list value.
        gpu_usd_per_hour: Of a self-hosted server: a call costs its share of that hour by its duration.
        max_retries: How often a call that cannot have been billed is tried again.
        fallbacks: Other providers of one dialect to try, in order, when this one fails.
    """

    dialect: str
    base_url: str
    api_key_env: str = ""
    keys: tuple[ProviderKey, ...] = ()
    provider: str = ""
    allow_private: bool = False
    allow_paths: tuple[str, ...] = ()
    timeout_seconds: float = 600.0
    connect_timeout_seconds: float = 10.0
    auth: str = ""
    region: str = ""
    openai_url: str = ""
    billing: str = "usage"
    gpu_usd_per_hour: float = 0.0
    max_retries: int = 0
    fallbacks: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Gateway:
    """The data plane.

    Attributes:
        bring_your_own_key: Forward a caller's own provider key when it is no ``tally_…`` key.
            False means that every caller needs a ``tally_…`` key.
        header_prefix: Prefix of attribution headers.
        max_body_bytes: Larger requests are refused with 413.
        client: How providers are spoken to: ``lean``, our own, or ``aiohttp``, slower and known the world over.
        access_log: File for one JSON line a call; ``-`` is standard output, empty writes none.
        otel_endpoint: Where finished calls are sent as OpenTelemetry spans (OTLP over HTTP, JSON); empty sends none.
        heartbeat_seconds: Silence of a stream after which its client is sent a comment that keeps the connection
            alive; 0 sends none.
        cache_bytes: Memory of each worker for answers that routing rules keep; 0 keeps none.
        stamp_reservations: Send the reservation's id to the provider as ``x-tally-reservation``: for tests of
            whether anything passes the budgets by.
    """

    workers: int = 1
    bring_your_own_key: bool = True
    header_prefix: str = "x-cost-"
    max_body_bytes: int = 64 * 1024 * 1024
    read_timeout_seconds: float = 60.0
    segment_bytes: int = 16 * 1024 * 1024
    connections_per_host: int = 256
    client: str = "lean"
    access_log: str = ""
    otel_endpoint: str = ""
    stamp_reservations: bool = False
    heartbeat_seconds: float = 15.0
    cache_bytes: int = 64 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class Budgets:
    """Where spending is counted, and what holds before anybody has set a budget. An amount of 0 switches a default off.

    Attributes:
        counters: ``shared`` memory of this machine's gateways, ``process`` (one worker, forgotten with it),
            or ``redis`` for gateways on several machines.
        redis_url: Such as ``redis://host:6379/0``; a password belongs into `redis_url_env`.
        redis_url_env: Name of the environment variable that holds the whole URL.
        redis_namespace: What all keys there begin with: one word for each ledger that shares the database.
        deadline_ms: Longest wait for counters on another machine.
        key_usd_per_day: What a key that is not declared production may cost a day; production keys only alert.
        run_usd: What one named run, or one conversation, may cost.
        run_calls_per_minute: Calls a minute of one named run or conversation.
        loop_calls: Equal requests of one run or conversation within ten minutes.
        unknown_price: ``block``, ``ceiling`` or ``allow`` a model that no price list knows.
        ceiling_input_usd, ceiling_output_usd: Per million tokens, for models without a price.
        assumed_output_tokens: The longest answer of a model whose limit nobody knows.
        reservation_seconds: How long a reservation is kept for a call whose gateway is gone; longer than any call.
    """

    counters: str = "shared"
    redis_url: str = ""
    redis_url_env: str = ""
    redis_namespace: str = "tally"
    deadline_ms: float = 20.0
    key_usd_per_day: float = 50.0
    run_usd: float = 10.0
    run_calls_per_minute: int = 600
    loop_calls: int = 300
    unknown_price: str = "ceiling"
    ceiling_input_usd: float = 30.0
    ceiling_output_usd: float = 180.0
    assumed_output_tokens: int = 131_072
    reservation_seconds: float = 900.0


@dataclass(frozen=True, slots=True)
class Notify:
    """Where alerts go. Nothing leaves unless something is named here; secrets are named by their variable.

    Attributes:
        webhook_url: Receives signed JSON.
        webhook_secret_env: Variable with the secret that signs it.
        slack_url_env: Variable with a Slack incoming webhook's address.
        smtp_host, smtp_port: Mail server; STARTTLS unless `smtp_tls` is ``none`` (or ``tls``).
        smtp_user, smtp_password_env: Its login, where it wants one.
    """

    webhook_url: str = ""
    webhook_secret_env: str = ""
    slack_url_env: str = ""
    smtp_host: str = ""
    smtp_port: int = 587
    smtp_tls: str = "starttls"
    smtp_user: str = ""
    smtp_password_env: str = ""
    mail_from: str = ""
    mail_to: tuple[str, ...] = ()
    allow_private: bool = False


@dataclass(frozen=True, slots=True)
class Server:
    """Where it listens."""

    host: str = "127.0.0.1"
    port: int = 8420
    behind_proxy: bool = False
    tls_cert: str = ""
    tls_key: str = ""
    session_hours: int = 168


@dataclass(frozen=True, slots=True)
class Ledger:
    """The column engine.

    Attributes:
        engine: ``duckdb``, or ``clickhouse`` with a `dsn`.
        memory_limit: Of DuckDB, such as ``2GB``; a quarter of the machine's and 4 GB at most by default.
    """

    engine: str = "duckdb"
    dsn: str = ""
    memory_limit: str = ""


@dataclass(frozen=True, slots=True)
class Content:
    """Prompts and answers. Off unless switched on.

    Attributes:
        retention_days: What is older is deleted, also when nothing more is stored.
        redact_patterns: Regular expressions; what they find is blotted out before anything is written.
        max_bytes: What is kept of one request or answer.
    """

    store: bool = False
    retention_days: int = 30
    redact_patterns: tuple[str, ...] = ()
    max_bytes: int = 256 * 1024


@dataclass(frozen=True, slots=True)
class Retention:
    """Days to keep; absent keeps for ever."""

    events_days: int | None = None


@dataclass(frozen=True, slots=True)
class Prices:
    """The price book's sources.

    Attributes:
        override: TOML file of dated entries that win over the list.
    """

    override: str = ""


def _compatible(base_url: str, variable: str, provider: str = "", openai_url: str = "") -> Provider:
    """A host of OpenAI's format."""
    return Provider(
        "openai", base_url, api_key_env=variable, provider=provider, openai_url=openai_url or f"{base_url}/v1"
    )


def _self_hosted(port: int) -> Provider:
    """A model server on this machine. It has no price until a rate or `gpu_usd_per_hour` is set."""
    base_url = f"http://localhost:{port}"
    return Provider("openai", base_url, auth="none", openai_url=f"{base_url}/v1")


# The providers that are known without a file: an entry of the same name in it takes the place of one here.
CATALOGUE: Mapping[str, Provider] = {
    "openai": Provider(
        "openai", "https://api.openai.com", api_key_env="OPENAI_API_KEY", openai_url="https://api.openai.com/v1"
    ),
    "anthropic": Provider(
        "anthropic",
        "https://api.anthropic.com",
        api_key_env="ANTHROPIC_API_KEY",
        openai_url="https://api.anthropic.com/v1",
    ),
    "bedrock": Provider(
        "bedrock",
        "https://bedrock-runtime.us-east-1.amazonaws.com",
        api_key_env="AWS_BEARER_TOKEN_BEDROCK",
        provider="aws.bedrock",
        region="us-east-1",
    ),
    "gemini": Provider(
        "gemini",
        "https://generativelanguage.googleapis.com",
        api_key_env="GEMINI_API_KEY",
        provider="gcp.gemini",
        openai_url="https://generativelanguage.googleapis.com/v1beta/openai",
    ),
    "cohere": Provider(
        "cohere",
        "https://api.cohere.com",
        api_key_env="COHERE_API_KEY",
        openai_url="https://api.cohere.ai/compatibility/v1",
    ),
    "mistral": Provider(
        "mistral",
        "https://api.mistral.ai",
        api_key_env="MISTRAL_API_KEY",
        provider="mistral_ai",
        openai_url="https://api.mistral.ai/v1",
    ),
    "xai": _compatible("https://api.x.ai", "XAI_API_KEY", "x_ai"),
    "deepseek": _compatible("https://api.deepseek.com", "DEEPSEEK_API_KEY"),
    "groq": _compatible("https://api.groq.com/openai", "GROQ_API_KEY"),
    "together": _compatible("https://api.together.xyz", "TOGETHER_API_KEY"),
    "openrouter": _compatible("https://openrouter.ai/api", "OPENROUTER_API_KEY"),
    "fireworks": _compatible("https://api.fireworks.ai/inference", "FIREWORKS_API_KEY"),
    "cerebras": _compatible("https://api.cerebras.ai", "CEREBRAS_API_KEY"),
    "perplexity": _compatible(
        "https://api.perplexity.ai", "PERPLEXITY_API_KEY", openai_url="https://api.perplexity.ai"
    ),
    "ollama": _self_hosted(11434),
    "vllm": _self_hosted(8000),
}


@dataclass(frozen=True, slots=True)
class Config:
    """Everything that can be set."""

    timezone: str = "UTC"
    company: str = ""
    server: Server = field(default_factory=Server)
    gateway: Gateway = field(default_factory=Gateway)
    budgets: Budgets = field(default_factory=Budgets)
    notify: Notify = field(default_factory=Notify)
    ledger: Ledger = field(default_factory=Ledger)
    content: Content = field(default_factory=Content)
    retention: Retention = field(default_factory=Retention)
    prices: Prices = field(default_factory=Prices)
    providers: Mapping[str, Provider] = field(default_factory=lambda: dict(CATALOGUE))
