"""Failures of GitHub, each as the error a person can act on; retries; never a blind repetition."""

from __future__ import annotations

import pytest
import requests
import responses

from selfheal.config import Settings
from selfheal.errors import ConfigurationProblem, CredentialProblem, NotFound, Outage, Refused, SelfhealError
from selfheal.pulls.client import Client
from selfheal.pulls.errors import Rejection, Unclear
from selfheal.pulls.manager import PullRequests
from selfheal.redaction import register

from .conftest import FakeClock

ADDRESS = "https://api.github.test"
#: PyGithub's requester always names the port.
API = f"{ADDRESS}:443"
REPO = f"{API}/repos/acme/shop"
TOKEN = "ghs_abcdefghijklmnopqrstuvwx"


def settings(**endpoints) -> Settings:
    base = {"github_url": ADDRESS, "github_token": TOKEN, "github_repository": "acme/shop"}
    return Settings.model_validate({"endpoints": base | endpoints})


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


@pytest.fixture
def client(clock) -> Client:
    return Client(settings(), clock)


@pytest.fixture
def http():
    with responses.RequestsMock(assert_all_requests_are_fired=False) as mock:
        yield mock


def test_a_read_is_tried_again_after_a_short_wait(client, http, clock):
    http.get(REPO, status=502)
    http.get(REPO, body=requests.ConnectionError("gone"))
    http.get(REPO, json={"full_name": "acme/shop"})
    assert client.get("/repos/acme/shop") == {"full_name": "acme/shop"}
    assert clock.slept == [1.0, 3.0]
    assert (client.requests, client.writes) == (3, 0)


def test_a_read_that_never_works_is_an_outage(client, http):
    http.get(REPO, status=503, headers={"Retry-After": "40"})
    with pytest.raises(Outage) as outage:
        client.get("/repos/acme/shop")
    assert outage.value.retry_after in (40.0, 30)
    assert client.requests <= 3


@pytest.mark.parametrize("failure", [{"status": 500}, {"status": 502}, {"body": requests.ConnectionError("x")},
                                     {"body": requests.ReadTimeout("x")}])  # fmt: skip
def test_a_write_whose_answer_is_lost_is_not_repeated(client, http, failure):
    http.post(f"{REPO}/pulls", **failure)
    with pytest.raises(Unclear):
        client.write("POST", "/repos/acme/shop/pulls", {})
    assert (client.requests, client.writes) == (1, 1)


def test_a_write_that_changes_nothing_when_repeated_is(client, http):
    http.post(f"{REPO}/git/blobs", status=502)
    http.post(f"{REPO}/git/blobs", json={"sha": "1"}, status=201)
    assert client.write("POST", "/repos/acme/shop/git/blobs", {}, repeatable=True) == {"sha": "1"}


@pytest.mark.parametrize(
    ("status", "headers", "message", "wait"),
    [
        (429, {"Retry-After": "7"}, "slow down", 7.0),
        (403, {"Retry-After": "9"}, "You have exceeded a secondary rate limit.", 9.0),
        (403, {}, "You have exceeded a secondary rate limit. Please wait.", 60.0),
        (
            403,
            {"x-ratelimit-remaining": "0", "x-ratelimit-reset": "1763625610"},
            "API rate limit exceeded",
            None,
        ),
        (429, {}, "", 60.0),
    ],
)
def test_rate_limits(client, http, clock, status, headers, message, wait):
    if wait is None:
        headers = {**headers, "x-ratelimit-reset": str(int(clock.now().timestamp()) + 500)}
        wait = 500.0
    http.post(f"{REPO}/pulls", status=status, headers=headers, json={"message": message})
    http.post(f"{REPO}/pulls", status=201, json={"number": 1})
    if wait <= 15:
        assert client.write("POST", "/repos/acme/shop/pulls", {}) == {"number": 1}
        assert clock.slept == [wait]
    else:
        with pytest.raises(Outage) as outage:
            client.write("POST", "/repos/acme/shop/pulls", {})
        assert outage.value.retry_after == pytest.approx(wait, abs=1)
        assert not isinstance(outage.value, Unclear)


@pytest.mark.parametrize(
    ("status", "headers", "kind", "said"),
    [
        (401, {}, CredentialProblem, "GITHUB_TOKEN"),
        (403, {"x-accepted-github-permissions": "contents=write"}, CredentialProblem, "contents=write"),
        (403, {"x-github-sso": "required; url=x"}, CredentialProblem, "single sign-on"),
        (403, {}, CredentialProblem, "pull-requests: write"),
        (404, {}, NotFound, "404 for both"),
        (405, {}, Rejection, "405"),
        (409, {}, Rejection, "409"),
        (410, {}, Rejection, "410"),
        (422, {}, Rejection, "422"),
        (301, {"Location": "https://other.test/x"}, ConfigurationProblem, "GITHUB_REPOSITORY"),
        (301, {"Location": "http://api.github.test/x"}, ConfigurationProblem, "GITHUB_REPOSITORY"),
        (307, {"Location": f"{ADDRESS}/repositories/1"}, ConfigurationProblem, "GITHUB_REPOSITORY"),
        (302, {"Location": f"{ADDRESS}/repositories/1"}, ConfigurationProblem, "GITHUB_REPOSITORY"),
    ],
)
def test_each_refusal_says_what_to_do(client, http, status, headers, kind, said):
    http.put(f"{REPO}/x", status=status, headers=headers, json={"message": f"no, {TOKEN}"})
    register(TOKEN)
    with pytest.raises(kind) as found:
        client.write("PUT", "/repos/acme/shop/x", {})
    assert said in f"{found.value.message} {found.value.hint}"
    assert TOKEN not in f"{found.value.message} {found.value.hint}"
    assert client.requests == 1


