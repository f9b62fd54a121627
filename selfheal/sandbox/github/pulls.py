"""Pull requests: create, list, read, update, their files and commits, and merging."""

from __future__ import annotations

from werkzeug.wrappers import Response

from selfheal.sandbox.emulator import json_response
from selfheal.sandbox.github import issues, shapes
from selfheal.sandbox.github.diffs import diff_files, diff_text
from selfheal.sandbox.github.merge import merge, mergeability
from selfheal.sandbox.github.merging import merge_commits
from selfheal.sandbox.github.store import Issue, Repository
from selfheal.sandbox.github.web import Call, Json, Refused, Routes, no_content, not_found


def simple(call: Call, repository: Repository, issue: Issue) -> Json:
    """A pull request as it stands in lists."""
    pull = issue.pull
    if pull is None:
        raise not_found()
    url = f"{call.api}/repos/{repository.full_name}"
    here, page = f"{url}/pulls/{issue.number}", f"{call.web}/{repository.full_name}/pull/{issue.number}"
    assignees = [shapes.user(call, login) for login in issue.assignees]
    links = {
        "self": here,
        "html": page,
        "issue": f"{url}/issues/{issue.number}",
        "comments": f"{url}/issues/{issue.number}/comments",
        "review_comments": f"{here}/comments",
        "review_comment": f"{url}/pulls/comments{{/number}}",
        "commits": f"{here}/commits",
        "statuses": f"{url}/statuses/{pull.head_sha}",
    }
    return {
        "url": here,
        "id": issue.id,
        "node_id": shapes.node("PullRequest", issue.id),
        "html_url": page,
        "diff_url": f"{page}.diff",
        "patch_url": f"{page}.patch",
        **{f"{name}_url": target for name, target in links.items() if name not in ("self", "html")},
        "number": issue.number,
        "state": issue.state,
        "locked": False,
        "title": issue.title,
        "user": shapes.user(call, issue.user),
        "body": issue.body or None,
        "labels": [issues.label(call, repository, name) for name in issue.labels],
        "milestone": None,
        "active_lock_reason": None,
        "created_at": shapes.stamp(issue.created),
        "updated_at": shapes.stamp(issue.updated),
        "closed_at": shapes.stamp(issue.closed),
        "merged_at": shapes.stamp(pull.merged),
        "merge_commit_sha": pull.merge_sha or None,
        "assignee": assignees[0] if assignees else None,
        "assignees": assignees,
        "requested_reviewers": [shapes.user(call, login) for login in pull.requested],
        "requested_teams": [],
        "head": _side(call, call.hub.store.repository(pull.head_repository), pull.head_ref, pull.head_sha),
        "base": _side(call, repository, pull.base_ref, pull.base_sha),
        "_links": {name: {"href": target} for name, target in links.items()},
        "author_association": issues.association(repository, issue.user),
        "auto_merge": None,
        "draft": pull.draft,
    }


def _side(call: Call, repository: Repository | None, ref: str, sha: str) -> Json:
    """Head or base; the repository of a head is null once that fork is gone."""
    if repository is None:
        return {"label": f"unknown:{ref}", "ref": ref, "sha": sha, "user": None, "repo": None}
    return {
        "label": f"{repository.owner}:{ref}",
        "ref": ref,
        "sha": sha,
        "user": shapes.user(call, repository.owner),
        "repo": shapes.repository(call, repository),
    }


def full(call: Call, repository: Repository, issue: Issue) -> Json:
    """A pull request by itself."""
    pull = issue.pull
    if pull is None:
        raise not_found()
    mergeable, state = mergeability(call.hub, repository, issue, pull)
    base, head = call.hub.commit_range(repository, pull)
    files = diff_files(repository.git, base, head)
    return {
        **simple(call, repository, issue),
        "merged": pull.merged is not None,
        "mergeable": mergeable,
        "rebaseable": mergeable,
        "mergeable_state": state,
        "merged_by": shapes.user(call, pull.merged_by) if pull.merged_by else None,
        "comments": len(issue.comments),
        "review_comments": len(pull.comments),
        "maintainer_can_modify": pull.maintainer_can_modify,
        "commits": len(call.hub.commits(repository, pull)),
        "additions": sum(file.additions for file in files),
        "deletions": sum(file.deletions for file in files),
        "changed_files": len(files),
    }


def list_pulls(call: Call, owner: str, name: str) -> Response:
    """``head`` filters only when it is ``owner:branch``; GitHub ignores a bare branch name, and so does this."""
    repository = call.repository(owner, name, "pull_requests")
    state, base, head = call.query("state", "open"), call.query("base"), call.query("head")
    head_owner, colon, head_ref = head.partition(":")
    found = []
    for issue, pull in repository.pulls():
        source_owner = pull.head_repository.partition("/")[0]
        if state not in ("all", issue.state) or (base and base != pull.base_ref):
            continue
        if colon and (head_owner.lower(), head_ref) != (source_owner.lower(), pull.head_ref):
            continue
        found.append(issue)
    sort = call.query("sort", "created")
    default = "desc" if sort == "created" else "asc"
    found.sort(
        key=lambda issue: (issue.updated if sort == "updated" else issue.created, issue.number),
        reverse=call.query("direction", default) == "desc",
    )
    return call.page(found, lambda issue: simple(call, repository, issue))


def create(call: Call, owner: str, name: str) -> Response:
    repository = call.repository(owner, name, "pull_requests", "write")
    issue = call.hub.open_pull(
        repository,
        call.account.login,
        title=call.text("title", "PullRequest"),
        body=call.field("body", "PullRequest", str, required=False) or "",
        head=call.text("head", "PullRequest"),
        base=call.text("base", "PullRequest"),
        draft=bool(call.body.get("draft", False)),
    )
    return json_response(full(call, repository, issue), 201)


