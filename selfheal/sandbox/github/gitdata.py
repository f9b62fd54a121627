"""The git data API: blobs, trees, commits, refs and tags, as they are."""

from __future__ import annotations

import base64
import binascii
from datetime import datetime
from typing import Any

from werkzeug.wrappers import Response

from selfheal.sandbox.emulator import json_response
from selfheal.sandbox.github import protection, shapes
from selfheal.sandbox.github.repos import GitFailed, Signature, TreeEntry
from selfheal.sandbox.github.store import Repository
from selfheal.sandbox.github.web import Call, Json, Refused, Routes, invalid, no_content, not_found

MODES = {"100644": "blob", "100755": "blob", "120000": "blob", "040000": "tree", "160000": "commit"}
#: GitHub stops a recursive listing there and says ``truncated``.
TREE_LIMIT = 100_000


def _repository(call: Call, owner: str, name: str, level: str = "read") -> Repository:
    repository = call.repository(owner, name, "contents", level)
    if not repository.git.refs("refs/heads/"):
        raise Refused(409, "Git Repository is empty.")
    return repository


# -- objects ---------------------------------------------------------------------------------------------------


def get_blob(call: Call, owner: str, name: str, sha: str) -> Response:
    repository = _repository(call, owner, name)
    if repository.git.type(sha) != "blob":
        raise not_found()
    data = repository.git.blob(sha)
    if call.accepts("raw"):
        return Response(data, content_type="application/vnd.github.raw")
    document = {
        "sha": sha,
        "node_id": shapes.node("Blob", sha),
        "size": len(data),
        "url": f"{call.api}/repos/{repository.full_name}/git/blobs/{sha}",
        "content": base64.encodebytes(data).decode(),
        "encoding": "base64",
    }
    return json_response(document)


def create_blob(call: Call, owner: str, name: str) -> Response:
    repository = _repository(call, owner, name, "write")
    content = call.body.get("content")
    encoding = call.body.get("encoding", "utf-8")
    if not isinstance(content, str):
        raise invalid("Blob", field="content", code="missing_field")
    if encoding not in ("utf-8", "base64"):
        raise invalid("Blob", field="encoding", code="invalid")
    try:
        data = base64.b64decode(content, validate=False) if encoding == "base64" else content.encode()
    except binascii.Error:
        raise Refused(422, "content is not valid Base64") from None
    sha = repository.git.write_blob(data)
    return json_response({"sha": sha, "url": f"{call.api}/repos/{repository.full_name}/git/blobs/{sha}"}, 201)


def _tree(call: Call, repository: Repository, sha: str, *, recursive: bool) -> Json:
    url = f"{call.api}/repos/{repository.full_name}/git"
    entries = repository.git.list_tree(sha, recursive=recursive)

    def shape(entry: TreeEntry) -> Json:
        document: Json = {"path": entry.path, "mode": entry.mode, "type": entry.type, "sha": entry.sha}
        if entry.size >= 0:
            document["size"] = entry.size
        if entry.type != "commit":
            document["url"] = f"{url}/{entry.type}s/{entry.sha}"
        return document

    return {
        "sha": sha,
        "url": f"{url}/trees/{sha}",
        "tree": [shape(entry) for entry in entries[:TREE_LIMIT]],
        "truncated": len(entries) > TREE_LIMIT,
    }


def get_tree(call: Call, owner: str, name: str, sha: str) -> Response:
    repository = _repository(call, owner, name)
    git = repository.git
    if git.type(sha) != "tree":
        commit = git.resolve(sha)
        if not commit:
            raise not_found()
        sha = git.commit(commit).tree
    return json_response(_tree(call, repository, sha, recursive="recursive" in call.request.args))


def create_tree(call: Call, owner: str, name: str) -> Response:
    repository = _repository(call, owner, name, "write")
    git = repository.git
    base = call.body.get("base_tree") or ""
    if base and git.type(base) not in ("tree", "commit"):
        raise Refused(422, "base_tree is not a valid tree oid")
    entries = call.body.get("tree")
    if not isinstance(entries, list) or not entries:
        raise Refused(422, "Invalid tree info")
    changes = [_change(repository, entry) for entry in entries]
    try:
        sha = git.write_tree(base, changes)
    except GitFailed:
        raise Refused(422, "tree contains duplicate or malformed paths") from None
    return json_response(_tree(call, repository, sha, recursive=False), 201)


