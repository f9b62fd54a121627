"""Runbooks of the repository and resolved incidents, searched."""

from __future__ import annotations

from typing import Any, ClassVar

from pydantic import BaseModel, Field

from selfheal.errors import SelfhealError
from selfheal.incidents.states import State
from selfheal.knowledge.index import Document, Index
from selfheal.knowledge.sources import past_incidents, runbooks
from selfheal.tools.base import Arguments, StageTool, told


class KnowledgeArguments(Arguments):
    query: str = Field(min_length=2, max_length=300)
    limit: int = Field(default=4, ge=1, le=10)


class KnowledgeSearchTool(StageTool):
    """What is written down about this kind of trouble."""

    name: str = "knowledge_search"
    description: str = "Searches the repository's runbooks and resolved incidents; answers passages with where they are from."
    args_schema: type[BaseModel] = KnowledgeArguments
    essential: ClassVar[bool] = False

    def work(self, query: str, limit: int = 4) -> dict[str, Any]:
        """Passages fenced as data. A source that is not there is noted, and the other is searched."""
        context = self._context
        documents: list[Document] = []
        try:
            documents += runbooks(context.tree(), context.settings.knowledge.paths)
        except SelfhealError as error:
            context.lacks(f"runbooks: {error.message}")
        try:
            found = context.manager.search(states=(State.INCIDENT_RESOLVED,), max_results=50)
            documents += past_incidents(found, besides=context.key)
        except SelfhealError as error:
            context.lacks(f"past incidents: {error.message}")
        passages = Index(documents).search(query, limit)
        words = "\n\n".join(f"[{passage.origin}] {passage.text}" for passage in passages)
        return {"origins": [passage.origin for passage in passages], "passages": told(words, 6_000)}
