"""Reviews of a pull request, its review comments and requested reviewers."""

from __future__ import annotations

from typing import Any

from werkzeug.wrappers import Response

from selfheal.sandbox.emulator import json_response
from selfheal.sandbox.github import issues, pulls, shapes
from selfheal.sandbox.github.diffs import diff_files
from selfheal.sandbox.github.store import Comment, Issue, Pull, Repository, Review
from selfheal.sandbox.github.web import Call, Json, Refused, Routes, not_found


def _target(
    call: Call, owner: str, name: str, number: int, level: str = "read"
) -> tuple[Repository, Issue, Pull]:
    repository = call.repository(owner, name, "pull_requests", level)
    return repository, *call.pull(repository, number)


def _shape(call: Call, repository: Repository, issue: Issue, review: Review) -> Json:
    url = f"{call.api}/repos/{repository.full_name}/pulls/{issue.number}"
    page = f"{call.web}/{repository.full_name}/pull/{issue.number}#pullrequestreview-{review.id}"
    document = {
        "id": review.id,
        "node_id": shapes.node("PullRequestReview", review.id),
        "user": shapes.user(call, review.user),
        "body": review.body,
        "state": review.state,
        "html_url": page,
        "pull_request_url": url,
        "author_association": issues.association(repository, review.user),
        "_links": {"html": {"href": page}, "pull_request": {"href": url}},
        "commit_id": review.commit,
    }
    if review.submitted is not None:
        document["submitted_at"] = shapes.stamp(review.submitted)
    return document


def _find(pull: Pull, identity: int) -> Review:
    for review in pull.reviews:
        if review.id == identity:
            return review
    raise not_found()


def list_reviews(call: Call, owner: str, name: str, number: int) -> Response:
    """Oldest first; a pending review is seen by its author only."""
    repository, issue, pull = _target(call, owner, name, number)
    found = [review for review in pull.reviews if review.state != "PENDING" or review.user == call.login]
    return call.page(found, lambda review: _shape(call, repository, issue, review))


def create(call: Call, owner: str, name: str, number: int) -> Response:
    repository, issue, pull = _target(call, owner, name, number, "write")
    comments = call.body.get("comments") or []
    for item in comments:
        _position(repository, call, pull, item)
    review = call.hub.review(
        repository,
        issue,
        call.account.login,
        str(call.body.get("event") or ""),
        str(call.body.get("body") or ""),
        str(call.body.get("commit_id") or ""),
    )
    for item in comments:
        _add(call, repository, pull, item, review)
    return json_response(_shape(call, repository, issue, review))


def get(call: Call, owner: str, name: str, number: int, identity: int) -> Response:
    repository, issue, pull = _target(call, owner, name, number)
    return json_response(_shape(call, repository, issue, _find(pull, identity)))


def edit(call: Call, owner: str, name: str, number: int, identity: int) -> Response:
    repository, issue, pull = _target(call, owner, name, number, "write")
    review = _find(pull, identity)
    issues.may_edit(call, repository, review.user)
    review.body = call.text("body", "PullRequestReview")
    return json_response(_shape(call, repository, issue, review))


def remove(call: Call, owner: str, name: str, number: int, identity: int) -> Response:
    repository, issue, pull = _target(call, owner, name, number, "write")
    review = _find(pull, identity)
    if review.state != "PENDING":
        raise Refused(422, "Unprocessable Entity", ["Can not delete a non-pending pull request review"])
    pull.reviews.remove(review)
    return json_response(_shape(call, repository, issue, review))


def dismiss(call: Call, owner: str, name: str, number: int, identity: int) -> Response:
    repository, issue, pull = _target(call, owner, name, number, "write")
    call.person(repository, "write")
    review = _find(pull, identity)
    call.text("message", "PullRequestReview")
    if review.state not in ("APPROVED", "CHANGES_REQUESTED"):
        word = {"COMMENTED": "commented", "PENDING": "pending"}.get(review.state, "dismissed")
        raise Refused(422, "Unprocessable Entity", [f"Can not dismiss a {word} pull request review"])
    review.state = "DISMISSED"
    return json_response(_shape(call, repository, issue, review))


