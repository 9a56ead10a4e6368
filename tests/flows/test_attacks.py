"""Attacks on the control plane, as they happened to others; failing to log in comes first."""

import logging
import sqlite3
import stat
import threading
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from urllib.parse import quote

import pytest
from fastapi import FastAPI
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tallystick.api.access import ACCESS
from tallystick.api.app import build_api
from tallystick.api.services import Services
from tallystick.operations.context import Context
from tallystick.operations.instance import prepare_instance, read_cli_token
from tallystick.operations.manage_keys import KeyRequest, create_key
from tallystick.operations.manage_tokens import TokenRequest, create_token
from tallystick.operations.sessions import LinkRequest, create_login_link
from tallystick.operations.start_ledger import start_ledger
from tallystick.org.hash import hash_secret
from tallystick.pricing.book import PriceBook
from tallystick.storage.config_db import ConfigDb
from tallystick.storage.duckdb_engine import DuckDbEngine
from tests.api.client import Reply, ask

HERE = ("origin", "https://tally.test")
INJECTIONS = [
    "' OR '1'='1",
    "' OR 1=1 --",
    "'; DROP TABLE api_token; --",
    '" UNION SELECT token_id, name, secret_hash, hint, role, created_at, teams, expires_at, revoked_at FROM api_token --',
    "x' UNION SELECT 1,2,3,4,'admin',6,'[]',NULL,NULL--",
    ":secret_hash",
    "$secret_hash",
    "%s%n{}{0}",
    "\x00admin",
    "a" * 100_000,
]


@pytest.fixture(scope="module")
def ledger() -> Iterator[DuckDbEngine]:
    """One for all: no attack here may change it."""
    engine = DuckDbEngine(None)
    yield engine
    engine.close()


@pytest.fixture
def context(tmp_path: Path, ledger: DuckDbEngine) -> Iterator[Context]:
    instance = prepare_instance(tmp_path)
    config_db = ConfigDb(tmp_path / "config.db")
    context = Context(ledger=ledger, config_db=config_db, data_dir=tmp_path, secret=instance.secret)
    start_ledger(context)
    yield context
    config_db.close()


@pytest.fixture
def services() -> Services:
    return Services(book=lambda: PriceBook([]), base_url="https://tally.test")


@pytest.fixture
def app(context: Context, services: Services) -> FastAPI:
    return build_api(context, services)


def bearer(secret: str) -> list[tuple[str, str]]:
    return [("authorization", f"Bearer {secret}")]


def admin(context: Context) -> list[tuple[str, str]]:
    return bearer(create_token(context, TokenRequest(role="admin"))[1])


def log_in(app: FastAPI, context: Context, **link: object) -> tuple[list[tuple[str, str]], str]:
    """Headers of a fresh session, and the word its forms carry."""
    path, _ = create_login_link(context, LinkRequest(**link))  # type: ignore[arg-type]
    cookie = ask(app, "GET", path).header("set-cookie").partition(";")[0]
    csrf = context.config_db.rows("SELECT csrf FROM session ORDER BY created_at DESC LIMIT 1")[0][0]
    return [("cookie", cookie)], str(csrf)


# The failure paths of authentication, before anything else.


@pytest.mark.parametrize(
    "scheme", ["Bearer ", "bearer ", "Bearer tallyapi_", "Bearer tallycli_", "Basic ", "", "Bearer  "]
)
def test_sql_in_a_token_is_a_wrong_token(app: FastAPI, context: Context, scheme: str) -> None:
    """A gateway was taken over through the error path of its key check, before any login."""
    create_token(context, TokenRequest(role="admin"))
    for text in INJECTIONS:
        reply = ask(app, "GET", "/api/v1/tokens", [("authorization", scheme + text)])
        assert reply.status == 401
        assert text not in reply.body.decode()
    assert context.config_db.rows("SELECT count(*) FROM api_token") == [(1,)]


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(header=st.binary(max_size=80).map(lambda raw: raw.decode("latin-1")))
def test_no_header_at_all_breaks_the_door(app: FastAPI, header: str) -> None:
    forwarded = ("x-forwarded-for", header)
    for name in ("authorization", "cookie", "content-length", "origin", "accept"):
        reply = ask(app, "GET", "/api/v1/keys", [(name, header), forwarded])
        assert reply.status in {401, 422, 413, 429}


