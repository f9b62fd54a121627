"""deploy: proves that what was merged runs and that the fault is gone, or says what happened instead."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from selfheal.errors import NeedsPerson
from selfheal.incidents.record import Outcome, PullRequest, Record, Verification
from selfheal.incidents.states import State
from selfheal.rollout import RolloutVerification, baseline_of
from selfheal.stages import comments
from selfheal.stages.context import context_of
from selfheal.stages.work import Waiting, Work
from selfheal.tools.standing import current

STEPS = (
    State.VERIFICATION_IN_PROGRESS,
    State.INCIDENT_RESOLVED,
    State.ANALYSIS_IN_PROGRESS,
    State.INCIDENT_REQUIRES_HUMAN,
)


def serve(work: Work) -> None:
    """PR_MERGED or VERIFICATION_IN_PROGRESS becomes what the measurement allows."""
    record, request = work.record, current(work.record)
    expected = _expected(work, record)
    _begin(work, request, expected)
    attempt, watch = record.attempt, Watch(work, request, expected)
    context = context_of(
        work,
        steps=STEPS,
        goal=lambda now: watch.unfinished or now.revert_due or now.attempt > attempt,
        facts={"role": request.role, "attempts_left": _may_try_again(work, record)},
        verification=watch.prepared,
    )
    work.crew(context, "Deployment Monitor")
    record = work.record
    if record.attempt > attempt:
        work.manager.tell(work.key, "another-attempt", comments.another_attempt(record), lease=work.lease)
    elif watch.unfinished and record.state is State.VERIFICATION_IN_PROGRESS:
        raise Waiting("The deployment is not over yet; the next run goes on watching it.")


def _may_try_again(work: Work, record: Record) -> bool:
    """Whether a fix that did not help is followed by another attempt.

    A changed program runs once somebody builds and deploys it, which nothing here shows: that it does not help yet proves
    nothing, and a person goes on.
    """
    change = record.change
    unseen = change is not None and change.free and not change.rendered
    return record.attempt < work.settings.limits.attempts and not unseen


class Watch:
    """The measurement, as the agent's tool runs it: what it proves is injected, what it found is told to people."""

    def __init__(self, work: Work, request: PullRequest, expected: Sequence[Mapping[str, Any]]) -> None:
        self._work = work
        self._request = request
        self._expected = expected
        self._watch: RolloutVerification | None = None
        #: Whether time ran out before there was an outcome.
        self.unfinished = False

    def prepared(self, record: Record, on_sample: Callable[..., None]) -> Watch:
        """Ready to run over the record as it is now."""
        work = self._work
        self._watch = RolloutVerification(
            work.cluster, work.key, record, self._expected, work.settings, work.clock, on_sample=on_sample
        )
        for state, verifier in self._watch.verifiers().items():
            work.verifies(state, verifier)
        return self

    def run(self) -> Verification:
        """The verification. People are told before the incident is closed: a closed one may take no comment."""
        assert self._watch is not None  # noqa: S101 - `prepared` made it
        found = self._watch.run()
        self.unfinished = found.outcome is None
        if found.outcome in (Outcome.SUCCESSFUL, Outcome.REGRESSED):
            work = self._work
            work.manager.tell(
                work.key,
                f"outcome-{self._request.role}",
                comments.outcome(found, self._request),
                lease=work.lease,
            )
        return found


def _expected(work: Work, record: Record) -> Sequence[Mapping[str, Any]]:
    """The objects as the branch that is deployed renders them now, the merge included."""
    from selfheal.repair.deployed import rendered
    from selfheal.repair.tools import tools_for

    source, target = record.source, record.target
    if source is None or target is None:
        raise NeedsPerson(
            f"The record of {work.key} does not say what is deployed from where.",
            hint="Check in the cluster whether the merged change has arrived.",
            code="no-source",
        )
    told = record.change.deployed if record.change is not None else None
    tools = tools_for(work.settings, record.analysis)
    expected: Sequence[Mapping[str, Any]] = rendered(
        work.tree, told, source.path, namespace=target.namespace, tools=tools
    )
    return expected


def _begin(work: Work, request: PullRequest, expected: Sequence[Mapping[str, Any]]) -> None:
    """When the watch began and what was ill before, stored once: a stage that is started again goes on from there."""
    held, target = work.record.verification, work.record.target
    if held is not None and held.pull_request == request.number and held.merge_sha == request.merge_sha:
        return
    assert target is not None  # noqa: S101 - checked with what is expected
    if request.role == "revert" and held is not None and held.baseline:
        # A revert is compared with what was before the change that it undoes.
        before = dict(held.baseline)
    else:
        snapshot = work.cluster.snapshot([target.namespace] if target.namespace else None)
        before = baseline_of(work.record, expected, snapshot)
    verification = Verification(
        pull_request=request.number,
        merge_sha=request.merge_sha,
        started_at=work.clock.now(),
        baseline=before,
    )
    work.incident = work.manager.update(work.key, "verification", verification, lease=work.lease)
