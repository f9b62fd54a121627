"""What went wrong with an incident, as its record tells it: outages, which cost nothing, and defects, which are counted."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Literal

from selfheal.config.model import Limits
from selfheal.errors import SelfhealError
from selfheal.incidents.errors import IncidentError
from selfheal.incidents.record import Failure, Record
from selfheal.incidents.states import ENDED, Stage

_CODE, _MESSAGE = 60, 300


def postponed(record: Record, now: datetime, seconds: float, why: str) -> Record:
    """After an outage: nobody starts before ``seconds`` have passed. State and attempt stay."""
    failure = _failure(record.served_by or Stage.COORDINATE, now, "outage", "outage", why)
    return _with(record, failure).model_copy(update={"not_before": now + timedelta(seconds=seconds)})


def defective(record: Record, now: datetime, stage: Stage, error: SelfhealError | IncidentError) -> Record:
    """After a defect of ours."""
    return _with(record, _failure(stage, now, "defect", error.code, error.message))


def given_up(record: Record, limits: Limits) -> bool:
    """Whether there were so many defects that the incident is FAILED. One that has ended stays as it is."""
    defects = sum(failure.kind == "defect" for failure in record.failures)
    return record.state not in ENDED and defects >= limits.defects


def _with(record: Record, failure: Failure) -> Record:
    return record.model_copy(update={"failures": (*record.failures, failure)})


def _failure(
    stage: Stage, at: datetime, kind: Literal["outage", "defect"], code: str, message: str
) -> Failure:
    return Failure(stage=stage, at=at, kind=kind, code=code[:_CODE], message=message[:_MESSAGE])