def test_a_cookie_with_sql_is_no_session(app: FastAPI, context: Context) -> None:
    (name, cookie), _ = log_in(app, context)[0][0], 0
    spelled = cookie.partition("=")[0]
    for text in INJECTIONS[:8]:
        assert ask(app, "GET", "/api/v1/keys", [(name, f"{spelled}={quote(text)}")]).status == 401


def test_two_tokens_in_one_request_are_none(app: FastAPI, context: Context) -> None:
    good = admin(context)
    assert ask(app, "GET", "/api/v1/keys", good).status == 200
    assert ask(app, "GET", "/api/v1/keys", [*good, ("authorization", "Bearer x")]).status == 401


def test_a_bad_token_is_not_mended_by_a_good_cookie(app: FastAPI, context: Context) -> None:
    session, _ = log_in(app, context)
    assert ask(app, "GET", "/api/v1/keys", session).status == 200
    assert ask(app, "GET", "/api/v1/keys", [*session, *bearer("tallyapi_wrong")]).status == 401


def test_a_token_in_the_address_or_a_form_is_none(app: FastAPI, context: Context) -> None:
    _, secret = create_token(context, TokenRequest(role="admin"))
    for name in ("token", "access_token", "api_key", "authorization"):
        assert ask(app, "GET", f"/api/v1/keys?{name}={secret}").status == 401
    assert ask(app, "GET", "/api/v1/keys", [("x-api-key", secret)]).status == 401
    assert ask(app, "GET", "/api/v1/keys", [("cookie", f"token={secret}")]).status == 401


def test_the_hash_of_a_token_is_no_token(app: FastAPI, context: Context) -> None:
    token, _ = create_token(context, TokenRequest(role="admin"))
    assert ask(app, "GET", "/api/v1/keys", bearer(token.secret_hash)).status == 401
    assert ask(app, "GET", "/api/v1/keys", bearer("tallyapi_" + token.secret_hash)).status == 401


def test_who_fails_often_is_slowed_down_and_who_is_right_is_not(app: FastAPI, context: Context) -> None:
    here, there = ("x-forwarded-for", "203.0.113.7"), ("x-forwarded-for", "198.51.100.9")
    wrong = bearer("tallyapi_wrong")
    statuses = [ask(app, "GET", "/api/v1/keys", [*wrong, here]).status for _ in range(25)]
    assert statuses[:20] == [401] * 20
    assert set(statuses[20:]) == {429}
    assert ask(app, "GET", "/api/v1/keys", [*wrong, there]).status == 401
    assert ask(app, "GET", "/api/v1/keys", [*admin(context), here]).status == 200


def test_the_socket_is_nobody_and_claims_of_being_local_are_words(app: FastAPI) -> None:
    """The gateway relays over a local socket: that a request comes through it says nothing."""
    for value in ("127.0.0.1", "::1", "localhost"):
        for name in ("x-forwarded-for", "x-real-ip", "x-forwarded-host", "forwarded", "x-original-url"):
            assert ask(app, "POST", "/api/v1/import", [(name, value)], {"paths": ["/etc/passwd"]}).status == 401
    for host in ("127.0.0.1:8420", "[::1]:8420", "localhost", "app.sock"):
        reply = ask(app, "POST", "/api/v1/import", [("host", host)], {"paths": ["/etc/passwd"]}, host="")
        assert reply.status == 401


