"""The tools over the JSM State Manager, which works alone as well. Names and signatures are older than this house."""

from __future__ import annotations

from typing import Any, ClassVar

from pydantic import BaseModel, Field, ValidationError

from selfheal.errors import Refused
from selfheal.incidents.record import Record
from selfheal.incidents.states import TRANSITIONS, Stage, State
from selfheal.redaction import redactor
from selfheal.tools import analysis, change
from selfheal.tools.base import Arguments, BoundArguments, StageTool, told
from selfheal.tools.context import target_text
from selfheal.tools.metadata import SCHEMAS, AnalyzeMetadata, FixMetadata, Reason


class FetchArguments(Arguments):
    assignee: str = Field(default="", max_length=200)
    priority: str = Field(default="", max_length=200, description="comma list such as High,Critical")
    status: str = Field(default="", max_length=200)
    max_results: int = Field(default=10, ge=1, le=100)


class JSMIncidentFetcherTool(StageTool):
    """New incidents that are ours to heal."""

    name: str = "jsm_incident_fetcher"
    description: str = (
        "Lists new incidents assigned to us. priority takes a comma list such as High,Critical; "
        "empty arguments mean no restriction."
    )
    args_schema: type[BaseModel] = FetchArguments

    def work(
        self, assignee: str = "", priority: str = "", status: str = "", max_results: int = 10
    ) -> dict[str, Any]:
        """Keys, status and priority, and the summaries fenced as data."""
        found = self._context.manager.fetch(
            assignee=assignee, priority=priority, status=status, max_results=max_results
        )
        return {
            "incidents": [
                {
                    "key": item.key,
                    "status": item.status,
                    "priority": item.priority,
                    "services": list(item.services),
                }
                for item in found
            ],
            "summaries": told("\n".join(f"{item.key}: {item.summary}" for item in found), 4_000),
        }


class SearchArguments(Arguments):
    states: list[State] = Field(default_factory=list, max_length=len(State))
    max_results: int = Field(default=50, ge=1, le=100)


class JSMIncidentSearchTool(StageTool):
    """Incidents by the state their record gives."""

    name: str = "jsm_incident_search"
    description: str = "Finds incidents that carry a record of ours, by state. Answers key, state, target and parent of each."
    args_schema: type[BaseModel] = SearchArguments

    def work(self, states: list[State] | None = None, max_results: int = 50) -> dict[str, Any]:
        """Key, state, target and parent of each."""
        found = self._context.manager.search(states=tuple(states or ()), max_results=max_results)
        self._context.found = tuple(found)
        return {
            "incidents": [
                {
                    "key": item.key,
                    "state": item.record.state.value,
                    "target": target_text(item.record),
                    "parent": item.record.parent or "",
                }
                for item in found
                if item.record is not None
            ]
        }


class JSMStateCheckerTool(StageTool):
    """Where the incident stands."""

    name: str = "jsm_state_checker"
    description: str = "Reads the incident's state, attempt and next possible states."
    args_schema: type[BaseModel] = BoundArguments

    def work(self, incident_key: str) -> dict[str, Any]:
        """State, attempt, possible steps, which sections are filled."""
        record = self._context.read().record
        if record is None:
            return {"incident": incident_key, "state": "", "attempt": 0, "next": [], "sections": []}
        sections = ("target", "source", "analysis", "change", "pull_requests", "verification", "tried")
        return {
            "incident": incident_key,
            "state": record.state.value,
            "attempt": record.attempt,
            "next": sorted(TRANSITIONS[record.state] & self._context.steps),
            "sections": [name for name in sections if getattr(record, name)],
        }


class TransitionArguments(BoundArguments):
    new_state: State
    metadata: dict[str, Any] = Field(default_factory=dict)


