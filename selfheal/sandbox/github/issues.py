"""Issues (a pull request is one), their comments and labels."""

from __future__ import annotations

from urllib.parse import quote

from werkzeug.wrappers import Response

from selfheal.sandbox.emulator import json_response
from selfheal.sandbox.github import shapes
from selfheal.sandbox.github.store import Comment, Issue, Label, Repository, rank
from selfheal.sandbox.github.web import Call, Json, Refused, Routes, invalid, no_content, not_found


def association(repository: Repository, login: str) -> str:
    """What the author of something is to the repository."""
    if login.lower() == repository.owner.lower():
        return "OWNER"
    member = any(login.lower() == who.lower() for who in repository.collaborators)
    return "COLLABORATOR" if member and not login.endswith("[bot]") else "NONE"


def label(call: Call, repository: Repository, name: str) -> Json:
    """A label by its name."""
    found = repository.labels[name.lower()]
    return {
        "id": found.id,
        "node_id": shapes.node("Label", found.id),
        "url": f"{call.api}/repos/{repository.full_name}/labels/{quote(found.name)}",
        "name": found.name,
        "color": found.color,
        "default": False,
        "description": found.description,
    }


def shape(call: Call, repository: Repository, issue: Issue) -> Json:
    """An issue."""
    url = f"{call.api}/repos/{repository.full_name}/issues/{issue.number}"
    kind = "pull" if issue.pull is not None else "issues"
    assignees = [shapes.user(call, login) for login in issue.assignees]
    document = {
        "id": issue.id,
        "node_id": shapes.node("Issue", issue.id),
        "url": url,
        "repository_url": f"{call.api}/repos/{repository.full_name}",
        "labels_url": f"{url}/labels{{/name}}",
        "comments_url": f"{url}/comments",
        "events_url": f"{url}/events",
        "html_url": f"{call.web}/{repository.full_name}/{kind}/{issue.number}",
        "number": issue.number,
        "state": issue.state,
        "state_reason": None,
        "title": issue.title,
        "body": issue.body or None,
        "user": shapes.user(call, issue.user),
        "labels": [label(call, repository, name) for name in issue.labels],
        "assignee": assignees[0] if assignees else None,
        "assignees": assignees,
        "milestone": None,
        "locked": False,
        "active_lock_reason": None,
        "comments": len(issue.comments),
        "closed_at": shapes.stamp(issue.closed),
        "created_at": shapes.stamp(issue.created),
        "updated_at": shapes.stamp(issue.updated),
        "closed_by": shapes.user(call, issue.closed_by) if issue.closed_by else None,
        "author_association": association(repository, issue.user),
    }
    if issue.pull is not None:
        page = f"{call.web}/{repository.full_name}/pull/{issue.number}"
        document["draft"] = issue.pull.draft
        document["pull_request"] = {
            "url": f"{call.api}/repos/{repository.full_name}/pulls/{issue.number}",
            "html_url": page,
            "diff_url": f"{page}.diff",
            "patch_url": f"{page}.patch",
            "merged_at": shapes.stamp(issue.pull.merged),
        }
    return document


def _comment(call: Call, repository: Repository, issue: Issue, comment: Comment) -> Json:
    kind = "pull" if issue.pull is not None else "issues"
    page = f"{call.web}/{repository.full_name}/{kind}/{issue.number}"
    url = f"{call.api}/repos/{repository.full_name}/issues"
    return {
        "id": comment.id,
        "node_id": shapes.node("IssueComment", comment.id),
        "url": f"{url}/comments/{comment.id}",
        "html_url": f"{page}#issuecomment-{comment.id}",
        "issue_url": f"{url}/{issue.number}",
        "body": comment.body,
        "user": shapes.user(call, comment.user),
        "created_at": shapes.stamp(comment.created),
        "updated_at": shapes.stamp(comment.updated),
        "author_association": association(repository, comment.user),
    }