def get(call: Call, owner: str, name: str, number: int) -> Response:
    repository = call.repository(owner, name, "pull_requests")
    issue, pull = call.pull(repository, number)
    if call.accepts("diff"):
        text = diff_text(repository.git, *call.hub.commit_range(repository, pull))
        return Response(text, content_type="application/vnd.github.diff; charset=utf-8")
    return json_response(full(call, repository, issue))


def edit(call: Call, owner: str, name: str, number: int) -> Response:
    repository = call.repository(owner, name, "pull_requests", "write")
    issue, pull = call.pull(repository, number)
    issues.may_edit(call, repository, issue.user)
    base = call.body.get("base")
    if base and base != pull.base_ref:
        sha = repository.git.branch(str(base))
        if not sha or issue.state != "open":
            raise Refused(
                422, "Validation Failed", [{"resource": "PullRequest", "field": "base", "code": "invalid"}]
            )
        pull.base_ref, pull.base_sha = str(base), sha
    issues.change(call, repository, issue)
    return json_response(full(call, repository, issue))


def files(call: Call, owner: str, name: str, number: int) -> Response:
    repository = call.repository(owner, name, "pull_requests")
    _issue, pull = call.pull(repository, number)
    base, head = call.hub.commit_range(repository, pull)
    changed = diff_files(repository.git, base, head)
    return call.page(changed, lambda file: shapes.file(call, repository, head, file))


def commits(call: Call, owner: str, name: str, number: int) -> Response:
    """At most the first 250 commits, whatever page is asked for."""
    repository = call.repository(owner, name, "pull_requests")
    _issue, pull = call.pull(repository, number)
    found = call.hub.commits(repository, pull)[:250]
    return call.page(found, lambda commit: shapes.commit(call, repository, commit))


def of_commit(call: Call, owner: str, name: str, sha: str) -> Response:
    """Pull requests that a commit belongs to: merged ones of the default branch, and those it is in."""
    repository = call.repository(owner, name, "pull_requests")
    commit = repository.git.resolve(sha)
    if not commit:
        raise Refused(422, f"No commit found for SHA: {sha}")
    found = [
        issue
        for issue, pull in repository.pulls()
        if (pull.merged is not None and commit == pull.merge_sha)
        or commit in {item.sha for item in call.hub.commits(repository, pull)}
    ]
    return call.page(found, lambda issue: simple(call, repository, issue))


def is_merged(call: Call, owner: str, name: str, number: int) -> Response:
    _issue, pull = call.pull(call.repository(owner, name, "pull_requests"), number)
    if pull.merged is None:
        raise not_found()
    return no_content()


def put_merge(call: Call, owner: str, name: str, number: int) -> Response:
    repository = call.repository(owner, name, "pull_requests")
    if call.is_app:
        call.need(repository, "pull_requests", "write")
    call.need(repository, "contents", "write")
    issue, _pull = call.pull(repository, number)
    sha = merge(
        call.hub,
        repository,
        issue,
        call.account.login,
        method=call.body.get("merge_method") or "merge",
        sha=call.body.get("sha") or "",
        title=call.body.get("commit_title") or "",
        message=call.body.get("commit_message"),
    )
    return json_response({"sha": sha, "merged": True, "message": "Pull Request successfully merged"})


def update_branch(call: Call, owner: str, name: str, number: int) -> Response:
    """Merge the base into the head branch."""
    repository = call.repository(owner, name, "pull_requests", "write")
    call.person(repository, "write")
    _issue, pull = call.pull(repository, number)
    source = call.hub.store.repository(pull.head_repository)
    if source is not repository:
        raise Refused(422, "The sandbox updates branches of the repository itself only.")
    expected = call.body.get("expected_head_sha")
    if expected and expected != pull.head_sha:
        raise Refused(422, "expected head sha didn't match current head ref.")
    git, old, base = repository.git, pull.head_sha, repository.git.branch(pull.base_ref)
    if git.contains(old, base):
        raise Refused(422, "There are no new commits on the base branch.")
    merged = merge_commits(git, old, base)
    if merged.conflicts:
        raise Refused(422, "merge conflict between base and head")
    who = call.hub.signature(call.account.login)
    message = f"Merge branch '{pull.base_ref}' into {pull.head_ref}"
    sha = git.write_commit(merged.tree, [old, base], message, who, call.hub.github_signature())
    repository.verified.add(sha)
    call.hub.move_ref(repository, f"refs/heads/{pull.head_ref}", old, sha, call.login)
    url = f"{call.api}/repos/{repository.full_name}/pulls/{number}"
    return json_response({"message": "Updating pull request branch.", "url": url}, 202)


_BASE = "/repos/<owner>/<name>/pulls"
_PULL = f"{_BASE}/<int:number>"
ROUTES: Routes = (
    ("GET", _BASE, list_pulls),
    ("POST", _BASE, create),
    ("GET", _PULL, get),
    ("PATCH", _PULL, edit),
    ("GET", f"{_PULL}/files", files),
    ("GET", f"{_PULL}/commits", commits),
    ("GET", f"{_PULL}/merge", is_merged),
    ("PUT", f"{_PULL}/merge", put_merge),
    ("PUT", f"{_PULL}/update-branch", update_branch),
    ("GET", "/repos/<owner>/<name>/commits/<sha>/pulls", of_commit),
)
