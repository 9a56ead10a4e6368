"""Gemini's paths, requests, answers and errors beyond the golden shapes."""

import copy
import json
from itertools import pairwise

import httpx2
import pytest
from google import genai
from google.genai import errors, types
from hypothesis import given, settings
from hypothesis import strategies as st

from tallystick.gateway.dialects import DIALECTS
from tallystick.gateway.dialects.gemini_media import IMAGE_CEILING, LONGEST_SOUND
from tallystick.gateway.dialects.model import Change, Detail, RequestFacts
from tallystick.gateway.fold import fold
from tallystick.kernel.errors import DataError
from tallystick.usage.meters import INPUT_METERS, OUTPUT_METERS
from tests.golden.read_shapes import SHAPES, answer_bytes, read_shape, request_body
from tests.golden.shapes.gemini import SHAPES as USAGES
from tests.golden.shapes.google_wire import array, events, google_body, google_chunks

GEMINI = DIALECTS["gemini"]
PATH = "/v1beta/models/gemini-x:generateContent"
ROUTE = GEMINI.route("POST", PATH)
STREAM = GEMINI.route("POST", "/v1beta/models/gemini-x:streamGenerateContent")
REQUEST = RequestFacts(model="gemini-x", body=b"{}", text_bytes=41)
HELLO = {"role": "user", "parts": [{"text": "hello"}]}


def facts_of(body, route=ROUTE):
    return GEMINI.read_request(route, json.dumps(body).encode())


def measured(usage):
    return GEMINI.read_response(ROUTE, REQUEST, 200, json.dumps({"usageMetadata": usage}).encode()).measured


@pytest.mark.parametrize("version", ["/v1", "/v1beta", "/v1alpha", ""])
@pytest.mark.parametrize("colon", [":", "%3A"])
def test_metered_paths_name_their_model(version, colon):
    for method, form, stream in (
        ("generateContent", "generate", False),
        ("streamGenerateContent", "generate", True),
        ("embedContent", "embed", False),
        ("batchEmbedContents", "batch_embed", False),
    ):
        route = GEMINI.route("POST", f"{version}/models/gemini-x{colon}{method}?alt=sse")

        assert (route.kind, route.format, route.model, route.stream) == ("metered", form, "gemini-x", stream)


@pytest.mark.parametrize(
    ("method", "path", "operation"),
    [
        ("POST", "/v1/models/gemini-x:countTokens", "count_tokens"),
        ("GET", "/v1beta/models?pageSize=5", "list_models"),
        ("GET", "/v1/models/gemini-x", "list_models"),
    ],
)
def test_free_paths(method, path, operation):
    route = GEMINI.route(method, path)

    assert (route.kind, route.operation_name) == ("free", operation)
    facts = GEMINI.read_response(route, GEMINI.read_request(route, b""), 200, b"{}")
    assert (facts.measured.input_tokens, facts.measured.output_tokens) == (0, 0)


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("POST", "/v1beta/models/gemini-x:batchGenerateContent"),
        ("POST", "/v1beta/models/imagen:predict"),
        ("POST", "/v1beta/models/gemini-x"),
        ("POST", "/v1beta/cachedContents"),
        ("GET", "/v1beta/files"),
        ("GET", "/v1beta/models/gemini-x:generateContent"),
        ("POST", "/v1beta/models/a/b:generateContent"),
        ("POST", "/v2/models/gemini-x:generateContent"),
        ("DELETE", "/v1beta/tunedModels/mine"),
        ("POST", ""),
    ],
)
def test_a_path_that_nothing_can_meter(method, path):
    assert GEMINI.route(method, path) is None


