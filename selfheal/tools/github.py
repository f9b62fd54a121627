"""Pull requests, for the stage that holds the write credential. It runs no provider's model."""

from __future__ import annotations

from typing import Any, ClassVar

from pydantic import BaseModel, Field

from selfheal import progress
from selfheal.errors import Refused
from selfheal.tools.base import BoundArguments, StageTool, told
from selfheal.tools.context import StageContext
from selfheal.tools.standing import current, stands


def _signed(context: StageContext) -> bytes:
    """The stored patch of the change that the gate signed. Raises Refused when it signed none."""
    change = context.record.change
    if change is None or change.patch is None or not change.signature:
        raise Refused(
            f"{context.key} has no change that the gate signed.",
            hint="The gate signs it first.",
            code="unsigned",
        )
    return context.manager.get_patch(context.key, change.patch)


class PullRequestCreateTool(StageTool):
    """Opens the pull request for the signed change, or the revert that is due; finds the one made before."""

    name: str = "github_pr_create"
    description: str = "Opens the pull request for the incident's signed change (or its revert); one made before is found again."
    args_schema: type[BaseModel] = BoundArguments
    limit: ClassVar[float] = 180.0

    def work(self, incident_key: str) -> dict[str, Any]:
        """Number and address. The bytes are the signed ones; nothing of this call reaches them."""
        context = self._context
        record, pulls = context.record, context.pulls()
        if record.revert_due:
            verification = record.verification
            reason = "; ".join(verification.reasons) if verification is not None else ""
            made = pulls.revert(incident_key, record, reason=reason or "The fix made things worse.")
        else:
            made = pulls.create(
                incident_key,
                record,
                _signed(context),
                summary=context.incident.summary,
                url=context.incident.url,
            )
        progress.emit("pull-request", number=made.number, url=made.url)
        return {"number": made.number, "url": made.url, "branch": made.branch, "role": made.role}


class PullRequestStatusTool(StageTool):
    """How the pull request stands, and whether the rules allow the merge."""

    name: str = "github_pr_status"
    description: str = (
        "Reads the pull request: open, merged or closed; whether it may be merged; what is in the way."
    )
    args_schema: type[BaseModel] = BoundArguments

    def work(self, incident_key: str) -> dict[str, Any]:
        """``mergeable`` by our rules; ``refused`` is a code when a person has to go on."""
        return stands(self._context.pulls().status(current(self._context.record)))


class CommentArguments(BoundArguments):
    name: str = Field(min_length=1, max_length=64, pattern=r"^[a-z0-9][a-z0-9.-]*$")
    text: str = Field(min_length=1, max_length=4_000)


class PullRequestCommentTool(StageTool):
    """One comment of a name; saying it again changes nothing."""

    name: str = "github_pr_comment"
    description: str = "Comments on the pull request once under a name; the same name again changes nothing."
    args_schema: type[BaseModel] = CommentArguments

    def work(self, incident_key: str, name: str, text: str) -> dict[str, Any]:
        """The text is escaped for Markdown by the package that writes it."""
        self._context.pulls().comment(current(self._context.record), name, text)
        return {"commented": name}


class PullRequestMergeTool(StageTool):
    """Merges when the mode is heal and the rules allow it; they are asked again at the merge."""

    name: str = "github_pr_merge"
    description: str = (
        "Merges the pull request, if the mode is heal, people approved its head and the checks are green."
    )
    args_schema: type[BaseModel] = BoundArguments
    limit: ClassVar[float] = 180.0

    def work(self, incident_key: str) -> dict[str, Any]:
        """Raises Refused in any other mode."""
        context = self._context
        if context.facts.get("mode") != "heal":
            raise Refused(
                f"The mode is {context.facts.get('mode')}; the merge is for a person to make.",
                hint="Leave the pull request open.",
                code="mode",
            )
        merged = context.pulls().merge(incident_key, context.record, lambda: _signed(context))
        return {
            "number": merged.number,
            "merge_sha": merged.merge_sha,
            "approved_by": list(merged.approved_by),
        }


class WorkflowRunsTool(StageTool):
    """The workflow runs of the pull request's head."""

    name: str = "github_workflow_runs"
    description: str = "Lists the workflow runs and checks of the pull request's head."
    args_schema: type[BaseModel] = BoundArguments
    essential: ClassVar[bool] = False

    def work(self, incident_key: str) -> dict[str, Any]:
        """Runs fenced as data: their names come from the repository."""
        runs = self._context.pulls().runs(current(self._context.record))
        return {"runs": told("\n".join(str(run) for run in runs), 4_000), "count": len(runs)}
