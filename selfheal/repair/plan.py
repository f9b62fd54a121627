"""From an analysis to the smallest change that mends it, proven by rendering, or to the reason why a person must."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from itertools import chain
from typing import Literal

from selfheal.clock import SystemClock
from selfheal.cluster import pointer
from selfheal.cluster.snapshot import Snapshot
from selfheal.config import Settings
from selfheal.diagnosis.analysis import finding_of
from selfheal.errors import NeedsPerson, NotFound, Refused
from selfheal.faults.catalogue import by_id
from selfheal.faults.interface import Fault, FieldEdit, Remedy
from selfheal.incidents.record import (
    Analysis,
    ObjectRef,
    PolicyVerdict,
    RenderedChange,
    Source,
    Target,
    Tried,
)
from selfheal.repair import policy, rediagnosis, schema, spelling, unified
from selfheal.repair.contract import ContractBroken
from selfheal.repair.drift import unless_drifted
from selfheal.repair.edits.nodes import EditRefused
from selfheal.repair.environments import Relatives
from selfheal.repair.goal import Along, Goal, narrowed, unpermitted
from selfheal.repair.history import History
from selfheal.repair.immutable import immutable
from selfheal.repair.locate import Live, Located, Locator
from selfheal.repair.objects import Object
from selfheal.repair.proof import Proof, proof_of
from selfheal.repair.refused import refused_only
from selfheal.repair.registries import registries_in
from selfheal.repair.release import Reverted, release_in, reverted, widened
from selfheal.repair.sources import source_for
from selfheal.repair.sources.gitops import hints
from selfheal.repair.spans import unless_spanning
from selfheal.repair.surroundings import beside
from selfheal.repair.tools import RenderFailed, Tools, tools_for
from selfheal.repair.values import Sources, decide
from selfheal.repair.view import View
from selfheal.repository.tree import Tree

Decision = Literal["propose", "escalate", "none"]
#: Faults of an image of which no container was ever made.
_NEVER_RAN = frozenset({"image-not-found", "image-registry-unreachable", "image-pull-unauthorized"})


@dataclass(frozen=True)
class FileChange:
    """One file before and after; ``diff`` is unified, as git writes it."""

    path: str
    before: bytes | None
    after: bytes | None
    diff: str


@dataclass(frozen=True)
class RepairResult:
    """``changes`` may be there for ``escalate`` too: what would be needed, and policy or a rule forbids to propose.

    ``source`` is what was found to deploy the target; ``disclosed`` names other environments that the change reaches;
    ``consequences`` what follows from it by itself (names of generated objects, checksums).
    """

    decision: Decision
    reason: str
    title: str = ""
    requires_recreate: bool = False
    changes: tuple[FileChange, ...] = ()
    rendered: tuple[RenderedChange, ...] = ()
    policy: tuple[PolicyVerdict, ...] = ()
    source: Source | None = None
    disclosed: tuple[str, ...] = ()
    consequences: tuple[RenderedChange, ...] = ()


@dataclass
class Derived:
    """What the analysis asks of the repository: the goals, decided, and the unit in which they are reached."""

    remedy: Remedy
    goals: tuple[Goal, ...]
    located: Located
    locator: Locator
    history: History
    relatives: Relatives
    #: The way back where the remedy is to go back on a release, None otherwise.
    release: Reverted | None = None
    fault: str = ""


def plan(
    tree: Tree,
    analysis: Analysis,
    *,
    settings: Settings,
    source: Source | None = None,
    path: str = "",
    snapshot: Snapshot | None = None,
    tried: Sequence[Tried] = (),
    target: Target | None = None,
    tools: Tools | None = None,
    now: datetime | None = None,
) -> RepairResult:
    """The change for an analysis. Never raises for what a person has to decide: that is the decision ``escalate``."""
    now = now or SystemClock().now()
    if analysis.verdict != "fault":
        decision: Decision = "none" if analysis.verdict == "healthy" else "escalate"
        return RepairResult(decision, analysis.summary or f"The verdict is {analysis.verdict}.")
    title = ""
    try:
        fault, remedy = remedy_of(analysis)
        title = remedy.title
        if remedy.escalate and not remedy.edits:
            return RepairResult("escalate", remedy.escalate, title)
        derived = derive(
            tree, analysis, remedy, settings=settings, source=source, path=path, snapshot=snapshot, tried=tried,
            target=target, tools=tools,
        )  # fmt: skip
        unless_past_forbids(tree, derived, settings, now, tried)
        return _result(derived, analysis, settings, fault.writes, now, snapshot)
    except (NeedsPerson, EditRefused, Refused) as error:
        hint = f" {error.hint}" if error.hint else ""
        return RepairResult("escalate", f"{error.message}{hint}", title)


def remedy_of(analysis: Analysis) -> tuple[Fault, Remedy]:
    """The fault an analysis names and its remedy. Raises NeedsPerson when the analysis does not hold what it needs."""
    try:
        fault = by_id(analysis.fault)
        return fault, fault.remedy(finding_of(analysis))
    except (NotFound, KeyError, IndexError, TypeError, ValueError) as error:
        raise NeedsPerson(
            f"The analysis does not hold what the remedy of {analysis.fault or 'its fault'} needs.",
            hint="Analyse the incident again.",
            code="analysis-incomplete",
        ) from error


def derive(
    tree: Tree,
    analysis: Analysis,
    remedy: Remedy,
    *,
    settings: Settings,
    source: Source | None = None,
    path: str = "",
    snapshot: Snapshot | None = None,
    tried: Sequence[Tried] = (),
    target: Target | None = None,
    tools: Tools | None = None,
    changed: frozenset[str] = frozenset(),
) -> Derived:
    """Finds the unit and decides the values; ``changed`` are files of a change that is to be proven.

    Raises NeedsPerson.
    """
    if not remedy.edits:
        raise NeedsPerson(
            f"Nothing in a repository mends {analysis.fault}: {remedy.reason}", code="no-remedy"
        )
    view = View(tree)
    refs = list(dict.fromkeys(edit.object for edit in remedy.edits))
    known_tools = tools_for(settings, analysis, snapshot, tools)
    locator = Locator(view, known_tools, live=_live(snapshot), evidence=analysis.evidence)
    where = path or _configured(settings, source, refs[0], target)
    known = hints(view, refs[0].namespace)
    located = locator.find(
        refs, where, known, environment=target.environment if target else "", changed=changed
    )
    edits = [edit for edit in remedy.edits if not edit.where_written or _written(located, edit) is not None]
    remedy = replace(remedy, edits=tuple(edits))
    asked = release_in(remedy.edits)
    if asked is not None:
        located = widened(locator, located, asked)
    history = History(tree, locator, located)
    relatives = Relatives(locator, located, known)
    remedy = refused_only(remedy, located, history)
    unless_drifted(remedy.edits, located, analysis, snapshot)
    release = reverted(tree, locator, located, history, asked, analysis) if asked is not None else None
    if release is not None:
        return Derived(remedy, release.goals, located, locator, history, relatives, release, analysis.fault)
    sources = Sources(
        analysis=analysis,
        policy=settings.policy,
        past=lambda edit: history.values(edit.object, edit.field, _written(located, edit)),
        siblings=lambda edit: relatives.named(edit.object),
        tried=tried,
        without=lambda edit: history.came_with(edit.object, edit.field),
        objects=located.objects,
        lines=lambda: spelling.lines_of(view),
    )
    goals = tuple(decide(edit, _object(located, edit.object), sources) for edit in remedy.edits)
    goals = (replace(goals[0], along=_along(analysis)), *goals[1:])
    return Derived(remedy, goals, located, locator, history, relatives, fault=analysis.fault)


def _along(analysis: Analysis) -> tuple[Along, ...]:
    """Where a value is shared, one edit changes several settings: each gets back what it was when it was last healthy."""
    return tuple(
        Along(ObjectRef(**item.object.model_dump()), good.field, good.value, good.origin)
        for item in analysis.companions
        for good in item.last_good
    )


def _configured(settings: Settings, source: Source | None, wanted: ObjectRef, target: Target | None) -> str:
    if source is not None and source.path:
        return source.path
    names = {wanted.name, target.name if target else ""}
    for service in settings.services:
        workloads = {item.rpartition("/")[2] for item in service.workloads} or {service.name}
        if service.path and names & workloads and service.namespace in ("", wanted.namespace):
            return service.path
    return ""


def _live(snapshot: Snapshot | None) -> Live:
    def lookup(wanted: ObjectRef) -> Object | None:
        return snapshot.get(wanted.kind, wanted.namespace, wanted.name) if snapshot is not None else None

    return lookup


def _object(located: Located, wanted: ObjectRef) -> Object:
    obj = located.object(wanted)
    if obj is None:
        raise NeedsPerson(f"{located.unit} does not render {wanted}.", code="source-not-found")
    return obj


def _written(located: Located, edit: FieldEdit) -> object:
    return pointer.resolve(_object(located, edit.object), edit.field, None)


def unless_past_forbids(
    tree: Tree, derived: Derived, settings: Settings, now: datetime, tried: Sequence[Tried]
) -> None:
    """Raises NeedsPerson for a field that was mended lately already, for a release that was gone back on in vain, and
    for an image put back over a migration.
    """
    _unless_relapsed(derived, settings, now, tried)
    done = [(item.object, item.field, item.after) for attempt in tried for item in attempt.rendered]
    if derived.release is not None and all(
        (goal.object, goal.field, goal.value) in done for goal in derived.goals
    ):
        raise NeedsPerson(
            f"{derived.release.story.rstrip('.')}; but that was done already, and did not help.",
            hint="A person has to find out what else changed.",
            code="tried",
        )
    for goal in derived.goals if derived.release is None else ():
        if goal.path[-1:] == ("image",) and goal.op == "set":
            unless_spanning(tree, derived.history, goal, ran=derived.fault not in _NEVER_RAN)


def _unless_relapsed(derived: Derived, settings: Settings, now: datetime, tried: Sequence[Tried]) -> None:
    days = settings.policy.relapse_days
    if not days or tried:
        return
    for goal in derived.goals:
        commit = derived.history.own_fix(goal.object, goal.field, now, days)
        if commit is not None:
            raise NeedsPerson(
                f"{goal.field} of {goal.object} was changed for {commit.incident} on {commit.at:%Y-%m-%d} already,"
                f" less than {days} days ago.",
                hint="The same fix again will not last; a person has to find out why.",
                code="relapse",
            )


def _result(
    derived: Derived,
    analysis: Analysis,
    settings: Settings,
    writes: Sequence[str],
    now: datetime,
    snapshot: Snapshot | None,
) -> RepairResult:
    proof, reached = _first_proven(derived)
    unit = derived.located.unit
    registries = registries_in(derived.locator.view, derived.located, proof, snapshot)
    version = derived.locator.tools.capabilities.version
    verdicts = judge_proof(proof, settings, now, registries, version)
    fields = unpermitted(derived.goals, writes)
    verdicts = (
        PolicyVerdict(rule="fields", passed=not fields, detail=", ".join(fields)[:400]),
        rediagnosis.verdict(proof, analysis, snapshot, beside(derived.locator.view, unit, proof.namespace)),
        *verdicts,
    )
    result = RepairResult(
        "propose",
        reason_of(derived, reached, proof),
        derived.remedy.title,
        derived.remedy.requires_recreate or any(immutable(goal) for goal in derived.goals),
        _file_changes(proof.files),
        proof.proven.changes,
        verdicts,
        Source(path=unit.path or "."),
        tuple(reached),
        proof.proven.consequences,
    )
    broken = [verdict for verdict in verdicts if not verdict.passed]
    if derived.remedy.escalate:
        return replace(result, decision="escalate", reason=derived.remedy.escalate)
    if broken:
        told = "; ".join(f"{verdict.rule}: {verdict.detail}" for verdict in broken)
        return replace(result, decision="escalate", reason=f"Policy does not allow the change: {told}")
    return result


def _first_proven(derived: Derived) -> tuple[Proof, list[str]]:
    """The best attempt that renders to exactly the goals, and the other environments that it reaches."""
    unit, locator = derived.located.unit, derived.locator
    source = source_for(unit.kind, locator.tools)
    problems: list[str] = []
    spare: tuple[Proof, Mapping[str, bytes | None]] | None = None
    parts = narrowed(derived.goals)
    attempts = source.attempts(locator.view, unit, parts)
    if any(part not in derived.goals for part in parts):
        attempts = chain(attempts, source.attempts(locator.view, unit, derived.goals))
    if derived.release is not None and derived.release.whole is not None:
        attempts = chain([derived.release.whole], attempts)
    while True:
        try:
            attempt = next(attempts, None)
            if attempt is None:
                break
            proof = proof_of(locator, derived.located, derived.goals, attempt.changes)
        except (ContractBroken, EditRefused, RenderFailed) as error:
            problems.append(error.message)
            continue
        if not derived.relatives.prefers_own_place(derived.goals, derived.located, attempt.changes):
            return proof, derived.relatives.told(attempt.changes)
        spare = spare or (proof, attempt.changes)
    if spare is not None:
        return spare[0], derived.relatives.told(spare[1])
    told = f" {problems[0]}" if problems else ""
    raise NeedsPerson(
        f"No edit of {unit} was found that changes just what is meant.{told}",
        hint="A person has to make the change.",
        code="no-edit",
    )


def judge_proof(
    proof: Proof, settings: Settings, now: datetime, registries: frozenset[str], version: str = ""
) -> tuple[PolicyVerdict, ...]:
    """Schema and policy of a proven change; ``version`` is the cluster's, "" when it is not known."""
    before, after = proof.changed()
    proposal = policy.Proposal(proof.files, before, after, registries, now)
    return (schema.verdict(before, after, version), *policy.verdicts(proposal, settings.policy))


def _file_changes(files: Mapping[str, tuple[bytes | None, bytes | None]]) -> tuple[FileChange, ...]:
    return tuple(
        FileChange(path, before, after, unified.diff(path, before, after).decode("utf-8", "replace"))
        for path, (before, after) in sorted(files.items())
    )


def reason_of(derived: Derived, reached: Sequence[str], proof: Proof) -> str:
    """Why the change is made and where its values come from, for people."""
    origins = "; ".join(dict.fromkeys(goal.origin for goal in derived.goals if goal.origin))
    text = derived.remedy.reason.rstrip(".") + "."
    text += f" {derived.release.story}" if derived.release is not None else ""
    text += f" The value comes from: {origins}." if origins else ""
    asked = {goal.object for goal in derived.goals}
    others = dict.fromkeys(str(item.object) for item in proof.proven.changes if item.object not in asked)
    if others:
        text += f" The same edit mends {', '.join(others)}, which has the same fault."
    if reached:
        text += f" It reaches other environments too: {', '.join(reached)}."
    return text
