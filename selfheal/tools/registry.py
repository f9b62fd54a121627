"""All tools by name, in one explicit list."""

from __future__ import annotations

from selfheal.tools.base import StageTool
from selfheal.tools.cluster import (
    DescribeTool,
    DiagnoseTool,
    EventsTool,
    GetTool,
    LogsTool,
    RolloutStatusTool,
)
from selfheal.tools.context import StageContext
from selfheal.tools.files import (
    RepoCreateTool,
    RepoEditTool,
    RepoHistoryTool,
    RepoSearchTool,
    RepoValidateTool,
    RepoViewTool,
)
from selfheal.tools.github import (
    PullRequestCommentTool,
    PullRequestCreateTool,
    PullRequestMergeTool,
    PullRequestStatusTool,
    WorkflowRunsTool,
)
from selfheal.tools.jsm import (
    JSMIncidentFetcherTool,
    JSMIncidentSearchTool,
    JSMMetadataUpdaterTool,
    JSMStateCheckerTool,
    JSMStateTransitionTool,
)
from selfheal.tools.knowledge import KnowledgeSearchTool
from selfheal.tools.remedy import RemedySuggestTool
from selfheal.tools.rollout import RolloutVerifyTool

TOOLS: tuple[type[StageTool], ...] = (
    JSMIncidentFetcherTool, JSMIncidentSearchTool, JSMStateCheckerTool, JSMStateTransitionTool, JSMMetadataUpdaterTool,
    DiagnoseTool, GetTool, DescribeTool, LogsTool, EventsTool, RolloutStatusTool, RolloutVerifyTool,
    RepoHistoryTool, RepoSearchTool, RepoViewTool, RepoEditTool, RepoCreateTool, RepoValidateTool, RemedySuggestTool,
    KnowledgeSearchTool,
    PullRequestCreateTool, PullRequestStatusTool, PullRequestCommentTool, PullRequestMergeTool, WorkflowRunsTool,
)  # fmt: skip

BY_NAME: dict[str, type[StageTool]] = {tool.model_fields["name"].default: tool for tool in TOOLS}


def tools_for(names: tuple[str, ...], context: StageContext) -> list[StageTool]:
    """The named tools, bound to one stage of one incident. Raises KeyError for a name that is none."""
    return [BY_NAME[name](context) for name in names]
