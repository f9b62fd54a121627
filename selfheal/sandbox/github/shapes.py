"""GitHub's JSON for accounts, repositories, commits and files."""

from __future__ import annotations

import base64
from datetime import UTC, datetime
from urllib.parse import quote

from selfheal.sandbox.github.diffs import FileDiff
from selfheal.sandbox.github.repos import GitCommit, Signature
from selfheal.sandbox.github.store import Account, Repository, rank
from selfheal.sandbox.github.web import Call, Json

_USER_LINKS = {
    "followers_url": "/followers",
    "following_url": "/following{/other_user}",
    "gists_url": "/gists{/gist_id}",
    "starred_url": "/starred{/owner}{/repo}",
    "subscriptions_url": "/subscriptions",
    "organizations_url": "/orgs",
    "repos_url": "/repos",
    "events_url": "/events{/privacy}",
    "received_events_url": "/received_events",
}
_REPOSITORY_LINKS = {
    "archive_url": "/{archive_format}{/ref}",
    "assignees_url": "/assignees{/user}",
    "blobs_url": "/git/blobs{/sha}",
    "branches_url": "/branches{/branch}",
    "collaborators_url": "/collaborators{/collaborator}",
    "comments_url": "/comments{/number}",
    "commits_url": "/commits{/sha}",
    "compare_url": "/compare/{base}...{head}",
    "contents_url": "/contents/{+path}",
    "contributors_url": "/contributors",
    "deployments_url": "/deployments",
    "downloads_url": "/downloads",
    "events_url": "/events",
    "forks_url": "/forks",
    "git_commits_url": "/git/commits{/sha}",
    "git_refs_url": "/git/refs{/sha}",
    "git_tags_url": "/git/tags{/sha}",
    "hooks_url": "/hooks",
    "issue_comment_url": "/issues/comments{/number}",
    "issue_events_url": "/issues/events{/number}",
    "issues_url": "/issues{/number}",
    "keys_url": "/keys{/key_id}",
    "labels_url": "/labels{/name}",
    "languages_url": "/languages",
    "merges_url": "/merges",
    "milestones_url": "/milestones{/number}",
    "notifications_url": "/notifications{?since,all,participating}",
    "pulls_url": "/pulls{/number}",
    "releases_url": "/releases{/id}",
    "stargazers_url": "/stargazers",
    "statuses_url": "/statuses/{sha}",
    "subscribers_url": "/subscribers",
    "subscription_url": "/subscription",
    "tags_url": "/tags",
    "teams_url": "/teams",
    "trees_url": "/git/trees{/sha}",
}


def stamp(when: datetime | None) -> str | None:
    """``2026-01-31T09:00:00Z``."""
    return when.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ") if when is not None else None


def node(kind: str, identity: object) -> str:
    """A node id: opaque to clients, different for each thing."""
    return base64.b64encode(f"{kind}:{identity}".encode()).decode()


def user(call: Call, login: str) -> Json | None:
    """A "simple user", or None for an unknown login."""
    account = call.hub.store.account(login)
    return _user(call, account) if account is not None else None


def _user(call: Call, account: Account) -> Json:
    url = f"{call.api}/users/{quote(account.login)}"
    page = f"apps/{account.login.removesuffix('[bot]')}" if account.type == "Bot" else account.login
    return {
        "login": account.login,
        "id": account.id,
        "node_id": node("User", account.id),
        "avatar_url": f"{call.web}/avatars/{account.id}",
        "gravatar_id": "",
        "url": url,
        "html_url": f"{call.web}/{page}",
        **{name: url + path for name, path in _USER_LINKS.items()},
        "type": account.type,
        "user_view_type": "public",
        "site_admin": False,
    }


def full_user(call: Call, account: Account, *, private: bool = False) -> Json:
    """What ``/users/…`` and (with ``private``) ``/user`` answer."""
    when = stamp(account.created or call.hub.now())
    document = {
        **_user(call, account),
        "name": account.name or None,
        "company": None,
        "blog": "",
        "location": None,
        "email": None,
        "hireable": None,
        "bio": None,
        "twitter_username": None,
        "public_repos": 0,
        "public_gists": 0,
        "followers": 0,
        "following": 0,
        "created_at": when,
        "updated_at": when,
    }
    if private:
        document |= {
            "user_view_type": "private",
            "private_gists": 0,
            "total_private_repos": 0,
            "owned_private_repos": 0,
            "disk_usage": 0,
            "collaborators": 0,
            "two_factor_authentication": True,
        }
    return document


def permissions(level: str) -> dict[str, bool]:
    """A permission as GitHub's map of booleans."""
    names = {"admin": "admin", "maintain": "maintain", "push": "write", "triage": "triage", "pull": "read"}
    return {name: rank(level) >= rank(needed) for name, needed in names.items()}


def minimal_repository(call: Call, repository: Repository) -> Json:
    """A "minimal repository", as it stands inside other answers."""
    url = f"{call.api}/repos/{repository.full_name}"
    return {
        "id": repository.id,
        "node_id": node("Repository", repository.id),
        "name": repository.name,
        "full_name": repository.full_name,
        "private": repository.private,
        "owner": user(call, repository.owner),
        "html_url": f"{call.web}/{repository.full_name}",
        "description": repository.description,
        "fork": bool(repository.parent),
        "url": url,
        **{name: url + path for name, path in _REPOSITORY_LINKS.items()},
    }


