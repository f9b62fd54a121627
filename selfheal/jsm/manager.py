"""`JSMStateManager`: the one door to an incident's state in Jira Service Management. Usable alone.

Every step asks for its proof, made here by asking Jira or by an injected verifier asking its source; what a caller
passes along is a note and never a proof. People's changes come first: see `heed`.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, Final

from selfheal import progress
from selfheal.clock import Clock
from selfheal.config import Settings
from selfheal.errors import Conflict, Refused, SelfhealError
from selfheal.incidents import rules
from selfheal.incidents.errors import IncidentError, RecordInvalid, TransitionRefused
from selfheal.incidents.proofs import ClaimLive, DefectSeen, HandoverReason, PersonActed, Proof, Verifier
from selfheal.incidents.record import Failure, PatchPointer, Record, Step
from selfheal.incidents.states import ENDED, Stage, State
from selfheal.jsm import handover, labels, patches, people, sections, workflow
from selfheal.jsm.adf import Block, document
from selfheal.jsm.claims import Claims
from selfheal.jsm.directory import Directory
from selfheal.jsm.dry import DryRunSite
from selfheal.jsm.incident import Account, Incident, View
from selfheal.jsm.keys import checked
from selfheal.jsm.lease import Lease
from selfheal.jsm.ledger import Ledger, document_of, same
from selfheal.jsm.metadata import Metadata
from selfheal.jsm.metadata import checked as checked_metadata
from selfheal.jsm.queue import Queue
from selfheal.jsm.site import COMMENT_NAME, JiraSite
from selfheal.jsm.transport import LostAnswer, Transport

__all__ = ["Account", "Incident", "JSMStateManager", "Lease"]

LOGGER = logging.getLogger(__name__)
#: Part of the lease after which a write of the record also renews it.
_RENEW_AFTER: Final = 0.25
_OVERRIDES: Final = 3


class JSMStateManager:
    """See the module. One per process and thread of work; ``verifiers`` may be filled later."""

    def __init__(
        self, site: JiraSite, settings: Settings, clock: Clock, run_id: str, verifiers: dict[State, Verifier]
    ):
        self.verifiers = verifiers
        self._site = site
        self._settings = settings
        self._clock = clock
        self._run = run_id
        self._directory = Directory(site, settings)
        self._ledger = Ledger(site, clock)
        self._claims = Claims(site, self._ledger, settings, clock, run_id or "selfheal")
        self._queue = Queue(site, self._directory, self._ledger, settings)
        #: Claims held by this manager, by incident.
        self._leases: dict[str, Lease] = {}
        #: Comments written under a claim and not yet noted in the record.
        self._told: dict[str, list[str]] = {}

    @classmethod
    def connect(
        cls,
        settings: Settings,
        *,
        clock: Clock,
        run_id: str = "",
        verifiers: dict[State, Verifier] | None = None,
        overlay: dict[str, Any] | None = None,
    ) -> JSMStateManager:
        """A manager for the site in ``settings``; sends nothing yet (`me` is the probe).

        Raises ConfigurationProblem. ``overlay`` continues a dry run of another process.
        """
        transport = Transport(settings, clock)
        site = DryRunSite(transport, overlay) if settings.dry_run else JiraSite(transport)
        return cls(site, settings, clock, run_id, {} if verifiers is None else verifiers)

    # -- what was used -------------------------------------------------------------------------------------

    @property
    def requests(self) -> int:
        """Requests sent to Jira."""
        return self._site.transport.requests

    @property
    def writes(self) -> int:
        """Requests among them that change something."""
        return self._site.transport.writes

    def described(self) -> list[str]:
        """What a dry run would have written, in order."""
        return list(self._site.would) if isinstance(self._site, DryRunSite) else []

    def overlay(self) -> dict[str, Any]:
        """The unwritten state of a dry run as JSON, for `connect` in the next process."""
        return self._site.overlay if isinstance(self._site, DryRunSite) else {}

    # -- reading -------------------------------------------------------------------------------------------

    def me(self) -> Account:
        """The account of the token; the probe. Raises CredentialProblem or Outage saying what is wrong."""
        return self._directory.me()

    def fetch(
        self, assignee: str = "", priority: str = "", status: str = "", max_results: int = 10
    ) -> list[Incident]:
        """Incidents that are assigned to us (or ``assignee``) and that nobody has started, oldest first.

        ``priority`` and ``status`` take comma lists. Each is read again before it is answered.
        """
        return self._queue.new(assignee, priority, status, max_results)

    def search(self, states: Sequence[State] = (), max_results: int = 50) -> list[Incident]:
        """Incidents of ours by our label: those in ``states``, or all in flight and all asked to retry."""
        return self._queue.flying(states, max_results)

    def load(self, key: str) -> Incident:
        """The incident as of now. Raises NotFound, UsageProblem; a record that cannot be read is a ``record_problem``."""
        return self._ledger.read(checked(key)).incident

    def show(self, key: str) -> Incident:
        """`load` with the affected services and the address for people, which cost two more requests."""
        self._site.learn_fields()
        return self.load(key)

    def overdue(self, incident: Incident) -> bool:
        """Whether the incident stays in its state for longer than its priority allows."""
        record = incident.record
        if record is None or record.state in ENDED:
            return False
        hours = self._settings.limits.deadline_hours
        allowed = hours.get(incident.priority, hours.get("*", 24.0))
        return self._site.transport.server_now() - record.entered > timedelta(hours=allowed)

    # -- people --------------------------------------------------------------------------------------------

    def heed(self, key: str) -> Incident:
        """`load`, then carry out what people asked for and mend what a run of ours left half-done.

        A stop, a reassignment, a status or a resolution by anyone but us releases the incident; the label
        selfheal-retry starts an ended one again. Raises RecordInvalid, after telling people once, when the record
        cannot be read and nobody asked for a retry.
        """
        view = self._ledger.read(checked(key))
        if view.document is None:
            return view.incident
        if view.incident.record is None:
            return self._heed_invalid(view)
        return self._heed(view).incident

    def _heed(self, view: View) -> View:
        record = view.record
        if not people.seems_touched(view.incident, record):
            return view
        act = people.act_of(self._site, self.me(), view.incident, record)
        if act is None:
            return self._mend(view, record)
        key = view.incident.key
        if act.command == "retry":
            return self._override(view, State.INCIDENT_DETECTED, act, drop=(labels.RETRY,))
        LOGGER.info("%s released: %s %s", key, act.who, act.action)
        return self._override(view, State.INCIDENT_RELEASED, act)

    def _heed_invalid(self, view: View) -> Incident:
        incident = view.incident
        if labels.RETRY in incident.labels and labels.STOP not in incident.labels:
            # Where the old number can still be read, the next attempt's branch will not meet the last one's.
            old = view.document.get("attempt") if isinstance(view.document, dict) else None
            attempt = old + 1 if isinstance(old, int) and 0 < old < 20 else 2
            record = self._first(view).model_copy(
                update={"attempt": attempt, "epoch": _epoch(view.document) + 1}
            )
            self._ledger.replace(view, record)
            self._ledger.project(view, record, drop=(labels.RETRY,))
            return self._ledger.read(incident.key).incident
        if labels.INVALID not in incident.labels:
            self._comment(
                incident.key,
                "record-invalid",
                [
                    f"selfheal cannot read its record on this incident and leaves it alone. {incident.record_problem}",
                    "Add the label selfheal-retry to let it start afresh, or set a state with "
                    "`selfheal state set KEY STATE --force --reason TEXT`.",
                ],
            )
            self._site.edit(incident.key, labels={"add": [labels.INVALID]})
        raise RecordInvalid(
            f"The record of {incident.key} cannot be read: {incident.record_problem}",
            hint="Add the label selfheal-retry to the issue to start afresh.",
        )

    def _mend(self, view: View, record: Record) -> View:
        """Finishes a status move of ours that did not come about."""
        if not people.unfinished(view.incident, record):
            return view
        move = workflow.plan(self._site, view.incident, record.state, self._settings.jira)
        if move is None or not workflow.take(self._site, view.incident.key, move):
            return view
        return self._ledger.read(view.incident.key)

    def _override(self, view: View, to: State, act: people.Act, *, drop: Sequence[str] = ()) -> View:
        """A person's command, whoever holds the claim: the claim is dropped and its epoch outdated."""
        key = view.incident.key
        for _try in range(_OVERRIDES):
            record = view.record
            if record.state is to:
                return view
            proof = PersonActed(
                incident=key, attempt=record.attempt, who=act.who, action="retry" if act.command == "retry" else act.action,
                at=act.at,
            )  # fmt: skip
            after = self._advanced(key, record, to, proof, stage="", note=f"{act.who}: {act.action}")
            after = after.model_copy(
                update={"claim": None, "epoch": record.epoch + 1, "mirror": self._mirror(view)}
            )
            try:
                self._ledger.replace(view, after)
                seen = self._ledger.read(key)
                if (
                    seen.incident.record is not None
                    and seen.record.epoch == after.epoch
                    and seen.record.state is to
                ):
                    self._ledger.project(seen, seen.record, drop=drop)
                    self._emit(key, record, after)
                    return self._ledger.read(key) if drop else seen
            except SelfhealError as error:
                if error.code not in ("jira-refused", "credentials"):
                    raise
                # A closed issue may not be editable any more. What the person did counts all the same.
                LOGGER.warning("%s cannot be written any more: %s", key, error.message)
                return _seen_as(view, after)
            view = seen
        raise Conflict(f"{key} is written by others all the time.", hint="The next run looks again.")

    def adopt(self, key: str) -> Incident:
        """Makes the incident ours: the first record and our label. One that is ours already is left as it is.

        Raises Refused when it is not an incident of the configured project and type.
        """
        self._site.learn_fields()
        view = self._ledger.read(checked(key))
        self._queue.refuse_foreign(view.incident)
        if view.document is None:
            record = self._first(view)
            self._ledger.replace(view, record)
            self._claims.settle()
            view = self._ledger.read(key)
        self._ledger.project(view, view.record)
        return self._ledger.read(key).incident

    # -- claims and steps ----------------------------------------------------------------------------------

    def claim(self, key: str, stage: Stage) -> Lease:
        """The right to write, for a while; a context manager. Raises Conflict when another holds it."""
        lease = self._claims.take(checked(key), stage)
        self._leases[key] = lease
        return lease

    def transition(
        self,
        key: str,
        to: State,
        metadata: Mapping[str, Any] | None = None,
        *,
        lease: Lease | None = None,
    ) -> Incident:
        """One step. Raises TransitionRefused or ProofRefused when the proof is not to be had, Conflict when the claim
        is lost or a person acted, Refused for unknown metadata.

        Without ``lease`` a claim is taken for this step alone (handing over after an error).
        """
        said = checked_metadata(metadata)
        held = self._lease_for(key, lease)
        if held is None:
            view = self._ledger.read(checked(key))
            with self.claim(key, view.record.served_by or Stage.COORDINATE) as own:
                return self._step(key, State(to), said, own)
        return self._step(key, State(to), said, held)

    def _step(self, key: str, to: State, said: Metadata, lease: Lease) -> Incident:
        view = self._obeyed(key, lease)
        record = view.record
        wanted = rules.proof_for(record.state, to)
        proof = self._proof(key, record, to, wanted, said, lease)
        note = said.note or (said.reason if HandoverReason in wanted else "")
        after = self._advanced(key, record, to, proof, stage=lease.stage.value, note=note)
        if to in ENDED:
            after = after.model_copy(update={"claim": None})
        if to in (State.INCIDENT_REQUIRES_HUMAN, State.INCIDENT_FAILED):
            reason = proof.reason if isinstance(proof, HandoverReason) else said.reason or _error_of(proof)
            self.tell(key, f"handover-{len(record.history)}", handover.blocks(after, reason), lease=lease)
            view = self._hand_over(view, after, lease)
        else:
            move = workflow.plan(self._site, view.incident, to, self._settings.jira)
            view = self._write(view, after, lease, move=move)
        if to in ENDED:
            lease.end(f"the incident went to {to}")
        self._emit(key, record, after)
        return view.incident

    def _hand_over(self, view: View, after: Record, lease: Lease) -> View:
        """To the escalation account where there is one and the issue can be assigned to it; else to nobody."""
        target = self._directory.escalation(view.incident.key)
        move = workflow.plan(self._site, view.incident, after.state, self._settings.jira)
        try:
            return self._write(view, after, lease, move=move, assignee=target.id if target else "")
        except SelfhealError as error:
            if error.code != "jira-refused" or target is None:
                raise
            LOGGER.warning("%s cannot be assigned to %s: %s", view.incident.key, target.name, error.message)
            return self._write(view, after, lease, move=move)

    def _proof(
        self,
        key: str,
        record: Record,
        to: State,
        wanted: tuple[type[Proof], ...],
        said: Metadata,
        lease: Lease,
    ) -> Proof:
        attempt = record.attempt
        if ClaimLive in wanted:
            return ClaimLive(
                incident=key, attempt=record.attempt, stage=lease.stage, nonce=lease.nonce, epoch=lease.epoch
            )
        if HandoverReason in wanted:
            return HandoverReason(
                incident=key,
                attempt=attempt,
                code=said.code or "handed-over",
                reason=said.reason or said.note,
            )
        if DefectSeen in wanted:
            defects = [failure for failure in record.failures if failure.kind == "defect"]
            if len(defects) < self._settings.limits.defects:
                raise TransitionRefused(
                    f"{key} has {len(defects)} recorded defects; {self._settings.limits.defects} make it failed.",
                    code="proof-missing",
                )
            return DefectSeen(
                incident=key, attempt=record.attempt, error=defects[-1].message, count=len(defects)
            )
        verifier = self.verifiers.get(to)
        if verifier is None:
            names = " or ".join(kind.__name__ for kind in wanted)
            raise TransitionRefused(
                f"{record.state} -> {to} needs the proof {names}, and nobody here can ask for it.",
                hint="The stage that may ask the source makes this step.",
                code="proof-missing",
            )
        return verifier.verify(key, record)

    def update(self, key: str, section: str, value: Any, *, lease: Lease | None = None) -> Incident:
        """Replaces a section of the record: target, source, analysis, change, verification or parent.

        Raises Refused for a section of another stage, OverBudget for one that stays too large.
        """
        held = self._need(key, lease)
        view = self._obeyed(key, held)
        record = sections.with_section(view.record, held.stage, section, value)
        return self._write(view, record, held).incident

    def put_patch(self, key: str, data: bytes, *, lease: Lease | None = None) -> PatchPointer:
        """Stores a patch in pieces; the pointer belongs into the change, written after them."""
        held = self._need(key, lease)
        pointer, pieces = patches.split(data)
        for number, piece in enumerate(pieces):
            self._site.set_property(key, patches.name(pointer.digest, number), piece, before_each=held.check)
        return pointer

    def get_patch(self, key: str, pointer: PatchPointer) -> bytes:
        """The stored patch, proven against the pointer's digest. Raises Refused when it is damaged."""
        return patches.join(checked(key), pointer, lambda name: self._site.property(key, name))

    def tell(self, key: str, name: str, blocks: Sequence[Block], *, lease: Lease | None = None) -> None:
        """One internal comment called ``name``: telling the same again in the same attempt does nothing.

        A block is a string (a paragraph) or what `selfheal.jsm.adf` makes. Nothing is told that customers would see.
        """
        held = self._lease_for(key, lease)
        if held is not None:
            held.check()
        record = self._ledger.peek(key).incident.record
        if record is not None and name in (*record.told, *self._told.get(key, ())):
            return
        self._comment(key, f"{record.attempt if record else 0}:{name}", blocks)
        self._told.setdefault(key, []).append(name)

    def _comment(self, key: str, name: str, blocks: Sequence[Block]) -> None:
        if self._commented(key, name):
            return
        try:
            self._site.comment(key, document(blocks), name)
        except LostAnswer:
            if not self._commented(key, name):
                raise

    def _commented(self, key: str, name: str) -> bool:
        return any(
            entry.get("key") == COMMENT_NAME
            and isinstance(entry.get("value"), dict)
            and entry["value"].get("name") == name
            for comment in self._site.comments(key)
            for entry in comment.get("properties") or ()
        )

    # -- when things go wrong ------------------------------------------------------------------------------

    def postpone(self, key: str, seconds: float, why: str) -> None:
        """Notes an outage: nobody starts before ``seconds`` have passed. State and attempt stay."""

        def change(record: Record, now: datetime) -> Record:
            failure = _failure(record.served_by or Stage.COORDINATE, now, "outage", "outage", why)
            return record.model_copy(
                update={
                    "not_before": now + timedelta(seconds=seconds),
                    "failures": (*record.failures, failure),
                }
            )

        self._amend(key, change)

    def note_failure(self, key: str, stage: Stage, error: SelfhealError | IncidentError) -> None:
        """Counts a defect of ours; after the configured number of them the incident is FAILED."""

        def change(record: Record, now: datetime) -> Record:
            failure = _failure(stage, now, "defect", error.code, error.message)
            return record.model_copy(update={"failures": (*record.failures, failure)})

        record = self._amend(key, change)
        if record is None or record.state in ENDED:
            return
        if sum(failure.kind == "defect" for failure in record.failures) >= self._settings.limits.defects:
            self.transition(key, State.INCIDENT_FAILED, {"note": error.message[:300]})

    def _amend(self, key: str, change: Any) -> Record | None:
        """Changes the record outside a step, under our own claim or one taken for it."""
        held = self._lease_for(key, None)
        if held is None:
            view = self._ledger.read(checked(key))
            if view.incident.record is None or view.record.state in ENDED:
                return view.incident.record
            with self.claim(key, view.record.served_by or Stage.COORDINATE) as own:
                return self._amended(key, change, own)
        return self._amended(key, change, held)

    def _amended(self, key: str, change: Any, lease: Lease) -> Record:
        view = self._obeyed(key, lease)
        return self._write(view, change(view.record, self._now()), lease).record

    def force(self, key: str, state: State, reason: str) -> Incident:
        """A person sets a state without any proof, saying why. Recorded; whoever holds the claim loses it."""
        if not reason.strip():
            raise Refused(
                "A forced state needs a reason.", hint="Say it with --reason.", code="reason-missing"
            )
        view = self._ledger.read(checked(key))
        self._queue.refuse_foreign(view.incident)
        record = view.incident.record or self._first(view)
        now = self._now()
        step = Step(
            at=now,
            from_state=record.state,
            to_state=state,
            run=self._run,
            note=f"forced by {self.me().name}: {reason}"[:300],
        )
        after = record.model_copy(
            update={
                "state": state, "entered": now, "not_before": None, "claim": None,
                "epoch": max(record.epoch, _epoch(view.document)) + 1,
                "history": (*record.history, step), "mirror": self._mirror(view),
            }
        )  # fmt: skip
        self._ledger.replace(view, after)
        seen = self._ledger.read(key)
        if seen.incident.record is None or seen.record.epoch != after.epoch:
            raise Conflict(f"{key} was written by another at the same time.", hint="Try again.")
        self._ledger.project(seen, after, drop=(labels.RETRY,))
        self._emit(key, record, after)
        return self._ledger.read(key).incident

    # -- inside --------------------------------------------------------------------------------------------

    def _obeyed(self, key: str, lease: Lease) -> View:
        """The record as of now, still ours and untouched by people. Raises Conflict when it is not."""
        lease.check()
        view = self._ledger.fresh(key)
        record = self._ledger.held(view, lease)
        if people.seems_touched(view.incident, record):
            after = self._heed(view)
            if after.record.claim is None:
                lease.end("a person acted on the incident")
                raise Conflict(
                    f"A person acted on {key}: {after.record.history[-1].note}",
                    hint="Nothing more is done here.",
                    code="person-acted",
                )
            return after
        return view

    def _write(
        self,
        view: View,
        record: Record,
        lease: Lease,
        *,
        move: workflow.Move | None = None,
        assignee: str | None = None,
    ) -> View:
        """The record, its labels and the assignee in one edit; then the status, for a closed issue may not be edited."""
        key = lease.key
        started = self._clock.monotonic()
        told = self._told.get(key, [])
        known: dict[str, str] = {}
        if move is not None:
            known["status"] = move.status
        if assignee is not None:
            known["assignee"] = assignee
        update: dict[str, Any] = {
            "told": (*record.told, *(name for name in told if name not in record.told)),
            "mirror": self._mirror(view, **known),
        }
        renew = record.claim is not None and lease.age > self._settings.jira.lease * _RENEW_AFTER
        if record.claim is not None and renew:
            update["claim"] = record.claim.model_copy(update={"expires": self._claims.expiry()})
        fields = None if assignee is None else {"assignee": {"accountId": assignee} if assignee else None}
        written = record.model_copy(update=update)
        after = self._ledger.claimed(view, written, lease, fields=fields, read_back=move is None)
        if move is not None:
            workflow.take(self._site, key, move)
            after = self._ledger.read(key)
            if not same(after.document, document_of(written)):
                if written.claim is not None:
                    self._ledger.held(after, lease)
                raise Conflict(f"The record of {key} was changed while it was written.", code="record-raced")
        if renew:
            lease.renewed(started)
        self._told.pop(key, None)
        return after

    def renew(self, lease: Lease) -> None:
        """Prolongs a claim during a long wait (a rollout); other writes do it by themselves."""
        if lease.age > self._settings.jira.lease * _RENEW_AFTER:
            view = self._obeyed(lease.key, lease)
            self._write(view, view.record, lease)

    def _first(self, view: View) -> Record:
        return Record(entered=self._now(), mirror=self._mirror(view))

    def _mirror(self, view: View, **known: str) -> dict[str, str]:
        record = view.incident.record
        site = record.mirror.get("site", "") if record is not None else self._directory.base_url()
        if view.incident.resolution:
            known.setdefault("resolution", view.incident.resolution)
        return people.mirror_of(view.incident, self._now(), site=site, **known)

    def _advanced(
        self, key: str, record: Record, to: State, proof: Proof, *, stage: str, note: str
    ) -> Record:
        return rules.advance(key, record, to, proof, at=self._now(), stage=stage, run=self._run, note=note)

    def _now(self) -> datetime:
        """Jira's time, to the millisecond."""
        now = self._site.transport.server_now()
        return now.replace(microsecond=now.microsecond // 1000 * 1000)

    def _lease_for(self, key: str, lease: Lease | None) -> Lease | None:
        lease = lease or self._leases.get(checked(key))
        if lease is None or (lease.over and lease is self._leases.get(key)):
            return None
        if lease.key != key:
            raise Refused(f"The claim is on {lease.key}, not on {key}.", code="foreign-claim")
        return lease

    def _need(self, key: str, lease: Lease | None) -> Lease:
        held = self._lease_for(key, lease)
        if held is None:
            raise Refused(f"{key} is not claimed.", hint="Take a claim first.", code="no-claim")
        held.check()
        return held

    def _emit(self, key: str, before: Record, after: Record) -> None:
        note = after.history[-1].note if after.history else ""
        progress.emit(
            "transition",
            **{
                "key": key,
                "from": before.state.value,
                "to": after.state.value,
                "note": note,
                "attempt": after.attempt,
            },
        )


def _failure(stage: Stage, at: datetime, kind: Any, code: str, message: str) -> Failure:
    return Failure(stage=stage, at=at, kind=kind, code=code[:60], message=message[:300])


def _error_of(proof: Proof) -> str:
    return f"The crew failed here: {proof.error}" if isinstance(proof, DefectSeen) else ""


def _epoch(stored: Any) -> int:
    """The epoch of a document that may be anything."""
    epoch = stored.get("epoch") if isinstance(stored, dict) else None
    return epoch if isinstance(epoch, int) and 0 <= epoch < 1_000_000 else 0


def _seen_as(view: View, record: Record) -> View:
    """The view with a record that could not be stored."""
    from dataclasses import replace

    return replace(view, incident=replace(view.incident, record=record))
