"""OpenAI's media, files and batches, and Azure's paths. Pure data: what a provider would answer."""

from typing import Any

PICTURE = {
    "input_tokens": 50,
    "input_tokens_details": {"text_tokens": 10, "image_tokens": 40},
    "output_tokens": 1056,
    "output_tokens_details": {"image_tokens": 1056, "text_tokens": 0},
    "total_tokens": 1106,
}
FILTERS = {
    "choices": [],
    "created": 0,
    "id": "",
    "model": "",
    "object": "",
    "prompt_filter_results": [{"prompt_index": 0, "content_filter_results": {}}],
}
SOUND = (b"ID3\x04\x00", b"\xff\xfb" * 40, b"\x00" * 80)
# The model behind every deployment of the stub's Azure resource.
DEPLOYED = "gpt-4o-mini-2024-07-18"


def azure_path(path: str) -> str | None:
    """The path below a deployment, None for another path."""
    parts = path.split("/", 4)
    return f"/{parts[4]}" if len(parts) == 5 and parts[1:3] == ["openai", "deployments"] else None


def body_of(bare: str, method: str) -> dict[str, Any] | None:
    """A whole body; None where nothing is known of the path."""
    if bare.startswith("/images/"):
        return {"created": 1_790_000_000, "data": [{"b64_json": "AAAA"}], "usage": PICTURE}
    if bare in {"/audio/transcriptions", "/audio/translations"}:
        return {"text": "Tally sticks.", "usage": {"type": "duration", "seconds": 8.5}}
    if bare.startswith("/batches"):
        usage = {"input_tokens": 1200, "output_tokens": 300, "total_tokens": 1500}
        done = {"id": "batch-1", "object": "batch", "status": "completed", "endpoint": "/v1/chat/completions"}
        return {
            **done,
            "completion_window": "24h",
            "created_at": 1_790_000_000,
            "input_file_id": "file-1",
            "usage": usage,
        }
    if bare.startswith("/files"):
        return {"id": "file-1", "object": "file", "bytes": 3, "created_at": 1, "filename": "a", "purpose": "batch"}
    return {"id": "mod-1", "model": "omni", "results": []} if bare == "/moderations" and method == "POST" else None


def picture_events(bare: str) -> list[dict[str, Any]]:
    """What a stream of a picture says."""
    kind = "image_edit" if bare == "/images/edits" else "image_generation"
    shown = {
        "b64_json": "AAAA",
        "created_at": 1_790_000_000,
        "size": "1024x1024",
        "quality": "low",
        "background": "opaque",
    }
    return [
        {"type": f"{kind}.partial_image", "partial_image_index": 0, "output_format": "png", **shown},
        {"type": f"{kind}.completed", "output_format": "png", "usage": PICTURE, **shown},
    ]
