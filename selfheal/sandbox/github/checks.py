"""Commit statuses, check runs and check suites."""

from __future__ import annotations

from datetime import datetime

from werkzeug.wrappers import Response

from selfheal.sandbox.emulator import json_response
from selfheal.sandbox.github import shapes
from selfheal.sandbox.github.hub import Hub
from selfheal.sandbox.github.store import CheckRun, CheckSuite, Repository, Status
from selfheal.sandbox.github.web import Call, Json, Refused, Routes, invalid, not_found

STATES = ("error", "failure", "pending", "success")
CONCLUSIONS = (
    "success",
    "failure",
    "neutral",
    "cancelled",
    "skipped",
    "timed_out",
    "action_required",
    "stale",
)


def add_check(
    hub: Hub, repository: Repository, sha: str, name: str, conclusion: str, *, app: str, branch: str = ""
) -> CheckRun:
    """A check run of ``app`` in its suite for the commit; an empty conclusion leaves it in progress."""
    now = hub.now()
    suite = next((item for item in repository.check_suites if (item.app, item.sha) == (app, sha)), None)
    if suite is None:
        parents = repository.git.commit(sha).parents
        before = parents[0] if parents else ""
        suite = CheckSuite(
            hub.store.next_id(), app, sha, branch or _branch(repository, sha), before, now, now
        )
        repository.check_suites.append(suite)
    suite.updated = now
    run = CheckRun(
        hub.store.next_id(),
        suite.id,
        name,
        sha,
        "completed" if conclusion else "in_progress",
        conclusion,
        now,
        now if conclusion else None,
        app,
    )
    repository.check_runs.append(run)
    return run


def _branch(repository: Repository, sha: str) -> str:
    for ref, head in repository.git.refs("refs/heads/").items():
        if head == sha:
            return ref.removeprefix("refs/heads/")
    return ""


def _sha(repository: Repository, ref: str) -> str:
    sha = repository.git.resolve(ref)
    if not sha:
        raise Refused(422, f"No commit found for SHA: {ref}")
    return sha


# -- statuses --------------------------------------------------------------------------------------------------


def _status(call: Call, repository: Repository, status: Status, *, creator: bool = True) -> Json:
    user = shapes.user(call, status.creator) or {}
    document = {
        "url": f"{call.api}/repos/{repository.full_name}/statuses/{status.sha}",
        "avatar_url": user.get("avatar_url"),
        "id": status.id,
        "node_id": shapes.node("StatusContext", status.id),
        "state": status.state,
        "description": status.description,
        "target_url": status.target_url,
        "context": status.context,
        "created_at": shapes.stamp(status.created),
        "updated_at": shapes.stamp(status.created),
    }
    return document | {"creator": user} if creator else document


def create_status(call: Call, owner: str, name: str, sha: str) -> Response:
    repository = call.repository(owner, name, "statuses", "write")
    if repository.git.type(sha) != "commit":
        raise Refused(422, f"No commit found for SHA: {sha}")
    state = call.body.get("state")
    if state not in STATES:
        raise invalid("Status", field="state", code="invalid" if state else "missing_field")
    status = Status(
        call.hub.store.next_id(),
        sha,
        state,
        call.body.get("context") or "default",
        call.body.get("description"),
        call.body.get("target_url"),
        call.account.login,
        call.hub.now(),
    )
    repository.statuses.append(status)
    return json_response(_status(call, repository, status), 201)


def statuses(call: Call, owner: str, name: str, ref: str) -> Response:
    """Newest first."""
    repository = call.repository(owner, name, "statuses")
    sha = _sha(repository, ref)
    found = [status for status in reversed(repository.statuses) if status.sha == sha]
    return call.page(found, lambda status: _status(call, repository, status))


def combined(call: Call, owner: str, name: str, ref: str) -> Response:
    """The newest status of each context; a commit without any is ``pending``, not ``success``."""
    repository = call.repository(owner, name, "statuses")
    sha = _sha(repository, ref)
    newest = {status.context: status for status in repository.statuses if status.sha == sha}
    states = {status.state for status in newest.values()}
    state = "success" if states == {"success"} else "pending"
    if states & {"error", "failure"}:
        state = "failure"
    url = f"{call.api}/repos/{repository.full_name}/commits/{sha}"
    page, size = call.window()
    shown = list(newest.values())[(page - 1) * size : page * size]
    document = {
        "state": state,
        "statuses": [_status(call, repository, status, creator=False) for status in shown],
        "sha": sha,
        "total_count": len(newest),
        "repository": shapes.minimal_repository(call, repository),
        "commit_url": url,
        "url": f"{url}/status",
    }
    return json_response(document, headers=call.links(len(newest)))


