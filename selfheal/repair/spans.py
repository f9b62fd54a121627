"""Whether going back to an earlier value would leave out more than that value: what cannot simply be gone back on."""

from __future__ import annotations

import re

from selfheal.errors import NeedsPerson, NotFound
from selfheal.repair.goal import Goal
from selfheal.repair.history import History
from selfheal.repository.tree import Tree

_KINDS = re.compile(
    rb"^\s*kind:\s*[\"']?(Job|CustomResourceDefinition|StatefulSet|PersistentVolumeClaim)\b|helm\.sh/hook",
    re.MULTILINE,
)
_MIGRATION = re.compile(
    r"(?:^|[/_.-])(?:migrations?|migrate|schema|flyway|liquibase|alembic)(?:[/_.-]|$)", re.IGNORECASE
)


def unless_spanning(tree: Tree, history: History, goal: Goal) -> None:
    """Raises NeedsPerson when the commits since the value changed touch migrations, hooks, Jobs, custom resource
    definitions, StatefulSets or claims: a program that is put back may no longer fit what they did.
    """
    for commit in history.since(goal.object, goal.field, goal.value):
        for path in commit.paths:
            try:
                data = tree.show(commit.sha, path) or b""
            except NotFound:
                continue
            if _MIGRATION.search(path) or (path.endswith((".yaml", ".yml", ".json")) and _KINDS.search(data)):
                raise NeedsPerson(
                    f"Since {goal.field} of {goal.object} changed, commit {commit.sha[:12]} touched {path}, which cannot"
                    " simply be gone back on.",
                    hint="A person has to decide whether the earlier release still fits what was migrated.",
                    code="spans-migration",
                )
