"""The web side of the addresses that answers name: a pull request and a commit, for a person with a browser."""

from __future__ import annotations

from html import escape

from werkzeug.wrappers import Response

from selfheal.sandbox.github.diffs import diff_text
from selfheal.sandbox.github.merge import checks
from selfheal.sandbox.github.store import Issue, Pull, Repository
from selfheal.sandbox.github.web import Call, Routes, not_found

_STYLE = (
    "body{font:15px/1.5 system-ui,sans-serif;max-width:60rem;margin:2rem auto;padding:0 1rem}"
    "pre{background:#f6f8fa;padding:1rem;overflow:auto}.add{color:#116329}.del{color:#a40e26}"
    "section{border:1px solid #d0d7de;border-radius:6px;padding:0 1rem;margin:1rem 0}small{color:#57606a}"
)


def _page(title: str, body: str) -> Response:
    document = (
        f'<!doctype html><html lang="en"><meta charset="utf-8"><title>{escape(title)}</title>'
        f"<style>{_STYLE}</style><h1>{escape(title)}</h1>{body}"
        "<p><small>Shown by the sandbox. This is not GitHub.</small></p></html>"
    )
    headers = {"Content-Security-Policy": "default-src 'none'; style-src 'unsafe-inline'"}
    return Response(document, headers=headers, content_type="text/html; charset=utf-8")


def _diff(text: str) -> str:
    kinds = {"+": "add", "-": "del"}
    lines = (
        f'<span class="{kinds[line[0]]}">{escape(line)}</span>' if line[:1] in kinds else escape(line)
        for line in text.splitlines()
    )
    return "<pre>" + "\n".join(lines) + "</pre>"


def _said(who: str, what: str, when: str, body: str) -> str:
    return (
        f"<section><p><b>{escape(who)}</b> {escape(what)} <small>{escape(when)}</small></p>"
        f"<p style='white-space:pre-wrap'>{escape(body)}</p></section>"
    )


def pull(call: Call, owner: str, name: str, number: int) -> Response:
    """A pull request: what it says, what people said, its checks, its diff."""
    repository = call.repository(owner, name)
    issue, found = call.pull(repository, number)
    state = "merged" if found.merged else issue.state
    reviews = [
        (review.submitted, review.user, review.state.lower().replace("_", " "), review.body)
        for review in found.reviews
        if review.submitted is not None
    ]
    comments = [(comment.created, comment.user, "commented", comment.body) for comment in issue.comments]
    body = (
        f"<p>{escape(state)}: {escape(issue.user)} wants to merge {escape(found.head_ref)} into "
        f"{escape(found.base_ref)} of {escape(repository.full_name)}</p>"
        + _said(issue.user, "wrote", f"{issue.created:%Y-%m-%d %H:%M:%S}", issue.body)
        + "".join(
            _said(who, what, f"{when:%Y-%m-%d %H:%M:%S}", text)
            for when, who, what, text in sorted(reviews + comments, key=lambda item: item[0])
        )
        + _checks(repository, found)
        + _diff(_text(call, repository, issue))
    )
    return _page(f"{issue.title} #{number}", body)


def _checks(repository: Repository, found: Pull) -> str:
    done = checks(repository, found.head_sha)
    items = "".join(f"<li>{escape(check)}: {escape(state)}</li>" for check, state in done.items())
    return f"<ul>{items}</ul>"


def _text(call: Call, repository: Repository, issue: Issue) -> str:
    if issue.pull is None:
        raise not_found()
    return diff_text(repository.git, *call.hub.commit_range(repository, issue.pull))


def pull_diff(call: Call, owner: str, name: str, number: int) -> Response:
    """The diff as text."""
    repository = call.repository(owner, name)
    text = _text(call, repository, call.issue(repository, number))
    return Response(text, content_type="text/plain; charset=utf-8")


def commit(call: Call, owner: str, name: str, sha: str) -> Response:
    """A commit: its message and its diff."""
    repository = call.repository(owner, name)
    full = repository.git.resolve(sha)
    if not full:
        raise not_found()
    found = repository.git.commit(full)
    parent = found.parents[0] if found.parents else ""
    text = diff_text(repository.git, parent, found.sha)
    words = _said(found.author.name, "committed", f"{found.author.when:%Y-%m-%d %H:%M:%S}", found.message)
    return _page(f"{repository.full_name}@{found.sha[:12]}", words + _diff(text))


ROUTES: Routes = (
    ("GET", "/<owner>/<name>/pull/<int:number>", pull),
    ("GET", "/<owner>/<name>/pull/<int:number>.diff", pull_diff),
    ("GET", "/<owner>/<name>/commit/<sha>", commit),
)