# -- check runs ------------------------------------------------------------------------------------------------


def _app(call: Call, slug: str) -> Json:
    account = call.hub.store.ensure_account(f"{slug}[bot]", type="Bot")
    when = shapes.stamp(call.hub.now())
    return {
        "id": account.id,
        "slug": slug,
        "node_id": shapes.node("App", account.id),
        "owner": shapes.user(call, account.login),
        "name": slug,
        "description": "",
        "external_url": f"{call.web}/apps/{slug}",
        "html_url": f"{call.web}/apps/{slug}",
        "created_at": when,
        "updated_at": when,
        "permissions": {"checks": "write", "metadata": "read"},
        "events": [],
    }


def _pulls(call: Call, repository: Repository, sha: str) -> list[Json]:
    url = f"{call.api}/repos/{repository.full_name}"
    repo = {"id": repository.id, "url": url, "name": repository.name}
    return [
        {
            "id": issue.id,
            "number": issue.number,
            "url": f"{url}/pulls/{issue.number}",
            "head": {"ref": pull.head_ref, "sha": pull.head_sha, "repo": repo},
            "base": {"ref": pull.base_ref, "sha": pull.base_sha, "repo": repo},
        }
        for issue, pull in repository.open_pulls()
        if pull.head_sha == sha
    ]


def _run(call: Call, repository: Repository, run: CheckRun) -> Json:
    url = f"{call.api}/repos/{repository.full_name}/check-runs/{run.id}"
    page = f"{call.web}/{repository.full_name}/runs/{run.id}"
    return {
        "id": run.id,
        "node_id": shapes.node("CheckRun", run.id),
        "head_sha": run.sha,
        "external_id": run.external_id,
        "url": url,
        "html_url": page,
        "details_url": run.details_url or page,
        "status": run.status,
        "conclusion": run.conclusion or None,
        "started_at": shapes.stamp(run.started),
        "completed_at": shapes.stamp(run.completed),
        "output": {
            "title": run.output.get("title"),
            "summary": run.output.get("summary"),
            "text": run.output.get("text"),
            "annotations_count": len(run.output.get("annotations", [])),
            "annotations_url": f"{url}/annotations",
        },
        "name": run.name,
        "check_suite": {"id": run.suite},
        "app": _app(call, run.app),
        "pull_requests": _pulls(call, repository, run.sha),
    }


def create_run(call: Call, owner: str, name: str) -> Response:
    repository = call.repository(owner, name, "checks", "write")
    if not call.is_app:
        raise Refused(403, "You must authenticate via a GitHub App.")
    title, sha = call.text("name", "CheckRun"), call.text("head_sha", "CheckRun")
    if repository.git.type(sha) != "commit":
        raise Refused(422, f"No commit found for SHA: {sha}")
    run = add_check(call.hub, repository, sha, title, "", app=call.login.removesuffix("[bot]"))
    run.status = "queued"
    _update(call, run)
    return json_response(_run(call, repository, run), 201)


def edit_run(call: Call, owner: str, name: str, identity: int) -> Response:
    repository = call.repository(owner, name, "checks", "write")
    run = _find_run(repository, identity)
    if run.app != call.login.removesuffix("[bot]"):
        raise Refused(
            403, "Invalid app_id `?` - check run can only be modified by the GitHub App that created it."
        )
    _update(call, run)
    return json_response(_run(call, repository, run))


def _update(call: Call, run: CheckRun) -> None:
    body = call.body
    conclusion = body.get("conclusion") or ""
    if conclusion and conclusion not in CONCLUSIONS:
        raise invalid("CheckRun", field="conclusion", code="invalid")
    if conclusion:
        run.conclusion, run.status = conclusion, "completed"
        when = body.get("completed_at")
        run.completed = datetime.fromisoformat(when) if when else call.hub.now()
    elif body.get("status") == "completed":
        raise invalid("CheckRun", field="conclusion", code="missing_field")
    else:
        run.status = body.get("status") or run.status
    run.name = body.get("name") or run.name
    run.details_url = body.get("details_url") or run.details_url
    run.external_id = body.get("external_id") or run.external_id
    run.output |= body.get("output") or {}