def test_a_request_is_read_and_its_bytes_stay():
    body = (
        b'{ "contents": [{"role":"user","parts":[{"text":"h\\u00e9"}]}],"systemInstruction":{"parts":[{"text":"Be."}]},'
        b'"generationConfig":{"maxOutputTokens":9,"candidateCount":3},"serviceTier":"flex","labels":{"team":"maps"}}'
    )
    facts = GEMINI.read_request(ROUTE, body)

    assert facts.body is body
    assert (facts.model, facts.max_tokens, facts.choices, facts.service_tier) == ("gemini-x", 9, 3, "flex")
    assert dict(facts.metadata) == {"team": "maps"}
    assert facts.blocks == (b'{"parts":[{"text":"Be."}]}', b'{"role":"user","parts":[{"text":"h\\u00e9"}]}')
    assert facts.system_bytes == len(facts.blocks[0])
    assert facts.text_bytes == sum(map(len, facts.blocks))
    assert facts.text_bytes + facts.added_tokens >= len(body)
    assert (facts.stream, facts.searches, facts.unbounded) == (False, 0, "")


def test_both_spellings_of_a_member_are_read():
    camel = {
        "contents": [{"parts": [{"inlineData": {"mimeType": "image/png", "data": "QUJD"}}]}],
        "systemInstruction": {"parts": [{"text": "Be."}]},
        "generationConfig": {"maxOutputTokens": 9, "candidateCount": 2},
        "tools": [{"googleSearch": {}}],
        "cachedContent": "cachedContents/1",
        "serviceTier": "flex",
    }
    snake = {
        "contents": [{"parts": [{"inline_data": {"mime_type": "image/png", "data": "QUJD"}}]}],
        "system_instruction": {"parts": [{"text": "Be."}]},
        "generation_config": {"max_output_tokens": 9, "candidate_count": 2},
        "tools": [{"google_search": {}}],
        "cached_content": "cachedContents/1",
        "service_tier": "flex",
    }
    one, other = facts_of(camel), facts_of(snake)

    for name in ("max_tokens", "choices", "searches", "unbounded", "service_tier", "media_ceiling", "system_bytes"):
        assert getattr(one, name) == getattr(other, name)
    assert (one.max_tokens, one.choices, one.searches, one.media_ceiling) == (9, 2, None, IMAGE_CEILING)
    assert "cached content" in one.unbounded


@pytest.mark.parametrize(
    "pair", [("generationConfig", "generation_config"), ("systemInstruction", "system_instruction")]
)
def test_one_member_in_two_spellings_is_refused(pair):
    with pytest.raises(DataError, match="two spellings"):
        facts_of({"contents": [], pair[0]: {}, pair[1]: {}})


@pytest.mark.parametrize("cap", [9, "9", 9.0, "9.0"])
def test_numbers_may_be_written_as_google_takes_them(cap):
    facts = facts_of({"contents": [], "generationConfig": {"maxOutputTokens": cap, "candidateCount": str(4)}})

    assert (facts.max_tokens, facts.choices) == (9, 4)


@pytest.mark.parametrize("body", [b"", b"[]", b"{", b"no", b'{"generationConfig":{"maxOutputTokens":"many"}}'])
def test_a_body_that_cannot_be_metered_is_refused(body):
    with pytest.raises(DataError):
        GEMINI.read_request(ROUTE, body)


def part(kind, data="QUJD" * 400, **more):
    return {"inlineData": {"mimeType": kind, "data": data}, **more}


def test_media_are_no_text_and_their_most_is_known():
    def most(kind, size=1600):
        return facts_of({"contents": [{"parts": [part(kind, "A" * size)]}]})

    for kind in ("image/png", "audio/mp3", "audio/flac", "application/pdf", "text/plain"):
        facts = most(kind)
        assert facts.text_bytes < 120
        assert facts.media_ceiling >= facts.media_tokens > 0
        assert facts.unbounded == ""
    # 1,600 bytes of base64 are 1,200 of sound: at the least rate not three seconds.
    assert most("audio/mp3").media_ceiling == 3 * 32
    assert most("audio/flac").media_ceiling == LONGEST_SOUND == 1_094_400
    assert most("image/webp").media_ceiling == 6_192
    assert most("video/mp4").unbounded
    assert most("").unbounded


