"""Ask Microsoft's servers, and say in plain words why they did not answer."""

import json
from collections.abc import Callable
from dataclasses import dataclass, field
from urllib.parse import quote, urlencode, urlsplit

from tallystick.kernel.period import SECOND_US
from tallystick.ports import SourceFailed
from tallystick.transport.ask import Answer, AskFailed, Request, ask_patiently
from tallystick.transport.patience import Patience

RETRY_HEADERS = tuple(
    f"x-ms-ratelimit-microsoft.costmanagement-{name}-retry-after"
    for name in ("entity", "tenant", "client", "clienttype", "qpu")
)
LATER_SECONDS = 600.0
_EARLY_US = 300 * SECOND_US


def ask_azure(request: Request, what: str, patience: Patience) -> Answer:
    """The answer, whatever its status.

    Raises:
        SourceFailed: None came.
    """
    try:
        return ask_patiently(request, patience)
    except AskFailed as error:
        retry = (error.retry_seconds or LATER_SECONDS) if error.retry else None
        later = "; it is tried again later" if error.retry else ""
        raise SourceFailed(f"{what}: {error.reason}{later}", retry_seconds=retry) from None


@dataclass(slots=True)
class Token:
    """An access token of Entra by client credentials, asked for when the last one ends soon.

    Attributes:
        secret: Reads the client secret, each time it is needed.
    """

    login_url: str
    tenant: str
    client_id: str
    secret: Callable[[], str] = field(repr=False)
    now_us: Callable[[], int]
    patience: Patience
    scope: str = "https://management.azure.com/.default"
    _value: str = field(default="", repr=False)
    _ends_us: int = 0

    def read(self) -> str:
        """The token.

        Raises:
            SourceFailed: Entra gives none.
        """
        if not self._value or self.now_us() >= self._ends_us - _EARLY_US:
            self._ask()
        return self._value

    def forget(self) -> None:
        """Ask anew next time: it was refused."""
        self._value = ""

    def _ask(self) -> None:
        secret = self.secret()
        if not secret:
            raise SourceFailed("client_secret refers to no secret; set it by reference, as env:NAME or file:PATH")
        form = {
            "grant_type": "client_credentials",
            "client_id": self.client_id,
            "client_secret": secret,
            "scope": self.scope,
        }
        url = f"{self.login_url}/{quote(self.tenant, safe='')}/oauth2/v2.0/token"
        headers = {"content-type": "application/x-www-form-urlencoded", "accept": "application/json"}
        answer = ask_azure(Request("POST", url, headers, urlencode(form).encode()), "Entra", self.patience)
        if answer.status != 200:
            raise SourceFailed(_refused_login(answer))
        found = _json(answer.body)
        token, seconds = found.get("access_token"), found.get("expires_in")
        if not isinstance(token, str) or not token or not isinstance(seconds, int) or isinstance(seconds, bool):
            raise SourceFailed("Entra answers without a token; check login_url")
        self._value, self._ends_us = token, self.now_us() + seconds * SECOND_US


def _refused_login(answer: Answer) -> str:
    error = str(_json(answer.body).get("error", ""))
    if error == "invalid_client":
        return "Entra refuses the client secret: it is wrong or has expired; make a new one for the app registration"
    if error in {"unauthorized_client", "invalid_request"}:
        return f"Entra does not know the app ({error}); check client_id and tenant"
    return f"Entra gives no token (status {answer.status}); check tenant, client_id and login_url"


def _json(body: bytes) -> dict[str, object]:
    try:
        found = json.loads(body)
    except (ValueError, RecursionError):
        return {}
    return found if isinstance(found, dict) else {}


def post_query(url: str, body: bytes, token: Token, patience: Patience) -> bytes:
    """The body of one page of a cost query; a refused token is replaced once.

    Raises:
        SourceFailed: Any status but 200.
    """
    answer = _post(url, body, token, patience)
    if answer.status == 401:
        token.forget()
        answer = _post(url, body, token, patience)
    if answer.status != 200:
        raise SourceFailed(f"Cost Management {_refusal(answer)}")
    return answer.body


def _post(url: str, body: bytes, token: Token, patience: Patience) -> Answer:
    headers = {"authorization": f"Bearer {token.read()}", "content-type": "application/json"}
    return ask_azure(Request("POST", url, headers, body), "Cost Management", patience)


def _refusal(answer: Answer) -> str:
    error = _json(answer.body).get("error")
    code = str(error.get("code", ""))[:80] if isinstance(error, dict) else ""
    code = "".join(char for char in code if char.isalnum())
    meaning = {
        400: "does not understand the question; check scope and group",
        401: "refuses the token; check tenant and client_id",
        403: "refuses: the app needs the role Cost Management Reader on this scope",
        404: "does not know the scope; check its spelling",
    }
    words = meaning.get(answer.status, "does not answer as it should; check management_url")
    return f"{words} (status {answer.status}{f', {code}' if code else ''})"


def same_host(link: str, base: str) -> bool:
    """Whether a link leads where the token may be sent."""
    try:
        one, other = urlsplit(link), urlsplit(base)
        return (one.scheme, one.hostname, one.port) == (other.scheme, other.hostname, other.port)
    except ValueError:
        return False