@pytest.mark.parametrize(
    "path",
    [
        "/healthz/../api/v1/keys", "/static/../api/v1/keys", "/static/%2e%2e/api/v1/keys", "//api/v1/keys",
        "/api/v1//keys", "/api/v1/keys/", "/API/V1/KEYS", "/api/v1/keys;.css", "/api/v1/keys%0a", "/healthz%0a",
        "/api/v1/keys%00.css", "/login/../api/v1/keys", "/api/v1/keys%2f..%2f..%2fhealthz", "/.//healthz", "\\healthz",
    ],
)  # fmt: skip
def test_no_spelling_of_a_path_walks_around_the_guard(app: FastAPI, path: str) -> None:
    """A gateway's allow list lived in middleware that one route did not have."""
    assert ask(app, "GET", path).status == 401


@pytest.mark.parametrize(
    "host",
    [
        "",
        "a b",
        "tally.test:",
        "tally.test/healthz?",
        "tally.test/healthz#",
        "tally.test/login?x=",
        "x/static/",
        "user@tally.test/healthz?a=",
    ],
)
def test_the_host_header_does_not_choose_the_path_the_guard_sees(app: FastAPI, host: str) -> None:
    """The framework puts its URL together from Host and path; a guard that reads it there sees another path."""
    for method, target in (("GET", "/api/v1/keys"), ("POST", "/api/v1/tokens"), ("GET", "/api/v1/openapi.json")):
        assert ask(app, method, target, [("host", host)], host="").status == 400


@pytest.mark.parametrize("method", ["GET", "HEAD", "OPTIONS", "PUT", "PATCH", "TRACE", "CONNECT", "get", "QUERY", ""])
def test_no_method_walks_around_the_guard(app: FastAPI, method: str) -> None:
    lines = [("x-http-method-override", "GET"), ("access-control-request-method", "POST")]
    assert ask(app, method, "/api/v1/keys", lines).status == 401


# Login links and sessions.


def test_a_login_link_opens_one_session_even_for_two_at_once(app: FastAPI, context: Context) -> None:
    path, _ = create_login_link(context, LinkRequest())
    replies: list[Reply] = []
    barrier = threading.Barrier(8)

    def follow() -> None:
        barrier.wait()
        replies.append(ask(app, "GET", path))

    threads = [threading.Thread(target=follow) for _ in range(8)]
    for one in threads:
        one.start()
    for one in threads:
        one.join()
    assert sorted(reply.status for reply in replies) == [303] + [403] * 7
    assert context.config_db.rows("SELECT count(*) FROM session") == [(1,)]


def test_a_login_link_ends_after_its_quarter_of_an_hour(app: FastAPI, context: Context) -> None:
    path, expires_at = create_login_link(context, LinkRequest())
    created = context.config_db.rows("SELECT expires_at FROM login_link")[0][0]
    assert created == expires_at
    context.config_db.execute("UPDATE login_link SET expires_at = expires_at - 900000000")
    reply = ask(app, "GET", path)
    assert reply.status == 403
    assert not reply.header("set-cookie")


def test_looking_at_a_link_does_not_use_it_up(app: FastAPI, context: Context) -> None:
    path, _ = create_login_link(context, LinkRequest())
    assert ask(app, "HEAD", path).status in {401, 405}
    assert ask(app, "GET", path, [("sec-purpose", "prefetch;prerender")]).status == 403
    assert ask(app, "GET", path).status == 303


def test_guessing_links_is_slowed_down(app: FastAPI) -> None:
    statuses = [ask(app, "GET", f"/login?token=tallylink_{number}").status for number in range(25)]
    assert statuses[0] == 403
    assert statuses[-1] == 429


def test_a_session_given_from_outside_is_never_taken_over(app: FastAPI, context: Context) -> None:
    """Session fixation: an attacker plants a cookie and waits for the victim to log in with it."""
    name = log_in(app, context)[0][0][1].partition("=")[0]
    planted = [("cookie", f"{name}=tallyses_planted")]
    path, _ = create_login_link(context, LinkRequest())
    reply = ask(app, "GET", path, planted)
    assert reply.status == 303
    assert "planted" not in reply.header("set-cookie")
    assert ask(app, "GET", "/api/v1/keys", planted).status == 401


