"""A repository, its branches, commits and comparisons."""

from __future__ import annotations

from werkzeug.wrappers import Response

from selfheal.sandbox.emulator import json_response
from selfheal.sandbox.github import protection, shapes
from selfheal.sandbox.github.diffs import diff_files, diff_text
from selfheal.sandbox.github.merging import merge_commits
from selfheal.sandbox.github.repos import GitCommit
from selfheal.sandbox.github.store import Repository
from selfheal.sandbox.github.web import Call, Json, Refused, Routes, invalid, not_found


def get(call: Call, owner: str, name: str) -> Response:
    return json_response(shapes.repository(call, call.repository(owner, name), full=True))


def get_by_id(call: Call, number: int) -> Response:
    for found in call.hub.store.repositories.values():
        if found.id == number:
            return get(call, found.owner, found.name)
    raise not_found()


def edit(call: Call, owner: str, name: str) -> Response:
    repository = call.repository(owner, name, "administration", "write")
    methods = {"allow_merge_commit": "merge", "allow_squash_merge": "squash", "allow_rebase_merge": "rebase"}
    for key, method in methods.items():
        if key in call.body:
            (repository.merge_methods.add if call.body[key] else repository.merge_methods.discard)(method)
    if not repository.merge_methods:
        repository.merge_methods.add("merge")
        raise invalid("Repository", message="You must allow at least one merge method")
    if "default_branch" in call.body:
        branch = str(call.body["default_branch"])
        if not repository.git.branch(branch):
            raise invalid("Repository", field="default_branch", code="invalid")
        repository.default_branch = branch
        repository.git.run("symbolic-ref", "HEAD", f"refs/heads/{branch}")
    repository.archived = bool(call.body.get("archived", repository.archived))
    repository.private = bool(call.body.get("private", repository.private))
    repository.description = call.body.get("description", repository.description)
    repository.delete_branch_on_merge = bool(
        call.body.get("delete_branch_on_merge", repository.delete_branch_on_merge)
    )
    return json_response(shapes.repository(call, repository, full=True))


def branches(call: Call, owner: str, name: str) -> Response:
    repository = call.repository(owner, name)
    found = list(repository.git.refs("refs/heads/").items())
    wanted = call.query("protected")

    def shape(item: tuple[str, str]) -> Json:
        branch = item[0].removeprefix("refs/heads/")
        url = f"{call.api}/repos/{repository.full_name}/commits/{item[1]}"
        document = {
            "name": branch,
            "commit": {"sha": item[1], "url": url},
            "protected": branch in repository.protections,
        }
        return document | protection.summary(call, repository, branch)

    if wanted:
        keep = wanted == "true"
        found = [
            item for item in found if (item[0].removeprefix("refs/heads/") in repository.protections) == keep
        ]
    return call.page(found, shape)


def branch(call: Call, owner: str, name: str, branch: str) -> Response:
    repository = call.repository(owner, name)
    sha = repository.git.branch(branch)
    if not sha:
        raise Refused(404, "Branch not found")
    url = f"{call.api}/repos/{repository.full_name}/branches/{branch}"
    document = {
        "name": branch,
        "commit": shapes.commit(call, repository, repository.git.commit(sha)),
        "_links": {"self": url, "html": f"{call.web}/{repository.full_name}/tree/{branch}"},
        "protected": branch in repository.protections,
    }
    return json_response(document | protection.summary(call, repository, branch))


def commits(call: Call, owner: str, name: str) -> Response:
    repository = call.repository(owner, name)
    start = call.query("sha") or repository.default_branch
    sha = repository.git.resolve(start)
    if not sha:
        if not repository.git.refs("refs/heads/"):
            raise Refused(409, "Git Repository is empty.")
        raise not_found()
    options = [f"--{name}={value}" for name in ("since", "until") if (value := call.query(name))]
    if who := call.query("author"):
        account = call.hub.store.account(who)
        options += ["--fixed-strings", f"--author={account.email if account else who}"]
    # One more than the page tells whether there is a next one; the count is only asked for where it can matter.
    page, size = call.window()
    path = call.query("path")
    found = repository.git.log(sha, limit=size + 1, skip=(page - 1) * size, path=path, options=options)
    total = (page - 1) * size + len(found)
    if len(found) > size:
        literal = ["--", f":(literal){path}"] if path else []
        total = repository.git.count(*options, sha, *literal)
    shown = [shapes.commit(call, repository, commit) for commit in found[:size]]
    return json_response(shown, headers=call.links(total))


def commit(call: Call, owner: str, name: str, ref: str) -> Response:
    repository = call.repository(owner, name)
    found = _commit(repository, ref)
    before = found.parents[0] if found.parents else ""
    if call.accepts("diff"):
        return Response(
            diff_text(repository.git, before, found.sha), content_type="application/vnd.github.diff"
        )
    if call.accepts("sha"):
        return Response(found.sha, content_type="application/vnd.github.sha")
    files = diff_files(repository.git, before, found.sha)
    additions, deletions = sum(file.additions for file in files), sum(file.deletions for file in files)
    document = {
        **shapes.commit(call, repository, found),
        "stats": {"total": additions + deletions, "additions": additions, "deletions": deletions},
        "files": [shapes.file(call, repository, found.sha, file) for file in files],
    }
    return json_response(document)