class JSMStateTransitionTool(StageTool):
    """One step in the incident's life. The proof it needs is asked of its source, never of the agent."""

    name: str = "jsm_state_transition"
    description: str = (
        "Moves the incident to new_state. metadata may hold code, reason and note; a reason is required for "
        "INCIDENT_REQUIRES_HUMAN. The step is refused unless its source proves it."
    )
    args_schema: type[BaseModel] = TransitionArguments
    #: A step may ask GitHub or compare evidence first.
    limit: ClassVar[float] = 180.0

    def work(
        self, incident_key: str, new_state: State, metadata: dict[str, Any] | None = None
    ) -> dict[str, Any]:
        """Asking for the state the incident is in already changes nothing."""
        context = self._context
        given = _checked(Reason, metadata or {})
        if new_state not in context.steps:
            allowed = ", ".join(sorted(context.steps)) or "none"
            raise Refused(
                f"The {context.stage} stage does not move an incident to {new_state}.",
                hint=f"Its steps: {allowed}.",
                code="not-our-step",
            )
        before = context.record.state
        if before is new_state:
            return {"incident": incident_key, "state": before.value, "already": True}
        if new_state is State.INCIDENT_REQUIRES_HUMAN:
            if not given.reason.strip():
                raise Refused(
                    "A person must be told why.",
                    hint='Give metadata {"code": "...", "reason": "..."}.',
                    code="no-reason",
                )
            if context.stage is Stage.ANALYZE and context.record.analysis is None:
                raise Refused(
                    "A person must get what was found, and nothing is stored yet.",
                    hint='Store the verdict first: jsm_metadata_updater with {"analysis": {...}}.',
                    code="no-analysis",
                )
            given = given.model_copy(update={"code": given.code or "agent-decision"})
        clean = redactor()
        record = context.step(
            new_state,
            {name: clean.text(value) for name, value in given.model_dump(exclude_defaults=True).items()},
        )
        return {"incident": incident_key, "state": record.state.value, "already": False}


class MetadataArguments(BoundArguments):
    metadata: dict[str, Any]


class JSMMetadataUpdaterTool(StageTool):
    """Writes the agent's own section of the record, after checking what it says."""

    name: str = "jsm_metadata_updater"
    description: str = (
        "Stores what you found. In analyze: {analysis: {finding: f1}}, or {analysis: {verdict, fault, object, summary, "
        "evidence}} where every citation must be found in the snapshot. In fix: {change: {use: remedy|edits, title}}."
    )
    args_schema: type[BaseModel] = MetadataArguments

    def work(self, incident_key: str, metadata: dict[str, Any]) -> dict[str, Any]:
        """Answers a summary of what is stored now."""
        context = self._context
        schema = SCHEMAS.get(context.stage)
        if schema is None:
            raise Refused(
                f"The {context.stage} stage writes no section of the record itself.",
                hint="What it does is recorded by its other tools.",
                code="not-our-section",
            )
        given = _checked(schema, metadata)
        if isinstance(given, AnalyzeMetadata):
            _at(context.record, Stage.ANALYZE, State.ANALYSIS_IN_PROGRESS)
            found = analysis.made(context, given.analysis)
            context.store("analysis", found, later=True)
            return {
                "stored": "analysis",
                "verdict": found.verdict,
                "evidence": [item.id for item in found.evidence],
                "summary": found.summary[:400],
            }
        assert isinstance(given, FixMetadata)  # noqa: S101 - SCHEMAS holds these two
        _at(context.record, Stage.FIX, State.FIX_IN_PROGRESS)
        stored = change.store(context, given.change)
        return {"stored": "change", "title": stored.title, "paths": list(stored.paths)}


def _at(record: Record, stage: Stage, state: State) -> None:
    if record.state is not state:
        raise Refused(
            f"The {stage} stage stores its result in {state}; the incident is in {record.state}.",
            hint=f"Move it to {state} first.",
            code="wrong-state",
        )


def _checked(schema: type[BaseModel], given: dict[str, Any]) -> Any:
    try:
        return schema.model_validate(given)
    except ValidationError as error:
        problem = error.errors(include_input=False, include_url=False)[0]
        where = "/".join(str(part) for part in problem["loc"]) or "metadata"
        raise Refused(
            f"The metadata is refused at {where}: {problem['msg']}.",
            hint=f"Known names: {', '.join(schema.model_fields)}.",
            code="metadata",
        ) from error
