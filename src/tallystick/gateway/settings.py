"""What a gateway process needs to know; `wiring` fills it from the configuration."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from tallystick.budgets.bound import BoundPolicy
from tallystick.budgets.model import Budget
from tallystick.counters.open import CounterSettings

MIB = 1024 * 1024

# First segments of the pages' and the API's paths: no provider may be called so.
_RESERVED = frozenset(
    {
        "",
        "api",
        "budgets",
        "docs",
        "explore",
        "explore.csv",
        "explore.json",
        "favicon.ico",
        "find",
        "gateway",
        "healthz",
        "ledger",
        "ledger.csv",
        "login",
        "logout",
        "metrics",
        "openapi.json",
        "overview",
        "prices",
        "readyz",
        "reconcile",
        "reconcile.csv",
        "redoc",
        "requests",
        "robots.txt",
        "settings",
        "sources",
        "static",
        "theme",
        # One address for all providers.
        "v1",
    }
)


def reserved_names() -> frozenset[str]:
    """Names that belong to pages and API, so no provider may have them."""
    return _RESERVED


@dataclass(frozen=True, slots=True)
class ProviderKeySecret:
    """One of a provider's own keys; the first whose conditions hold is used.

    Attributes:
        team, environment: Conditions on the caller's dimensions; empty matches all.
    """

    secret: str = field(repr=False)
    team: str = ""
    environment: str = ""


@dataclass(frozen=True, slots=True)
class ProviderSettings:
    """An upstream.

    Attributes:
        dialect: Name of the wire format family.
        base_url: Scheme, host and perhaps a path; the only thing that chooses a host.
        provider: OpenTelemetry provider name that prices are looked up under.
        keys: Our own keys there; may be empty where callers bring theirs.
        key_hint: How the operator gives us a key, for error messages ("set OPENAI_API_KEY").
        allow_private: The host may resolve to an address that is not public.
        allow_paths: Paths forwarded though no dialect can meter them; a trailing ``*`` matches the rest.
        timeout_seconds: Longest silence of the upstream.
        auth: How its key travels; empty is the dialect's way.
        region: Cloud region, for signing and prices.
        openai_url: Its OpenAI-compatible endpoint; empty where it has none.
        covered: A subscription pays, so calls cost nothing against money budgets.
        gpu_grains_per_second: What a second of a self-hosted call costs; 0 where tokens are priced.
        max_retries: How often a call that cannot have been billed is tried again.
        fallbacks: Names of providers of the same dialect to try next, in order.
        account: What rows name as the provider's account; its own name by default.
    """

    dialect: str
    base_url: str
    provider: str
    keys: tuple[ProviderKeySecret, ...] = ()
    key_hint: str = ""
    allow_private: bool = False
    allow_paths: tuple[str, ...] = ()
    timeout_seconds: float = 600.0
    connect_timeout_seconds: float = 10.0
    auth: str = ""
    region: str = ""
    openai_url: str = ""
    covered: bool = False
    gpu_grains_per_second: int = 0
    max_retries: int = 0
    fallbacks: tuple[str, ...] = ()
    account: str = ""


@dataclass(frozen=True, slots=True)
class ContentSettings:
    """How what is said in calls is kept, where it is.

    Attributes:
        patterns: What is blotted out before anything is written.
        max_bytes: What is kept of one request or answer.
    """

    patterns: tuple[re.Pattern[str], ...] = ()
    max_bytes: int = 256 * 1024


@dataclass(frozen=True, slots=True)
class BudgetSettings:
    """How budgets are held.

    Attributes:
        counters: Where they are counted; None is shared memory in the data directory.
        defaults: What holds before anybody has set a budget.
        policy: What is assumed of models that no price list knows.
        reservation_us: How long a reservation may be open before its gateway is taken for dead.
        pages: Address of the pages, for links; without a slash at the end.
    """

    counters: CounterSettings | None = None
    defaults: tuple[Budget, ...] = ()
    policy: BoundPolicy = field(default_factory=BoundPolicy)
    reservation_us: int = 900 * 10**6
    pages: str = ""

    @property
    def kind(self) -> str:
        """Where budgets are counted, in a word."""
        return self.counters.kind if self.counters else "shared"


@dataclass(frozen=True, slots=True)
class GatewaySettings:
    """One gateway process.

    Attributes:
        data_dir: Holds ``config.db``, ``version``, ``app.sock`` and ``spool/``.
        providers: Path segment to upstream.
        secret: The instance's key for fingerprints.
        app_socket: Where the app listens; ``<data_dir>/app.sock`` when None.
        drain_seconds: How long a call goes on when its client has left, to learn its true usage.
        read_timeout_seconds: Longest silence of a client that is sending its body; headers must come within it.
        max_response_bytes: Larger whole bodies are passed on as they arrive, and their usage is estimated.
        client: How providers are spoken to: ``lean``, our own, or ``aiohttp``, slower and known the world over;
            ``mock`` speaks to nobody and makes answers up.
        mock_seconds: How long a made-up answer takes to begin.
        behind_proxy: A proxy in front of us terminates TLS and says so in ``X-Forwarded-Proto``.
        access_log: File of one JSON line a call, ``-`` for standard output; empty writes none.
        otel_endpoint: Where spans go; empty sends none.
        content: How prompts and answers are kept; None, as it is by default, keeps nothing of them.
        stamp_reservations: Tell the provider the reservation's id, for tests of whether anything passes by.
        heartbeat_seconds: Silence of a stream after which its client is sent a comment; 0 sends none.
        cache_bytes: Memory for answers that rules have kept; 0 keeps none.
    """

    data_dir: Path
    providers: Mapping[str, ProviderSettings]
    secret: bytes = field(default=b"", repr=False)
    app_socket: Path | None = None
    bring_your_own_key: bool = True
    header_prefix: str = "x-cost-"
    max_body_bytes: int = 64 * MIB
    max_response_bytes: int = 64 * MIB
    read_timeout_seconds: float = 60.0
    drain_seconds: float = 30.0
    shutdown_seconds: float = 30.0
    segment_bytes: int = 16 * MIB
    connections_per_host: int = 256
    client: str = "lean"
    mock_seconds: float = 0.3
    behind_proxy: bool = False
    tls_cert: str = ""
    tls_key: str = ""
    content: ContentSettings | None = None
    access_log: str = ""
    otel_endpoint: str = ""
    budgets: BudgetSettings = field(default_factory=BudgetSettings)
    stamp_reservations: bool = False
    heartbeat_seconds: float = 15.0
    cache_bytes: int = 64 * MIB

    @property
    def spool_root(self) -> Path:
        """Where gateways leave their segments, a folder for each process."""
        return self.data_dir / "spool"

    @property
    def socket(self) -> Path:
        """The app's unix socket."""
        return self.app_socket or self.data_dir / "app.sock"

    @property
    def counter_settings(self) -> CounterSettings:
        """Where budgets are counted."""
        return self.budgets.counters or CounterSettings("shared", self.data_dir / "counters")
