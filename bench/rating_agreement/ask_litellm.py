"""Run by LiteLLM's own Python: cases as JSON lines in, its costs as JSON lines out. Nothing of ours is imported."""

import json
import os
import sys
from datetime import datetime
from functools import partial

os.environ["LITELLM_LOCAL_MODEL_COST_MAP"] = "True"  # the list in the package: nothing is downloaded

import litellm
from litellm.cost_calculator import cost_per_token
from litellm.litellm_core_utils.llm_cost_calc import utils
from litellm.types.utils import (
    CacheCreationTokenDetails,
    CompletionTokensDetailsWrapper,
    PromptTokensDetailsWrapper,
    Usage,
)

litellm.suppress_debug_info = True


def usage_of(counts: dict, total_in: int, total_out: int) -> Usage:
    """The counts as LiteLLM's own translation of a provider's answer puts them."""
    short, hour = counts.get("cache_write_5m", 0) + counts.get("cache_write_30m", 0), counts.get("cache_write_1h", 0)
    read, audio_in = counts.get("cache_read", 0), counts.get("uncached_input_audio", 0)
    details = {"cached_tokens": read, "audio_tokens": audio_in, "text_tokens": counts.get("uncached_input", 0)}
    if short or hour:
        details["cache_creation_tokens"] = short + hour
        if hour:
            details["cache_creation_token_details"] = CacheCreationTokenDetails(
                ephemeral_5m_input_tokens=short, ephemeral_1h_input_tokens=hour
            )
    made = {"reasoning_tokens": counts.get("reasoning_output", 0), "audio_tokens": counts.get("plain_output_audio", 0),
            "text_tokens": counts.get("plain_output", 0)}  # fmt: skip
    return Usage(
        prompt_tokens=total_in,
        completion_tokens=total_out,
        total_tokens=total_in + total_out,
        prompt_tokens_details=PromptTokensDetailsWrapper(**details),
        completion_tokens_details=CompletionTokensDetailsWrapper(**made),
    )


def main() -> None:
    for line in sys.stdin:
        case = json.loads(line)
        # It reads the clock for prices of the hour; the clock shows when the call was made.
        utils.current_billing_time = partial(datetime.fromisoformat, case["at"])
        try:
            prompt, completion = cost_per_token(
                model=case["model"],
                custom_llm_provider=case["provider"],
                usage_object=usage_of(case["quantities"], case["input_tokens"], case["output_tokens"]),
                prompt_tokens=case["input_tokens"],
                completion_tokens=case["output_tokens"],
                service_tier=case["tier"] if case["tier"] not in {"", "batch"} else None,
                call_type="aretrieve_batch" if case["tier"] == "batch" else "completion",
            )
            answer = {"cost": repr(prompt + completion)}
        except Exception as error:  # whatever it raises is its answer
            answer = {"error": f"{type(error).__name__}: {str(error)[:150]}"}
        print(json.dumps(answer))


if __name__ == "__main__":
    main()
