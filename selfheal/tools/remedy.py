"""The remedy that the catalogue knows for the stored analysis, worked out on the repository."""

from __future__ import annotations

from typing import Any, ClassVar

from pydantic import BaseModel

from selfheal.tools import change
from selfheal.tools.base import Arguments, StageTool, told


class RemedyArguments(Arguments):
    pass


class RemedySuggestTool(StageTool):
    """What to change, proven by rendering before and after."""

    name: str = "remedy_suggest"
    description: str = (
        "Works out the smallest safe change for the stored analysis. Answers the decision (propose, escalate, none), the "
        "reason, the diff and the policy's verdicts. Call it first."
    )
    args_schema: type[BaseModel] = RemedyArguments
    #: Renders twice before and twice after.
    limit: ClassVar[float] = 300.0

    def work(self) -> dict[str, Any]:
        """The diff fenced as data."""
        result = change.suggested(self._context)
        return {
            "decision": result.decision,
            "reason": result.reason[:1_000],
            "title": result.title[:200],
            "requires_recreate": result.requires_recreate,
            "paths": [entry.path for entry in result.changes],
            "diff": told("\n".join(entry.diff for entry in result.changes), 5_000),
            "policy": [
                {"rule": verdict.rule, "passed": verdict.passed, "detail": verdict.detail[:200]}
                for verdict in result.policy
                if not verdict.passed
            ],
        }