def list_issues(call: Call, owner: str, name: str) -> Response:
    repository = call.repository(owner, name)
    state = call.query("state", "open")
    labels = [part.strip().lower() for part in call.query("labels").split(",") if part.strip()]
    found = [
        issue
        for issue in repository.issues.values()
        if state in ("all", issue.state)
        and all(wanted in (held.lower() for held in issue.labels) for wanted in labels)
        and call.query("creator", issue.user).lower() == issue.user.lower()
    ]
    found.sort(key=lambda issue: issue.number, reverse=call.query("direction", "desc") == "desc")
    return call.page(found, lambda issue: shape(call, repository, issue))


def create(call: Call, owner: str, name: str) -> Response:
    repository = call.repository(owner, name, "issues", "write")
    title = call.text("title", "Issue")
    issue = call.hub.open_issue(repository, call.login, title, call.body.get("body") or "")
    issue.labels = [ensure_label(call, repository, str(wanted)) for wanted in call.body.get("labels", [])]
    return json_response(shape(call, repository, issue), 201)


def get(call: Call, owner: str, name: str, number: int) -> Response:
    repository = call.repository(owner, name)
    return json_response(shape(call, repository, call.issue(repository, number)))


def edit(call: Call, owner: str, name: str, number: int) -> Response:
    repository = call.repository(owner, name, "issues", "write")
    issue = call.issue(repository, number)
    may_edit(call, repository, issue.user)
    change(call, repository, issue)
    if "labels" in call.body:
        issue.labels = [ensure_label(call, repository, str(wanted)) for wanted in call.body["labels"] or []]
    if "assignees" in call.body:
        issue.assignees = [
            who for who in call.body["assignees"] if call.hub.store.account(str(who)) is not None
        ]
    return json_response(shape(call, repository, issue))


def may_edit(call: Call, repository: Repository, author: str) -> None:
    """Authors edit their own, who may write edits all."""
    if call.login != author and rank(repository.permission(call.login)) < rank("triage"):
        raise Refused(403, "Must have admin rights to Repository.")


def change(call: Call, repository: Repository, issue: Issue) -> None:
    """Title, body and state, as issues and pull requests share them."""
    if call.field("title", "Issue", str, required=False):
        issue.title = call.text("title", "Issue")
    if "body" in call.body:
        body = str(call.body["body"] or "")
        if len(body) > 65_536:
            raise invalid("Issue", field="body", message="body is too long (maximum is 65536 characters)")
        issue.body = body
    state = call.body.get("state")
    if state not in (None, "open", "closed"):
        raise invalid("Issue", field="state", code="invalid")
    if state == "closed":
        call.hub.close(repository, issue, call.login)
    elif state == "open":
        call.hub.reopen(repository, issue)
    issue.updated = call.hub.now()


# -- comments --------------------------------------------------------------------------------------------------


def comments(call: Call, owner: str, name: str, number: int) -> Response:
    repository = call.repository(owner, name)
    issue = call.issue(repository, number)
    since = call.query("since")
    found = [c for c in issue.comments if not since or (shapes.stamp(c.updated) or "") >= since]
    return call.page(found, lambda comment: _comment(call, repository, issue, comment))


def add_comment(call: Call, owner: str, name: str, number: int) -> Response:
    scope = "pull_requests" if call.is_app else "issues"
    repository = call.repository(owner, name, scope, "write")
    issue = call.issue(repository, number)
    comment = call.hub.comment(issue, call.account.login, call.text("body", "IssueComment"))
    return json_response(_comment(call, repository, issue, comment), 201)


def _find(repository: Repository, identity: int) -> tuple[Issue, Comment]:
    for issue in repository.issues.values():
        for comment in issue.comments:
            if comment.id == identity:
                return issue, comment
    raise not_found()


def get_comment(call: Call, owner: str, name: str, identity: int) -> Response:
    repository = call.repository(owner, name)
    return json_response(_comment(call, repository, *_find(repository, identity)))


def edit_comment(call: Call, owner: str, name: str, identity: int) -> Response:
    repository = call.repository(owner, name, "issues", "write")
    issue, comment = _find(repository, identity)
    may_edit(call, repository, comment.user)
    comment.body, comment.updated = call.text("body", "IssueComment"), call.hub.now()
    return json_response(_comment(call, repository, issue, comment))


