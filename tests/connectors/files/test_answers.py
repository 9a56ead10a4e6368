"""A page of a provider's report that was saved as a file is named, with the source that reads it."""

import json
from pathlib import Path

import pytest

from tallystick.connectors.files.mapping import Plan
from tallystick.connectors.files.recognise import recognise
from tallystick.kernel.errors import DataError
from tests.connectors.anthropic.samples import SAMPLES, page_body
from tests.connectors.openai.samples import COMPLETIONS, COSTS
from tests.connectors.openai.samples import page_body as openai_page

COST_EXPLORER = {"GroupDefinitions": [], "ResultsByTime": [{"TimePeriod": {}, "Groups": []}]}
AZURE = {"id": "q", "properties": {"nextLink": None, "columns": [{"name": "Cost", "type": "Number"}], "rows": [[1]]}}
LOG = {"schemaType": "ModelInvocationLog", "timestamp": "2026-11-02T08:15:30Z", "modelId": "m", "input": {}}


def opened(body: object, folder: Path) -> str:
    path = folder / "saved.json"
    path.write_text(json.dumps(body))
    with recognise(path, Plan({}, {}), 2**60) as found:
        return found.shape.name


@pytest.mark.parametrize(
    ("body", "what", "command"),
    [
        (openai_page(COSTS), "OpenAI's costs", "sources add openai"),
        (page_body("cost_report", SAMPLES["cost_report"]), "Anthropic's cost report", "sources add anthropic"),
        (page_body("claude_code", SAMPLES["claude_code"]), "Claude Code analytics", "sources add anthropic"),
        (page_body("analytics_cost", SAMPLES["analytics_cost"]), "unified analytics", "--option analytics=on"),
        (page_body("analytics_usage", SAMPLES["analytics_usage"]), "unified analytics", "--option analytics=on"),
        (COST_EXPLORER, "Cost Explorer", "--option cost_explorer=on"),
        (AZURE, "Cost Management", "sources add azure"),
        (LOG, "log of invocations", "--option invocation_logs=FOLDER"),
    ],
)
def test_a_saved_answer_of_money_is_never_read_as_no_usage(
    body: object, what: str, command: str, tmp_path: Path
) -> None:
    with pytest.raises(DataError, match=what) as caught:
        opened(body, tmp_path)
    assert command in caught.value.next_steps[0]
    assert caught.value.where.endswith("saved.json")


def test_reports_of_usage_are_still_read(tmp_path: Path) -> None:
    assert opened(openai_page(COMPLETIONS), tmp_path) == "openai-usage"
    assert opened(page_body("usage_messages", SAMPLES["usage_messages"]), tmp_path) == "anthropic-usage"
