"""One successful call of every REST route."""

from __future__ import annotations

import base64
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

import requests

from tests.sandbox.github.conftest import REPOSITORY


@dataclass(frozen=True)
class Answer:
    """What a call came to."""

    method: str
    path: str
    status: int
    body: Any


class Tourist:
    """Calls, remembers, and raises when a call does not succeed."""

    def __init__(self, server) -> None:
        self.server = server
        self.answers: list[Answer] = []
        self.admin = server.add_person("ada", REPOSITORY, "admin")

    def call(self, method: str, path: str, body: Any = None, *, admin: bool = False, status: int = 0) -> Any:
        token = self.admin if admin else self.server.bot_token
        path = path.replace("~", f"/repos/{REPOSITORY}", 1)
        answer = requests.request(
            method,
            self.server.url + path,
            json=body,
            headers={"Authorization": f"Bearer {token}"},
            timeout=30,
        )
        assert answer.ok if not status else answer.status_code == status, f"{method} {path}: {answer.text}"
        document = answer.json() if answer.content else None
        self.answers.append(Answer(method, path.partition("?")[0], answer.status_code, document))
        return document


def tour(server) -> list[Answer]:
    """Every route, the bot calling where an app may and an administrator elsewhere."""
    t = Tourist(server)
    call = t.call
    head = server.head(REPOSITORY)

    call("GET", "/user", admin=True)
    call("GET", "/users/ada")
    call("GET", f"/users/{quote('selfheal[bot]')}")
    call("GET", "/rate_limit")
    call("GET", "/installation/repositories")
    call("POST", "/graphql", {"query": "{ viewer { login } }"})
    repository = call("GET", "~")
    call("GET", f"/repositories/{repository['id']}")
    call("PATCH", "~", {"description": "A shop", "delete_branch_on_merge": False}, admin=True)
    for path in (
        "collaborators",
        "collaborators/ada",
        "collaborators/ada/permission",
        "branches",
        "branches/main",
    ):
        call("GET", f"~/{path}")

    # A commit and a branch by the git data API.
    blob = call(
        "POST", "~/git/blobs", {"content": base64.b64encode(b"kind: Job\n").decode(), "encoding": "base64"}
    )
    call("GET", f"~/git/blobs/{blob['sha']}")
    parent = call("GET", f"~/git/commits/{head}")
    entry = {"path": "deploy/job.yaml", "mode": "100644", "type": "blob", "sha": blob["sha"]}
    tree = call("POST", "~/git/trees", {"base_tree": parent["tree"]["sha"], "tree": [entry]})
    call("GET", f"~/git/trees/{tree['sha']}?recursive=1")
    commit = call("POST", "~/git/commits", {"message": "A job", "tree": tree["sha"], "parents": [head]})
    call("POST", "~/git/refs", {"ref": "refs/heads/selfheal/inc-1", "sha": head})
    call("PATCH", "~/git/refs/heads/selfheal/inc-1", {"sha": commit["sha"]})
    for path in ("refs", "ref/heads/main", "refs/heads/main", "matching-refs/heads/self"):
        call("GET", f"~/git/{path}")
    bare = server.hub.store.repository(REPOSITORY).git
    bare.run("tag", "-a", "-m", "First", "v1", head)
    call("GET", f"~/git/tags/{bare.ref('refs/tags/v1')}")
    call("GET", "~/tags")

    call("GET", "~/contents")
    readme = call("GET", "~/contents/README.md")
    call("GET", "~/contents/deploy")
    content = base64.b64encode(b"new").decode()
    new = call(
        "PUT", "~/contents/docs/new.md", {"message": "New", "content": content, "branch": "selfheal/inc-1"}
    )
    gone = {"message": "Gone", "sha": new["content"]["sha"], "branch": "selfheal/inc-1"}
    call("DELETE", "~/contents/docs/new.md", gone)
    changed = {"message": "Change", "content": content, "sha": readme["sha"], "branch": "selfheal/inc-1"}
    tip = call("PUT", "~/contents/README.md", changed)["commit"]["sha"]
    call("GET", "~/commits?path=README.md")
    call("GET", f"~/commits/{tip}")
    call("GET", "~/compare/main...selfheal/inc-1")

    # The pull request.
    made = {"title": "A job", "head": "selfheal/inc-1", "base": "main", "body": "Because."}
    number = call("POST", "~/pulls", made)["number"]
    pull = f"~/pulls/{number}"
    issue = f"~/issues/{number}"
    call("GET", "~/pulls?state=all&head=acme:selfheal/inc-1")
    call("GET", pull)
    call("PATCH", pull, {"title": "Another job"})
    call("GET", f"{pull}/files")
    call("GET", f"{pull}/commits")
    call("GET", f"~/commits/{tip}/pulls")
    call("POST", f"{pull}/requested_reviewers", {"reviewers": ["ada"]})
    call("GET", f"{pull}/requested_reviewers")
    call("DELETE", f"{pull}/requested_reviewers", {"reviewers": ["ada"]})
    line = {"path": "README.md", "line": 1, "body": "Here", "side": "RIGHT", "commit_id": tip}
    remark = call("POST", f"{pull}/comments", line, admin=True)
    call("POST", f"{pull}/comments/{remark['id']}/replies", {"body": "There"})
    call("GET", f"{pull}/comments")
    call("GET", f"~/pulls/comments/{remark['id']}")
    review = call("POST", f"{pull}/reviews", {"event": "APPROVE", "body": "Good"}, admin=True)
    call("GET", f"{pull}/reviews")
    call("GET", f"{pull}/reviews/{review['id']}")
    call("PUT", f"{pull}/reviews/{review['id']}", {"body": "Better"}, admin=True)
    call("GET", f"{pull}/reviews/{remark['pull_request_review_id']}/comments")
    call("PUT", f"{pull}/reviews/{review['id']}/dismissals", {"message": "No"}, admin=True)
    pending = call("POST", f"{pull}/reviews", {"body": "Later"}, admin=True)
    call("DELETE", f"{pull}/reviews/{pending['id']}", admin=True)
    pending = call("POST", f"{pull}/reviews", {"body": "Later"}, admin=True)
    call("POST", f"{pull}/reviews/{pending['id']}/events", {"event": "APPROVE"}, admin=True)

    # Its issue side.
    call("GET", "~/issues")
    call("POST", "~/issues", {"title": "A question", "labels": ["question"]})
    call("GET", issue)
    call("PATCH", issue, {"labels": ["bug"], "assignees": ["ada"]})
    comment = call("POST", f"{issue}/comments", {"body": "Hello"})
    call("GET", f"{issue}/comments")
    call("GET", f"~/issues/comments/{comment['id']}")
    call("PATCH", f"~/issues/comments/{comment['id']}", {"body": "Hello again"})
    call("DELETE", f"~/issues/comments/{comment['id']}")
    call("POST", "~/labels", {"name": "selfheal", "color": "00ff00"})
    call("GET", "~/labels")
    call("GET", "~/labels/selfheal")
    call("POST", f"{issue}/labels", {"labels": ["selfheal"]})
    call("GET", f"{issue}/labels")
    call("DELETE", f"{issue}/labels/selfheal")
    call("PUT", f"{issue}/labels", {"labels": ["other"]})
    call("DELETE", f"{issue}/labels")

    # Checks of both kinds.
    call("POST", f"~/statuses/{tip}", {"state": "success", "context": "lint"})
    call("GET", f"~/statuses/{tip}")
    call("GET", f"~/commits/{tip}/statuses")
    call("GET", f"~/commits/{tip}/status")
    run = call("POST", "~/check-runs", {"name": "ci", "head_sha": tip})
    call(
        "PATCH",
        f"~/check-runs/{run['id']}",
        {"conclusion": "success", "output": {"title": "T", "summary": "S"}},
    )
    call("GET", f"~/check-runs/{run['id']}")
    call("GET", f"~/commits/{tip}/check-runs")
    suite = call("GET", f"~/commits/{tip}/check-suites")["check_suites"][0]["id"]
    call("GET", f"~/check-suites/{suite}")
    call("GET", f"~/check-suites/{suite}/check-runs")

    # Workflows.
    workflow = call("GET", "~/actions/workflows")["workflows"][0]["id"]
    call("GET", f"~/actions/workflows/{workflow}")
    call("PUT", f"~/actions/workflows/{workflow}/disable")
    call("PUT", f"~/actions/workflows/{workflow}/enable")
    call(
        "POST", f"~/actions/workflows/{workflow}/dispatches", {"ref": "main", "inputs": {"incident": "INC-1"}}
    )
    call("POST", "~/dispatches", {"event_type": "incident", "client_payload": {"incident": {"key": "INC-1"}}})
    call("GET", f"~/actions/workflows/{workflow}/runs")
    one = call("GET", "~/actions/runs")["workflow_runs"][0]["id"]
    call("GET", f"~/actions/runs/{one}")
    call("POST", f"~/actions/runs/{one}/cancel")
    call("POST", f"~/actions/runs/{one}/rerun")

    # Protection, and the merge.
    rules = {
        "required_status_checks": {"strict": False, "contexts": ["ci"]},
        "enforce_admins": True,
        "required_pull_request_reviews": {"required_approving_review_count": 1},
        "restrictions": None,
    }
    protection = "~/branches/main/protection"
    call("PUT", protection, rules, admin=True)
    call("GET", protection)
    call("GET", f"{protection}/required_pull_request_reviews")
    call("GET", f"{protection}/required_status_checks")
    call("GET", "~/branches/main")
    call("POST", "~/git/refs", {"ref": "refs/heads/side", "sha": head})
    side = {"message": "Side", "content": content, "branch": "side"}
    call("PUT", "~/contents/side.md", side)
    call("POST", "~/merges", {"base": "selfheal/inc-1", "head": "side"})
    tip = call("GET", pull)["head"]["sha"]
    server.set_checks(REPOSITORY, tip, "success")
    call("PUT", f"{pull}/merge", {"sha": tip, "merge_method": "squash"})
    call("GET", f"{pull}/merge")
    call("GET", pull)
    call("DELETE", protection, admin=True)
    other = {"message": "Other", "content": content, "branch": "side", "sha": None}
    call("PUT", "~/contents/other.md", other)
    second = call("POST", "~/pulls", {"title": "Side", "head": "side", "base": "main"})["number"]
    call("PUT", f"~/pulls/{second}/update-branch", {})
    call("DELETE", "~/git/refs/heads/side")
    return t.answers