@pytest.mark.parametrize("body", ["<html>Sign in</html>", "{broken", "[1", "plain"])
def test_an_answer_that_is_no_api_is_said(client, http, body):
    http.get(REPO, body=body)
    with pytest.raises(Outage, match="not GitHub's API"):
        client.get("/repos/acme/shop")


@pytest.mark.parametrize("status", [400, 404, 422, 500])
def test_no_vendor_error_leaks(client, http, status):
    http.get(REPO, status=status, body="{broken")
    with pytest.raises(SelfhealError):
        client.get("/repos/acme/shop")


def test_an_expired_certificate_is_said(client, http):
    http.get(REPO, body=requests.exceptions.SSLError("certificate has expired"))
    with pytest.raises(ConfigurationProblem, match="certificate"):
        client.get("/repos/acme/shop")
    assert client.requests == 1


def test_lists_are_read_to_the_end_or_refused(client, http):
    def page(request):
        number = int(request.params["page"])
        return 200, {}, "[" + ",".join(['{"n":1}'] * (100 if number < 3 else 5)) + "]"

    http.add_callback(responses.GET, f"{REPO}/pulls", callback=page)
    assert len(client.get_all("/repos/acme/shop/pulls")) == 205
    http.get(f"{REPO}/issues", json=[{"n": 1}] * 100)
    with pytest.raises(SelfhealError, match="more than"):
        client.get_all("/repos/acme/shop/issues")


def test_a_dry_run_cannot_write(clock):
    dry = Settings.model_validate({"dry_run": True, "endpoints": settings().endpoints.model_dump()})
    with pytest.raises(Refused, match="dry run"):
        Client(dry, clock).write("POST", "/x", {})


@pytest.mark.parametrize(
    ("missing", "said"),
    [({"github_token": ""}, "GITHUB_TOKEN"), ({"github_repository": ""}, "GITHUB_REPOSITORY"),
     ({"github_repository": "a/b/c"}, "GITHUB_REPOSITORY"), ({"github_repository": "/b"}, "GITHUB_REPOSITORY")],
)  # fmt: skip
def test_what_is_not_set_is_named(clock, missing, said):
    with pytest.raises(ConfigurationProblem) as found:
        Client(settings(**missing), clock)
    assert said in found.value.hint


# -- who we are ------------------------------------------------------------------------------------------------


def test_a_user_says_who_it_is(clock, http):
    http.post(f"{API}/graphql", status=404, json={"message": "Not Found"})
    http.get(f"{API}/user", json={"login": "healer"})
    pulls = PullRequests.connect(settings(), clock)
    assert pulls.whoami() == "healer" and pulls.triggers_workflows()


def test_an_installation_is_asked_by_graphql(clock, http):
    http.get(f"{API}/user", status=403, json={"message": "Resource not accessible by integration"})
    http.post(f"{API}/graphql", json={"data": {"viewer": {"login": "healer[bot]"}}})
    pulls = PullRequests.connect(settings(), clock)
    assert pulls.whoami() == "healer[bot]" and pulls.triggers_workflows()
    assert pulls.writes == 0


def test_enterprise_server_has_graphql_elsewhere(clock, http):
    http.get("https://ghe.test:443/api/v3/user", status=403, json={"message": "no"})
    http.post("https://ghe.test:443/api/graphql", json={"data": {"viewer": {"login": "healer[bot]"}}})
    pulls = PullRequests.connect(settings(github_url="https://ghe.test/api/v3"), clock)
    assert pulls.whoami() == "healer[bot]"


def test_the_plain_token_of_a_workflow_is_known_and_said(clock, http):
    http.get(f"{API}/user", status=403, json={"message": "Resource not accessible by integration"})
    http.post(f"{API}/graphql", status=403, json={"message": "no"})
    pulls = PullRequests.connect(settings(), clock)
    assert pulls.whoami() == "github-actions[bot]"
    assert not pulls.triggers_workflows()


def test_a_refused_token_is_no_installation(clock, http):
    http.post(f"{API}/graphql", status=401, json={"message": "Bad credentials"})
    http.get(f"{API}/user", status=401, json={"message": "Bad credentials"})
    with pytest.raises(CredentialProblem):
        PullRequests.connect(settings(), clock).whoami()


def test_writing_is_tried_where_github_does_not_tell(clock, http):
    http.get(REPO, json={"full_name": "acme/shop"})
    http.post(f"{REPO}/git/blobs", status=201, json={"sha": "e69de29bb2d1d6434b8b29ae775ad8c2e48c5391"})
    assert PullRequests.connect(settings(), clock).can_write()


def test_checks_that_may_not_be_read_are_not_green(clock, http):
    http.get(f"{REPO}/commits/abc/check-runs", status=403, json={"message": "Resource not accessible by integration"},
             headers={"x-accepted-github-permissions": "checks=read"})  # fmt: skip
    from selfheal.pulls.reader import Reader

    found = Reader(Client(settings(), clock)).checks("abc")
    assert found.colour == "unknown" and "checks=read" in found.why