def submit(call: Call, owner: str, name: str, number: int, identity: int) -> Response:
    """Turn a pending review into one that counts."""
    repository, issue, pull = _target(call, owner, name, number, "write")
    pending = _find(pull, identity)
    event = call.text("event", "PullRequestReview")
    if pending.state != "PENDING" or pending.user != call.login:
        raise Refused(422, "Unprocessable Entity", ["Can not submit a review that is not pending"])
    body = str(call.body.get("body") or pending.body)
    done = call.hub.review(repository, issue, call.login, event, body, pending.commit)
    pull.reviews.remove(pending)
    done.id = pending.id
    return json_response(_shape(call, repository, issue, done))


# -- comments on lines -----------------------------------------------------------------------------------------


def _comment(call: Call, repository: Repository, issue: Issue, comment: Comment) -> Json:
    url = f"{call.api}/repos/{repository.full_name}/pulls"
    page = f"{call.web}/{repository.full_name}/pull/{issue.number}#discussion_r{comment.id}"
    here, pull_url = f"{url}/comments/{comment.id}", f"{url}/{issue.number}"
    document = {
        "id": comment.id,
        "node_id": shapes.node("PullRequestReviewComment", comment.id),
        "url": here,
        "html_url": page,
        "pull_request_url": pull_url,
        "pull_request_review_id": comment.review,
        "diff_hunk": comment.hunk,
        "path": comment.path,
        "position": comment.line,
        "original_position": comment.line,
        "line": comment.line,
        "original_line": comment.line,
        "side": comment.side,
        "commit_id": comment.commit,
        "original_commit_id": comment.commit,
        "subject_type": "line" if comment.line else "file",
        "user": shapes.user(call, comment.user),
        "body": comment.body,
        "created_at": shapes.stamp(comment.created),
        "updated_at": shapes.stamp(comment.updated),
        "author_association": issues.association(repository, comment.user),
        "_links": {"self": {"href": here}, "html": {"href": page}, "pull_request": {"href": pull_url}},
    }
    if comment.reply_to is not None:
        document["in_reply_to_id"] = comment.reply_to
    return document


def _position(repository: Repository, call: Call, pull: Pull, item: Json) -> str:
    """The hunk a comment stands on; refuses a file that the pull request does not change."""
    for file in diff_files(repository.git, *call.hub.commit_range(repository, pull)):
        if file.path == item.get("path"):
            return file.patch or ""
    error = {"resource": "PullRequestReviewComment", "code": "invalid", "field": "path"}
    raise Refused(422, "Validation Failed", [error])


def _add(call: Call, repository: Repository, pull: Pull, item: Json, review: Review | None) -> Comment:
    now = call.hub.now()
    comment = Comment(
        call.hub.store.next_id(),
        call.account.login,
        str(item.get("body") or ""),
        now,
        now,
        path=str(item["path"]),
        line=item.get("line") or item.get("position"),
        side=str(item.get("side") or "RIGHT"),
        commit=str(item.get("commit_id") or pull.head_sha),
        review=review.id if review is not None else None,
        hunk=_position(repository, call, pull, item),
    )
    pull.comments.append(comment)
    return comment


def list_comments(call: Call, owner: str, name: str, number: int) -> Response:
    repository, issue, pull = _target(call, owner, name, number)
    return call.page(pull.comments, lambda comment: _comment(call, repository, issue, comment))


def review_comments(call: Call, owner: str, name: str, number: int, identity: int) -> Response:
    repository, issue, pull = _target(call, owner, name, number)
    found = [comment for comment in pull.comments if comment.review == _find(pull, identity).id]
    return call.page(found, lambda comment: _comment(call, repository, issue, comment))


