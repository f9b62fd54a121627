"""One connection, one retry policy, errors that say what happened: against canned answers."""

from __future__ import annotations

import base64
import json
import socket
from datetime import timedelta
from email.utils import format_datetime

import pytest
import requests
import responses

from selfheal.errors import (
    ConfigurationProblem,
    Conflict,
    CredentialProblem,
    NotFound,
    Outage,
    Refused,
    SelfhealError,
)  # fmt: skip
from selfheal.jsm.site import JiraSite
from selfheal.jsm.transport import PATIENCE, TRIES, LostAnswer, Transport
from tests.jsm.support import NOW, FakeClock, settings_for

URL = "https://api.atlassian.com/ex/jira/cloud-1"
ISSUE = f"{URL}/rest/api/3/issue/INC-1"
TOKEN = "the-token-of-the-bot"


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


@pytest.fixture
def site(clock: FakeClock) -> JiraSite:
    return JiraSite(Transport(settings_for(URL, TOKEN), clock))


@pytest.fixture
def http():
    with responses.RequestsMock(assert_all_requests_are_fired=False) as mock:
        yield mock


def document() -> dict:
    return {"id": "1", "key": "INC-1", "fields": {}}


# -- who we are ------------------------------------------------------------------------------------------------


def test_a_token_alone_is_sent_as_bearer(site, http) -> None:
    http.get(f"{URL}/rest/api/3/myself", json={"accountId": "a"})
    site.myself()
    assert http.calls[0].request.headers["Authorization"] == f"Bearer {TOKEN}"


def test_an_address_makes_it_basic(clock, http) -> None:
    http.get(f"{URL}/rest/api/3/myself", json={"accountId": "a"})
    JiraSite(Transport(settings_for(URL, TOKEN, email="bot@example.com"), clock)).myself()
    expected = base64.b64encode(f"bot@example.com:{TOKEN}".encode()).decode()
    assert http.calls[0].request.headers["Authorization"] == f"Basic {expected}"


def test_a_netrc_file_cannot_replace_the_token(site, http, tmp_path, monkeypatch) -> None:
    (tmp_path / "netrc").write_text("machine api.atlassian.com login evil password evil\n")
    monkeypatch.setenv("NETRC", str(tmp_path / "netrc"))
    http.get(f"{URL}/rest/api/3/myself", json={"accountId": "a"})
    site.myself()
    assert http.calls[0].request.headers["Authorization"] == f"Bearer {TOKEN}"


@pytest.mark.parametrize(("url", "token", "word"), [("", TOKEN, "address"), (URL, "", "token")])
def test_what_is_missing_is_named(url, token, word, clock) -> None:
    with pytest.raises(ConfigurationProblem, match=word):
        Transport(settings_for(url, token), clock)


def test_the_library_neither_sleeps_nor_repeats_on_its_own(site) -> None:
    for client in (site.transport.jira, site.transport.service_management):
        assert client.retry_with_header is False
        assert client.backoff_and_retry is False
        assert isinstance(client.timeout, int)
        assert not client.advanced_mode


# -- refusals --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("status", "kind"),
    [
        (401, CredentialProblem), (403, CredentialProblem), (404, NotFound), (409, Conflict), (410, SelfhealError),
        (413, Refused), (400, SelfhealError),
    ],
)  # fmt: skip
def test_each_refusal_is_an_error_of_ours_and_is_not_repeated(status, kind, site, http) -> None:
    http.get(ISSUE, json={"errorMessages": ["because of this"]}, status=status)
    with pytest.raises(kind, match="because of this") as raised:
        site.issue("INC-1")
    assert str(status) in raised.value.message
    assert "INC-1" in raised.value.message
    assert len(http.calls) == 1
    assert isinstance(raised.value.__cause__, requests.HTTPError)


@pytest.mark.parametrize(
    ("body", "words"),
    [
        ({"errorMessages": ["one"], "errors": {"summary": "two"}}, ["one", "summary: two"]),
        ({"errorMessage": "of service management", "i18nErrorMessage": {}}, ["of service management"]),
        ({"code": 400, "message": "of the gateway"}, ["of the gateway"]),
        ({"errors": [{"message": "in a list"}]}, ["in a list"]),
        ({"errors": {"message": "inside"}}, ["inside"]),
        ({"error": "invalid_scope", "error_description": "scope does not match"}, ["scope does not match"]),
        (["a", "list"], ["a", "list"]),
        ("text", ["text"]),
    ],
)
def test_every_shape_of_refusal_is_read(body, words, site, http) -> None:
    http.get(ISSUE, json=body, status=400)
    with pytest.raises(SelfhealError) as raised:
        site.issue("INC-1")
    for word in words:
        assert word in raised.value.message
    assert "Unknown error" not in raised.value.message