def test_logging_in_again_ends_the_session_before(app: FastAPI, context: Context) -> None:
    before, _ = log_in(app, context)
    path, _ = create_login_link(context, LinkRequest())
    assert ask(app, "GET", path, before).status == 303
    assert ask(app, "GET", "/api/v1/keys", before).status == 401


def test_a_session_is_over_after_logout_wherever_its_cookie_was_copied(app: FastAPI, context: Context) -> None:
    session, csrf = log_in(app, context)
    assert ask(app, "POST", "/logout", [*session, HERE]).status == 403
    reply = ask(app, "POST", "/logout", [*session, HERE, ("x-csrf-token", csrf)])
    assert reply.status == 303
    assert "Max-Age=0" in reply.header("set-cookie")
    assert ask(app, "GET", "/api/v1/keys", session).status == 401


def test_a_session_ends_by_itself(app: FastAPI, context: Context) -> None:
    session, _ = log_in(app, context)
    context.config_db.execute("UPDATE session SET expires_at = 1")
    assert ask(app, "GET", "/api/v1/keys", session).status == 401


def test_a_session_has_the_role_and_teams_of_its_link(app: FastAPI, context: Context) -> None:
    session, csrf = log_in(app, context, role="owner", teams=("search",))
    lines = [*session, HERE, ("x-csrf-token", csrf)]
    assert ask(app, "POST", "/api/v1/keys", lines, {"locked": {"team": "ads"}}).status == 403
    assert ask(app, "POST", "/api/v1/keys", lines, {"locked": {"team": "search"}}).status == 201
    assert ask(app, "POST", "/api/v1/login-links", lines, {"role": "admin"}).status == 403


def test_the_cookie_is_out_of_reach_of_scripts_and_other_sites(context: Context, services: Services) -> None:
    plain, secure = build_api(context, services), build_api(context, replace(services, secure=True))
    for app, lines, marks in ((plain, [], False), (secure, [], True), (plain, [("x-forwarded-proto", "https")], True)):
        path, _ = create_login_link(context, LinkRequest())
        cookie = ask(app, "GET", path, lines).header("set-cookie")
        words = {word.strip().lower() for word in cookie.split(";")}
        assert {"httponly", "samesite=lax", "path=/"} <= words
        assert ("secure" in words) == marks == cookie.startswith("__Host-")
        assert "domain" not in cookie.lower()


@pytest.mark.parametrize(
    "onward",
    [
        "https://evil.test", "//evil.test", "/\\evil.test", "\\\\evil.test", "/\t/evil.test", "/\n/evil.test",
        "javascript:alert(1)", "evil.test", "", "http:evil.test", "/%0d%0aset-cookie:a=b\r\nx: y", "/a\\..\\b", "@evil.test",
    ],
)  # fmt: skip
def test_the_way_on_after_a_login_never_leaves_this_server(app: FastAPI, context: Context, onward: str) -> None:
    path, _ = create_login_link(context, LinkRequest())
    token = path.partition("token=")[2]
    reply = ask(app, "GET", f"/login?token={token}&next={quote(onward, safe='')}")
    assert (reply.status, reply.header("location")) == (303, "/")


def test_the_way_on_keeps_its_filters(app: FastAPI, context: Context) -> None:
    made = ask(app, "POST", "/api/v1/login-links", admin(context), {"next": "/explore?by=team&where=feature=chat"})
    assert made.json["url"] == "https://tally.test" + made.json["path"]
    assert ask(app, "GET", made.json["path"]).header("location") == "/explore?by=team&where=feature=chat"


