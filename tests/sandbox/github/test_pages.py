"""The addresses that answers name can be opened in a browser."""

from __future__ import annotations

import requests

from tests.sandbox.github.conftest import REPOSITORY, client, commit_as_bot, open_pull


def test_a_pull_request_can_be_looked_at(server, repo):
    pull = open_pull(repo)
    server.approve(REPOSITORY, pull.number, "priya", "Good <b>work</b>")
    page = requests.get(pull.html_url, timeout=10)
    assert page.headers["Content-Type"].startswith("text/html")
    for words in ("Raise memory #1", "+  memory: 128Mi", "priya", "Good &lt;b&gt;work", "not GitHub"):
        assert words in page.text
    assert "+  memory: 128Mi" in requests.get(pull.diff_url, timeout=10).text
    assert "128Mi" in requests.get(repo.get_commit(pull.head.sha).html_url, timeout=10).text


def test_a_private_one_cannot(server):
    server.add_repository("acme/secret", {"a": "b"}, private=True)
    with client(server) as api:
        repo = api.get_repo("acme/secret")
        commit_as_bot(repo, "topic", {"a": "c"})
        pull = repo.create_pull(base="main", head="topic", title="x")
    assert requests.get(pull.html_url, timeout=10).status_code == 404