def _change(repository: Repository, entry: Any) -> tuple[str, str, str]:
    if not isinstance(entry, dict):
        raise Refused(422, "Invalid tree info")
    path, mode = entry.get("path", ""), entry.get("mode", "")
    parts = str(path).split("/")
    if not path or "\0" in path or any(part in ("", ".", "..") or part.lower() == ".git" for part in parts):
        raise Refused(422, "tree.path contains a malformed path component")
    if mode not in MODES or entry.get("type", MODES[mode]) != MODES[mode]:
        raise Refused(422, "Must supply a valid tree.mode")
    if mode == "040000":
        raise Refused(422, "The sandbox takes files in a tree, each by its whole path, no subtrees.")
    if "content" in entry:
        return mode, repository.git.write_blob(str(entry["content"]).encode()), path
    if "sha" not in entry:
        raise Refused(422, "Must supply either tree.sha or tree.content")
    if entry["sha"] is None:
        return mode, "", path
    if mode != "160000" and repository.git.type(str(entry["sha"])) != "blob":
        raise Refused(422, f"tree.sha {entry['sha']} is not a valid blob")
    return mode, entry["sha"], path


def get_commit(call: Call, owner: str, name: str, sha: str) -> Response:
    repository = _repository(call, owner, name)
    if repository.git.type(sha) != "commit":
        raise not_found()
    return json_response(shapes.git_commit(call, repository, repository.git.commit(sha)))


def create_commit(call: Call, owner: str, name: str) -> Response:
    """A commit; signed by GitHub when an app makes it and names neither author nor committer."""
    repository = _repository(call, owner, name, "write")
    git = repository.git
    message, tree = call.text("message", "Commit"), call.text("tree", "Commit")
    if git.type(tree) != "tree":
        raise Refused(422, "Tree SHA does not exist")
    parents = call.body.get("parents", [])
    if not isinstance(parents, list) or any(git.type(str(parent)) != "commit" for parent in parents):
        raise Refused(422, "Parent SHA does not exist or is not a commit object")
    named = {role: identity(call, role) for role in ("author", "committer")}
    default = call.hub.signature(call.login)
    author = named["author"] or named["committer"] or default
    committer = named["committer"] or named["author"] or default
    signed = call.is_app and not any(named.values())
    sha = git.write_commit(
        tree, parents, message, author, call.hub.github_signature() if signed else committer
    )
    if signed:
        repository.verified.add(sha)
    return json_response(shapes.git_commit(call, repository, git.commit(sha)), 201)


def identity(call: Call, role: str) -> Signature | None:
    """The ``author`` or ``committer`` of a body, None when it is left out."""
    given = call.body.get(role)
    if given is None:
        return None
    if not isinstance(given, dict) or not given.get("name") or not given.get("email"):
        raise invalid("Commit", field=role, code="invalid")
    when = call.hub.now()
    if given.get("date"):
        try:
            when = datetime.fromisoformat(given["date"])
        except ValueError:
            raise invalid("Commit", field=f"{role}.date", code="invalid") from None
    return Signature(given["name"], given["email"], when if when.tzinfo else when.astimezone())


# -- refs ------------------------------------------------------------------------------------------------------


def _ref(call: Call, repository: Repository, ref: str, sha: str) -> Json:
    url = f"{call.api}/repos/{repository.full_name}/git"
    kind = repository.git.type(sha)
    return {
        "ref": ref,
        "node_id": shapes.node("Ref", f"{repository.id}:{ref}"),
        "url": f"{url}/{ref}",
        "object": {"sha": sha, "type": kind, "url": f"{url}/{kind}s/{sha}"},
    }


def get_ref(call: Call, owner: str, name: str, ref: str) -> Response:
    repository = _repository(call, owner, name)
    full = f"refs/{ref.removeprefix('refs/')}"
    sha = repository.git.ref(full)
    if not sha:
        raise not_found()
    return json_response(_ref(call, repository, full, sha))


def list_refs(call: Call, owner: str, name: str, ref: str = "") -> Response:
    """All refs, or those whose name starts with ``ref`` (``heads/selfheal`` finds ``heads/selfheal-1`` too)."""
    repository = _repository(call, owner, name)
    prefix = f"refs/{ref.removeprefix('refs/')}"
    found = [item for item in repository.git.refs().items() if item[0].startswith(prefix)]
    return call.page(found, lambda item: _ref(call, repository, *item))


