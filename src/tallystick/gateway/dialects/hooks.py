"""What few dialects need besides the protocol; the defaults change nothing, so the others need not know."""

from tallystick.gateway.dialects.model import Dialect, RequestFacts, ResponseFacts, Route

Headers = list[tuple[bytes, bytes]]


class Hooks:
    """Base of a dialect whose answers speak in headers, whose statuses differ or whose streams are no text."""

    def with_headers(
        self, route: Route, request: RequestFacts, facts: ResponseFacts, headers: Headers
    ) -> ResponseFacts:
        """What an answer says, completed by what its headers (names in lower case) say."""
        return facts

    def refusal_status(self, status: int, *, final: bool) -> int:
        """The status under which this dialect's SDKs raise and, where the refusal is final, do not try again."""
        return status

    def refusal_headers(self, status: int, *, final: bool) -> Headers:
        """Headers that a refusal needs besides the common ones; `status` is the one before `refusal_status`."""
        return []

    def judged_path(self, below: str) -> str:
        """The path as `target.check_path` is to judge it: escapes that the dialect knows to be names taken out."""
        return below

    def key_note(self) -> str:
        """What a provider's key is where that is no matter of course, for who has none yet."""
        return ""

    def why_not(self, path: str) -> tuple[int, str, str] | None:
        """Status, code and reason of a path that is known and not forwarded; None for one that nobody knows."""
        return None

    def as_events(self, stream: bytes) -> bytes:
        """A stream as server-sent events, from which what was said is put together."""
        return stream


_NONE = Hooks()


def hooks_of(dialect: Dialect) -> Hooks:
    """The dialect's own hooks, else those that change nothing."""
    return dialect if isinstance(dialect, Hooks) else _NONE
