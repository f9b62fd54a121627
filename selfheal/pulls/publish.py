"""Writes a branch and its pull request so that any step may be lost or done twice and there is still exactly one.

Every step looks first. A branch is only created, never forced. What is found under our branch name is taken over only
when it is provably what would have been written: from our own repository and account, with a tree that equals the one
derived from the change. Anything else is refused by name.
"""

from __future__ import annotations

import base64
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

from selfheal.errors import NeedsPerson, NotFound, Outage, Refused
from selfheal.incidents.record import PullRequest
from selfheal.pulls import names
from selfheal.pulls.client import Client
from selfheal.pulls.errors import Rejection, StaleBase, Unclear
from selfheal.pulls.reader import Commit, Reader, head_sha, login_of
from selfheal.pulls.trees import TREE_MODE, Edit, blob_sha

#: Times a write whose answer was lost is looked up and, if it had no effect, sent again.
TRIES = 3


@dataclass(frozen=True)
class Draft:
    """What is to be written. ``base_sha`` is the commit the change was made for; ``body`` is given base and head.

    ``blobs`` are new files' bytes by git hash. ``known_heads`` are commits that the record says we wrote under this
    branch before; only such a branch is brought up to date with another tree.
    """

    key: str
    attempt: int
    role: names.Role
    base_branch: str
    base_sha: str
    edits: tuple[Edit, ...]
    blobs: Mapping[str, bytes]
    title: str
    message: str
    body: Callable[[str, str], str]
    cap: int
    known_heads: frozenset[str] = frozenset()

    @property
    def branch(self) -> str:
        """The branch's name."""
        return names.branch(self.key, self.attempt, self.role)


@dataclass(frozen=True)
class _Head:
    sha: str
    base: str
    tree: str


