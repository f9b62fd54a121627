"""What the tests of the State Manager share: settings for a site, a clock that never waits, verifiers that say yes."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from selfheal import config
from selfheal.config import Settings
from selfheal.incidents.proofs import (
    EvidenceResolved,
    FixIneffective,
    GateSigned,
    Proof,
    PullRequestMerged,
    PullRequestOpen,
    RecoveryMeasured,
    Reworked,
)
from selfheal.incidents.record import (
    Analysis,
    Change,
    Evidence,
    ObjectRef,
    Outcome,
    PullRequest,
    Record,
    Verification,
)
from selfheal.incidents.states import State
from selfheal.sandbox.emulator import InjectedFault
from selfheal.sandbox.jira.app import JiraEmulator

NOW = datetime(2026, 3, 1, 12, 0, 0, tzinfo=UTC)
POD = ObjectRef(kind="Deployment", namespace="shop", name="cart")


class FakeClock:
    """Time that passes only when somebody sleeps or the test says so."""

    def __init__(self, start: datetime = NOW) -> None:
        self._start = start
        self.elapsed = 0.0
        self.slept: list[float] = []

    def now(self) -> datetime:
        return self._start + timedelta(seconds=self.elapsed)

    def monotonic(self) -> float:
        return 1000.0 + self.elapsed

    def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.elapsed += seconds

    def pass_(self, seconds: float) -> None:
        self.elapsed += seconds


def settings_for(url: str, token: str, *, email: str = "", **over: Any) -> Settings:
    """Settings for a site; ``over`` are groups, such as ``jira={"escalation": "maria"}``."""
    jira = {"project": "INC", "settle": 1.0, **over.pop("jira", {})}
    endpoints = {"jira_url": url, "jira_token": token, "jira_email": email}
    return config.Settings.model_validate({"endpoints": endpoints, "jira": jira, **over})


def analysis(**over: Any) -> Analysis:
    found = Evidence(id="e1", source="object", object=POD, field="/status", message="OOMKilled")
    return Analysis(
        **{
            "verdict": "fault",
            "fault": "oom-killed",
            "object": POD,
            "summary": "cart is killed",
            "evidence": (found,),
            **over,
        }
    )


class Yes:
    """A verifier that asks nobody; what it proves follows from the record, as with a real one."""

    def __init__(self, to: State) -> None:
        self.to = to
        self.asked = 0

    def verify(self, key: str, record: Record) -> Proof:
        self.asked += 1
        about: dict[str, Any] = {"incident": key, "attempt": record.attempt}
        match self.to:
            case State.ANALYSIS_COMPLETE:
                return EvidenceResolved(**about, snapshot_digest="d", evidence_ids=("e1",))
            case State.FIX_GENERATED:
                assert record.change is not None
                return GateSigned(**about, change=record.change.model_copy(update={"signature": "s" * 64}))
            case State.PR_CREATED:
                return PullRequestOpen(
                    **about, pull_request=PullRequest(number=7, url="https://git.example/7")
                )
            case State.PR_MERGED:
                return PullRequestMerged(
                    **about, pull_request=PullRequest(number=7, state="merged", merge_sha="a" * 40)
                )
            case State.INCIDENT_RESOLVED:
                return RecoveryMeasured(**about, verification=Verification(outcome=Outcome.SUCCESSFUL))
            case State.ANALYSIS_IN_PROGRESS:
                return FixIneffective(
                    **about, verification=Verification(outcome=Outcome.INEFFECTIVE, reasons=("still killed",))
                )
            case State.FIX_IN_PROGRESS:
                return Reworked(**about, reason="changes were requested")
        raise AssertionError(self.to)


def verifiers() -> dict[State, Any]:
    wanted = (
        State.ANALYSIS_COMPLETE, State.FIX_GENERATED, State.PR_CREATED, State.PR_MERGED, State.INCIDENT_RESOLVED,
        State.ANALYSIS_IN_PROGRESS, State.FIX_IN_PROGRESS,
    )  # fmt: skip
    return {state: Yes(state) for state in wanted}


def change(**over: Any) -> Change:
    return Change(
        **{"decision": "propose", "title": "Raise the memory of cart", "paths": ("cart.yaml",), **over}
    )


def inject(jira: JiraEmulator, match: str, action: str, method: str = "", **more: Any) -> None:
    """A misbehaviour of the emulated site, see `selfheal.sandbox.emulator`."""
    jira.faults.append(InjectedFault(match=match, action=action, method=method, **more))