def delete_comment(call: Call, owner: str, name: str, identity: int) -> Response:
    repository = call.repository(owner, name, "issues", "write")
    issue, comment = _find(repository, identity)
    may_edit(call, repository, comment.user)
    issue.comments.remove(comment)
    return no_content()


# -- labels ----------------------------------------------------------------------------------------------------


def ensure_label(call: Call, repository: Repository, name: str) -> str:
    """The label's own spelling; labels named on an issue come into being."""
    if name.lower() not in repository.labels:
        repository.labels[name.lower()] = Label(call.hub.store.next_id(), name)
    return repository.labels[name.lower()].name


def repository_labels(call: Call, owner: str, name: str) -> Response:
    repository = call.repository(owner, name)
    return call.page(list(repository.labels), lambda found: label(call, repository, found))


def create_label(call: Call, owner: str, name: str) -> Response:
    repository = call.repository(owner, name, "issues", "write")
    call.person(repository, "triage")
    title = call.text("name", "Label")
    if title.lower() in repository.labels:
        raise invalid("Label", field="name", code="already_exists")
    made = Label(
        call.hub.store.next_id(), title, call.body.get("color", "ededed"), call.body.get("description")
    )
    repository.labels[title.lower()] = made
    return json_response(label(call, repository, title), 201)


def get_label(call: Call, owner: str, name: str, title: str) -> Response:
    repository = call.repository(owner, name)
    if title.lower() not in repository.labels:
        raise not_found()
    return json_response(label(call, repository, title))


def _labels(call: Call, repository: Repository, issue: Issue) -> list[Json]:
    return [label(call, repository, name) for name in issue.labels]


def issue_labels(call: Call, owner: str, name: str, number: int) -> Response:
    repository = call.repository(owner, name)
    issue = call.issue(repository, number)
    return call.page(issue.labels, lambda found: label(call, repository, found))


def write_labels(call: Call, owner: str, name: str, number: int) -> Response:
    """POST adds, PUT replaces; the body is a list or ``{"labels": […]}``."""
    repository = call.repository(owner, name, "issues", "write")
    call.person(repository, "triage")
    issue = call.issue(repository, number)
    wanted = call.parsed.get("labels", []) if isinstance(call.parsed, dict) else call.parsed
    named = [ensure_label(call, repository, str(title)) for title in wanted]
    kept = issue.labels if call.request.method == "POST" else []
    issue.labels = list(dict.fromkeys([*kept, *named]))
    return json_response(_labels(call, repository, issue))


def remove_labels(call: Call, owner: str, name: str, number: int, title: str = "") -> Response:
    repository = call.repository(owner, name, "issues", "write")
    call.person(repository, "triage")
    issue = call.issue(repository, number)
    if not title:
        issue.labels = []
        return no_content()
    kept = [held for held in issue.labels if held.lower() != title.lower()]
    if len(kept) == len(issue.labels):
        raise Refused(404, "Label does not exist")
    issue.labels = kept
    return json_response(_labels(call, repository, issue))


_BASE = "/repos/<owner>/<name>"
_ISSUE = f"{_BASE}/issues/<int:number>"
ROUTES: Routes = (
    ("GET", f"{_BASE}/issues", list_issues),
    ("POST", f"{_BASE}/issues", create),
    ("GET", _ISSUE, get),
    ("PATCH", _ISSUE, edit),
    ("GET", f"{_ISSUE}/comments", comments),
    ("POST", f"{_ISSUE}/comments", add_comment),
    ("GET", f"{_BASE}/issues/comments/<int:identity>", get_comment),
    ("PATCH", f"{_BASE}/issues/comments/<int:identity>", edit_comment),
    ("DELETE", f"{_BASE}/issues/comments/<int:identity>", delete_comment),
    ("GET", f"{_BASE}/labels", repository_labels),
    ("POST", f"{_BASE}/labels", create_label),
    ("GET", f"{_BASE}/labels/<title>", get_label),
    ("GET", f"{_ISSUE}/labels", issue_labels),
    ("POST", f"{_ISSUE}/labels", write_labels),
    ("PUT", f"{_ISSUE}/labels", write_labels),
    ("DELETE", f"{_ISSUE}/labels", remove_labels),
    ("DELETE", f"{_ISSUE}/labels/<title>", remove_labels),
)
