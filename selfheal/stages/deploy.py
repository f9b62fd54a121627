"""deploy: proves that what was merged runs and that the fault is gone, or says what happened instead."""

from __future__ import annotations

from typing import Any

from selfheal import rollout
from selfheal.errors import NeedsPerson
from selfheal.incidents.record import ObjectRef, PullRequest, Record, Verification
from selfheal.incidents.states import State
from selfheal.stages import comments
from selfheal.stages.context import context_of
from selfheal.stages.work import Work
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
    _keep_baseline(work, request)
    attempt = record.attempt
    context = context_of(
        work,
        steps=STEPS,
        goal=lambda now: now.revert_due or now.attempt > attempt,
        facts={"role": request.role, "attempts_left": attempt < work.settings.limits.attempts},
        verification=lambda now, on_sample: _measure(work, now, expected, on_sample),
    )
    work.crew(context, "Deployment Monitor")
    record = work.record
    if record.attempt > attempt:
        work.manager.tell(work.key, "another-attempt", comments.another_attempt(record), lease=work.lease)
    elif record.state is State.INCIDENT_RESOLVED:
        # The claim ended with the incident; the comment needs none.
        work.manager.tell(work.key, "outcome", comments.outcome(record))
    elif record.revert_due:
        work.manager.tell(work.key, "regressed", comments.outcome(record), lease=work.lease)


def _expected(work: Work, record: Record) -> list[dict[str, Any]]:
    """The objects as the merged tree renders them."""
    from selfheal.repair.sources import render

    source = record.source
    if source is None:
        raise NeedsPerson(
            f"The record of {work.key} does not say what deploys it.",
            hint="Check in the cluster whether the merged change has arrived.",
            code="no-source",
        )
    rendered: list[dict[str, Any]] = render(work.tree, source.path)
    return rendered


def _keep_baseline(work: Work, request: PullRequest) -> None:
    """What was ill before the deployment, stored once: a stage that is started again compares with the same."""
    held = work.record.verification
    if held is not None and held.pull_request == request.number and held.baseline:
        return
    target = work.record.target
    if target is None:
        raise NeedsPerson(
            f"The record of {work.key} names no workload.", hint="Check the deployment by hand.", code="no-target"
        )
    ref = ObjectRef(kind=target.kind, namespace=target.namespace, name=target.name)
    snapshot = work.cluster.snapshot([target.namespace] if target.namespace else None)
    verification = Verification(
        pull_request=request.number,
        merge_sha=request.merge_sha,
        started_at=work.clock.now(),
        baseline=rollout.baseline(snapshot, ref),
    )
    work.incident = work.manager.update(work.key, "verification", verification, lease=work.lease)