def test_a_form_on_another_site_cannot_log_anybody_in(app: FastAPI, context: Context) -> None:
    path, _ = create_login_link(context, LinkRequest())
    body = f"token={path.partition('token=')[2]}".encode()
    form = [("content-type", "application/x-www-form-urlencoded")]
    assert ask(app, "POST", "/login", [*form, ("origin", "https://evil.test")], body).status == 403
    assert ask(app, "POST", "/login", form, body).status == 403
    assert ask(app, "POST", "/login", [*form, HERE], body).status == 303


# Writes from other sites.


@pytest.mark.parametrize(
    "origin",
    [
        "https://evil.test", "null", "", "https://tally.test.evil.test", "https://eviltally.test", "https://tally.test:8443",
        "https://tally.test@evil.test", "https://[", "file://",
    ],
)  # fmt: skip
def test_a_write_by_cookie_from_elsewhere_is_refused_even_with_the_word(
    app: FastAPI, context: Context, origin: str
) -> None:
    session, csrf = log_in(app, context)
    lines = [*session, ("x-csrf-token", csrf), ("origin", origin)]
    assert ask(app, "POST", "/api/v1/keys", lines, {}).status == 403
    assert ask(app, "POST", "/api/v1/keys", [*session, ("x-csrf-token", csrf), HERE], {}).status == 201


def test_the_word_of_another_session_is_wrong(app: FastAPI, context: Context) -> None:
    first, _ = log_in(app, context)
    context.config_db.execute("UPDATE session SET created_at = created_at - 10")
    _, csrf = log_in(app, context)
    for word in (csrf, "", "null", "undefined", csrf[:-1]):
        assert ask(app, "POST", "/api/v1/keys", [*first, HERE, ("x-csrf-token", word)], {}).status == 403


def test_a_plain_form_carries_the_word_in_a_field(app: FastAPI, context: Context) -> None:
    session, csrf = log_in(app, context)
    form = [*session, HERE, ("content-type", "application/x-www-form-urlencoded")]
    assert ask(app, "POST", "/logout", form, b"csrf=" + csrf.encode() + b"x").status == 403
    assert ask(app, "POST", "/logout", form, b"&".join([b"a=b"] * 200) + b"&csrf=" + csrf.encode()).status == 403
    assert ask(app, "POST", "/logout", form, b"a=b&csrf=" + csrf.encode()).status == 303


# Bodies.


def test_a_body_too_large_is_refused_before_it_is_read(app: FastAPI) -> None:
    declared = [("content-length", str(10**9))]
    assert ask(app, "POST", "/api/v1/keys", declared, [None]).status == 413
    assert ask(app, "POST", "/api/v1/keys", [], [b"x" * 600_000, b"x" * 600_000, None]).status == 413


def test_a_body_that_drips_is_given_up(context: Context, services: Services) -> None:
    app = build_api(context, replace(services, body_seconds=0.1))
    assert ask(app, "POST", "/api/v1/keys", admin(context), [b"{", None]).status == 408


@pytest.mark.parametrize("length", ["-1", "1e3", "0x10", "", "²", "1, 1"])
def test_a_length_that_is_no_number_is_refused(app: FastAPI, length: str) -> None:
    assert ask(app, "POST", "/api/v1/keys", [("content-length", length)], b"{}").status == 422


@pytest.mark.parametrize(
    "body",
    [b"{", b"[]", b"null", b"1", b"\xff\xfe", b'{"locked": [1]}', b'{"locked": {"team": 1}}', b'{"nme": "x"}', b"[" * 100_000,
     b'{"locked": {"team": ""}}', b'{"locked": {"team": "a\\u0000b"}}', b'{"locked": {"tem": "x"}}',
     b'{"locked": {"team": "x"}, "defaults": {"Team": "y"}}', b'{"name": "' + b"x" * 300 + b'"}'],
    ids=range(14),
)  # fmt: skip
def test_a_body_that_cannot_be_used_makes_nothing(app: FastAPI, context: Context, body: bytes) -> None:
    reply = ask(app, "POST", "/api/v1/keys", [*admin(context), ("content-type", "application/json")], body)
    assert reply.status == 400, reply.body
    assert set(reply.json["error"]) == {"code", "what", "where", "next_steps"}
    assert context.config_db.rows("SELECT count(*) FROM gateway_key") == [(0,)]