def repository(call: Call, found: Repository, *, full: bool = False) -> Json:
    """A repository in a list, or (``full``) by itself."""
    page = f"{call.web}/{found.full_name}"
    host = call.request.host
    issues = sum(1 for issue in found.issues.values() if issue.state == "open")
    document = {
        **minimal_repository(call, found),
        "created_at": stamp(found.created),
        "updated_at": stamp(found.pushed),
        "pushed_at": stamp(found.pushed),
        "git_url": f"git://{host}/{found.full_name}.git",
        "ssh_url": f"git@{host}:{found.full_name}.git",
        "clone_url": f"{page}.git",
        "svn_url": page,
        "mirror_url": None,
        "homepage": None,
        "size": 1,
        "stargazers_count": 0,
        "watchers_count": 0,
        "language": None,
        "has_issues": True,
        "has_projects": False,
        "has_downloads": False,
        "has_wiki": False,
        "has_pages": False,
        "has_discussions": False,
        "forks_count": 0,
        "archived": found.archived,
        "disabled": False,
        "open_issues_count": issues,
        "license": None,
        "allow_forking": True,
        "is_template": False,
        "web_commit_signoff_required": False,
        "topics": [],
        "visibility": "private" if found.private else "public",
        "forks": 0,
        "open_issues": issues,
        "watchers": 0,
        "default_branch": found.default_branch,
        "permissions": permissions(found.permission(call.login)),
    }
    if full:
        document |= {
            "allow_squash_merge": "squash" in found.merge_methods,
            "allow_merge_commit": "merge" in found.merge_methods,
            "allow_rebase_merge": "rebase" in found.merge_methods,
            "allow_auto_merge": False,
            "allow_update_branch": False,
            "delete_branch_on_merge": found.delete_branch_on_merge,
            "squash_merge_commit_title": "COMMIT_OR_PR_TITLE",
            "squash_merge_commit_message": "COMMIT_MESSAGES",
            "merge_commit_title": "MERGE_MESSAGE",
            "merge_commit_message": "PR_TITLE",
            "network_count": 0,
            "subscribers_count": 0,
        }
        parent = call.hub.store.repository(found.parent)
        if parent is not None:
            document |= {"parent": repository(call, parent), "source": repository(call, parent)}
    return document


def signature(who: Signature) -> Json:
    """A git identity."""
    return {"name": who.name, "email": who.email, "date": stamp(who.when)}


def verification(repository: Repository, commit: GitCommit) -> Json:
    """Is the commit signed? Only GitHub itself signs here, so the signature is a marker and not OpenPGP."""
    if commit.sha not in repository.verified:
        return {
            "verified": False,
            "reason": "unsigned",
            "signature": None,
            "payload": None,
            "verified_at": None,
        }
    return {
        "verified": True,
        "reason": "valid",
        "signature": "signed by the sandbox as GitHub would",
        "payload": f"tree {commit.tree}\n",
        "verified_at": stamp(commit.committer.when),
    }


def git_commit(call: Call, repository: Repository, commit: GitCommit) -> Json:
    """A commit of the git data API."""
    url = f"{call.api}/repos/{repository.full_name}/git"
    page = f"{call.web}/{repository.full_name}/commit"
    return {
        "sha": commit.sha,
        "node_id": node("Commit", commit.sha),
        "url": f"{url}/commits/{commit.sha}",
        "html_url": f"{page}/{commit.sha}",
        "author": signature(commit.author),
        "committer": signature(commit.committer),
        "tree": {"sha": commit.tree, "url": f"{url}/trees/{commit.tree}"},
        "message": commit.message,
        "parents": [
            {"sha": parent, "url": f"{url}/commits/{parent}", "html_url": f"{page}/{parent}"}
            for parent in commit.parents
        ],
        "verification": verification(repository, commit),
    }


def commit(call: Call, repository: Repository, found: GitCommit) -> Json:
    """A commit of the repository API."""
    url = f"{call.api}/repos/{repository.full_name}"
    page = f"{call.web}/{repository.full_name}/commit"
    people = {
        role: call.hub.store.by_email(who.email)
        for role, who in (("author", found.author), ("committer", found.committer))
    }
    return {
        "sha": found.sha,
        "node_id": node("Commit", found.sha),
        "commit": {
            "author": signature(found.author),
            "committer": signature(found.committer),
            "message": found.message,
            "tree": {"sha": found.tree, "url": f"{url}/git/trees/{found.tree}"},
            "url": f"{url}/git/commits/{found.sha}",
            "comment_count": 0,
            "verification": verification(repository, found),
        },
        "url": f"{url}/commits/{found.sha}",
        "html_url": f"{page}/{found.sha}",
        "comments_url": f"{url}/commits/{found.sha}/comments",
        **{role: _user(call, account) if account else None for role, account in people.items()},
        "parents": [
            {"sha": parent, "url": f"{url}/commits/{parent}", "html_url": f"{page}/{parent}"}
            for parent in found.parents
        ],
    }


def simple_commit(found: GitCommit) -> Json:
    """A commit inside a check suite or a workflow run."""
    return {
        "id": found.sha,
        "tree_id": found.tree,
        "message": found.message,
        "timestamp": stamp(found.committer.when),
        "author": {"name": found.author.name, "email": found.author.email},
        "committer": {"name": found.committer.name, "email": found.committer.email},
    }


def file(call: Call, repository: Repository, sha: str, changed: FileDiff) -> Json:
    """A changed file at the commit ``sha``."""
    path = quote(changed.path)
    document = {
        "sha": changed.sha,
        "filename": changed.path,
        "status": changed.status,
        "additions": changed.additions,
        "deletions": changed.deletions,
        "changes": changed.additions + changed.deletions,
        "blob_url": f"{call.web}/{repository.full_name}/blob/{sha}/{path}",
        "raw_url": f"{call.web}/{repository.full_name}/raw/{sha}/{path}",
        "contents_url": f"{call.api}/repos/{repository.full_name}/contents/{path}?ref={sha}",
    }
    if changed.patch is not None:
        document["patch"] = changed.patch
    if changed.previous:
        document["previous_filename"] = changed.previous
    return document
