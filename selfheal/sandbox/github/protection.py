"""Protected branches: their rules as GitHub shows them, and what they keep from being pushed."""

from __future__ import annotations

from werkzeug.wrappers import Response

from selfheal.sandbox.emulator import json_response
from selfheal.sandbox.github.store import Protection, Repository
from selfheal.sandbox.github.web import Call, Json, Refused, Routes, no_content


def summary(call: Call, repository: Repository, branch: str) -> Json:
    """The part of a branch that everybody who reads it sees."""
    rules = repository.protections.get(branch)
    contexts = list(rules.checks) if rules is not None else []
    level = "off"
    if rules is not None and rules.status_checks:
        level = "everyone" if rules.enforce_admins else "non_admins"
    return {
        "protection": {
            "enabled": rules is not None,
            "required_status_checks": {
                "enforcement_level": level,
                "contexts": contexts,
                "checks": [{"context": name, "app_id": None} for name in contexts],
            },
        },
        "protection_url": f"{call.api}/repos/{repository.full_name}/branches/{branch}/protection",
    }


def guard(
    repository: Repository, ref: str, login: str, *, forced: bool = False, deleted: bool = False
) -> None:
    """Refuse a direct change of a protected branch by somebody whom its rules bind."""
    if ref in locked(repository, login):
        raise Refused(
            422, "Repository rule violations found\n\nChanges must be made through a pull request.\n\n"
        )
    rules = repository.protections.get(ref.removeprefix("refs/heads/"))
    if rules is not None and ((forced and not rules.force_pushes) or (deleted and not rules.deletions)):
        raise Refused(422, f"Cannot {'delete' if deleted else 'force-push to'} this protected branch")


def locked(repository: Repository, login: str) -> set[str]:
    """Refs that this caller may change through pull requests only."""
    admin = repository.permission(login) == "admin"
    return {
        f"refs/heads/{branch}"
        for branch, rules in repository.protections.items()
        if (rules.reviews or rules.status_checks) and (rules.enforce_admins or not admin)
    }


def get(call: Call, owner: str, name: str, branch: str) -> Response:
    repository, rules = _rules(call, owner, name, branch)
    return json_response(_document(call, repository, branch, rules))


def get_reviews(call: Call, owner: str, name: str, branch: str) -> Response:
    repository, rules = _rules(call, owner, name, branch)
    document = _document(call, repository, branch, rules).get("required_pull_request_reviews")
    if document is None:
        raise Refused(404, "Required pull request reviews not enabled")
    return json_response(document)


def get_checks(call: Call, owner: str, name: str, branch: str) -> Response:
    repository, rules = _rules(call, owner, name, branch)
    document = _document(call, repository, branch, rules).get("required_status_checks")
    if document is None:
        raise Refused(404, "Required status checks not enabled")
    return json_response(document)


def put(call: Call, owner: str, name: str, branch: str) -> Response:
    repository = call.repository(owner, name, "administration", "write")
    if not repository.git.branch(branch):
        raise Refused(404, "Branch not found")
    for field in (
        "required_status_checks",
        "enforce_admins",
        "required_pull_request_reviews",
        "restrictions",
    ):
        if field not in call.body:
            raise Refused(422, f'Invalid request.\n\n"{field}" wasn\'t supplied.')
    reviews, wanted = call.body["required_pull_request_reviews"], call.body["required_status_checks"]
    checks = wanted or {}
    contexts = [check["context"] for check in checks.get("checks", [])] or checks.get("contexts", [])
    rules = Protection(
        approvals=int((reviews or {}).get("required_approving_review_count", 1))
        if reviews is not None
        else 0,
        checks=tuple(contexts),
        strict=bool(checks.get("strict")),
        dismiss_stale=bool((reviews or {}).get("dismiss_stale_reviews")),
        code_owners=bool((reviews or {}).get("require_code_owner_reviews")),
        enforce_admins=bool(call.body["enforce_admins"]),
        reviews=reviews is not None,
        linear=bool(call.body.get("required_linear_history")),
        force_pushes=bool(call.body.get("allow_force_pushes")),
        deletions=bool(call.body.get("allow_deletions")),
        status_checks=wanted is not None,
    )
    repository.protections[branch] = rules
    return json_response(_document(call, repository, branch, rules))


def delete(call: Call, owner: str, name: str, branch: str) -> Response:
    repository, _rule = _rules(call, owner, name, branch, level="write")
    del repository.protections[branch]
    return no_content()


def _rules(
    call: Call, owner: str, name: str, branch: str, *, level: str = "read"
) -> tuple[Repository, Protection]:
    repository = call.repository(owner, name, "administration", level)
    rules = repository.protections.get(branch)
    if rules is None:
        raise Refused(404, "Branch not protected" if repository.git.branch(branch) else "Branch not found")
    return repository, rules


def _document(call: Call, repository: Repository, branch: str, rules: Protection) -> Json:
    url = f"{call.api}/repos/{repository.full_name}/branches/{branch}/protection"
    document: Json = {
        "url": url,
        "enforce_admins": {"url": f"{url}/enforce_admins", "enabled": rules.enforce_admins},
        "required_signatures": {"url": f"{url}/required_signatures", "enabled": False},
        "required_linear_history": {"enabled": rules.linear},
        "allow_force_pushes": {"enabled": rules.force_pushes},
        "allow_deletions": {"enabled": rules.deletions},
        "block_creations": {"enabled": False},
        "required_conversation_resolution": {"enabled": False},
        "lock_branch": {"enabled": False},
        "allow_fork_syncing": {"enabled": False},
    }
    if rules.status_checks:
        document["required_status_checks"] = {
            "url": f"{url}/required_status_checks",
            "strict": rules.strict,
            "contexts": list(rules.checks),
            "contexts_url": f"{url}/required_status_checks/contexts",
            "checks": [{"context": name, "app_id": None} for name in rules.checks],
        }
    if rules.reviews:
        document["required_pull_request_reviews"] = {
            "url": f"{url}/required_pull_request_reviews",
            "dismiss_stale_reviews": rules.dismiss_stale,
            "require_code_owner_reviews": rules.code_owners,
            "require_last_push_approval": False,
            "required_approving_review_count": rules.approvals,
        }
    return document


_BASE = "/repos/<owner>/<name>/branches/<path:branch>/protection"
ROUTES: Routes = (
    ("GET", _BASE, get),
    ("PUT", _BASE, put),
    ("DELETE", _BASE, delete),
    ("GET", f"{_BASE}/required_pull_request_reviews", get_reviews),
    ("GET", f"{_BASE}/required_status_checks", get_checks),
)