@pytest.mark.parametrize(
    "stored",
    [
        {"fileData": {"fileUri": "files/1", "mimeType": "video/mp4"}},
        {"fileData": {"fileUri": "https://youtu.be/x"}},
        {"file_data": {"file_uri": "files/1", "mime_type": "audio/mp3"}},
        {"fileD\\u0061ta": {"fileUri": "files/1"}},
        {"functionResponse": {"name": "f", "parts": [{"fileData": {"fileUri": "files/1", "mimeType": "video/mp4"}}]}},
    ],
)
def test_a_stored_file_has_no_bound_however_its_name_is_written(stored):
    body = json.dumps({"contents": [{"parts": [stored]}]}).replace("\\\\u", "\\u").encode()

    assert "not known" in GEMINI.read_request(ROUTE, body).unbounded


def test_a_stored_picture_has_a_bound():
    facts = facts_of({"contents": [{"parts": [{"fileData": {"fileUri": "files/1", "mimeType": "image/png"}}]}]})

    assert (facts.media_ceiling, facts.unbounded) == (IMAGE_CEILING, "")


@pytest.mark.parametrize("name", ["urlContext", "url_context", "codeExecution", "fileSearch", "retrieval"])
def test_tools_whose_findings_join_the_prompt_have_no_bound(name):
    assert facts_of({"contents": [], "tools": [{"functionDeclarations": []}, {name: {}}]}).unbounded


def test_functions_of_the_caller_are_bounded():
    facts = facts_of({"contents": [], "tools": [{"functionDeclarations": [{"name": "f"}]}]})

    assert (facts.searches, facts.unbounded) == (0, "")
    assert facts.tools_bytes > 0


@pytest.mark.parametrize("method", ["embedContent", "batchEmbedContents"])
def test_the_texts_of_embeddings_are_counted(method):
    route = GEMINI.route("POST", f"/v1beta/models/e:{method}")
    body = {"content": HELLO} if method == "embedContent" else {"requests": [{"model": "models/e", "content": HELLO}]}

    assert facts_of(body, route).text_bytes == len(json.dumps(HELLO))


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=8,
)
MEMBERS = st.sampled_from(["contents", "systemInstruction", "tools", "cachedContent", "labels", "content", "requests"])
PARTS = st.dictionaries(st.sampled_from(["inlineData", "fileData", "text", "functionResponse"]), VALUES, max_size=3)


@settings(max_examples=200)
@given(st.dictionaries(MEMBERS, VALUES, max_size=5), st.lists(PARTS, max_size=3))
def test_no_member_of_a_strange_shape_stops_a_call(fields, parts):
    for body in (fields, {"contents": [{"parts": parts}]}, {"contents": {"parts": parts}}):
        facts = facts_of(body)
        assert min(facts.text_bytes, facts.media_tokens, facts.media_ceiling, facts.added_tokens) >= 0


def test_another_model_stands_in_the_path_and_all_else_stays():
    body = b'{"contents": [ ]}'

    assert GEMINI.rewrite(ROUTE, PATH, body, Change(model="gemini-y")) == (
        "/v1beta/models/gemini-y:generateContent",
        body,
    )
    batch = GEMINI.route("POST", "/v1beta/models/e:batchEmbedContents")
    asked = b'{"requests":[{"model":"models/e","content":{"parts":[]}},{"content":{}}]}'
    assert GEMINI.rewrite(batch, "/v1beta/models/e:batchEmbedContents", asked, Change(model="f")) == (
        "/v1beta/models/f:batchEmbedContents",
        b'{"requests":[{"model":"models/f","content":{"parts":[]}},{"content":{}}]}',
    )


@pytest.mark.parametrize(
    ("body", "sent"),
    [
        ('{"contents":[],"tools":[]}', '{"contents":[],"tools":[],"generationConfig":{"maxOutputTokens":50}}'),
        (
            '{"generationConfig":{"topK":2.50,"maxOutputTokens":900,"seed":1},"contents":[ 1]}',
            '{"generationConfig":{"topK":2.50,"maxOutputTokens":50,"seed":1},"contents":[ 1]}',
        ),
        (
            '{"generation_config":{"max_output_tokens":900,"top_k":1}}',
            '{"generation_config":{"max_output_tokens":50,"top_k":1}}',
        ),
        ('{"generation_config":{"top_k":1}}', '{"generation_config":{"top_k":1,"maxOutputTokens":50}}'),
    ],
)
def test_a_cap_is_put_where_the_request_has_it(body, sent):
    path, changed = GEMINI.rewrite(ROUTE, PATH, body.encode(), Change(max_tokens=50))

    assert (path, changed) == (PATH, sent.encode())
    assert GEMINI.read_request(ROUTE, changed).max_tokens == 50


