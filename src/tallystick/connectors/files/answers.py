"""Answers of providers' reporting APIs that were saved as files: a source reads them, and asks for the rest. Pure.

Such a file is one page of a report, grouped as somebody asked for it: read as rows of usage it would be half a truth,
or nothing.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass

from tallystick.connectors.files.model import Record


@dataclass(frozen=True, slots=True)
class Answer:
    """What it is, and what reads it.

    Attributes:
        what: Provider and report.
        command: Sets up the source that asks for it.
    """

    what: str
    command: str


_OPENAI = "tally sources add openai NAME --secret admin_key=env:OPENAI_ADMIN_KEY"
_ANTHROPIC = "tally sources add anthropic NAME --secret admin_key=env:ANTHROPIC_ADMIN_KEY"
_LOGS = "tally sources add aws NAME --option invocation_logs=FOLDER"
_EXPLORER = "tally sources add aws NAME --option cost_explorer=on"
_QUERY = "tally sources add azure NAME --option scope=subscriptions/ID"


def answer_of(record: Record) -> Answer | None:
    """Which report a record is a page or a row of; None for one that is none, or that is read as usage."""
    return next((Answer(what, command) for is_it, what, command in _KNOWN if is_it(record)), None)


def _rows(record: Record) -> Iterator[Mapping[str, object]]:
    """The rows of a page, those of its buckets too; the record itself where it is no page."""
    data = record.get("data")
    for one in data if isinstance(data, list) else [record]:
        if isinstance(one, Mapping):
            results = one.get("results")
            yield from (
                (inner for inner in results if isinstance(inner, Mapping)) if isinstance(results, list) else [one]
            )


def _has(*names: str) -> Callable[[Record], bool]:
    return lambda record: any(all(name in row for name in names) for row in _rows(record))


def _is_openai_cost(record: Record) -> bool:
    return any(row.get("object") == "organization.costs.result" for row in _rows(record))


def _is_cost_explorer(record: Record) -> bool:
    return isinstance(record.get("ResultsByTime"), list)


def _is_azure_query(record: Record) -> bool:
    found = record.get("properties")
    return isinstance(found, Mapping) and {"columns", "rows"} <= found.keys()


def _is_invocation_log(record: Record) -> bool:
    return record.get("schemaType") == "ModelInvocationLog"


def _is_analytics(record: Record) -> bool:
    return any(
        isinstance(row.get("group"), Mapping) and ("cost" in row or "usage" in row) and "starting_at" in row
        for row in _rows(record)
    )


_KNOWN: tuple[tuple[Callable[[Record], bool], str, str], ...] = (
    (_is_openai_cost, "a page of OpenAI's costs", _OPENAI),
    (_has("amount", "cost_type", "workspace_id"), "a page of Anthropic's cost report", _ANTHROPIC),
    (_has("actor", "model_breakdown", "core_metrics"), "a page of Anthropic's Claude Code analytics", _ANTHROPIC),
    (_is_analytics, "a page of Anthropic's unified analytics", f"{_ANTHROPIC} --option analytics=on"),
    (_is_cost_explorer, "an answer of AWS's Cost Explorer", _EXPLORER),
    (_is_azure_query, "an answer of Azure's Cost Management", _QUERY),
    (_is_invocation_log, "Bedrock's log of invocations, which holds what was said", _LOGS),
)
