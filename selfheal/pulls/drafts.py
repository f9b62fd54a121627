"""From a signed change, or a merged pull request, to what is to be written. Decides nothing; proves everything."""

from __future__ import annotations

from selfheal.config import Settings
from selfheal.errors import ConfigurationProblem, NeedsPerson, Refused
from selfheal.incidents.record import Change, PullRequest, Record
from selfheal.pulls import body, names
from selfheal.pulls.publish import Draft
from selfheal.pulls.reader import Reader
from selfheal.pulls.trees import Edit, Entry


def signature_holds(settings: Settings, key: str, record: Record) -> bool:
    """Whether the gate's signature on the record's change can be checked by this run and is right."""
    from selfheal.repair.signature import verify_signature

    change = record.change
    secret = settings.endpoints.signing_key.get_secret_value()
    if change is None or change.patch is None or not change.signature or not secret:
        return False
    return any(
        verify_signature(
            secret,
            change.signature,
            repository=repository,
            incident=key,
            attempt=record.attempt,
            base_sha=change.base_sha,
            digest=change.patch.digest,
            free=change.free,
        )
        for repository in _repositories(settings, record)
    )


def _repositories(settings: Settings, record: Record) -> tuple[str, ...]:
    """The one repository that is meant, as the record and the settings spell it."""
    ours = settings.endpoints.github_repository
    named = record.source.repository if record.source is not None else ""
    if named and named.lower() != ours.lower():
        return ()
    return tuple(dict.fromkeys(name for name in (named, ours) if name))


def fix(
    settings: Settings, reader: Reader, key: str, record: Record, patch: bytes, *, summary: str, url: str
) -> Draft:
    """The draft of a fix, from exactly the bytes that the gate signed.

    Raises Refused for anything unsigned or about another incident, attempt, repository or base.
    """
    from selfheal.repair import envelope

    change = _signed(settings, key, record)
    if change.patch is None or envelope.digest(patch) != change.patch.digest:
        raise Refused(f"The patch of {key} is not the one the gate signed.", code="patch-differs")
    packed = envelope.unpack(patch)
    about = (packed.incident, packed.attempt, packed.base_sha)
    known = {name.lower() for name in _repositories(settings, record)}
    if about != (key, record.attempt, change.base_sha) or packed.repository.lower() not in known:
        raise Refused(
            f"The patch is for {packed.incident} attempt {packed.attempt} in {packed.repository}, not for {key} attempt "
            f"{record.attempt} in {settings.endpoints.github_repository}.",
            code="patch-foreign",
        )
    base = reader.commit(packed.base_sha)
    after = envelope.apply(packed, lambda path: reader.trees.read(base.tree, path))
    edits, blobs = [], {}
    for file in packed.files:
        data = after[file.path]
        if data is None:
            edits.append(Edit(file.path, None))
            continue
        held = reader.trees.entry(base.tree, file.path)
        # A file keeps its mode; only a new one takes the patch's.
        edits.append(Edit(file.path, Entry(held.mode if held is not None else file.mode, file.after)))
        blobs[file.after] = data
    diffs = tuple((file.path, file.diff) for file in packed.files)
    title = body.fix_title(key, change)
    into = base_branch(settings, reader, record)

    def told(base_sha: str, head_sha: str) -> str:
        return body.fix_body(
            body.FixFacts(
                key=key,
                attempt=record.attempt,
                summary=summary,
                url=url,
                analysis=record.analysis,
                change=change,
                diffs=diffs,
                base_branch=into,
                base_sha=base_sha,
                head_sha=head_sha,
                identity=reader.identity,
                triggers_workflows=reader.triggers_workflows,
            )
        )

    return Draft(
        key=key,
        attempt=record.attempt,
        role="fix",
        base_branch=into,
        base_sha=packed.base_sha,
        edits=tuple(edits),
        blobs=blobs,
        title=title,
        message=body.commit_message(title, key, [edit.path for edit in edits]),
        body=told,
        cap=settings.github.max_open_pull_requests,
        known_heads=_known_heads(record, names.branch(key, record.attempt)),
    )


