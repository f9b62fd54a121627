"""May this pull request be merged, and merging it: the three methods, with real commits."""

from __future__ import annotations

from selfheal.sandbox.github.hub import Hub
from selfheal.sandbox.github.merging import replay
from selfheal.sandbox.github.repos import GitFailed
from selfheal.sandbox.github.store import Issue, Pull, Repository, rank
from selfheal.sandbox.github.web import Refused

PASSING = ("success", "neutral", "skipped")
_NOT_ALLOWED = {
    "merge": "Merge commits are not allowed on this repository.",
    "squash": "Squash merges are not allowed on this repository.",
    "rebase": "Rebase merges are not allowed on this repository.",
}


def checks(repository: Repository, sha: str) -> dict[str, str]:
    """Newest outcome by name of every status and check run on a commit; ``pending`` while there is none yet."""
    found: dict[str, str] = {}
    for status in repository.statuses:
        if status.sha == sha:
            found[status.context] = status.state
    for run in repository.check_runs:
        if run.sha == sha:
            found[run.name] = run.conclusion or "pending"
    return found


def verdicts(repository: Repository, issue: Issue, pull: Pull) -> dict[str, str]:
    """Each person's standing verdict: a comment does not take an approval back; the author's own counts nothing."""
    standing: dict[str, str] = {}
    for review in pull.reviews:
        if review.user == issue.user or review.state in ("COMMENTED", "PENDING"):
            continue
        if rank(repository.permission(review.user)) >= rank("write"):
            standing[review.user] = review.state
    return standing


def blockers(repository: Repository, issue: Issue, pull: Pull) -> list[str]:
    """What branch protection still asks for, in GitHub's words; empty when nothing."""
    rules = repository.protections.get(pull.base_ref)
    if rules is None:
        return []
    reasons = []
    if rules.reviews:
        standing = list(verdicts(repository, issue, pull).values())
        missing = rules.approvals - standing.count("APPROVED")
        if missing > 0:
            wording = "review is" if rules.approvals == 1 else "reviews are"
            reasons.append(
                f"At least {rules.approvals} approving {wording} required by reviewers with write access."
            )
        if "CHANGES_REQUESTED" in standing:
            reasons.append("Changes have been requested.")
    done = checks(repository, pull.head_sha)
    for name in rules.checks:
        if name not in done:
            reasons.append(f'Required status check "{name}" is expected.')
        elif done[name] not in PASSING:
            state = "pending" if done[name] == "pending" else "failing"
            reasons.append(f'Required status check "{name}" is {state}.')
    if rules.strict and not repository.git.contains(pull.head_sha, pull.base_sha):
        reasons.append("The head branch is not up to date with the base branch.")
    return reasons


def mergeability(hub: Hub, repository: Repository, issue: Issue, pull: Pull) -> tuple[bool | None, str]:
    """``mergeable`` and ``mergeable_state`` of a pull request."""
    if issue.state != "open":
        return None, "unknown"
    if pull.unknown_left > 0:
        pull.unknown_left -= 1
        return None, "unknown"
    merged = hub.trial_merge(repository, pull)
    if merged.conflicts:
        return False, "dirty"
    _keep_trial(hub, repository, issue, pull, merged.tree)
    if pull.draft:
        return True, "draft"
    reasons = blockers(repository, issue, pull)
    if reasons:
        return True, "behind" if len(reasons) == 1 and "not up to date" in reasons[0] else "blocked"
    done = checks(repository, pull.head_sha)
    return True, "clean" if all(state in PASSING for state in done.values()) else "unstable"


def _keep_trial(hub: Hub, repository: Repository, issue: Issue, pull: Pull, tree: str) -> None:
    """GitHub keeps a trial merge commit, and shows it as ``merge_commit_sha`` long before anything is merged."""
    name = f"refs/pull/{issue.number}/merge"
    old = repository.git.ref(name)
    parents = (pull.base_sha, pull.head_sha)
    if not old or repository.git.commit(old).parents != parents:
        message = f"Merge {pull.head_sha} into {pull.base_sha}"
        who = hub.github_signature()
        old = repository.git.write_commit(tree, parents, message, hub.signature(issue.user), who)
        repository.git.update_ref(name, old)
    pull.merge_sha = old


def merge(
    hub: Hub,
    repository: Repository,
    issue: Issue,
    login: str,
    *,
    method: str = "merge",
    sha: str = "",
    title: str = "",
    message: str | None = None,
) -> str:
    """Merge; the SHA that the base is at then. Refuses as GitHub does: 405 with the reason, 409 for a moved head."""
    pull = issue.pull
    if pull is None or issue.state != "open":
        raise Refused(405, "Pull Request is not mergeable")
    if sha and sha != pull.head_sha:
        raise Refused(409, "Head branch was modified. Review and try the merge again.")
    if pull.draft:
        raise Refused(405, "Pull Request is still a draft")
    if method not in repository.merge_methods:
        raise Refused(405, _NOT_ALLOWED.get(method, "Pull Request is not mergeable"))
    rules = repository.protections.get(pull.base_ref)
    bypass = rules is not None and not rules.enforce_admins and repository.permission(login) == "admin"
    reasons = [] if bypass else blockers(repository, issue, pull)
    if reasons:
        raise Refused(405, " ".join(reasons))
    base = repository.git.branch(pull.base_ref)
    tip = _new_tip(hub, repository, issue, pull, base, login, method, title, message)
    try:
        repository.git.update_ref(f"refs/heads/{pull.base_ref}", tip, base)
    except GitFailed:
        raise Refused(409, "Base branch was modified. Review and try the merge again.") from None
    if method != "rebase":
        repository.verified.add(tip)
    hub.mark_merged(repository, issue, pull, login, tip)
    hub.refs_changed(repository, [(f"refs/heads/{pull.base_ref}", base, tip)], login)
    if repository.delete_branch_on_merge and pull.head_repository == repository.full_name:
        ref = f"refs/heads/{pull.head_ref}"
        hub.move_ref(repository, ref, repository.git.ref(ref), "", login)
    return tip


def _new_tip(
    hub: Hub,
    repository: Repository,
    issue: Issue,
    pull: Pull,
    base: str,
    login: str,
    method: str,
    title: str,
    message: str | None,
) -> str:
    git = repository.git
    if method == "rebase":
        tip, conflicts = replay(git, base, pull.head_sha, hub.signature(login))
        if conflicts:
            raise Refused(405, "This branch can't be rebased")
        return tip
    merged = hub.trial_merge(repository, pull)
    if merged.conflicts:
        raise Refused(405, "Merge conflict" if method == "squash" else "Pull Request is not mergeable")
    if method == "squash":
        commits = hub.commits(repository, pull)
        if len(commits) == 1:
            first, _, rest = commits[0].message.partition("\n")
            subject, body = f"{first} (#{issue.number})", rest.strip()
        else:
            subject = f"{issue.title} (#{issue.number})"
            body = "\n\n".join(f"* {found.message}" for found in commits)
        parents, author = [base], hub.signature(issue.user)
    else:
        owner = pull.head_repository.partition("/")[0]
        subject, body = f"Merge pull request #{issue.number} from {owner}/{pull.head_ref}", issue.title
        parents, author = [base, pull.head_sha], hub.signature(login)
    body = body if message is None else message
    text = f"{title or subject}\n\n{body}" if body else title or subject
    return git.write_commit(merged.tree, parents, text, author, hub.github_signature())
