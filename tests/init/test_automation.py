"""Jira's rule API: rules are made disabled, once, and only over a connection that keeps the credential."""

from __future__ import annotations

import json
import threading
from http.server import BaseHTTPRequestHandler, HTTPServer

import pytest

from selfheal import config
from selfheal.errors import ConfigurationProblem, CredentialProblem, NotFound, Outage, SelfhealError
from selfheal.init.automation import Automation
from selfheal.init.jira_rules import Site, dispatch_rule

SITE = Site(repository="acme/shop", project="INC", token="the-dispatch-token")
ADMIN = {
    "ATLASSIAN_CLOUD_ID": "cloud",
    "ATLASSIAN_EMAIL": "admin@acme.example",
    "ATLASSIAN_TOKEN": "administrators-token",
}


@pytest.fixture
def api():
    """A rule API that notes what it is sent and answers what it is told to."""
    seen, answers = [], {}

    class Handler(BaseHTTPRequestHandler):
        def _serve(self):
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            seen.append(
                (self.command, self.path, json.loads(body) if body else None, self.headers["Authorization"])
            )
            status, answer = answers.get((self.command, self.path.rpartition("/v1")[2]), (200, {}))
            self.send_response(status)
            if status in (301, 302):
                self.send_header("Location", "http://127.0.0.1:1/elsewhere")
            self.end_headers()
            self.wfile.write(json.dumps(answer).encode() if not isinstance(answer, bytes) else answer)

        do_GET = do_POST = do_PUT = _serve  # noqa: N815 - the names that the server looks for

        def log_message(self, *_args):
            pass

    server = HTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    server.seen, server.answers, server.url = seen, answers, f"http://127.0.0.1:{server.server_port}"
    yield server
    server.shutdown()
    server.server_close()


def connect(url, environ=ADMIN):
    return Automation(config.load(environ=environ), url=url)


def test_a_rule_is_made_disabled_for_one_project(api):
    api.answers["POST", "/rule"] = (200, {"ruleUuid": "u-1"})
    automation = connect(api.url)
    assert automation.make(dispatch_rule(SITE), SITE, author="me", project_id="10001") == "u-1"
    method, path, body, authorization = api.seen[0]
    assert (method, path) == ("POST", "/cloud/rest/v1/rule")
    rule = body["rule"]
    assert rule["state"] == "DISABLED"
    assert (
        rule["ruleScopeARIs"]
        == rule["trigger"]["value"]["eventFilters"]
        == ["ari:cloud:jira:cloud:project/10001"]
    )
    assert rule["authorAccountId"] == rule["actor"]["actor"] == "me"
    assert authorization.startswith("Basic ")
    automation.enable("u-1")
    assert api.seen[1][:3] == ("PUT", "/cloud/rest/v1/rule/u-1/state", {"value": "ENABLED"})


def test_existing_rules_are_read_page_by_page(api):
    api.answers["GET", "/rule/summary"] = (
        200,
        {"data": [{"name": "a", "uuid": "1"}], "links": {"next": "?cursor=two"}},
    )
    api.answers["GET", "/rule/summary?cursor=two"] = (200, {"data": [{"name": "b", "uuid": "2"}]})
    assert connect(api.url).names() == {"a": "1", "b": "2"}


@pytest.mark.parametrize(
    ("status", "kind"), [(401, CredentialProblem), (403, CredentialProblem), (404, NotFound), (429, Outage), (500, Outage), (400, SelfhealError), (302, SelfhealError)]
)  # fmt: skip
def test_every_answer_is_an_error_of_ours_without_the_credential(api, status, kind):
    api.answers["POST", "/rule"] = (status, {"message": "administrators-token"})
    with pytest.raises(kind) as caught:
        connect(api.url).make(dispatch_rule(SITE), SITE, author="me", project_id="1")
    assert "token" not in caught.value.message
    assert len(api.seen) == 1, "a redirect was followed"


def test_an_answer_that_is_no_json_is_an_outage(api):
    api.answers["GET", "/rule/summary"] = (200, b"<html>")
    with pytest.raises(Outage):
        connect(api.url).names()


def test_nobody_there_is_an_outage():
    with pytest.raises(Outage):
        connect("http://127.0.0.1:1").names()


def test_without_tls_no_credential_leaves():
    with pytest.raises(ConfigurationProblem):
        connect("http://automation.example")


def test_the_bots_account_does_not_do():
    with pytest.raises(CredentialProblem, match="administrator"):
        connect("", {"ATLASSIAN_CLOUD_ID": "cloud", "ATLASSIAN_TOKEN": "x"})
