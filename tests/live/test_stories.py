"""The main story against a real Jira site, GitHub repository and cluster (docs/live-tests.md). Opt-in.

What must be set is checked first, and each missing variable is named. The test writes: one incident, one commit on the
default branch, one pull request, which it merges, and comments. It undoes the commit when it fails before the merge.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from pathlib import Path

import pytest
import requests

pytestmark = [pytest.mark.live, pytest.mark.timeout(3600)]

NEEDED = {
    "ATLASSIAN_TOKEN": "the bot's API token",
    "GITHUB_TOKEN": "a token that may write contents and pull requests",
    "GITHUB_REPOSITORY": "owner/name of a repository that a GitOps controller applies to the cluster",
    "KUBECONFIG": "read access to that cluster",
    "SELFHEAL_JIRA_PROJECT": "key of a JSM project",
    "SELFHEAL_LIVE_REVIEWER_TOKEN": "a second person's GitHub token, to approve with",
    "SELFHEAL_LIVE_FILE": "a manifest in the repository that holds the memory limit",
    "SELFHEAL_LIVE_GOOD": "text in that file with the good limit, such as 'memory: 512Mi'",
    "SELFHEAL_LIVE_BAD": "the text that breaks it, such as 'memory: 32Mi'",
    "SELFHEAL_LIVE_SERVICE": "name of the service, as the services map spells it",
}


@pytest.fixture(scope="module")
def settings():
    missing = [f"{name} ({what})" for name, what in NEEDED.items() if not os.environ.get(name)]
    if not os.environ.get("ATLASSIAN_CLOUD_ID") and not os.environ.get("ATLASSIAN_API_URL"):
        missing.append("ATLASSIAN_CLOUD_ID (id of the Atlassian site)")
    if missing:
        pytest.fail("the live tests need: " + "; ".join(missing), pytrace=False)
    from selfheal import config

    return config.load()


class Repository:
    """The repository, as its people see it."""

    def __init__(self, settings) -> None:
        self.url = f"{settings.endpoints.github_url}/repos/{settings.endpoints.github_repository}"
        self.path = os.environ["SELFHEAL_LIVE_FILE"]

    def _call(self, method: str, path: str, token: str, **more):
        answer = requests.request(
            method, self.url + path, timeout=30, headers={"Authorization": f"Bearer {token}"}, **more
        )
        assert answer.ok, f"{method} {path}: {answer.status_code} {answer.text[:300]}"
        return answer.json()

    def replace(self, old: str, new: str, message: str) -> None:
        """A commit on the default branch by the reviewer."""
        import base64

        reviewer = os.environ["SELFHEAL_LIVE_REVIEWER_TOKEN"]
        file = self._call("GET", f"/contents/{self.path}", reviewer)
        text = base64.b64decode(file["content"]).decode()
        assert text.count(old) == 1, f"{old!r} stands {text.count(old)} times in {self.path}"
        body = {
            "message": message,
            "sha": file["sha"],
            "content": base64.b64encode(text.replace(old, new).encode()).decode(),
        }
        self._call("PUT", f"/contents/{self.path}", reviewer, json=body)

    def approve(self, number: int) -> None:
        """What the second person does."""
        reviewer = os.environ["SELFHEAL_LIVE_REVIEWER_TOKEN"]
        self._call("POST", f"/pulls/{number}/reviews", reviewer, json={"event": "APPROVE"})


def _file_incident(settings) -> str:
    """An incident assigned to the bot, as the token's own account may file it."""
    endpoints, jira = settings.endpoints, settings.jira
    token, email = endpoints.jira_token.get_secret_value(), endpoints.jira_email
    more = {"auth": (email, token)} if email else {"headers": {"Authorization": f"Bearer {token}"}}
    me = requests.get(f"{endpoints.jira_url}/rest/api/3/myself", timeout=30, **more).json()["accountId"]
    fields = {
        "project": {"key": jira.project},
        "issuetype": {"name": jira.issue_type},
        "summary": f"{os.environ['SELFHEAL_LIVE_SERVICE']} restarts (live test of selfheal)",
        "labels": [os.environ["SELFHEAL_LIVE_SERVICE"]],
        "assignee": {"id": me},
    }
    answer = requests.post(
        f"{endpoints.jira_url}/rest/api/3/issue", json={"fields": fields}, timeout=30, **more
    )
    assert answer.ok, answer.text[:300]
    return str(answer.json()["key"])


def _run(key: str, folder: Path) -> dict:
    done = subprocess.run(
        [sys.executable, "-m", "selfheal", "run", "--incident", key, "--mode", "heal", "--format", "json"],
        cwd=folder,
        capture_output=True,
        text=True,
        timeout=3000,
        check=False,
    )
    assert done.returncode in (0, 4), done.stderr[-2000:]
    (incident,) = json.loads(done.stdout)["incidents"]
    return incident


def test_a_lowered_memory_limit_is_healed(settings, tmp_path):
    good, bad = os.environ["SELFHEAL_LIVE_GOOD"], os.environ["SELFHEAL_LIVE_BAD"]
    repository = Repository(settings)
    repository.replace(good, bad, "lower the limit (live test of selfheal)")
    merged = False
    try:
        time.sleep(int(os.environ.get("SELFHEAL_LIVE_SYNC_SECONDS", "300")))
        key = _file_incident(settings)
        os.environ["SELFHEAL_GITHUB_WAIT_FOR_REVIEW"] = "0"
        incident = _run(key, tmp_path)
        assert incident["state"] == "PR_CREATED", incident
        assert incident["facts"]["fault"] == "oom-killed"
        repository.approve(int(incident["facts"]["pull_request"].rstrip("/").rpartition("/")[2]))
        os.environ["SELFHEAL_GITHUB_WAIT_FOR_REVIEW"] = "600"
        incident = _run(key, tmp_path)
        merged = incident["state"] not in ("PR_CREATED", "FIX_GENERATED")
        assert incident["state"] == "INCIDENT_RESOLVED", incident
    finally:
        if not merged:
            repository.replace(bad, good, "undo (live test of selfheal)")
