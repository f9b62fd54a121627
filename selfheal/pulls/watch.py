"""Reads how a pull request stands, and what became of it when it was merged."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal

from selfheal.clock import Clock
from selfheal.config import Settings
from selfheal.errors import NotFound
from selfheal.incidents.record import PullRequest
from selfheal.pulls import names
from selfheal.pulls.checks import Checks
from selfheal.pulls.errors import NotReady
from selfheal.pulls.publish import Publisher
from selfheal.pulls.reader import Reader, head_ref, head_sha, login_of, moment
from selfheal.pulls.reviews import with_reviews
from selfheal.pulls.status import PullStatus

#: Times GitHub is asked whether a pull request merges cleanly, a second apart, until it has worked it out.
MERGEABLE_ASKED = 4


class Watcher:
    """Asks GitHub about pull requests of ours."""

    def __init__(self, settings: Settings, clock: Clock, reader: Reader, publisher: Publisher) -> None:
        self._settings = settings
        self._clock = clock
        self._reader = reader
        self._publisher = publisher

    def status(self, pull_request: PullRequest, *, brief: bool = False) -> PullStatus:
        """How it stands, asked of GitHub now. ``brief``: only its state and whose it is, not what people and checks say."""
        if not pull_request.number:
            return self._unwritten(pull_request)
        pull = self._reader.pull(pull_request.number) if brief else self._read(pull_request.number)
        head = head_sha(pull)
        branch = head_ref(pull)
        ours = (
            self._reader.is_us(login_of(pull.get("user")))
            and branch.startswith(names.PREFIX)
            and self._reader.is_from(pull, pull_request.branch or branch)
        )
        authors = self._reader.authors(pull_request.number, head)
        others = tuple(author for author in authors if not self._reader.is_us(author))
        writers = (*authors, login_of(pull.get("user")))
        merged = bool(pull.get("merged"))
        state: Literal["open", "merged", "closed"] = (
            "merged" if merged else "closed" if pull.get("state") == "closed" else "open"
        )
        closer, person = self._reader.closed_by(pull_request.number) if state == "closed" else ("", False)
        is_open = state == "open" and not brief
        mergeable = pull.get("mergeable")
        return PullStatus(
            number=pull_request.number,
            url=str(pull.get("html_url") or ""),
            branch=branch,
            base=_base_ref(pull),
            free=names.hidden(str(pull.get("body") or "")).get("free") is True,
            state=state,
            draft=bool(pull.get("draft")),
            head_sha=head,
            ours=ours,
            as_written=head == pull_request.head_sha and not others and bool(authors),
            touched_by=others,
            merged_by=login_of(pull.get("merged_by")),
            closed_by=closer,
            closed_by_person=person,
            closed_at=moment(pull.get("closed_at")),
            merge_sha=str(pull.get("merge_commit_sha") or "") if merged else "",
            merged_at=moment(pull.get("merged_at")),
            reviews=self._reader.reviews(pull_request.number, head, writers)
            if state != "closed" and not brief
            else (),
            checks=self._reader.checks(head) if is_open else Checks("none"),
            mergeable=mergeable if isinstance(mergeable, bool) else None,
            stale=self._stale(pull_request, pull) if is_open and ours else "",
            approvals_wanted=self._settings.github.approvals,
            allow_no_checks=self._settings.github.allow_no_checks,
        )

    def _read(self, number: int) -> Mapping[str, Any]:
        """The pull request, once GitHub has worked out whether it merges cleanly, or after a few looks."""
        for _look in range(MERGEABLE_ASKED - 1):
            pull = self._reader.pull(number)
            if pull.get("state") != "open" or isinstance(pull.get("mergeable"), bool):
                return pull
            self._clock.sleep(1.0)
        return self._reader.pull(number)

    def _stale(self, entry: PullRequest, pull: Mapping[str, Any]) -> str:
        base = _base_ref(pull)
        if pull.get("mergeable") is False:
            return f"Pull request #{entry.number} conflicts with {base}."
        tip = self._reader.branch_head(base)
        if tip is None or tip == entry.base_sha or not entry.base_sha or not entry.head_sha:
            return ""
        before, after = self._reader.commit(entry.base_sha).tree, self._reader.commit(entry.head_sha).tree
        paths = tuple(self._reader.trees.differing(before, after))
        moved = self._publisher.moved(entry.base_sha, tip, paths)
        return f"{base} moved on and changed {', '.join(moved)}." if moved else ""

    def _unwritten(self, entry: PullRequest) -> PullStatus:
        """In a dry run a pull request exists only in the record."""
        if not self._settings.dry_run:
            raise NotFound("The record names no pull request.", hint="The pr stage makes it again.")
        return PullStatus(
            number=0, url="", branch=entry.branch, base="", state="open", draft=False, head_sha=entry.head_sha, ours=True,
            as_written=True, mergeable=True, approvals_wanted=self._settings.github.approvals,
        )  # fmt: skip

    def merged(self, pull_request: PullRequest, status: PullStatus) -> PullRequest:
        """The record's entry of a merged pull request: merge SHA, who approved by which review, whether content is ours.

        Raises NotReady when it is not merged.
        """
        if status.state != "merged" or not status.merge_sha:
            raise NotReady(
                f"Pull request #{pull_request.number} is {status.state}, not merged.", code="not-merged"
            )
        entry = pull_request.model_copy(
            update={
                "state": "merged",
                "url": status.url or pull_request.url,
                "merge_sha": status.merge_sha,
                "merged_by": status.merged_by,
                "merged_at": status.merged_at,
                "content_ours": status.as_written
                and status.ours
                and self._merged_as_written(pull_request, status),
            }
        )
        return with_reviews(entry, status.reviews)

    def _merged_as_written(self, entry: PullRequest, status: PullStatus) -> bool:
        """Whether our files are after the merge what we wrote: a merge may have mixed them with other edits."""
        now = self._reader.commit(status.merge_sha).tree
        if now == self._reader.tree_of(entry.head_sha):
            return True
        trees, wrote = self._reader.trees, self._reader.commit(entry.head_sha)
        paths = trees.differing(self._reader.commit(wrote.parents[-1]).tree, wrote.tree)
        return all(trees.entry(now, path) == after for path, (_before, after) in paths.items())


def _base_ref(pull: Mapping[str, Any]) -> str:
    """The name of the branch a pull request goes into."""
    base = pull.get("base")
    return str(base.get("ref") or "") if isinstance(base, Mapping) else ""
