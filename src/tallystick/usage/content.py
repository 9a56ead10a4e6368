"""What was said in one call: kept only where the operator has switched it on."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class CallContent:
    """Prompt and answer of one usage event, redacted before they were first written.

    Attributes:
        occurred_at: Of the event, in microseconds.
        user, team: Of the event, so that a person's content can be found without it.
        request: The client's JSON as text; media stand in it as ``[N bytes of image/png]``.
        response: What the client got as text; a stream is put together from its pieces.
        truncated: Which of ``request`` and ``response`` were longer than what is kept.
    """

    event_id: str
    occurred_at: int
    user: str = ""
    team: str = ""
    request: str = ""
    response: str = ""
    truncated: tuple[str, ...] = ()
