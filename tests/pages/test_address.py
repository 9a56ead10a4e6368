"""Addresses hold what a page shows; whatever is written into one, the answer is a page and never a failure."""

from urllib.parse import parse_qsl, quote, urlsplit

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tallystick.api.app import build_api
from tallystick.api.services import Services
from tallystick.charts.palette import SLOTS
from tallystick.explore.parse import parse_query
from tallystick.operations.assign_colours import assign_colours
from tallystick.operations.context import now_us
from tallystick.operations.ingest_events import ingest_events
from tallystick.operations.instance import prepare_instance
from tallystick.pricing.book import PriceBook
from tallystick.web.address import PAGE_WORDS, Address
from tallystick.web.drill import next_dimension
from tallystick.web.pages import build_web, error_page
from tallystick.web.serve_rest import local
from tests.api.client import ask
from tests.pages.conftest import new_context
from tests.pages.seed import HOSTILE, company

texts = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=30)
NOW = 1_795_450_000_000_000


def filters_of(address):
    query = parse_query(address.question(), now_us=NOW, zone="UTC", ignored=PAGE_WORDS)
    return [(one.dimension, one.operator, one.values) for one in query.filters]


def read(link):
    found = urlsplit(str(link))
    return Address.parse(found.path, found.query)


@given(texts.filter(lambda text: text.strip() == text and text.lower() != "(unknown)"))
def test_a_filter_on_any_value_survives_its_address(value):
    link = Address("/explore", (("range", "30d"),)).filtered("team", value)
    assert filters_of(read(link)) == [("team", "is", (value,))]


@pytest.mark.parametrize("value", [one.strip() for one in HOSTILE])
def test_the_nastiest_names_can_be_filtered_by(value):
    assert filters_of(read(Address("/explore").filtered("customer", value))) == [("customer", "is", (value,))]


def test_the_unknown_is_a_value_like_any_other():
    assert filters_of(read(Address("/explore").filtered("team", ""))) == [("team", "is", ("",))]


def test_a_new_filter_replaces_the_one_on_its_dimension_however_it_was_written():
    for query in ("team=a", "team!=a", "where=team%3Da", "team^=a", "Team=a"):
        address = Address.parse("/explore", query + "&range=7d").filtered("team", "b")
        assert dict(address.params) == {"range": "7d", "team": "b"}


def test_empty_fields_go_and_the_filter_form_becomes_one_condition():
    address = Address.parse("/explore", "provider=&range=7d&f_dim=feature&f_op=contains&f_value=chat").tidy()
    assert str(address) == "/explore?range=7d&feature~=chat"
    assert str(Address.parse("/explore", "f_dim=team&f_op=unknown&f_value=").tidy()) == "/explore?team=(unknown)"
    assert str(Address.parse("/explore", "f_dim=team&f_op=is&f_value=").tidy()) == "/explore"


def test_a_change_of_the_question_starts_at_the_first_page_again():
    address = Address.parse("/requests", "team=a&after=xyz")
    for changed in (
        address.having(range="7d"),
        address.filtered("model", "m"),
        address.without("team"),
        address.unfiltered(),
    ):
        assert changed.get("after") == ""


def test_drilling_never_offers_a_dimension_that_is_fixed():
    assert next_dimension("provider", {"provider"}) == "team"
    assert next_dimension("provider", {"provider", "team"}) == "feature"
    assert next_dimension("key", {"key"}) == "feature"
    assert next_dimension("run", {"run"}) == ""


@given(st.text(max_size=20))
def test_a_way_back_never_leaves_this_server(path):
    onward = local("/" + path)
    assert onward.startswith("/")
    assert urlsplit(onward).netloc == ""
    assert not onward.startswith(("//", "/\\"))


def test_colours_are_given_once_and_the_first_eight_differ(tmp_path):
    context = new_context(tmp_path, "")
    first = assign_colours(context, "team", ["A", "B", "C"])
    assert assign_colours(context, "team", ["Z", "C", "A"]) == {"Z": 3, "C": first["C"], "A": first["A"]}
    many = assign_colours(context, "team", [f"team {number}" for number in range(40)])
    assert len(set(list(many.values())[:4])) == 4
    assert set(many.values()) == set(range(SLOTS))
    assert assign_colours(context, "feature", ["A"]) == {"A": 0}
    assert assign_colours(context, "team", [""]) == {}
    context.ledger.close()
    context.config_db.close()


@pytest.fixture(scope="module")
def app(tmp_path_factory):
    context = new_context(tmp_path_factory.mktemp("app"), "Northwind")
    ingest_events(context, company(now_us())[:200])
    book = PriceBook([])
    yield build_api(context, Services(book=lambda: book, error_page=error_page), build_web(context, book=lambda: book))
    context.ledger.close()
    context.config_db.close()


@pytest.fixture(scope="module")
def headers(app):
    token = prepare_instance(app.state.context.data_dir).cli_token
    return [("authorization", f"Bearer {token}"), ("accept", "text/html")]


FIELDS = st.sampled_from(
    ["range", "from", "to", "cmp", "by", "where", "grain", "measure", "limit", "sort", "after", "q", "team", "model~",
     "tag.squad", "f_dim", "f_op", "f_value", "nonsense", ""]
)  # fmt: skip
WORDS = st.sampled_from(
    ["mtd", "7d", "12m", "2026-11-01", "none", "year", "team", "team,model", "tag.squad", "customer", "hour", "month", "billed",
     "list", "1", "0", "-cost", "name", "is_not", "unknown", "(unknown)", "team!=x", "a|b", "evt_1", ""]
)  # fmt: skip


@settings(max_examples=120, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    st.sampled_from(["/", "/explore", "/explore.csv", "/requests", "/find", "/sources", "/theme"]),
    st.lists(st.tuples(FIELDS, WORDS | texts), max_size=4),
)
def test_whatever_an_address_says_the_answer_is_a_page(app, headers, path, fields):
    query = "&".join(f"{quote(name)}={quote(value)}" for name, value in fields)
    reply = ask(app, "GET", f"{path}?{query}", headers)
    assert reply.status in {200, 303, 400}, (reply.status, path, query)
    if reply.status == 400:
        assert b"Traceback" not in reply.body
        assert "text/html" in reply.header("content-type")
    if reply.status == 303 and path != "/theme":
        location = reply.header("location")
        assert all(value for _, value in parse_qsl(urlsplit(location).query, keep_blank_values=True))


def test_an_unknown_page_and_a_forbidden_one_are_pages_too(app, headers):
    missing = ask(app, "GET", "/no/such/page", headers)
    assert (missing.status, missing.header("content-type")) == (404, "text/html; charset=utf-8")
    assert b"Go to the overview" in missing.body


@pytest.mark.parametrize("path", ["/static/app.css", "/static/app.js", "/static/icon.svg", "/static/htmx-4.0.1.min.js"])
def test_static_files_are_open_and_nothing_else_of_the_disk_is(app, path):
    assert ask(app, "GET", path).status == 200
    for wrong in ("/static/../pages.py", "/static/%2e%2e/pages.py", "/static/", "/static/none.css"):
        assert ask(app, "GET", wrong).status == 404


def test_a_file_with_its_mark_may_be_kept_and_one_without_soon_asks_again(app, headers):
    page = ask(app, "GET", "/", headers).body.decode()
    address = page.split('rel="stylesheet" href="')[1].split('"')[0]
    assert "immutable" in ask(app, "GET", address).header("cache-control")
    assert "immutable" not in ask(app, "GET", "/static/app.css?v=old").header("cache-control")