def _signed(settings: Settings, key: str, record: Record) -> Change:
    change = record.change
    if change is None or change.patch is None or not change.signature or change.attempt != record.attempt:
        raise Refused(
            f"{key} has no change that the gate signed for attempt {record.attempt}.", code="unsigned"
        )
    if not settings.endpoints.signing_key.get_secret_value():
        raise ConfigurationProblem(
            "The gate's signature cannot be checked: no signing key is set.",
            hint="Set SELFHEAL_SIGNING_KEY to the same value as in the gate.",
        )
    if not _repositories(settings, record):
        raise Refused(
            f"{key} belongs to {record.source.repository if record.source else 'no repository'}, not to "
            f"{settings.endpoints.github_repository}.",
            code="foreign-repository",
        )
    if not signature_holds(settings, key, record):
        raise Refused(
            f"The signature on the change of {key} does not verify with this run's key.",
            hint="The change goes through the gate again. Jobs of one incident need the same SELFHEAL_SIGNING_KEY.",
            code="signature",
        )
    return change


def revert(
    settings: Settings, reader: Reader, key: str, record: Record, *, reason: str
) -> tuple[Draft, PullRequest]:
    """The draft that gives our paths their former bytes back, and the merged pull request it undoes.

    Raises NeedsPerson where that is not exactly possible any more.
    """
    undone = next((pull for pull in reversed(record.pull_requests) if pull.role == "fix"), None)
    if undone is None:
        raise Refused(f"{key} has no pull request to revert.", code="nothing-to-revert")
    shown = reader.pull(undone.number)
    branch = names.branch(key, undone.attempt)
    if not shown.get("merged") or not reader.is_from(shown, branch):
        raise Refused(
            f"Pull request #{undone.number} is not a merged one of ours for {key}.", code="not-merged"
        )
    head = reader.commit(str((shown.get("head") or {}).get("sha") or ""))
    if head.sha != undone.head_sha or not reader.is_us(head.author) or not undone.content_ours:
        raise NeedsPerson(
            f"What was merged by pull request #{undone.number} is not what we wrote; it is not undone by itself.",
            hint="Revert it by hand where that is right.",
            code="content-differs",
        )
    before = reader.commit(head.parents[-1]).tree
    changed = reader.trees.differing(before, head.tree)
    into = str((shown.get("base") or {}).get("ref") or "") or base_branch(settings, reader, record)
    tip = reader.branch_head(into) or ""
    tree = reader.commit(tip).tree if tip else ""
    later = [
        path for path, (_was, now) in changed.items() if not tip or reader.trees.entry(tree, path) != now
    ]
    if later or not changed:
        raise NeedsPerson(
            f"{', '.join(later) or 'What we merged'} changed again after pull request #{undone.number}.",
            hint="Undoing it would undo the later change as well; a person has to merge the two.",
            code="changed-since",
        )
    title = body.revert_title(key, undone.number)
    merge_sha = str(shown.get("merge_commit_sha") or "")

    def told(base_sha: str, head_sha: str) -> str:
        return body.revert_body(
            body.RevertFacts(
                key=key,
                attempt=undone.attempt,
                undoes=undone.number,
                merge_sha=merge_sha,
                reason=reason,
                paths=tuple(changed),
                base_branch=into,
                base_sha=base_sha,
                head_sha=head_sha,
            )
        )

    draft = Draft(
        key=key,
        attempt=undone.attempt,
        role="revert",
        base_branch=into,
        base_sha=tip,
        edits=tuple(Edit(path, was) for path, (was, _now) in changed.items()),
        blobs={},
        title=title,
        message=body.commit_message(title, key, list(changed)),
        body=told,
        cap=settings.github.max_open_pull_requests + 1,
    )
    return draft, undone


def base_branch(settings: Settings, reader: Reader, record: Record) -> str:
    """The branch that is deployed: the source's, else the repository's default branch.

    The record may be edited and the gate signs no branch, so only one that the services map names counts. Raises Refused.
    """
    default = str(reader.repository.get("default_branch") or "main")
    named = record.source.branch if record.source is not None else ""
    if named and named != default and named not in {service.branch for service in settings.services}:
        raise Refused(
            f"The record names the branch {named[:100]!r}, which is neither {default} nor a branch of the services map.",
            hint="Name the branch that is deployed in the services map, or correct the incident's record.",
            code="foreign-branch",
        )
    return named or default


def _known_heads(record: Record, branch: str) -> frozenset[str]:
    return frozenset(
        pull.head_sha for pull in record.pull_requests if pull.branch == branch and pull.head_sha
    )
