"""What a stage leaves behind for whoever started it."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from enum import StrEnum
from typing import Any


class Outcome(StrEnum):
    """How a stage ended, as far as its caller is concerned."""

    PROGRESS = "progress"  #: the state moved on; another stage may follow now
    WAITING = "waiting"  #: for people, checks, or a time; nothing more to do now
    ENDED = "ended"  #: resolved, or released by a person
    PERSON = "person"  #: handed to a person
    POSTPONED = "postponed"  #: an outage; the next run goes on
    BUSY = "busy"  #: another crew holds the claim
    FAILED = "failed"  #: a defect of ours, noted on the incident


@dataclass
class StageReport:
    """One stage's result. ``state`` is the incident's state after it; counts are of this process alone."""

    stage: str
    key: str
    outcome: Outcome
    state: str = ""
    summary: str = ""
    hint: str = ""
    exit_code: int = 0
    model: str = ""
    fell_back: bool = False
    requests: dict[str, int] = field(default_factory=dict)
    writes: dict[str, int] = field(default_factory=dict)
    tokens: dict[str, int] = field(default_factory=dict)
    would_write: list[str] = field(default_factory=list)
    seconds: float = 0.0
    next_stage: str = ""
    #: In a dry run: what the State Manager would have written so far, for the stage that follows.
    overlay: dict[str, Any] = field(default_factory=dict)
    #: What the summary table shows: fault, object, fix, pull_request …
    facts: dict[str, Any] = field(default_factory=dict)

    def document(self) -> dict[str, Any]:
        """JSON for the pipe, the log and ``results/``."""
        return {**asdict(self), "outcome": self.outcome.value}

    @classmethod
    def from_document(cls, document: dict[str, Any]) -> StageReport:
        """The inverse of :meth:`document`."""
        return cls(**{**document, "outcome": Outcome(document["outcome"])})
