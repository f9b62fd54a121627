"""Pull requests for the rest of the house: the one door to GitHub."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace

from selfheal.clock import Clock
from selfheal.config import Settings
from selfheal.errors import Conflict, CredentialProblem, NeedsPerson, NotFound, Refused
from selfheal.incidents.proofs import Verifier
from selfheal.incidents.record import PullRequest, Record
from selfheal.incidents.states import State
from selfheal.pulls import body, drafts, names
from selfheal.pulls.client import Client
from selfheal.pulls.errors import NotReady, Rejection, Unclear
from selfheal.pulls.publish import Draft, Publisher
from selfheal.pulls.reader import Reader, login_of
from selfheal.pulls.reviews import Review, with_reviews
from selfheal.pulls.status import PullStatus
from selfheal.pulls.watch import Watcher


@dataclass(frozen=True)
class WorkflowRun:
    """A run of GitHub Actions on a pull request's head."""

    id: int
    name: str
    status: str
    conclusion: str
    url: str


class PullRequests:
    """All that is done with pull requests. Made by :meth:`connect`.

    Methods raise, besides what they name: CredentialProblem (401, 403), NotFound (404), Outage (5xx, timeouts, rate
    limits, with ``retry_after``), ConfigurationProblem (moved repository, wrong address).
    """

    def __init__(self, settings: Settings, clock: Clock) -> None:
        self._settings = settings
        self._clock = clock
        self._client = Client(settings, clock)
        self._reader = Reader(self._client)
        self._publisher = Publisher(self._client, self._reader)
        self._watcher = Watcher(settings, clock, self._reader, self._publisher)
        self._described: list[str] = []
        #: What this process created or proved to be ours, by incident, attempt and role.
        self._made: dict[tuple[str, int, str], PullRequest] = {}
        #: What this process merged, by number: merge SHA, and the reviews that the merge was decided on.
        self._decided: dict[int, tuple[str, tuple[Review, ...]]] = {}

    @classmethod
    def connect(cls, settings: Settings, clock: Clock) -> PullRequests:
        """For the configured repository. Sends nothing yet."""
        return cls(settings, clock)

    # -- about ourselves -----------------------------------------------------------------------------------

    @property
    def requests(self) -> int:
        """Requests sent."""
        return self._client.requests

    @property
    def writes(self) -> int:
        """Requests sent that may have an effect."""
        return self._client.writes

    def described(self) -> list[str]:
        """What would have been written, in a dry run."""
        return list(self._described)

    def whoami(self) -> str:
        """The login that what we write carries."""
        return self._reader.identity

    def can_write(self) -> bool:
        """Whether our token may write to the repository.

        GitHub does not tell that of an installation's token; it is tried with an empty blob that nothing names (not in
        a dry run, where the answer is then False).
        """
        permissions = self._reader.repository.get("permissions")
        if isinstance(permissions, Mapping) and permissions.get("push") is True:
            return True
        if self._settings.dry_run:
            return False
        path = self._client.of_repository("/git/blobs")
        try:
            self._client.write("POST", path, {"content": "", "encoding": "utf-8"}, repeatable=True)
        except (CredentialProblem, NotFound, Rejection):
            return False
        return True

    def triggers_workflows(self) -> bool:
        """Whether what we make starts workflows. A workflow's own GITHUB_TOKEN does not."""
        return self._reader.triggers_workflows

    # -- writing -------------------------------------------------------------------------------------------

    def create(self, key: str, record: Record, patch: bytes, *, summary: str, url: str) -> PullRequest:
        """The pull request of the signed change: made, or found and proven to be ours.

        ``summary`` and ``url`` are the incident's. Raises Refused (unsigned, foreign, or something else is under our
        branch name), StaleBase (make the change again), NeedsPerson (it was closed unmerged, GitHub's rules forbid it).
        """
        draft = drafts.fix(self._settings, self._reader, key, record, patch, summary=summary, url=url)
        return self._published(draft)

    def revert(self, key: str, record: Record, *, reason: str) -> PullRequest:
        """The pull request that restores exactly the former bytes of what the last fix merged.

        Raises NeedsPerson where those files changed since, or what was merged is not what we wrote.
        """
        draft, _undone = drafts.revert(self._settings, self._reader, key, record, reason=reason)
        return self._published(draft)

    def _published(self, draft: Draft) -> PullRequest:
        if self._settings.dry_run:
            made = self._publisher.find(draft)
            if made is None:
                tip = self._publisher.base(draft)
                self._described += self._publisher.described(draft)
                tree = self._reader.trees.derived(self._reader.commit(tip).tree, draft.edits)
                made = PullRequest(
                    role=draft.role,
                    number=0,
                    branch=draft.branch,
                    base_sha=tip,
                    tree_sha=tree,
                    attempt=draft.attempt,
                )
        else:
            made = self._publisher.publish(draft)
        self._made[draft.key, draft.attempt, draft.role] = made
        return made

    def comment(self, pull_request: PullRequest, name: str, text: str) -> None:
        """One comment per ``name`` (kebab-case) on the pull request; a second call with that name does nothing.

        ``text`` is taken as plain text: formatting, mentions and references in it have no effect.
        """
        mark = names.mark(name)
        if self._settings.dry_run or not pull_request.number:
            self._described.append(
                f"GitHub: comment “{name}” on pull request #{pull_request.number}: {text[:200]}"
            )
            return
        path = self._client.of_repository(f"/issues/{pull_request.number}/comments")
        if self._commented(path, mark):
            return
        try:
            self._client.write("POST", path, {"body": body.comment_body(mark, text)})
        except Unclear:
            if not self._commented(path, mark):
                raise

    def _commented(self, path: str, mark: str) -> bool:
        return any(
            mark in str(item.get("body") or "") and self._reader.is_us(login_of(item.get("user")))
            for item in self._client.get_all(path)
        )

    def merge(self, key: str, record: Record, patch: Callable[[], bytes]) -> PullRequest:
        """Merges the incident's pull request under the rules, with a head that is proven to be the signed change.

        Everything is read again here, permissions of the approvers included. ``patch`` gets the signed bytes; it is asked
        only in a process that did not make the pull request. One that is merged already is answered as such. Raises
        NotReady (wait), NeedsPerson (it never will be by itself), Conflict (the head moved), Refused (this run cannot
        check the signature).
        """
        entry = self.own(key, record)
        status = self.status(entry)
        if status.state == "merged" and status.ours:
            return self.merged(entry, status)
        # The record may have been edited since; the text of the pull request was written from what the gate signed.
        if status.free or (entry.role == "fix" and (record.change is None or record.change.free)):
            raise NotReady(
                "An agent edited this change freely, so the merge is for a person to make.",
                code="free-change",
            )
        into = drafts.base_branch(self._settings, self._reader, record)
        if status.state == "open" and status.base not in ("", into):
            raise NeedsPerson(
                f"Somebody pointed pull request #{entry.number} at {status.base} instead of {into}.",
                code="retargeted",
            )
        blockers = status.blockers
        final = [blocker for blocker in blockers if not blocker.waits]
        if final:
            raise NeedsPerson(" ".join(blocker.text for blocker in final), code=final[0].code)
        if blockers:
            raise NotReady(
                " ".join(blocker.text for blocker in blockers),
                hint="It is merged when that has happened.",
                code=blockers[0].code,
            )
        self._prove(entry, key, record, patch)
        if self._settings.dry_run:
            self._described.append(
                f"GitHub: merge pull request #{entry.number} ({self._settings.github.merge_method}) at {entry.head_sha[:12]}"
            )
            return with_reviews(entry, status.reviews)
        sha = self._merge(entry, key, record)
        if sha:
            # GitHub has just said so; the proof of the step asks once more, for all there is to know.
            made = entry.model_copy(update={"state": "merged", "merge_sha": sha})
            self._decided[entry.number] = (sha, status.reviews)
            return with_reviews(made, status.reviews)
        return with_reviews(self.merged(entry, self.status(entry, brief=True)), status.reviews)

    def _prove(self, entry: PullRequest, key: str, record: Record, patch: Callable[[], bytes]) -> None:
        """The head holds exactly the signed change, or the former bytes that a revert restores, on the deployed branch.

        That the record calls a commit ours, and that GitHub attributes it to us, is no proof: both can be forged by who may
        edit the incident and push to the branch. What the commit was made of cannot.
        """
        made = self._made.get((key, entry.attempt, entry.role))
        if made is not None and made.head_sha == entry.head_sha:
            return
        if entry.role == "fix":
            draft = drafts.fix(self._settings, self._reader, key, record, patch(), summary="", url="")
        else:
            draft, _undone = drafts.revert(self._settings, self._reader, key, record, reason="")
        try:
            self._publisher.prove(entry.head_sha, draft)
        except Refused as error:
            raise NeedsPerson(
                f"Pull request #{entry.number} is not merged by selfheal. {error.message}",
                hint="Somebody wrote to the branch after it was made. Merge it by hand if what it holds now is wanted.",
                code="not-as-signed",
            ) from error

    def _merge(self, entry: PullRequest, key: str, record: Record) -> str:
        """The SHA that the merge made; "" where only a look tells, since the answer was lost or somebody was first."""
        path = self._client.of_repository(f"/pulls/{entry.number}/merge")
        change = record.change
        title = (
            body.fix_title(key, change) if change is not None and entry.role == "fix" else f"{key}: revert"
        )
        request = {
            "sha": entry.head_sha,
            "merge_method": self._settings.github.merge_method,
            "commit_title": f"{title} (#{entry.number})",
            "commit_message": body.commit_message(title, key, change.paths if change is not None else ()),
        }
        if self._settings.github.merge_method == "rebase":
            # A rebase keeps the commits' own messages; GitHub takes no other.
            del request["commit_title"], request["commit_message"]
        for final in (False, True):
            try:
                answer = self._client.write("PUT", path, request)
                return (
                    str(answer.get("sha") or "") if isinstance(answer, dict) and answer.get("merged") else ""
                )
            except Unclear:
                # Sent again at most once, and only when the pull request is seen unmerged: the head is expected.
                if self._reader.pull(entry.number).get("merged"):
                    return ""
                if final:
                    raise
            except Rejection as error:
                if self._reader.pull(entry.number).get("merged"):
                    return ""
                if error.status == 409:
                    raise Conflict(
                        f"The head of pull request #{entry.number} moved while it was merged.",
                        hint="It is looked at again.",
                    ) from error
                raise NotReady(
                    f"GitHub does not merge pull request #{entry.number}: {error.message}",
                    hint="Required reviews or checks of the branch protection are missing, or the merge method is not "
                    "allowed (github.merge_method).",
                    code="github-refuses-merge",
                ) from error
        return ""

    # -- reading -------------------------------------------------------------------------------------------

    def status(self, pull_request: PullRequest, *, brief: bool = False) -> PullStatus:
        """How it stands, asked of GitHub now. ``brief``: only its state and whose it is, not what people and checks say."""
        return self._watcher.status(pull_request, brief=brief)

    def merged(self, pull_request: PullRequest, status: PullStatus | None = None) -> PullRequest:
        """The record's entry of a merged pull request: merge SHA, who approved by which review, whether content is ours.

        ``status`` saves asking again. Raises NotReady when GitHub does not show it merged.
        """
        return self._watcher.merged(pull_request, status or self.status(pull_request))

    def merged_now(self, pull_request: PullRequest) -> tuple[PullStatus, PullRequest]:
        """`status` and `merged` as GitHub shows them now.

        Whom a merge of this process was decided on was read right before it, and is not asked once more. Raises NotReady.
        """
        sha, reviews = self._decided.get(pull_request.number, ("", ()))
        status = self.status(pull_request, brief=bool(sha))
        if sha and status.merge_sha == sha:
            status = replace(status, reviews=reviews)
        elif sha:
            status = self.status(pull_request)
        return status, self.merged(pull_request, status)

    def runs(self, pull_request: PullRequest) -> tuple[WorkflowRun, ...]:
        """Runs of GitHub Actions on the head we wrote. Raises CredentialProblem without actions: read."""
        items = self._client.get_all(
            self._client.of_repository("/actions/runs"), "workflow_runs", head_sha=pull_request.head_sha
        )
        return tuple(
            WorkflowRun(
                id=int(item.get("id") or 0),
                name=str(item.get("name") or ""),
                status=str(item.get("status") or ""),
                conclusion=str(item.get("conclusion") or ""),
                url=str(item.get("html_url") or ""),
            )
            for item in items
        )

    def stale(self, key: str, record: Record) -> str:
        """Why the signed change no longer fits the newest base, "" when it does; asked before it is published."""
        change = record.change
        if change is None or not change.base_sha:
            return ""
        branch = drafts.base_branch(self._settings, self._reader, record)
        tip = self._reader.branch_head(branch)
        moved = self._publisher.moved(change.base_sha, tip, change.paths) if tip else ()
        return f"{branch} moved on and changed {', '.join(moved)}." if moved else ""

    # -- proofs --------------------------------------------------------------------------------------------

    def verifiers(self) -> dict[State, Verifier]:
        """Whom the State Manager asks for PR_CREATED, PR_MERGED and the way back to FIX_IN_PROGRESS."""
        from selfheal.pulls.verifiers import verifiers

        return verifiers(self)

    def released(self) -> Verifier:
        """Proves that a person closed the pull request unmerged (INCIDENT_RELEASED)."""
        from selfheal.pulls.verifiers import ReleasedVerifier

        return ReleasedVerifier(self)

    def made(self, key: str, attempt: int, role: names.Role) -> PullRequest | None:
        """What this process created or proved to be ours."""
        return self._made.get((key, attempt, role))

    def signature_holds(self, key: str, record: Record) -> bool:
        """Whether the gate's signature on the record's change verifies with this run's key."""
        return drafts.signature_holds(self._settings, key, record)

    def own(self, key: str, record: Record) -> PullRequest:
        """The record's pull request. Raises Refused when it is not the one this incident may have."""
        entry = record.pull_request
        if entry is None:
            raise Refused(f"{key} has no pull request.", code="no-pull-request")
        if entry.branch != names.branch(key, entry.attempt, entry.role) or entry.attempt != record.attempt:
            raise Refused(
                f"Pull request #{entry.number} from {entry.branch} is not of {key} attempt {record.attempt}.",
                code="foreign-pull-request",
            )
        return entry