# --- Answers ---------------------------------------------------------------------------------


def places(value, path=()):
    """Where an object stands in a usage report."""
    if isinstance(value, dict):
        yield path
        for name, one in value.items():
            yield from places(one, (*path, name))
    elif isinstance(value, list):
        for number, one in enumerate(value):
            yield from places(one, (*path, number))


RICH = [usage for _, usage, expected, _ in USAGES if not expected["drift"]]


@settings(max_examples=300)
@given(st.sampled_from(RICH), st.data(), st.integers(1, 10**6) | st.floats(0.5, 1e6), st.booleans())
def test_a_new_number_anywhere_in_a_report_is_a_mark(usage, data, number, nested):
    usage = copy.deepcopy(usage)
    place = data.draw(st.sampled_from(list(places(usage))))
    target = usage
    for step in place:
        target = target[step]
    target["shimmerTokens"] = {"inner": [{"count": number}]} if nested else number

    drift = measured(usage).drift
    assert [mark for mark in drift if mark.endswith("shimmerTokens") and mark.startswith("unknown ")] == list(drift)
    assert drift


@settings(max_examples=200)
@given(st.sampled_from(RICH), st.data(), st.sampled_from([{"n": 5}, [5], "many"]))
def test_a_known_figure_of_another_type_is_a_mark(usage, data, strange):
    usage = copy.deepcopy(usage)
    name = data.draw(st.sampled_from([name for name in usage if name not in ("serviceTier", "trafficType")]))
    usage[name] = strange

    assert measured(usage).drift


NUMBERS = st.none() | st.integers(-10, 10**6) | st.sampled_from([2**70, 1.5, 3.0, "7", True, [], {}, -1e300])
KINDS = st.sampled_from(["TEXT", "AUDIO", "IMAGE", "VIDEO", "DOCUMENT", "SCENT", None, 7])
SPLITS = st.lists(st.fixed_dictionaries({}, optional={"modality": KINDS, "tokenCount": NUMBERS}) | NUMBERS, max_size=4)
COUNTS = ["promptTokenCount", "cachedContentTokenCount", "candidatesTokenCount", "thoughtsTokenCount"]
REPORTS = st.fixed_dictionaries(
    {},
    optional={
        **dict.fromkeys([*COUNTS, "toolUsePromptTokenCount", "totalTokenCount", "surprise"], NUMBERS),
        **dict.fromkeys(["promptTokensDetails", "cacheTokensDetails"], SPLITS | NUMBERS),
        **dict.fromkeys(["candidatesTokensDetails", "toolUsePromptTokensDetails"], SPLITS | NUMBERS),
    },
)


@settings(max_examples=400)
@given(REPORTS)
def test_whatever_a_report_says_the_classes_are_whole_and_sum_to_the_totals(usage):
    found = measured(usage)

    assert all(type(quantity) is int and quantity >= 0 for quantity in found.quantities.values())
    assert sum(found.quantities.get(meter, 0) for meter in INPUT_METERS) == found.input_tokens
    assert sum(found.quantities.get(meter, 0) for meter in OUTPUT_METERS) == found.output_tokens
    assert (found.state == "estimated") == bool(found.estimated)


STREAMS = [path for path in SHAPES if "stream" in read_shape(path) and path.stem.startswith(("gemini", "vertex"))]


@settings(max_examples=250)
@given(st.sampled_from(STREAMS), st.integers(0, 3000), st.lists(st.integers(0, 3000), max_size=6))
def test_where_a_stream_is_cut_decides_and_its_chunks_do_not(path, end, cuts):
    shape = read_shape(path)
    dialect = DIALECTS[shape["dialect"]]
    route = dialect.route("POST", shape["path"])
    request = dialect.read_request(route, request_body(shape))
    wire = answer_bytes(shape)[:end]
    edges = sorted({0, len(wire), *(cut % (len(wire) + 1) for cut in cuts)})
    one, many = dialect.read_stream(route, request), dialect.read_stream(route, request)

    assert one.feed(wire) + one.flush() == wire
    assert b"".join(many.feed(wire[low:high]) for low, high in pairwise(edges)) + many.flush() == wire
    assert many.facts() == one.facts()