# Secrets are write-only.


def test_no_answer_log_or_file_holds_a_secret(
    app: FastAPI, context: Context, caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str]
) -> None:
    """Configuration endpoints returned keys in clear, in other houses without a login."""
    caplog.set_level(logging.DEBUG)
    lines = admin(context)
    own = lines[0][1].removeprefix("Bearer ")
    made = ask(app, "POST", "/api/v1/keys", lines, {"name": "n", "locked": {"team": "search"}}).json
    token = ask(app, "POST", "/api/v1/tokens", lines, {"role": "viewer"}).json
    link = ask(app, "POST", "/api/v1/login-links", lines, {}).json["path"].partition("token=")[2]
    session, csrf = log_in(app, context)
    cookie = session[0][1].partition("=")[2]
    secrets = [own, made["key"], token["token"], link, cookie, prepare_instance(context.data_dir).cli_token]
    planted = [*secrets, *(hash_secret(one) for one in secrets), context.secret.hex()]
    seen: list[str] = []
    for caller in (lines, session, bearer(made["key"]), bearer(token["token"] + "x")):
        for method, template in ACCESS:
            if method == "GET" or template.endswith("_id}"):
                target = template.replace("{key_id}", made["id"]).replace("{token_id}", token["id"])
                reply = ask(app, method, target, caller)
                seen.append(reply.body.decode("utf-8", "replace") + str(reply.headers))
    seen += [record.getMessage() for record in caplog.records]
    seen += list(capfd.readouterr())
    for secret in planted:
        assert not [text for text in seen if secret in text]
    assert not [text for text in seen if csrf in text]
    context.config_db.rows("PRAGMA wal_checkpoint(TRUNCATE)")
    stored = b"".join(path.read_bytes() for path in context.data_dir.glob("config.db*"))
    for secret in secrets:
        assert secret.encode() not in stored


def test_an_error_nobody_foresaw_says_nothing_of_its_inside(
    context: Context, services: Services, caplog: pytest.LogCaptureFixture
) -> None:
    def broken() -> int:
        raise RuntimeError("password=hunter2 at /srv/secret/path")

    app = build_api(context, replace(services, pending=broken))
    reply = ask(app, "GET", "/readyz?drained=1")
    assert reply.status == 500
    assert b"hunter2" not in reply.body
    assert b"Traceback" not in reply.body
    assert "RuntimeError" in caplog.text


def test_the_files_of_an_instance_are_the_owners_alone(tmp_path: Path) -> None:
    folder = tmp_path / "data"
    instance = prepare_instance(folder)
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    for name in ("cli.token", "config.db", "instance.secret"):
        assert stat.S_IMODE((folder / name).stat().st_mode) == 0o600
    assert prepare_instance(folder) == instance
    assert sorted(path.name for path in folder.iterdir()) == ["cli.token", "config.db", "instance.secret"]


def test_a_token_file_that_others_could_read_is_worth_nothing(app: FastAPI, context: Context) -> None:
    leaked = read_cli_token(context.data_dir)
    assert ask(app, "GET", "/api/v1/keys", bearer(leaked)).status == 200
    (context.data_dir / "cli.token").chmod(0o644)
    assert ask(app, "GET", "/api/v1/keys", bearer(leaked)).status == 401
    fresh = prepare_instance(context.data_dir)
    assert fresh.cli_token != leaked
    assert fresh.secret == context.secret
    assert ask(app, "GET", "/api/v1/keys", bearer(leaked)).status == 401
    assert ask(app, "GET", "/api/v1/keys", bearer(fresh.cli_token)).status == 200


def test_without_a_token_file_nobody_is_local(app: FastAPI, context: Context) -> None:
    (context.data_dir / "cli.token").unlink()
    for secret in ("", "tallycli_", "tallycli_" + "a" * 40):
        assert ask(app, "GET", "/api/v1/keys", bearer(secret)).status == 401