def create_comment(call: Call, owner: str, name: str, number: int) -> Response:
    """A comment on a line comes with a review of its own, as on GitHub."""
    repository, issue, pull = _target(call, owner, name, number, "write")
    body = call.text("body", "PullRequestReviewComment")
    call.text("path", "PullRequestReviewComment")
    _position(repository, call, pull, call.body)
    review = call.hub.review(repository, issue, call.account.login, "COMMENT", body)
    review.body = ""
    comment = _add(call, repository, pull, call.body, review)
    return json_response(_comment(call, repository, issue, comment), 201)


def reply(call: Call, owner: str, name: str, number: int, identity: int) -> Response:
    repository, issue, pull = _target(call, owner, name, number, "write")
    first = next((comment for comment in pull.comments if comment.id == identity), None)
    if first is None:
        raise not_found()
    item: dict[str, Any] = {"path": first.path, "line": first.line, "body": call.text("body", "Comment")}
    comment = _add(call, repository, pull, item, None)
    comment.reply_to, comment.review = first.id, first.review
    return json_response(_comment(call, repository, issue, comment), 201)


def get_comment(call: Call, owner: str, name: str, identity: int) -> Response:
    repository = call.repository(owner, name, "pull_requests")
    for issue, pull in repository.pulls():
        for comment in pull.comments:
            if comment.id == identity:
                return json_response(_comment(call, repository, issue, comment))
    raise not_found()


# -- requested reviewers ---------------------------------------------------------------------------------------


def requested(call: Call, owner: str, name: str, number: int) -> Response:
    _repository, _issue, pull = _target(call, owner, name, number)
    return json_response({"users": [shapes.user(call, login) for login in pull.requested], "teams": []})


def request_review(call: Call, owner: str, name: str, number: int) -> Response:
    repository, issue, pull = _target(call, owner, name, number, "write")
    call.person(repository, "write")
    for login in call.body.get("reviewers", []):
        account = call.hub.store.account(str(login))
        if account is not None and account.login == issue.user:
            raise Refused(422, "Review cannot be requested from pull request author.")
        if account is None or account.login not in repository.collaborators:
            raise Refused(
                422,
                "Reviews may only be requested from collaborators. One or more of the users or teams you specified "
                f"is not a collaborator of the {repository.full_name} repository.",
            )
        if account.login not in pull.requested:
            pull.requested.append(account.login)
    return json_response(pulls.simple(call, repository, issue), 201)


def withdraw_request(call: Call, owner: str, name: str, number: int) -> Response:
    repository, issue, pull = _target(call, owner, name, number, "write")
    call.person(repository, "write")
    gone = {str(login).lower() for login in call.body.get("reviewers", [])}
    pull.requested = [login for login in pull.requested if login.lower() not in gone]
    return json_response(pulls.simple(call, repository, issue))


_PULLS = "/repos/<owner>/<name>/pulls"
_BASE = f"{_PULLS}/<int:number>"
_REVIEW = f"{_BASE}/reviews/<int:identity>"
ROUTES: Routes = (
    ("GET", f"{_BASE}/reviews", list_reviews),
    ("POST", f"{_BASE}/reviews", create),
    ("GET", _REVIEW, get),
    ("PUT", _REVIEW, edit),
    ("DELETE", _REVIEW, remove),
    ("GET", f"{_REVIEW}/comments", review_comments),
    ("PUT", f"{_REVIEW}/dismissals", dismiss),
    ("POST", f"{_REVIEW}/events", submit),
    ("GET", f"{_BASE}/comments", list_comments),
    ("POST", f"{_BASE}/comments", create_comment),
    ("POST", f"{_BASE}/comments/<int:identity>/replies", reply),
    ("GET", f"{_PULLS}/comments/<int:identity>", get_comment),
    ("GET", f"{_BASE}/requested_reviewers", requested),
    ("POST", f"{_BASE}/requested_reviewers", request_review),
    ("DELETE", f"{_BASE}/requested_reviewers", withdraw_request),
)