class Publisher:
    """Writes drafts."""

    def __init__(self, client: Client, reader: Reader) -> None:
        self._client = client
        self._reader = reader

    def base(self, draft: Draft) -> str:
        """The newest commit of the base branch, on which our paths are as they were at ``base_sha``.

        Raises StaleBase when they are not, NotFound when there is no such branch.
        """
        tip = self._reader.branch_head(draft.base_branch)
        if tip is None:
            raise NotFound(
                f"{self._reader.full_name} has no branch {draft.base_branch}.",
                hint="Name the branch that is deployed in the services map, or leave it empty for the default branch.",
            )
        moved = self.moved(draft.base_sha, tip, tuple(edit.path for edit in draft.edits))
        if moved:
            raise StaleBase(
                f"{draft.base_branch} moved on and changed {', '.join(moved)}.",
                hint="The change is made again from the newest commit.",
            )
        return tip

    def moved(self, since: str, tip: str, paths: tuple[str, ...]) -> tuple[str, ...]:
        """Those of ``paths`` that differ between two commits."""
        if since == tip:
            return ()
        trees, old, new = self._reader.trees, self._reader.commit(since).tree, self._reader.commit(tip).tree
        return tuple(path for path in paths if trees.entry(old, path) != trees.entry(new, path))

    def described(self, draft: Draft) -> list[str]:
        """What publishing would write, for a dry run. Reads only."""
        files = ", ".join(edit.path for edit in draft.edits)
        return [
            f"GitHub: create branch {draft.branch} on {draft.base_branch} with one commit that changes {files}",
            f"GitHub: open the pull request “{draft.title}” into {draft.base_branch}",
        ]

    def find(self, draft: Draft) -> PullRequest | None:
        """The pull request of this draft when there is one already, proven ours; merged ones too.

        Raises NeedsPerson for one that was closed unmerged, Refused for one that is not provably ours.
        """
        found = self._find(draft)
        return None if found is None else self._entry(*found, draft)

    def _find(self, draft: Draft) -> tuple[Mapping[str, Any], _Head] | None:
        listed = self._reader.pulls_from(draft.branch)
        if not listed:
            return None
        for wanted in (_is_open, _is_merged):
            for pull in listed:
                if wanted(pull):
                    self._check_author(pull, draft)
                    head = self._proven(head_sha(pull), draft)
                    return None if head is None else (pull, head)
        number = listed[0].get("number")
        who, _person = self._reader.closed_by(int(number or 0))
        raise NeedsPerson(
            f"Pull request #{number} for {draft.key} was closed unmerged{f' by {who}' if who else ''}.",
            hint="It is not opened again by itself.",
            code="pull-request-closed",
        )

    def prove(self, sha: str, draft: Draft) -> None:
        """Raises Refused, saying what differs, unless the commit is exactly what this draft would write."""
        problem = self._problem(self._reader.commit(sha), draft)
        if problem:
            raise self._strange(sha, draft, problem)

    def publish(self, draft: Draft) -> PullRequest:
        """The draft's pull request: found, or written step by step.

        Raises StaleBase, Refused (something else is under our branch name), NeedsPerson (closed by a person), Outage.
        """
        found = self._find(draft)
        if found is not None:
            pull, proven = found
            if _is_open(pull) and names.hidden(str(pull.get("body") or "")).get("head") != proven.sha:
                # Whoever brought the branch up to date died before the text told of it.
                return self._retell(pull, self._told(draft, proven), proven, draft)
            return self._entry(pull, proven, draft)
        # A first branch is created without a look: creating it is refused where there is one, which is looked at then.
        head_at = self._reader.branch_head(draft.branch) if draft.known_heads else None
        head = self._proven(head_at, draft) if head_at else None
        if head is None:
            tip = self.base(draft)
            if head_at is None:
                self._within_cap(draft)
                head = self._create_branch(draft, tip)
            else:
                head = self._advance_branch(draft, head_at, tip)
        return self._open(draft, head, anew=head_at is None)

    # -- what is there already -----------------------------------------------------------------------------

    def _check_author(self, pull: Mapping[str, Any], draft: Draft) -> None:
        author = login_of(pull.get("user"))
        if not self._reader.is_us(author):
            raise Refused(
                f"Pull request #{pull.get('number')} from {draft.branch} was opened by {author or 'a deleted account'}, "
                f"not by us ({self._reader.identity}).",
                hint="Nothing of it is taken over. Close it and remove the branch, or take the incident over.",
                code="not-ours",
            )

    def _proven(self, sha: str, draft: Draft) -> _Head | None:
        """The commit as a head of ours; None when we wrote it for an earlier version of the change.

        Raises Refused for anything else.
        """
        commit = self._reader.commit(sha)
        problem = self._problem(commit, draft)
        if not problem:
            return _Head(sha, commit.parents[-1], commit.tree)
        if sha in draft.known_heads and self._reader.is_us(commit.author):
            return None
        raise self._strange(sha, draft, problem)

    def _strange(self, sha: str, draft: Draft, problem: str) -> Refused:
        return Refused(
            f"The branch {draft.branch} holds {sha[:12]}, which is not what we would write: {problem}.",
            hint="Nothing of it is taken over. Remove the branch, or take the incident over.",
            code="not-ours",
        )

    def _problem(self, commit: Commit, draft: Draft) -> str:
        if not self._reader.is_us(commit.author):
            return f"it was written by {commit.author}, not by {self._reader.identity}"
        if len(commit.parents) not in (1, 2):
            return f"it has {len(commit.parents)} parents"
        base = commit.parents[-1]
        if base != draft.base_sha and not self._reader.is_behind(base, draft.base_branch):
            return f"its parent {base[:12]} is not on {draft.base_branch}"
        if len(commit.parents) == 2:
            # Brought up to date on top of an earlier head. Were more of the base branch in that head's past, a merge would
            # take it for undone; what else is in it is history alone.
            common = self._reader.merge_base(draft.base_branch, commit.sha)
            if common not in (base, commit.sha):
                return f"it has more of {draft.base_branch} in its past than its parent {base[:12]}"
        derived = self._reader.trees.derived(self._reader.commit(base).tree, draft.edits)
        return "" if derived == commit.tree else "its content is not the signed change"

    def _entry(self, pull: Mapping[str, Any], head: _Head, draft: Draft) -> PullRequest:
        return PullRequest(
            role=draft.role,
            number=int(pull["number"]),
            url=str(pull.get("html_url") or ""),
            branch=draft.branch,
            base_sha=head.base,
            head_sha=head.sha,
            tree_sha=head.tree,
            attempt=draft.attempt,
            state="merged" if _is_merged(pull) else "open",
        )

    def _within_cap(self, draft: Draft) -> None:
        if self._reader.open_of_ours(names.PREFIX) >= draft.cap:
            raise Outage(
                f"{draft.cap} pull requests of ours are open in {self._reader.full_name}; no more are opened.",
                hint="Merge or close some, or raise github.max_open_pull_requests.",
                code="too-many-pull-requests",
                retry_after=900,
            )

    # -- writing -------------------------------------------------------------------------------------------

    def _create_branch(self, draft: Draft, tip: str) -> _Head:
        head = self._commit(draft, tip, (tip,))
        body = {"ref": f"refs/heads/{draft.branch}", "sha": head.sha}
        for _try in range(TRIES):
            try:
                self._client.write("POST", self._client.of_repository("/git/refs"), body)
                return head
            except (Unclear, Rejection) as error:
                # Lost, or somebody was first: what the branch holds now decides, not what was answered.
                there = self._reader.branch_head(draft.branch)
                if there == head.sha:
                    return head
                if there is not None:
                    found = self._proven(there, draft)
                    if found is not None:
                        return found
                if isinstance(error, Rejection):
                    raise _refusal(
                        f"GitHub does not let us create the branch {draft.branch}", error
                    ) from error
                lost = error
        raise lost

    def _advance_branch(self, draft: Draft, old: str, tip: str) -> _Head:
        """Brings our own earlier writing up to date by a commit on top of it; people's commits are never touched."""
        head = self._commit(draft, tip, (old, tip))
        path = self._client.of_repository(f"/git/refs/heads/{quote(draft.branch, safe='/')}")
        try:
            self._client.write("PATCH", path, {"sha": head.sha, "force": False})
        except (Unclear, Rejection) as error:
            if self._reader.branch_head(draft.branch) != head.sha:
                if isinstance(error, Rejection):
                    raise _refusal(
                        f"GitHub does not let us update the branch {draft.branch}", error
                    ) from error
                raise
        return head

    def _commit(self, draft: Draft, tip: str, parents: tuple[str, ...]) -> _Head:
        """Blobs, tree and commit. Unreachable until a branch names them, so sending them twice changes nothing."""
        base_tree = self._reader.commit(tip).tree
        derived = self._reader.trees.derived(base_tree, draft.edits)
        for sha, data in sorted(draft.blobs.items()):
            content = base64.b64encode(data).decode()
            answer = self._put("/git/blobs", {"content": content, "encoding": "base64"})
            if answer != sha or blob_sha(data) != sha:
                raise Refused(
                    f"GitHub stored other bytes than the signed ones ({answer[:12]}).", code="blob-differs"
                )
        entries = [_tree_item(edit) for edit in draft.edits]
        tree = self._put("/git/trees", {"base_tree": base_tree, "tree": entries})
        if tree != derived:
            raise Refused(f"GitHub made the tree {tree[:12]} instead of {derived[:12]}.", code="tree-differs")
        # Without author and committer GitHub fills in our account, and signs what an app writes.
        sha = self._put("/git/commits", {"message": draft.message, "tree": tree, "parents": list(parents)})
        self._reader.wrote(sha, tree)
        return _Head(sha, tip, tree)

    def _put(self, path: str, body: dict[str, Any]) -> str:
        try:
            answer = self._client.write("POST", self._client.of_repository(path), body, repeatable=True)
        except Rejection as error:
            raise _refusal("GitHub does not store the change", error) from error
        sha = answer.get("sha") if isinstance(answer, dict) else None
        if not isinstance(sha, str) or not sha:
            raise Outage(f"GitHub did not name what it stored under {path}.")
        return sha

    def _open(self, draft: Draft, head: _Head, *, anew: bool) -> PullRequest:
        told = self._told(draft, head)
        body = {"head": draft.branch, "base": draft.base_branch, "maintainer_can_modify": False, **told}
        listed = [] if anew else self._reader.pulls_from(draft.branch)
        existing = next((pull for pull in listed if _is_open(pull)), None)
        if existing is not None:
            return self._retell(existing, told, head, draft)
        for _try in range(TRIES):
            try:
                pull = self._client.write("POST", self._client.of_repository("/pulls"), body)
            except (Unclear, Rejection) as error:
                found = self.find(draft)
                if found is not None:
                    return found
                if isinstance(error, Rejection):
                    raise _refusal(
                        f"GitHub does not let us open a pull request from {draft.branch}", error
                    ) from error
                lost = error
                continue
            if head_sha(pull) != head.sha or not self._reader.is_from(pull, draft.branch):
                raise Refused(
                    f"Pull request #{pull.get('number')} shows {head_sha(pull)[:12]} as its head instead of "
                    f"{head.sha[:12]}: somebody wrote to {draft.branch} meanwhile.",
                    code="not-ours",
                )
            self._reader.learn(pull.get("user"))
            return self._entry(pull, head, draft)
        raise lost

    def _told(self, draft: Draft, head: _Head) -> dict[str, str]:
        """What people read."""
        return {"title": draft.title, "body": draft.body(head.base, head.sha)}

    def _retell(
        self, pull: Mapping[str, Any], told: Mapping[str, str], head: _Head, draft: Draft
    ) -> PullRequest:
        """Our own open pull request gets the text of the change it now holds."""
        self._check_author(pull, draft)
        path = self._client.of_repository(f"/pulls/{pull['number']}")
        self._client.write("PATCH", path, told, repeatable=True)
        return self._entry(pull, head, draft)


def _is_open(pull: Mapping[str, Any]) -> bool:
    return pull.get("state") == "open"


def _is_merged(pull: Mapping[str, Any]) -> bool:
    # Lists tell only when it was merged, a single one tells whether.
    return bool(pull.get("merged_at") or pull.get("merged"))


def _tree_item(edit: Edit) -> dict[str, Any]:
    entry = edit.entry
    mode = entry.mode if entry is not None else "100644"
    kind = "tree" if mode == TREE_MODE else "blob"
    return {"path": edit.path, "mode": mode, "type": kind, "sha": entry.sha if entry is not None else None}


def _refusal(told: str, error: Rejection) -> NeedsPerson:
    return NeedsPerson(
        f"{told}: {error.message}", hint="Check rulesets and branch protection.", code="github-refuses"
    )