def test_an_owner_of_one_team_neither_sees_nor_touches_keys_of_another(app: FastAPI, context: Context) -> None:
    other, _ = create_key(context, KeyRequest("theirs", {"team": "ads"}))
    loose, _ = create_key(context, KeyRequest("anyone", {}, {"team": "search"}))
    mine, _ = create_key(context, KeyRequest("mine", {"team": "search"}))
    lines = bearer(create_token(context, TokenRequest(role="owner", teams=("search",)))[1])
    listed = ask(app, "GET", "/api/v1/keys", lines).json["keys"]
    assert [key["id"] for key in listed] == [mine.key_id]
    for key in (other, loose):
        theirs = ask(app, "DELETE", f"/api/v1/keys/{key.key_id}", lines)
        nobody = ask(app, "DELETE", "/api/v1/keys/key_nobody", lines)
        assert theirs.status == nobody.status == 404
        assert theirs.body.replace(key.key_id.encode(), b"key_nobody") == nobody.body
    assert ask(app, "DELETE", f"/api/v1/keys/{mine.key_id}", lines).status == 200
    assert context.config_db.rows("SELECT count(*) FROM gateway_key WHERE revoked_at IS NULL") == [(2,)]


def test_the_audit_log_names_who_did_what_and_no_secret(app: FastAPI, context: Context) -> None:
    lines = bearer(create_token(context, TokenRequest(name="Ann", role="admin"))[1])
    made = ask(app, "POST", "/api/v1/keys", lines, {}).json
    ask(app, "DELETE", f"/api/v1/keys/{made['id']}", lines)
    ask(app, "DELETE", f"/api/v1/keys/{made['id']}", lines)
    entries = ask(app, "GET", "/api/v1/audit", lines).json["entries"]
    said = [(entry["who"], entry["what"], entry["detail"]) for entry in entries if entry["who"] == "Ann"]
    assert said == [("Ann", "revoke key", made["id"]), ("Ann", "create key", made["id"])]


def test_every_answer_has_the_headers_that_keep_a_browser_safe(app: FastAPI, context: Context) -> None:
    for method, target, lines in (
        ("GET", "/healthz", []), ("GET", "/api/v1/keys", []), ("GET", "/api/v1/keys", admin(context)),
        ("GET", "/nothing", [("accept", "text/html")]), ("POST", "/api/v1/keys", [("content-length", "x")]),
    ):  # fmt: skip
        reply = ask(app, method, target, lines)
        assert "default-src 'none'" in reply.header("content-security-policy")
        assert reply.header("x-content-type-options") == "nosniff"
        assert reply.header("cache-control") == "no-store"
        assert reply.header("x-frame-options") == "DENY"
        assert not reply.header("access-control-allow-origin")


def test_the_database_is_reached_by_bound_parameters_only(context: Context) -> None:
    """What a header says arrives in SQL as a hash, a value: statements seen are the same for all texts."""
    statements: set[str] = set()

    class Watched(ConfigDb):
        def rows(self, sql: str, params: object = None) -> list[tuple[object, ...]]:  # type: ignore[override]
            statements.add(sql)
            return super().rows(sql, params)  # type: ignore[arg-type,return-value]

    watched = replace(context, config_db=Watched(context.data_dir / "config.db"))
    app = build_api(watched, Services(book=lambda: PriceBook([])))
    counts = set()
    for text in INJECTIONS:
        ask(app, "GET", "/api/v1/keys", [("authorization", f"Bearer tallyapi_{text}"[:200])])
        counts.add(len(statements))
    assert len(counts) == 1
    assert all("tallyapi_" not in one for one in statements)
    assert sqlite3.connect(context.data_dir / "config.db").execute("PRAGMA integrity_check").fetchall() == [("ok",)]
    watched.config_db.close()