@settings(max_examples=150)
@given(st.binary(max_size=60), st.integers(0, 900), st.integers(1, 50), st.booleans())
def test_noise_in_a_stream_never_stops_it(noise, place, chunk, as_array):
    chunks = google_chunks(google_body(RICH[0]))
    wire = "".join(array(chunks) if as_array else events(chunks)).encode()
    wire = wire[:place] + noise + wire[place:]
    reader = GEMINI.read_stream(STREAM, REQUEST)
    passed = b"".join(reader.feed(wire[at : at + chunk]) for at in range(0, len(wire), chunk)) + reader.flush()

    assert passed == wire
    assert reader.facts().measured.output_tokens is not None


def test_a_stream_is_whole_when_every_answer_asked_for_has_ended():
    def chunk(index, finish):
        body = google_body(RICH[0], finish=finish, candidate={"index": index})
        return "".join(events([body])).encode()

    two = RequestFacts(model="gemini-x", body=b"{}", choices=2)
    reader = GEMINI.read_stream(STREAM, two)
    done = []
    for piece in (chunk(0, "STOP"), chunk(1, None), chunk(1, "MAX_TOKENS")):
        reader.feed(piece)
        done.append(reader.facts().complete)

    assert done == [False, False, True]
    assert reader.facts().finish_reason == "STOP"


def test_what_ends_a_stream_is_looked_for_where_it_stands():
    for path in STREAMS:
        shape = read_shape(path)
        if shape["expect"]["complete"] and not shape["expect"]["error"] and "blocked" not in path.stem:
            assert any(mark in answer_bytes(shape) for mark in DIALECTS[shape["dialect"]].last)


def test_only_an_array_that_was_asked_for_is_read_as_it_passes():
    assert GEMINI.is_stream(STREAM, "application/json; charset=utf-8")
    assert GEMINI.is_stream(STREAM, "text/event-stream")
    assert not GEMINI.is_stream(ROUTE, "application/json")
    assert not GEMINI.is_stream(STREAM, "text/html")


def test_maps_and_pages_are_seen():
    grounding = {"groundingChunks": [{"maps": {"uri": "x"}}]}
    pages = {"urlMetadata": [{"retrievedUrl": "a"}, {"retrievedUrl": "b"}]}
    body = google_body(RICH[0], candidate={"groundingMetadata": grounding, "urlContextMetadata": pages})
    found = GEMINI.read_response(ROUTE, REQUEST, 200, json.dumps(body).encode()).measured

    assert found.drift == ("grounding with Google Maps is billed and has no meter",)
    assert found.quantities["fetches"] == 2


def test_candidates_nobody_documented_cost_their_words_only():
    body = {"candidates": {"a": 1}, "usageMetadata": RICH[0], "modelVersion": "models/gemini-x"}
    facts = GEMINI.read_response(ROUTE, REQUEST, 200, json.dumps(body).encode())

    assert (facts.measured.input_tokens, facts.measured.output_tokens) == (2006, 300)
    assert facts.measured.drift == ("candidates are not as documented",)
    assert facts.response_model == "gemini-x"


@pytest.mark.parametrize("body", [b"", b"<html>502</html>", b"null", b'{"error":"x"}', b"[]"])
@pytest.mark.parametrize("status", [400, 429, 500])
def test_what_a_provider_refused_cost_nothing(body, status):
    for route in (ROUTE, GEMINI.route("POST", "/v1/models/e:embedContent")):
        facts = GEMINI.read_response(route, REQUEST, status, body)

        assert facts.error_type == f"http_{status}"
        assert not any(facts.measured.quantities.values())
        assert facts.measured.state == "reported"


def test_a_success_that_is_no_json_is_estimated_and_marked():
    facts = GEMINI.read_response(ROUTE, REQUEST, 200, b"<html>")

    assert (facts.complete, facts.measured.state) == (False, "estimated")
    assert facts.measured.drift == ("body is not a JSON object",)


