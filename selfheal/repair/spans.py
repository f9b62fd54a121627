"""Whether going back to an earlier value would leave out more than that value: what cannot simply be gone back on."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

from selfheal.errors import NeedsPerson, NotFound
from selfheal.repair.goal import Goal
from selfheal.repair.history import COMMITS, History
from selfheal.repository.tree import Commit, Tree

#: Kinds that do something once, or keep data.
KINDS = ("Job", "CustomResourceDefinition", "StatefulSet", "PersistentVolumeClaim")
_FINAL = re.compile(
    rf"^\s*kind:\s*[\"']?({'|'.join(KINDS)})\b|\"kind\":\s*\"({'|'.join(KINDS)})\"|(helm\.sh/hook)(?!-)",
    re.MULTILINE,
)
_SEPARATOR = re.compile(r"^---(?:[ \t].*)?\r?$", re.MULTILINE)
_MIGRATION = re.compile(
    r"(?:^|[/_.-])(?:migrations?|migrate|schema|flyway|liquibase|alembic)(?:[/_.-]|$)", re.IGNORECASE
)


def unless_spanning(tree: Tree, history: History, goal: Goal, *, ran: bool = True) -> None:
    """Raises NeedsPerson when the commits since the value changed touch migrations, hooks, Jobs, custom resource
    definitions, StatefulSets or claims: a program that is put back may no longer fit what they did.

    ``ran`` False: the present image could not even be pulled, so that naming it in such an object did nothing yet.
    """
    commits = history.since(goal.object, goal.field, goal.value)
    named = None if ran else (str(goal.before), str(goal.value))
    _unless_final(tree, commits, f"Since {goal.field} of {goal.object} changed", named)


def unless_final(tree: Tree, oldest: Commit, span: Sequence[Commit], culprits: Sequence[Commit]) -> None:
    """The same for the commits of a release and all that came after the ``oldest`` of them. Raises NeedsPerson."""
    everything = list(tree.history(limit=COMMITS))
    position = next((index for index, item in enumerate(everything) if item.sha == oldest.sha), None)
    commits = [*span, *culprits] if position is None else everything[: position + 1]
    _unless_final(tree, commits, f"Since commit {oldest.sha[:12]} brought the release")


def _unless_final(
    tree: Tree, commits: Iterable[Commit], since: str, named: tuple[str, str] | None = None
) -> None:
    for commit in commits:
        for path in commit.paths:
            what = _final(tree, commit, path, named)
            if what:
                raise NeedsPerson(
                    f"{since}, commit {commit.sha[:12]} touched {path} ({what}), which cannot simply be gone back on.",
                    hint="A person has to decide whether the earlier release still fits what was migrated.",
                    code="spans-migration",
                )


def _final(tree: Tree, commit: Commit, path: str, named: tuple[str, str] | None) -> str:
    """What of a changed file cannot be gone back on, "" when nothing. ``named``: (after, before) of a value that alone
    does not count.
    """
    if _MIGRATION.search(path):
        return "a migration"
    if not path.endswith((".yaml", ".yml", ".json", ".tpl")):
        return ""
    before, after = (_documents(tree, revision, path) for revision in (f"{commit.sha}^", commit.sha))
    if named is not None:
        same = {document for document in after if document.replace(*named) in before}
        after, before = after - same, before - {document.replace(*named) for document in same}
    for document in sorted(before ^ after):
        match = _FINAL.search(document)
        if match:
            return next(group for group in match.groups() if group)
    return ""


def _documents(tree: Tree, revision: str, path: str) -> set[str]:
    """The texts of a file's documents: one that did not change was not touched."""
    try:
        data = tree.show(revision, path) or b""
    except NotFound:
        return set()
    return {part.strip() for part in _SEPARATOR.split(data.decode("utf-8", "replace")) if part.strip()}
