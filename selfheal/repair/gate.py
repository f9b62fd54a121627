"""The gate: derives the change again from the analysis, proves the stored patch against it, judges it, signs it.

No model, no GitHub, no cluster (but a dry run, where that is switched on). Whoever stored the patch is not believed: it
must apply to the very commit that is checked out, and render to exactly what the analysis' remedy asks for. Of a change
that an agent edited freely less can be proven (`free`); its signature says so.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from selfheal.clock import SystemClock
from selfheal.config import Settings
from selfheal.errors import ConfigurationProblem, NeedsPerson, Refused, SelfhealError
from selfheal.incidents.errors import ProofRefused
from selfheal.incidents.proofs import GateSigned, Proof
from selfheal.incidents.record import (
    Analysis,
    Deployed,
    ObjectRef,
    PolicyVerdict,
    Record,
    RenderedChange,
    Source,
    Target,
    Tried,
)
from selfheal.incidents.wording import counted
from selfheal.redaction import redactor
from selfheal.repair import free as free_edits
from selfheal.repair import rediagnosis, serverside
from selfheal.repair.deployed import deployed
from selfheal.repair.envelope import Envelope, apply, digest, unpack
from selfheal.repair.goal import unpermitted
from selfheal.repair.immutable import immutable
from selfheal.repair.objects import Object
from selfheal.repair.plan import derive, judge_proof, reason_of, remedy_of, unless_past_forbids
from selfheal.repair.proof import proof_of
from selfheal.repair.provenance import unfounded
from selfheal.repair.registries import registries_in
from selfheal.repair.signature import sign, verify_signature
from selfheal.repair.surplus import unless_needed
from selfheal.repair.surroundings import beside
from selfheal.repair.tools import Tools
from selfheal.repository.tree import Tree

__all__ = ["GateVerifier", "judge", "sign", "verify_signature"]

#: Other environments that the signed change names; all of them are in the verdict.
_NAMED = 6


def judge(
    tree: Tree,
    patch: bytes,
    *,
    settings: Settings,
    analysis: Analysis | None,
    source: Source | None = None,
    target: Target | None = None,
    tried: Sequence[Tried] = (),
    tools: Tools | None = None,
    now: datetime | None = None,
    free: bool = False,
) -> tuple[PolicyVerdict, ...]:
    """One verdict a rule. The first rules that fail end it: what cannot be derived or proven is not judged further.

    Raises ConfigurationProblem where a program that renders is missing.
    """
    return _judged(
        tree,
        patch,
        settings,
        analysis,
        source=source,
        target=target,
        tried=tried,
        tools=tools,
        now=now,
        free=free,
    ).verdicts


@dataclass(frozen=True)
class _Judged:
    """The verdicts, and what is signed of the change: as it was derived here, whatever the record says of it."""

    verdicts: tuple[PolicyVerdict, ...]
    rendered: tuple[RenderedChange, ...] = ()
    requires_recreate: bool = False
    reaches: tuple[str, ...] = ()
    deployed: Deployed | None = None
    #: Title and reason where a remedy stands behind the change.
    told: Mapping[str, str] = field(default_factory=dict)


def _judged(
    tree: Tree,
    patch: bytes,
    settings: Settings,
    analysis: Analysis | None,
    *,
    source: Source | None,
    target: Target | None,
    tried: Sequence[Tried],
    tools: Tools | None,
    now: datetime | None,
    free: bool,
) -> _Judged:
    try:
        envelope = unpack(patch)
        changes = apply(envelope, tree.read)
    except Refused as error:
        return _Judged((_failed("envelope", error),))
    passed = [PolicyVerdict(rule="envelope", passed=True, detail=counted(len(changes), "file"))]
    if analysis is None or analysis.verdict != "fault":
        return _Judged(
            (
                *passed,
                PolicyVerdict(rule="remedy", passed=False, detail="There is no analysis with a cause."),
            )
        )
    now = now or SystemClock().now()
    if free:
        found = free_edits.judged(
            tree, changes, settings=settings, analysis=analysis, source=source, target=target, tools=tools, now=now,
        )  # fmt: skip
        verdicts = _asked((*passed, *found.verdicts), found.changed, found.recreated, settings)
        return _Judged(verdicts, found.fields, bool(found.recreated))
    try:
        fault, remedy = remedy_of(analysis)
        if remedy.escalate:
            raise NeedsPerson(remedy.escalate)
        derived = derive(
            tree, analysis, remedy, settings=settings, source=source, target=target, tried=tried, tools=tools,
            changed=frozenset(changes),
        )  # fmt: skip
        fields = unpermitted(derived.goals, fault.writes)
        if fields:
            raise Refused(f"{analysis.fault} may not write {', '.join(fields)}.")
        strange = unfounded(derived, settings.policy)
        if strange:
            raise Refused(
                f"The value of {', '.join(strange)} stands neither in the repository nor in its history.",
                hint="The incident's record alone says so; a person has to judge the value.",
            )
        unless_past_forbids(tree, derived, settings, now, tried)
    except ConfigurationProblem:
        # A renderer that is not installed says nothing about the change.
        raise
    except SelfhealError as error:
        return _Judged((*passed, _failed("remedy", error)))
    passed.append(PolicyVerdict(rule="remedy", passed=True, detail=str(derived.located.unit)[:400]))
    try:
        proof = proof_of(derived.locator, derived.located, derived.goals, changes)
        if (
            derived.release is None
            or derived.release.whole is None
            or changes != derived.release.whole.changes
        ):
            unless_needed(derived.locator, derived.located, derived.goals, changes)
    except SelfhealError as error:
        return _Judged((*passed, _failed("render-contract", error)))
    reached = derived.relatives.told(changes)
    told = counted(len(proof.proven.changes), "field") + (
        f"; reaches {', '.join(reached)}" if reached else ""
    )
    caveat = derived.locator.tools.caveat
    told += f"; {caveat}" if caveat else ""
    passed.append(PolicyVerdict(rule="render-contract", passed=True, detail=told[:400]))
    registries = registries_in(derived.locator.view, derived.located, proof)
    version = derived.locator.tools.capabilities.version
    verdicts = (
        *passed,
        rediagnosis.verdict(
            proof, analysis, beside=beside(derived.locator.view, derived.located.unit, proof.namespace)
        ),
        *judge_proof(proof, settings, now, registries, version),
    )
    recreated = frozenset(goal.object for goal in derived.goals if immutable(goal))
    return _Judged(
        _asked(verdicts, proof.changed()[1], recreated, settings),
        proof.proven.changes,
        remedy.requires_recreate or bool(recreated),
        tuple(name[:200] for name in reached[:_NAMED]),
        deployed(derived.located.unit),
        {"title": remedy.title[:200], "reason": reason_of(derived, reached, proof)[:1_000]},
    )


def _asked(
    verdicts: tuple[PolicyVerdict, ...],
    changed: Mapping[ObjectRef, Object],
    recreated: frozenset[ObjectRef],
    settings: Settings,
) -> tuple[PolicyVerdict, ...]:
    """``verdicts``, with the API server's where it is to be asked and nothing else is in the way."""
    if settings.policy.server_dry_run and all(verdict.passed for verdict in verdicts):
        return (*verdicts, serverside.verdict(changed, recreated, settings))
    return verdicts


