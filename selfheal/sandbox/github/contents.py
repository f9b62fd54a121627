"""Files and folders through the contents API."""

from __future__ import annotations

import base64
import binascii
from urllib.parse import quote

from werkzeug.wrappers import Response

from selfheal.sandbox.emulator import json_response
from selfheal.sandbox.github import protection, shapes
from selfheal.sandbox.github.gitdata import identity
from selfheal.sandbox.github.repos import TreeEntry
from selfheal.sandbox.github.store import Repository
from selfheal.sandbox.github.web import Call, Json, Refused, Routes, invalid, not_found

#: Above this many bytes a file comes without its content, and above a hundred times that not at all.
INLINE_LIMIT = 1024 * 1024


def get(call: Call, owner: str, name: str, path: str = "") -> Response:
    repository = call.repository(owner, name)
    ref = call.query("ref") or repository.default_branch
    commit = repository.git.resolve(ref)
    if not commit:
        if not repository.git.refs("refs/heads/"):
            raise Refused(404, "This repository is empty.")
        raise Refused(404, f"No commit found for the ref {ref}")
    path = path.strip("/")
    entry = repository.git.entry(commit, path) if path else TreeEntry("040000", "tree", commit, -1, "")
    if entry is None:
        raise not_found()
    if entry.type == "tree":
        found = repository.git.list_tree(commit, path=f"{path}/" if path else "")
        return json_response([_item(call, repository, item, ref) for item in found])
    document = _item(call, repository, entry, ref)
    if entry.type == "commit":
        return json_response(document | {"submodule_git_url": None})
    data = repository.git.blob(entry.sha)
    if entry.mode == "120000":
        return json_response(document | {"target": data.decode(errors="replace")})
    if call.accepts("raw"):
        return Response(data, content_type="application/vnd.github.raw+json; charset=utf-8")
    return json_response(document | _content(data))


def _content(data: bytes) -> Json:
    if len(data) > INLINE_LIMIT:
        return {"content": "", "encoding": "none"}
    return {"content": base64.encodebytes(data).decode(), "encoding": "base64"}


def _item(call: Call, repository: Repository, entry: TreeEntry, ref: str) -> Json:
    path = quote(entry.path)
    url = f"{call.api}/repos/{repository.full_name}/contents/{path}?ref={quote(ref, safe='')}"
    kind = {"tree": "dir", "commit": "submodule"}.get(
        entry.type, "symlink" if entry.mode == "120000" else "file"
    )
    git_url = None
    if entry.type != "commit":
        git_url = f"{call.api}/repos/{repository.full_name}/git/{entry.type}s/{entry.sha}"
    page = "tree" if kind == "dir" else "blob"
    html = f"{call.web}/{repository.full_name}/{page}/{quote(ref)}/{path}"
    raw = f"{call.web}/{repository.full_name}/raw/{quote(ref)}/{path}" if kind == "file" else None
    return {
        "type": kind,
        "size": max(entry.size, 0),
        "name": entry.path.rpartition("/")[2],
        "path": entry.path,
        "sha": entry.sha,
        "url": url,
        "git_url": git_url,
        "html_url": html,
        "download_url": raw,
        "_links": {"git": git_url, "self": url, "html": html},
    }


def put(call: Call, owner: str, name: str, path: str) -> Response:
    repository = call.repository(owner, name, "contents", "write")
    content = call.field("content", "Contents", str)
    try:
        data = base64.b64decode(content or "", validate=False)
    except binascii.Error:
        raise Refused(422, "content is not valid Base64") from None
    return _write(call, repository, path, data)


def delete(call: Call, owner: str, name: str, path: str) -> Response:
    repository = call.repository(owner, name, "contents", "write")
    return _write(call, repository, path, None)


def _write(call: Call, repository: Repository, path: str, data: bytes | None) -> Response:
    message = call.text("message", "Contents")
    branch = call.field("branch", "Contents", str, required=False) or repository.default_branch
    git = repository.git
    old = git.branch(branch)
    if not old and git.refs("refs/heads/"):
        raise Refused(404, f"Branch {branch} not found")
    if any(part in ("", ".", "..") or part.lower() == ".git" for part in path.split("/")):
        raise invalid(
            "Contents", field="path", code="invalid", message="path contains a malformed path component"
        )
    there = git.entry(old, path) if old else None
    _same(path, there, call.body.get("sha"), removing=data is None)
    protection.guard(repository, f"refs/heads/{branch}", call.login)
    mode = there.mode if there is not None else "100644"
    blob = "" if data is None else git.write_blob(data)
    tree = git.write_tree(old, [(mode, blob, path)])
    named = identity(call, "author") or identity(call, "committer")
    committer = identity(call, "committer") or named or call.hub.github_signature()
    sha = git.write_commit(
        tree, [old] if old else [], message, named or call.hub.signature(call.login), committer
    )
    if named is None:
        repository.verified.add(sha)
    call.hub.move_ref(repository, f"refs/heads/{branch}", old, sha, call.login)
    written = git.entry(sha, path)
    document = {
        "content": _item(call, repository, written, branch) if written is not None else None,
        "commit": shapes.git_commit(call, repository, git.commit(sha)),
    }
    return json_response(document, 200 if there is not None else 201)


def _same(path: str, there: TreeEntry | None, sha: object, *, removing: bool) -> None:
    """Refuse a write whose author has not seen what stands there."""
    if there is None:
        if removing:
            raise not_found()
        return
    if there.type != "blob":
        raise invalid("Contents", field="path", code="invalid")
    if sha is None:
        raise Refused(422, 'Invalid request.\n\n"sha" wasn\'t supplied.')
    if sha != there.sha:
        raise Refused(409, f"{path} does not match {sha}")


_BASE = "/repos/<owner>/<name>/contents"
ROUTES: Routes = (
    ("GET", _BASE, get),
    ("GET", f"{_BASE}/<path:path>", get),
    ("PUT", f"{_BASE}/<path:path>", put),
    ("DELETE", f"{_BASE}/<path:path>", delete),
)