def _find_run(repository: Repository, identity: int) -> CheckRun:
    for run in repository.check_runs:
        if run.id == identity:
            return run
    raise not_found()


def get_run(call: Call, owner: str, name: str, identity: int) -> Response:
    repository = call.repository(owner, name, "checks")
    return json_response(_run(call, repository, _find_run(repository, identity)))


def _page_of_runs(call: Call, repository: Repository, found: list[CheckRun]) -> Response:
    """``filter=latest`` (the default) shows the newest run of each name and app only."""
    if call.query("filter", "latest") == "latest":
        found = list({(run.app, run.name): run for run in found}.values())
    found = [
        run
        for run in reversed(found)
        if call.query("check_name", run.name) == run.name and call.query("status", run.status) == run.status
    ]
    return call.page(found, lambda run: _run(call, repository, run), key="check_runs")


def runs_of_commit(call: Call, owner: str, name: str, ref: str) -> Response:
    repository = call.repository(owner, name, "checks")
    sha = _sha(repository, ref)
    return _page_of_runs(call, repository, [run for run in repository.check_runs if run.sha == sha])


def runs_of_suite(call: Call, owner: str, name: str, identity: int) -> Response:
    repository = call.repository(owner, name, "checks")
    suite = _find_suite(repository, identity)
    return _page_of_runs(call, repository, [run for run in repository.check_runs if run.suite == suite.id])


# -- check suites ----------------------------------------------------------------------------------------------


def _find_suite(repository: Repository, identity: int) -> CheckSuite:
    for suite in repository.check_suites:
        if suite.id == identity:
            return suite
    raise not_found()


def _suite(call: Call, repository: Repository, suite: CheckSuite) -> Json:
    runs = [run for run in repository.check_runs if run.suite == suite.id]
    outcomes = {run.conclusion for run in runs}
    done = bool(runs) and "" not in outcomes
    order = ("failure", "timed_out", "cancelled", "action_required", "stale", "success", "neutral", "skipped")
    url = f"{call.api}/repos/{repository.full_name}/check-suites/{suite.id}"
    return {
        "id": suite.id,
        "node_id": shapes.node("CheckSuite", suite.id),
        "head_branch": suite.branch or None,
        "head_sha": suite.sha,
        "status": "completed" if done else "in_progress",
        "conclusion": next((word for word in order if word in outcomes), None) if done else None,
        "url": url,
        "before": suite.before or None,
        "after": suite.sha,
        "pull_requests": _pulls(call, repository, suite.sha),
        "app": _app(call, suite.app),
        "repository": shapes.minimal_repository(call, repository),
        "created_at": shapes.stamp(suite.created),
        "updated_at": shapes.stamp(suite.updated),
        "head_commit": shapes.simple_commit(repository.git.commit(suite.sha)),
        "latest_check_runs_count": len({run.name for run in runs}),
        "check_runs_url": f"{url}/check-runs",
    }


def suites_of_commit(call: Call, owner: str, name: str, ref: str) -> Response:
    repository = call.repository(owner, name, "checks")
    sha = _sha(repository, ref)
    found = [suite for suite in repository.check_suites if suite.sha == sha]
    return call.page(found, lambda suite: _suite(call, repository, suite), key="check_suites")


def get_suite(call: Call, owner: str, name: str, identity: int) -> Response:
    repository = call.repository(owner, name, "checks")
    return json_response(_suite(call, repository, _find_suite(repository, identity)))


_BASE = "/repos/<owner>/<name>"
ROUTES: Routes = (
    ("POST", f"{_BASE}/statuses/<sha>", create_status),
    ("GET", f"{_BASE}/statuses/<path:ref>", statuses),
    ("GET", f"{_BASE}/commits/<path:ref>/statuses", statuses),
    ("GET", f"{_BASE}/commits/<path:ref>/status", combined),
    ("POST", f"{_BASE}/check-runs", create_run),
    ("GET", f"{_BASE}/check-runs/<int:identity>", get_run),
    ("PATCH", f"{_BASE}/check-runs/<int:identity>", edit_run),
    ("GET", f"{_BASE}/commits/<path:ref>/check-runs", runs_of_commit),
    ("GET", f"{_BASE}/commits/<path:ref>/check-suites", suites_of_commit),
    ("GET", f"{_BASE}/check-suites/<int:identity>", get_suite),
    ("GET", f"{_BASE}/check-suites/<int:identity>/check-runs", runs_of_suite),
)