def _commit(repository: Repository, ref: str) -> GitCommit:
    sha = repository.git.resolve(ref)
    if not sha:
        raise Refused(422, f"No commit found for SHA: {ref}")
    return repository.git.commit(sha)


def compare(call: Call, owner: str, name: str, span: str) -> Response:
    repository = call.repository(owner, name)
    base, dots, head = span.partition("...")
    if not dots:
        raise not_found()
    old, new = (_side(call, repository, side) for side in (base, head))
    git = repository.git
    common = git.merge_base(old, new)
    if not common:
        raise Refused(404, f"No common ancestor between {base} and {head}.")
    if call.accepts("diff"):
        return Response(diff_text(git, common, new), content_type="application/vnd.github.diff")
    ahead = git.log(f"{old}..{new}", options=["--reverse", "--topo-order"])
    behind = git.count(f"{new}..{old}")
    page, size = call.window()
    if "per_page" not in call.request.args:
        size = 250
    files = diff_files(git, common, new) if page == 1 else ()
    status = ("diverged" if behind else "ahead") if ahead else ("behind" if behind else "identical")
    url = f"{call.api}/repos/{repository.full_name}/compare/{span}"
    document = {
        "url": url,
        "html_url": f"{call.web}/{repository.full_name}/compare/{span}",
        "permalink_url": f"{call.web}/{repository.full_name}/compare/{old[:12]}...{new[:12]}",
        "diff_url": f"{call.web}/{repository.full_name}/compare/{span}.diff",
        "patch_url": f"{call.web}/{repository.full_name}/compare/{span}.patch",
        "base_commit": shapes.commit(call, repository, git.commit(old)),
        "merge_base_commit": shapes.commit(call, repository, git.commit(common)),
        "status": status,
        "ahead_by": len(ahead),
        "behind_by": behind,
        "total_commits": len(ahead),
        "commits": [shapes.commit(call, repository, item) for item in ahead[(page - 1) * size : page * size]],
        "files": [shapes.file(call, repository, new, file) for file in files],
    }
    return json_response(
        document, headers=call.links(len(ahead)) if "per_page" in call.request.args else None
    )


def _side(call: Call, repository: Repository, side: str) -> str:
    """The commit that ``ref`` or ``owner:ref`` names; a fork's is fetched first."""
    source, ref = call.hub.head(repository, side)
    sha = source.git.resolve(ref) if source is not None else ""
    if source is None or not sha:
        raise not_found()
    if source is not repository and not repository.git.type(sha):
        repository.git.fetch(source.git, sha, f"refs/forks/{source.id}/{sha}")
    return sha


def merge_branches(call: Call, owner: str, name: str) -> Response:
    """``POST merges``: merge one branch into another without a pull request."""
    repository = call.repository(owner, name, "contents", "write")
    base, head = call.text("base", "Merge"), call.text("head", "Merge")
    ours, theirs = repository.git.branch(base), repository.git.resolve(head)
    if not ours or not theirs:
        raise Refused(404, f"{'Head' if ours else 'Base'} does not exist")
    if repository.git.contains(ours, theirs):
        return Response(status=204)
    protection.guard(repository, f"refs/heads/{base}", call.login)
    merged = merge_commits(repository.git, ours, theirs)
    if merged.conflicts:
        raise Refused(409, "Merge conflict")
    message = call.field("commit_message", "Merge", str, required=False) or f"Merge {head} into {base}"
    who = call.hub.signature(call.login)
    sha = repository.git.write_commit(merged.tree, [ours, theirs], message, who, call.hub.github_signature())
    repository.verified.add(sha)
    call.hub.move_ref(repository, f"refs/heads/{base}", ours, sha, call.login)
    return json_response(shapes.commit(call, repository, repository.git.commit(sha)), 201)


def tags(call: Call, owner: str, name: str) -> Response:
    repository = call.repository(owner, name)
    url = f"{call.api}/repos/{repository.full_name}"

    def shape(item: tuple[str, str]) -> Json:
        tag = item[0].removeprefix("refs/tags/")
        sha = repository.git.resolve(tag)
        return {
            "name": tag,
            "commit": {"sha": sha, "url": f"{url}/commits/{sha}"},
            "zipball_url": f"{url}/zipball/{item[0]}",
            "tarball_url": f"{url}/tarball/{item[0]}",
            "node_id": shapes.node("Ref", item[0]),
        }

    return call.page(list(repository.git.refs("refs/tags/").items()), shape)


ROUTES: Routes = (
    ("GET", "/repos/<owner>/<name>", get),
    ("GET", "/repositories/<int:number>", get_by_id),
    ("PATCH", "/repos/<owner>/<name>", edit),
    ("GET", "/repos/<owner>/<name>/branches", branches),
    ("GET", "/repos/<owner>/<name>/branches/<path:branch>", branch),
    ("GET", "/repos/<owner>/<name>/commits", commits),
    ("GET", "/repos/<owner>/<name>/commits/<path:ref>", commit),
    ("GET", "/repos/<owner>/<name>/compare/<path:span>", compare),
    ("POST", "/repos/<owner>/<name>/merges", merge_branches),
    ("GET", "/repos/<owner>/<name>/tags", tags),
)