def _failed(rule: str, error: Exception) -> PolicyVerdict:
    text = error.message if isinstance(error, SelfhealError) else str(error)
    return PolicyVerdict(rule=rule, passed=False, detail=text[:400])


class GateVerifier:
    """Answers whether a record may enter FIX_GENERATED, by proving and signing its patch."""

    def __init__(self, tree: Tree, patch: bytes, settings: Settings, *, tools: Tools | None = None) -> None:
        self._tree = tree
        self._patch = patch
        self._settings = settings
        self._tools = tools

    def verify(self, key: str, record: Record) -> Proof:
        """The signed change. Raises ProofRefused naming the rule that is not met."""
        change = record.change
        if change is None or change.patch is None or change.decision != "propose":
            raise ProofRefused(f"{key} has no stored change to prove.", code="no-patch")
        envelope = self._opened(key, record, change.patch.digest)
        found = _judged(
            self._tree,
            self._patch,
            self._settings,
            record.analysis,
            source=record.source,
            target=record.target,
            tried=record.tried,
            tools=self._tools,
            now=None,
            free=change.free,
        )
        broken = [verdict for verdict in found.verdicts if not verdict.passed]
        if broken:
            told = "; ".join(f"{verdict.rule}: {verdict.detail}" for verdict in broken)
            raise ProofRefused(
                f"The gate does not sign the change for {key}: {told}",
                hint="A person has to look at the proposed change.",
                code="gate-refused",
            )
        said: Mapping[str, str] = {
            "repository": envelope.repository,
            "incident": key,
            "base_sha": envelope.base_sha,
            "digest": change.patch.digest,
        }
        signing_key = self._settings.endpoints.signing_key.get_secret_value()
        signature = sign(signing_key, attempt=record.attempt, free=change.free, **said)
        signed = change.model_copy(
            update={
                "signature": signature,
                "base_sha": envelope.base_sha,
                "attempt": record.attempt,
                "paths": tuple(file.path for file in envelope.files),
                "rendered": found.rendered,
                "policy": found.verdicts,
                "requires_recreate": found.requires_recreate,
                "reaches": found.reaches,
                "deployed": found.deployed,
                **{name: redactor().text(text) for name, text in found.told.items()},
            }
        )
        return GateSigned(incident=key, attempt=record.attempt, change=signed)

    def _opened(self, key: str, record: Record, stored: str) -> Envelope:
        """The envelope, once it is certain that it is the stored one, for this incident, attempt and commit."""
        if digest(self._patch) != stored:
            raise ProofRefused(f"The patch of {key} is not the one the record names.", code="patch-swapped")
        try:
            envelope = unpack(self._patch)
        except Refused as error:
            raise ProofRefused(
                f"The patch of {key} is not valid: {error.message}", code=error.code
            ) from error
        repository = (
            record.source.repository if record.source else ""
        ) or self._settings.endpoints.github_repository
        for name, has, expected in (
            ("repository", envelope.repository, repository),
            ("incident", envelope.incident, key),
            ("attempt", envelope.attempt, record.attempt),
            ("base commit", envelope.base_sha, self._tree.base_sha),
        ):
            if has != expected:
                raise ProofRefused(
                    f"The patch of {key} was made for the {name} {has!r}, not {expected!r}.",
                    hint="The change is made again from the newest base.",
                    code="stale-base" if name == "base commit" else "patch-foreign",
                )
        return envelope