def create_ref(call: Call, owner: str, name: str) -> Response:
    """Create only: a ref that is there is refused, whatever it points at."""
    repository = _repository(call, owner, name, "write")
    ref, sha = call.text("ref", "Reference"), call.text("sha", "Reference")
    if not ref.startswith("refs/") or ref.count("/") < 2:
        raise Refused(422, "Reference name must start with 'refs/' and contain at least two slashes.")
    if not repository.git.valid_ref(ref) or ref.startswith(("refs/pull/", "refs/forks/")):
        raise Refused(422, f"{ref} is not a valid ref name.")
    if repository.git.ref(ref):
        raise Refused(422, "Reference already exists")
    kind = repository.git.type(sha)
    if not kind or (ref.startswith("refs/heads/") and kind != "commit"):
        raise Refused(422, "Object does not exist")
    protection.guard(repository, ref, call.login)
    _move(call, repository, ref, "", sha)
    return json_response(_ref(call, repository, ref, sha), 201)


def update_ref(call: Call, owner: str, name: str, ref: str) -> Response:
    repository = _repository(call, owner, name, "write")
    full, sha = f"refs/{ref.removeprefix('refs/')}", call.text("sha", "Reference")
    force = bool(call.body.get("force", False))
    old = repository.git.ref(full)
    if not old:
        raise Refused(422, "Reference does not exist")
    if repository.git.type(sha) != "commit":
        raise Refused(422, "Object does not exist")
    forward = repository.git.contains(sha, old)
    if not forward and not force:
        raise Refused(422, "Update is not a fast forward")
    if sha != old:
        protection.guard(repository, full, call.login, forced=not forward)
        _move(call, repository, full, old, sha)
    return json_response(_ref(call, repository, full, sha))


def delete_ref(call: Call, owner: str, name: str, ref: str) -> Response:
    repository = _repository(call, owner, name, "write")
    full = f"refs/{ref.removeprefix('refs/')}"
    old = repository.git.ref(full)
    if not old:
        raise Refused(422, "Reference does not exist")
    if full == f"refs/heads/{repository.default_branch}":
        raise Refused(422, "Cannot delete the default branch")
    protection.guard(repository, full, call.login, deleted=True)
    call.hub.move_ref(repository, full, old, "", call.login)
    return no_content()


def _move(call: Call, repository: Repository, ref: str, old: str, new: str) -> None:
    try:
        call.hub.move_ref(repository, ref, old, new, call.login)
    except GitFailed:
        # Somebody pushed between the check and the update, or the name clashes with a folder of refs.
        raise Refused(422, "Reference update failed") from None


def get_tag(call: Call, owner: str, name: str, sha: str) -> Response:
    repository = _repository(call, owner, name)
    if repository.git.type(sha) != "tag":
        raise not_found()
    url = f"{call.api}/repos/{repository.full_name}/git"
    head, _, message = repository.git.run("cat-file", "tag", sha).decode(errors="replace").partition("\n\n")
    facts = dict(line.split(" ", 1) for line in head.splitlines())
    who, _, when = facts["tagger"].rpartition("> ")
    name_, _, email = who.partition(" <")
    seconds = int(when.split()[0])
    document = {
        "node_id": shapes.node("Tag", sha),
        "tag": facts["tag"],
        "sha": sha,
        "url": f"{url}/tags/{sha}",
        "message": message.rstrip("\n"),
        "tagger": {
            "name": name_,
            "email": email,
            "date": shapes.stamp(datetime.fromtimestamp(seconds).astimezone()),
        },
        "object": {
            "sha": facts["object"],
            "type": facts["type"],
            "url": f"{url}/{facts['type']}s/{facts['object']}",
        },
    }
    return json_response(document)


_BASE = "/repos/<owner>/<name>/git"
ROUTES: Routes = (
    ("GET", f"{_BASE}/blobs/<sha>", get_blob),
    ("POST", f"{_BASE}/blobs", create_blob),
    ("GET", f"{_BASE}/trees/<path:sha>", get_tree),
    ("POST", f"{_BASE}/trees", create_tree),
    ("GET", f"{_BASE}/commits/<sha>", get_commit),
    ("POST", f"{_BASE}/commits", create_commit),
    ("GET", f"{_BASE}/refs", list_refs),
    ("GET", f"{_BASE}/matching-refs/<path:ref>", list_refs),
    ("GET", f"{_BASE}/ref/<path:ref>", get_ref),
    ("GET", f"{_BASE}/refs/<path:ref>", get_ref),
    ("POST", f"{_BASE}/refs", create_ref),
    ("PATCH", f"{_BASE}/refs/<path:ref>", update_ref),
    ("DELETE", f"{_BASE}/refs/<path:ref>", delete_ref),
    ("GET", f"{_BASE}/tags/<sha>", get_tag),
)