def test_a_401_of_another_content_type_is_read_as_well(site, http) -> None:
    http.get(
        ISSUE, body='{"code":401,"message":"scope does not match"}', status=401, content_type="text/plain"
    )
    with pytest.raises(CredentialProblem, match="scope does not match"):
        site.issue("INC-1")


def test_a_page_that_is_no_json_is_an_outage_not_an_issue(site, http) -> None:
    http.get(ISSUE, body="<html>proxy</html>", status=200)
    with pytest.raises(Outage, match="not JSON"):
        site.issue("INC-1")


def test_secrets_in_a_refusal_are_not_passed_on(site, http) -> None:
    secret = "ghp_" + "a1B2" * 9
    http.get(ISSUE, json={"errorMessages": [f"bad token {secret}"]}, status=400)
    with pytest.raises(SelfhealError) as raised:
        site.issue("INC-1")
    assert secret not in raised.value.message


# -- redirects -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("method", "path", "call"),
    [
        ("GET", "", lambda site: site.issue("INC-1")),
        ("PUT", "", lambda site: site.edit("INC-1", labels={"add": ["x"]})),
        ("POST", "/comment", lambda site: site.comment("INC-1", {}, "n")),
    ],
)
@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_a_redirect_is_not_followed_with_our_credentials(method, path, call, status, site, http) -> None:
    elsewhere = "https://elsewhere.example/x"
    http.add(method, ISSUE + path, status=status, headers={"Location": elsewhere})
    http.add("GET", elsewhere, json=document())
    with pytest.raises(Refused, match="redirect"):
        call(site)
    assert len(http.calls) == 1


# -- waiting and trying again ----------------------------------------------------------------------------------


def test_a_short_rate_limit_is_waited_out_as_asked(site, http, clock) -> None:
    http.get(ISSUE, status=429, headers={"Retry-After": "7", "RateLimit-Reason": "jira-burst-based"})
    http.get(ISSUE, json=document())
    site.issue("INC-1")
    assert clock.slept == [7.0]


def test_retry_after_may_be_a_date_of_jiras_clock(site, http, clock) -> None:
    theirs = NOW + timedelta(hours=3)
    headers = {
        "Date": format_datetime(theirs, usegmt=True),
        "Retry-After": format_datetime(theirs + timedelta(seconds=5), usegmt=True),
    }
    http.get(ISSUE, status=429, headers=headers)
    http.get(ISSUE, json=document())
    site.issue("INC-1")
    assert clock.slept == [pytest.approx(5.0, abs=1.0)]


def test_a_used_up_quota_fails_at_once(site, http, clock) -> None:
    http.get(ISSUE, status=429, headers={"Retry-After": "5", "RateLimit-Reason": "jira-quota-global-based"})
    with pytest.raises(Outage, match="quota"):
        site.issue("INC-1")
    assert (len(http.calls), clock.slept) == (1, [])


def test_a_long_wait_is_left_to_the_next_run(site, http, clock) -> None:
    http.get(ISSUE, status=429, headers={"Retry-After": "1800"})
    with pytest.raises(Outage) as raised:
        site.issue("INC-1")
    assert raised.value.retry_after == 1800
    assert clock.slept == []


@pytest.mark.parametrize("status", [500, 502, 503, 504])
def test_a_broken_server_is_asked_a_bounded_number_of_times(status, site, http, clock) -> None:
    http.get(ISSUE, status=status)
    with pytest.raises(Outage, match=str(status)):
        site.issue("INC-1")
    assert len(http.calls) == TRIES
    assert sum(clock.slept) < PATIENCE


def test_a_lost_connection_is_tried_again_for_reads_and_repeatable_writes(site, http) -> None:
    for method, call in (
        ("GET", lambda: site.issue("INC-1")),
        ("PUT", lambda: site.set_property("INC-1", "p", 1)),
    ):
        url = ISSUE if method == "GET" else f"{ISSUE}/properties/p"
        http.add(method, url, body=requests.ConnectionError("reset"))
        http.add(method, url, json=document())
        call()


