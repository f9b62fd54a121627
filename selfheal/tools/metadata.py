"""What an agent may write into the record, by stage. Names that are not here are refused."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

from selfheal.incidents.record import ObjectRef
from selfheal.incidents.states import Stage


class _Given(BaseModel):
    model_config = ConfigDict(extra="forbid")


class Reason(_Given):
    """Metadata of a transition. ``reason`` is required to hand over to a person; ``note`` goes into the history."""

    code: str = Field(default="", max_length=60, pattern=r"^[a-z0-9-]*$")
    reason: str = Field(default="", max_length=2_000)
    note: str = Field(default="", max_length=300)


class Citation(_Given):
    """Evidence that is not from `k8s_diagnose`: the value is read from the snapshot, never taken from the model."""

    source: Literal["object", "event", "log"]
    object: ObjectRef
    field: str = Field(default="", max_length=500)
    container: str = Field(default="", max_length=253)
    previous: bool = False
    message: str = Field(default="", max_length=300)


class AnalysisGiven(_Given):
    """Either a finding of `k8s_diagnose` by its id, or a verdict of one's own with the evidence for it."""

    finding: str = Field(default="", max_length=10)
    verdict: Literal["", "fault", "healthy", "unknown"] = ""
    fault: str = Field(default="", max_length=60, pattern=r"^[a-z0-9-]*$")
    variant: str = Field(default="", max_length=60)
    object: ObjectRef | None = None
    container: str = Field(default="", max_length=253)
    confidence: float = Field(default=0.6, ge=0, le=1)
    summary: str = Field(default="", max_length=1_000)
    mitigation: str = Field(default="", max_length=500)
    evidence: list[str | Citation] = Field(default_factory=list, max_length=8)


class ChangeGiven(_Given):
    """Which change goes to the gate: the remedy of `remedy_suggest`, or the files edited with `repo_edit`."""

    use: Literal["remedy", "edits"]
    title: str = Field(default="", max_length=120)


class AnalyzeMetadata(_Given):
    analysis: AnalysisGiven


class FixMetadata(_Given):
    change: ChangeGiven


#: Sections by stage: each agent writes only its own.
SCHEMAS: dict[Stage, type[BaseModel]] = {Stage.ANALYZE: AnalyzeMetadata, Stage.FIX: FixMetadata}
