"""Many incidents, one trouble: those of one cause follow the first, and where much is ill nothing is changed.

Targets group incidents before any analysis (`coordinate`); the fingerprint of the cause groups them here, after the
catalogue has looked and before an agent is asked, so that a hundred incidents of one cause cost one analysis.

Two that are analysed at the same moment do not see each other's cause. So each looks again before anything is fixed, when
its own analysis has been in Jira for as long as a claim takes to settle: whoever was analysed before it is to be seen by
then. The times in the records order them, and the keys where times are equal; both look at the same values.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from selfheal import progress
from selfheal.cluster.snapshot import Snapshot
from selfheal.cluster.workloads import condition, troubled, workloads
from selfheal.config import Settings
from selfheal.diagnosis.analysis import fingerprint
from selfheal.diagnosis.engine import Diagnosis
from selfheal.errors import Conflict, NotFound, Outage, SelfhealError
from selfheal.faults.interface import Finding
from selfheal.incidents.errors import ProofRefused
from selfheal.incidents.proofs import Follows, Proof
from selfheal.incidents.record import Record, Target
from selfheal.incidents.states import ENDED, State
from selfheal.jsm.manager import Incident
from selfheal.stages.work import Waiting, Work
from selfheal.tools.context import StageContext

#: How a storm's one escalation begins its reason, so that the next run finds it again.
STORM = "A storm:"
_STORM_LASTS = timedelta(hours=24)
_HINT = "Look for a common cause (a node, the network, a registry). selfheal changes nothing meanwhile."
#: Of fewer than these a share says nothing.
_NODES, _WORKLOADS = 3, 20
#: States of an incident that leads: it has an analysis.
_ANALYSED = (
    State.ANALYSIS_COMPLETE, State.FIX_IN_PROGRESS, State.FIX_GENERATED, State.PR_CREATED, State.PR_MERGED,
    State.VERIFICATION_IN_PROGRESS,
)  # fmt: skip
_NEVER = datetime.max.replace(tzinfo=UTC)


class AnalysedFirst:
    """Proves that an incident steps back behind another one, which is looked at once more."""

    def __init__(self, work: Work, leader: str) -> None:
        self._work, self._leader = work, leader

    def verify(self, key: str, record: Record) -> Proof:
        """Raises ProofRefused when the other one does not lead any more."""
        if not _precedes(self._work.manager.load(self._leader), key, record):
            raise ProofRefused(
                f"{self._leader} does not lead {key} any more.", hint="The next run looks again."
            )
        return Follows(incident=key, attempt=record.attempt, parent=self._leader)


def step_back(work: Work) -> None:
    """FIX_IN_PROGRESS becomes ANALYSIS_IN_PROGRESS when another incident of the same cause was analysed first.

    Raises Waiting then. What has been worked on before stays as it is.
    """
    record = work.record
    cause = record.analysis.fingerprint if record.analysis is not None else ""
    if not cause or record.change or not _fresh(record):
        return
    others = [item for item in work.manager.search(_ANALYSED, 50) if item.key != work.key]
    leading = [item for item in others if _precedes(item, work.key, record)]
    if not leading:
        return
    leader = min(leading, key=lambda item: _order(item.key, item.record)).key
    why = f"It has the cause that {leader} has, which was analysed first, and follows it."
    _link(work, leader)
    work.verifies(State.ANALYSIS_IN_PROGRESS, AnalysedFirst(work, leader))
    try:
        work.step(State.ANALYSIS_IN_PROGRESS, {"note": why}, last=True)
    except ProofRefused:
        # It ended just now, so this one goes on by itself.
        return
    work.summary = why
    progress.emit("note", text=why)
    raise Waiting(why)


def follow(work: Work, leader: str, why: str) -> None:
    """Stores the leader, and links the two for people."""
    _link(work, leader)
    work.incident = work.manager.update(work.key, "parent", leader, lease=work.lease)
    work.summary = why
    progress.emit("note", text=why)


def _link(work: Work, leader: str) -> None:
    """For people to see. A site that does not let us link is no reason to stop."""
    try:
        work.manager.link(work.key, leader, lease=work.lease)
    except (Outage, Conflict):
        raise
    except SelfhealError as error:
        progress.emit("note", text=f"{work.key} is not linked with {leader}: {error.message}")


def escalate(work: Work, what: str) -> None:
    """One escalation for a storm; the others follow it. ``what``: a clause that says what there is too much of."""
    handed = work.manager.search(states=(State.INCIDENT_REQUIRES_HUMAN,), max_results=20)
    escalated = next((item.key for item in handed if item.key != work.key and _is_storm(work, item)), "")
    if escalated:
        follow(work, escalated, f"{what[:1].upper()}{what[1:]}; it follows {escalated}.")
        return
    work.hand_over("storm", f"{STORM} {what}.", _HINT)


def grouped(work: Work, context: StageContext) -> bool:
    """Whether the incident is over for this stage: much is ill and it was escalated, or another one has its cause.

    Raises Waiting when it follows another one now. What has been worked on before is never grouped.
    """
    if not _untouched(work.record):
        return False
    try:
        diagnosis, snapshot = context.diagnosis(), context.snapshot()
    except SelfhealError:
        # The agent meets the same and says what it means for the incident.
        return False
    much = widespread(snapshot, work.settings)
    if not much and diagnosis.root is not None and beyond(diagnosis.root, work.record.target):
        much = _in_the_cluster(work, context)
    if much:
        cause = f"; what was found first: {diagnosis.root.summary}" if diagnosis.root is not None else ""
        escalate(work, f"{much}{cause}".rstrip("."))
        _wait(work)
        return True
    leader = _same_cause(work, diagnosis)
    if leader:
        follow(work, leader, f"It has the cause that {leader} has, and follows it.")
        _wait(work)
    return False


def beyond(root: Finding, target: Target | None) -> bool:
    """Whether the cause concerns more than the namespace that was read: a node, another thing of the cluster, its DNS."""
    own = target.namespace if target is not None else ""
    return bool(own) and (root.object.namespace != own or root.variant == "cluster")


def _in_the_cluster(work: Work, context: StageContext) -> str:
    """What is ill in more than the configured share of the whole cluster; "" where that cannot be read."""
    try:
        every = context.cluster().snapshot(None, logs_for=lambda _pod: False)
    except SelfhealError as error:
        progress.emit("note", text=f"Only the namespace of {work.key} was counted: {error.message}")
        return ""
    much = widespread(every, work.settings)
    return f"in the whole cluster, {much}" if much else ""


def widespread(snapshot: Snapshot, settings: Settings) -> str:
    """What is ill in more than the configured share of nodes or workloads, "" when nothing is."""
    limit = settings.limits.ill_share
    nodes = snapshot.list("Node")
    unready = sum(condition(node, "Ready").get("status") != "True" for node in nodes)
    if len(nodes) >= _NODES and unready > limit * len(nodes):
        return f"{unready} of {len(nodes)} nodes are not ready"
    every, ill = workloads(snapshot), troubled(snapshot)
    if len(every) >= _WORKLOADS and len(ill) > limit * len(every):
        return f"{len(ill)} of {len(every)} workloads are ill"
    return ""


def _same_cause(work: Work, diagnosis: Diagnosis) -> str:
    """The incident in flight whose stored analysis blames the same facts in the same cluster; "" when there is none."""
    if diagnosis.root is None:
        return ""
    cause = fingerprint(diagnosis.root)
    for incident in work.manager.search(max_results=50):
        # What the index says is asked again of the incident itself.
        if incident.key == work.key or not _has(incident, work.record, cause):
            continue
        try:
            current = work.manager.load(incident.key)
        except NotFound:
            continue
        if _has(current, work.record, cause):
            return incident.key
    return ""


def _has(incident: Incident, own: Record, cause: str) -> bool:
    record = incident.record
    if record is None or record.analysis is None or record.parent or record.state in ENDED:
        return False
    clusters = {found.target.cluster for found in (record, own) if found.target is not None}
    return record.analysis.fingerprint == cause and len(clusters) <= 1


def _precedes(other: Incident, key: str, own: Record) -> bool:
    """Whether the other incident has the same cause, is in flight, and was analysed before this one."""
    record = other.record
    cause = own.analysis.fingerprint if own.analysis is not None else ""
    if record is None or not cause or not _has(other, own, cause):
        return False
    return _order(other.key, record) < _order(key, own)


def _order(key: str, record: Record | None) -> tuple[datetime, int, str]:
    """By when the analysis was stored, then by age."""
    steps = record.history if record is not None else ()
    at = max((step.at for step in steps if step.to_state is State.ANALYSIS_COMPLETE), default=_NEVER)
    project, _dash, number = key.rpartition("-")
    return at, int(number) if number.isdecimal() else 0, project


def _untouched(record: Record) -> bool:
    return record.analysis is None and _fresh(record)


def _fresh(record: Record) -> bool:
    return not (record.parent or record.tried or record.pull_requests or record.attempt > 1)


def _wait(work: Work) -> None:
    if work.record.parent:
        raise Waiting(work.summary)


def _is_storm(work: Work, incident: Incident) -> bool:
    record = incident.record
    if record is None or record.state is not State.INCIDENT_REQUIRES_HUMAN or not record.history:
        return False
    last = record.history[-1]
    return last.note.startswith(STORM) and work.clock.now() - last.at < _STORM_LASTS
