"""What is metered, what is free, and what nobody can meter."""

import pytest

from tallystick.gateway.dialects import DIALECTS

METERED = [
    ("openai", "/v1/images/generations", "images"),
    ("openai", "/v1/images/edits", "images"),
    ("openai", "/v1/images/variations", "images"),
    ("openai", "/v1/audio/speech", "speech"),
    ("openai", "/v1/audio/transcriptions", "transcription"),
    ("openai", "/v1/audio/translations", "transcription"),
    ("azure", "/openai/deployments/my-gpt/chat/completions?api-version=2024-10-21", "chat"),
    ("azure", "/openai/deployments/my-gpt/extensions/chat/completions?api-version=2023-08-01", "chat"),
    ("azure", "/openai/deployments/my-gpt/embeddings?api-version=2024-10-21", "embeddings"),
    ("azure", "/openai/deployments/my-gpt/images/generations?api-version=2024-10-21", "images"),
    ("azure", "/openai/v1/responses", "responses"),
    ("azure", "/openai/responses?api-version=2025-03-01-preview", "responses"),
    ("mistral", "/v1/chat/completions", "chat"),
    ("mistral", "/v1/fim/completions", "chat"),
    ("mistral", "/v1/embeddings", "embeddings"),
    ("openai", "/v1/chat/completions", "chat"),
    ("openai", "/chat/completions", "chat"),
    ("openai", "/v1/completions", "completions"),
    ("openai", "/v1/responses", "responses"),
    ("openai", "/v1/responses?x=1", "responses"),
    ("openai", "/v1/responses/compact", "responses"),
    ("openai", "/v1/embeddings", "embeddings"),
    ("anthropic", "/v1/messages", "messages"),
    ("anthropic", "/v1/messages?beta=true", "messages"),
    ("anthropic", "/messages", "messages"),
]
FREE = [
    ("openai", "GET", "/v1/batches"),
    ("openai", "GET", "/v1/batches/batch_1"),
    ("openai", "POST", "/v1/batches/batch_1/cancel"),
    ("openai", "POST", "/v1/files"),
    ("openai", "GET", "/v1/files"),
    ("openai", "GET", "/v1/files/file_1/content"),
    ("openai", "DELETE", "/v1/files/file_1"),
    ("openai", "POST", "/v1/uploads/upload_1/parts"),
    ("azure", "GET", "/openai/models?api-version=2024-10-21"),
    ("azure", "GET", "/openai/deployments?api-version=2022-12-01"),
    ("azure", "GET", "/openai/v1/models"),
    ("mistral", "GET", "/v1/models"),
    ("openai", "GET", "/v1/models"),
    ("openai", "GET", "/v1/models/gpt-x"),
    ("openai", "GET", "/v1/models/vendor/gpt-x"),
    ("openai", "POST", "/v1/responses/input_tokens"),
    ("openai", "GET", "/v1/responses/resp_1"),
    ("openai", "GET", "/v1/responses/resp_1/input_items"),
    ("openai", "DELETE", "/v1/responses/resp_1"),
    ("openai", "POST", "/v1/responses/resp_1/cancel"),
    ("openai", "POST", "/v1/moderations"),
    ("anthropic", "GET", "/v1/models"),
    ("anthropic", "GET", "/v1/models/claude-x"),
    ("anthropic", "POST", "/v1/messages/count_tokens?beta=true"),
]
UNKNOWN = [
    ("openai", "POST", "/v1/batches"),
    ("openai", "POST", "/v1/vector_stores"),
    ("openai", "POST", "/v1/assistants"),
    ("openai", "POST", "/v1/fine_tuning/jobs"),
    ("openai", "POST", "/v1/videos"),
    ("openai", "GET", "/v1/realtime"),
    ("openai", "POST", "/v1/realtime/client_secrets"),
    ("openai", "GET", "/v1/files/x/y"),
    ("azure", "POST", "/v1/chat/completions"),
    ("azure", "POST", "/openai/deployments/completions"),
    ("azure", "POST", "/openai/deployments/d/models"),
    ("azure", "PUT", "/openai/deployments/d"),
    ("openai", "POST", "/v1/fim/completions"),
    ("openai", "GET", "/v1/chat/completions/../../admin"),
    ("openai", "GET", "/v1/models//x"),
    ("openai", "DELETE", "/v1/models/gpt-x"),
    ("openai", "GET", "/v1/embeddings"),
    ("openai", "POST", "/v1/Chat/Completions"),
    ("openai", "POST", "/v1/chat/completions/x/y"),
    ("openai", "POST", "/v1"),
    ("openai", "POST", ""),
    ("openai", "POST", "/v1/v1/chat/completions"),
    ("anthropic", "POST", "/v1/messages/batches"),
    ("anthropic", "POST", "/v1/complete"),
    ("anthropic", "GET", "/v1/messages"),
    ("anthropic", "GET", "/v1/organizations/usage_report/messages"),
]


@pytest.mark.parametrize(("name", "path", "shape"), METERED)
def test_a_metered_path(name, path, shape):
    route = DIALECTS[name].route("POST", path)

    assert (route.kind, route.format) == ("metered", shape)


@pytest.mark.parametrize(("name", "method", "path"), FREE)
def test_a_free_path(name, method, path):
    assert DIALECTS[name].route(method, path).kind == "free"


@pytest.mark.parametrize(("name", "method", "path"), UNKNOWN)
def test_a_path_that_nothing_can_meter(name, method, path):
    assert DIALECTS[name].route(method, path) is None