@pytest.mark.parametrize(
    "failure",
    [{"body": requests.ConnectionError("reset")}, {"status": 502}, {"body": requests.ReadTimeout("slow")}],
)
def test_what_creates_is_never_sent_again_after_a_lost_answer(failure, site, http) -> None:
    http.post(f"{ISSUE}/comment", **failure)
    with pytest.raises(LostAnswer):
        site.comment("INC-1", {}, "n")
    assert len(http.calls) == 1


def test_what_creates_is_sent_again_when_it_certainly_did_not_arrive(site, http) -> None:
    http.post(f"{ISSUE}/comment", status=429, headers={"Retry-After": "1"})
    http.post(f"{ISSUE}/comment", json={}, status=201)
    site.comment("INC-1", {}, "n")
    assert len(http.calls) == 2


def test_a_refused_connection_is_an_outage_even_for_what_creates(clock) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    site = JiraSite(Transport(settings_for(f"http://127.0.0.1:{port}", TOKEN), clock))
    with pytest.raises(Outage, match="cannot be reached") as raised:
        site.comment("INC-1", {}, "n")
    assert not isinstance(raised.value, LostAnswer)
    assert len(clock.slept) == TRIES - 1


def test_a_bad_certificate_is_a_matter_of_configuration(site, http) -> None:
    http.get(ISSUE, body=requests.exceptions.SSLError("expired"))
    with pytest.raises(ConfigurationProblem, match="certificate"):
        site.issue("INC-1")


def test_a_lease_that_is_over_ends_the_retries(site, http) -> None:
    http.put(ISSUE, status=503)
    tries = []

    def check() -> None:
        tries.append(1)
        if len(tries) == 2:
            raise Conflict("the claim is over")

    with pytest.raises(Conflict):
        site.edit("INC-1", labels={"add": ["x"]}, before_each=check)
    assert len(http.calls) == 1


# -- what is sent ----------------------------------------------------------------------------------------------


def test_requests_and_writes_are_counted_and_a_search_is_no_write(site, http) -> None:
    http.post(f"{URL}/rest/api/3/search/jql", json={"issues": []})
    http.put(f"{ISSUE}/properties/p", json={})
    site.search("project = INC", limit=1)
    site.set_property("INC-1", "p", {"a": 1})
    assert (site.transport.requests, site.transport.writes) == (2, 1)


def test_a_conditional_set_always_has_a_filter_on_one_issue(site, http) -> None:
    bulk = f"{URL}/rest/api/3/issue/properties/selfheal"
    http.put(bulk, status=303, headers={"Location": f"{URL}/rest/api/3/task/77"})
    assert site.set_if("INC-1", 10001, "selfheal", {"a": 1}) == "77"
    assert site.set_if("INC-1", 10001, "selfheal", {"a": 2}, expected={"a": 1}) == "77"
    first, second = (json.loads(call.request.body) for call in http.calls)
    assert first == {"filter": {"entityIds": [10001], "hasProperty": False}, "value": {"a": 1}}
    assert second["filter"] == {"entityIds": [10001], "currentValue": {"a": 1}}
    # Keywords the library does not know become query parameters.
    assert all("?" not in call.request.url for call in http.calls)


def test_comments_are_adf_and_internal(site, http) -> None:
    from selfheal.jsm.adf import document as adf

    http.post(f"{ISSUE}/comment", json={}, status=201)
    site.comment("INC-1", adf(["hello"]), "n")
    sent = json.loads(http.calls[0].request.body)
    assert sent["body"]["type"] == "doc"
    assert {"key": "sd.public.comment", "value": {"internal": True}} in sent["properties"]


def test_jiras_time_goes_on_by_the_monotonic_clock(site, http, clock) -> None:
    theirs = NOW + timedelta(days=2)
    http.get(ISSUE, json=document(), headers={"Date": format_datetime(theirs, usegmt=True)})
    site.issue("INC-1")
    clock.pass_(90)
    assert site.transport.server_now() == theirs + timedelta(seconds=90)


def test_writes_to_one_issue_keep_below_jiras_limits(site, http, clock) -> None:
    http.put(f"{ISSUE}/properties/p", json={})
    times = []
    for _number in range(130):
        site.set_property("INC-1", "p", 1)
        times.append(clock.elapsed)
    for span, limit in ((2.0, 20), (30.0, 100)):
        for start in times:
            assert sum(start <= time < start + span for time in times) <= limit
