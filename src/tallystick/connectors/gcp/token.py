"""The access token: given by reference, or from the metadata server of the machine."""

import json
from collections.abc import Callable
from dataclasses import dataclass, field

from tallystick.kernel.period import SECOND_US
from tallystick.ports import SourceFailed
from tallystick.transport.ask import AskFailed, Request, ask_patiently
from tallystick.transport.patience import Patience

METADATA_URL = "http://metadata.google.internal"
_PATH = "/computeMetadata/v1/instance/service-accounts/default/token"
_EARLY_US = 300 * SECOND_US


@dataclass(frozen=True, slots=True)
class Given:
    """A token by reference, read for each request: whoever refreshes the file refreshes us."""

    secret: Callable[[], str] = field(repr=False)

    def __call__(self) -> str:
        token = self.secret().strip()
        if token.startswith("{"):
            raise SourceFailed(
                "access_token holds a service account's key: give it as service_account_key "
                "(--secret service_account_key=file:PATH), or an OAuth access token here"
            )
        if not token or any(char.isspace() or not char.isascii() for char in token):
            raise SourceFailed(
                "access_token is empty, or no token: give a service account's key as service_account_key, or here the "
                "output of gcloud auth print-access-token"
            )
        return token


@dataclass(slots=True)
class Metadata:
    """The token of the machine's own service account."""

    url: str
    now_us: Callable[[], int]
    patience: Patience
    _value: str = field(default="", repr=False)
    _ends_us: int = 0

    def __call__(self) -> str:
        if not self._value or self.now_us() >= self._ends_us - _EARLY_US:
            self._ask()
        return self._value

    def _ask(self) -> None:
        # Its address is link-local by design, and the configuration names it.
        request = Request("GET", f"{self.url}{_PATH}", {"Metadata-Flavor": "Google"}, seconds=5.0, allow_private=True)
        try:
            answer = ask_patiently(request, self.patience)
        except AskFailed as error:
            words = "on a machine outside of Google Cloud set auth = token, and access_token by reference"
            raise SourceFailed(f"the metadata server gives no token: {error.reason}; {words}") from None
        try:
            found = json.loads(answer.body) if answer.status == 200 else {}
            token, seconds = found["access_token"], found["expires_in"]
        except (ValueError, KeyError, TypeError, RecursionError):
            token, seconds = None, None
        if not isinstance(token, str) or not token or not isinstance(seconds, int):
            words = "has the machine a service account with the scope cloud-platform?"
            raise SourceFailed(f"the metadata server gives no token (status {answer.status}); {words}")
        self._value, self._ends_us = token, self.now_us() + seconds * SECOND_US