# --- Errors, as Google's SDK sees them -------------------------------------------------------


def sdk(status, body, kind="application/json", seen=None):
    def answer(request):
        if seen is not None:
            seen.append(request)
        return httpx2.Response(status, content=body, headers={"content-type": kind}, request=request)

    options = types.HttpOptions(base_url="http://x", httpx_client=httpx2.Client(transport=httpx2.MockTransport(answer)))
    return genai.Client(api_key="k", http_options=options)


@pytest.mark.parametrize(
    ("status", "raised", "word"),
    [
        (400, errors.ClientError, "INVALID_ARGUMENT"),
        (401, errors.ClientError, "UNAUTHENTICATED"),
        (403, errors.ClientError, "PERMISSION_DENIED"),
        (404, errors.ClientError, "NOT_FOUND"),
        (413, errors.ClientError, "INVALID_ARGUMENT"),
        (429, errors.ClientError, "RESOURCE_EXHAUSTED"),
        (502, errors.ServerError, "UNAVAILABLE"),
        (503, errors.ServerError, "UNAVAILABLE"),
        (504, errors.ServerError, "DEADLINE_EXCEEDED"),
    ],
)
def test_a_refusal_raises_its_typed_exception_once(status, raised, word):
    detail = Detail("team-day", "$50 a day", "2026-11-24T00:00:00Z", "http://tally/budgets/1")
    seen = []
    client = sdk(status, GEMINI.error(status, "budget_exceeded", "What, where, why.", "evt_1", detail), seen=seen)
    with pytest.raises(raised) as caught:
        client.models.generate_content(model="m", contents="hi")

    assert (caught.value.code, caught.value.status, caught.value.message) == (status, word, "What, where, why.")
    info = caught.value.details["error"]["details"][0]
    assert (info["reason"], info["domain"]) == ("budget_exceeded", "tallystick")
    assert info["metadata"] == {
        "budget": "team-day",
        "limit": "$50 a day",
        "resets_at": "2026-11-24T00:00:00Z",
        "link": "http://tally/budgets/1",
    }
    assert len(seen) == 1


def test_errors_inside_a_stream_are_raised():
    broken = GEMINI.keep_alive() + GEMINI.stream_error("upstream_cut", "The provider hung up.")

    with pytest.raises(errors.ServerError, match="The provider hung up"):
        list(sdk(200, broken, "text/event-stream").models.generate_content_stream(model="m", contents="hi"))


def test_keep_alive_is_nothing_to_a_reader_and_to_the_sdk():
    chunks = events([google_body(RICH[0])])
    wire = GEMINI.keep_alive() + GEMINI.keep_alive().join(chunk.encode() for chunk in chunks) + GEMINI.keep_alive()
    reader = GEMINI.read_stream(STREAM, REQUEST)
    said = list(sdk(200, wire, "text/event-stream").models.generate_content_stream(model="m", contents="hi"))

    assert reader.feed(wire) == wire
    assert reader.facts().complete
    assert reader.facts().measured.drift == ()
    assert len(said) == 1
    held = "".join(array(google_chunks(google_body(RICH[0])))).encode().replace(b",\r\n", b"," + GEMINI.keep_alive())
    assert len(json.loads(held)) == 2


def test_an_array_is_kept_as_the_events_it_would_have_been():
    chunks = google_chunks(google_body(RICH[0]))

    assert GEMINI.as_events("".join(array(chunks)).encode()) == "".join(events(chunks)).encode()
    assert GEMINI.as_events(b"data: {}\n\n") == b"data: {}\n\n"


def test_a_word_that_an_array_cuts_in_two_is_one_word_to_who_keeps_content():
    chunks = google_chunks(google_body(RICH[0], parts=[{"text": ""}]), words="my card is 4111 1111 1111 1111")
    for wire in (array(chunks), events(chunks)):
        folded = fold(GEMINI.as_events("".join(wire).encode()))
        assert folded["candidates.0.content.parts.0.text"] == "my card is 4111 1111 1111 1111"
