"""One step of an incident under a claim: people first, then the proof, then the write."""

from __future__ import annotations

import logging
from collections.abc import Mapping

from selfheal.errors import Conflict, SelfhealError
from selfheal.incidents import rules
from selfheal.incidents.errors import TransitionRefused
from selfheal.incidents.proofs import ClaimLive, DefectSeen, HandoverReason, Proof, Verifier
from selfheal.incidents.record import Record
from selfheal.incidents.states import ENDED, State
from selfheal.jsm import handover, people, workflow
from selfheal.jsm.commands import Commands
from selfheal.jsm.incident import Incident, View
from selfheal.jsm.lease import Lease
from selfheal.jsm.metadata import Metadata
from selfheal.jsm.writer import Writer, announce

LOGGER = logging.getLogger(__name__)
_HANDED_OVER = (State.INCIDENT_REQUIRES_HUMAN, State.INCIDENT_FAILED)


class Steps:
    """``verifiers`` is whom to ask for the proof of a state; the caller may go on filling it."""

    def __init__(self, writer: Writer, commands: Commands, verifiers: Mapping[State, Verifier]) -> None:
        self._writer = writer
        self._commands = commands
        self._verifiers = verifiers

    def obeyed(self, key: str, lease: Lease) -> View:
        """The record as of now, still ours and untouched by people. Raises Conflict when it is not."""
        lease.check()
        view = self._writer.ledger.fresh(key)
        self._writer.ledger.held(view, lease)
        return self._heeded(view, lease)

    def write(self, view: View, record: Record, lease: Lease, *, move: workflow.Move | None = None) -> View:
        """Writes, and looks at what people did meanwhile. Raises Conflict when they acted."""
        return self._heeded(self._writer.write(view, record, lease, move=move), lease)

    def _heeded(self, view: View, lease: Lease) -> View:
        record = view.record
        if record.claim is None or not people.seems_touched(view.incident, record):
            return view
        after = self._commands.heed(view)
        claim = after.record.claim
        if claim is None or claim.nonce != lease.nonce:
            lease.end("a person acted on the incident")
            raise Conflict(
                f"A person acted on {lease.key}: {after.record.history[-1].note if after.record.history else ''}",
                hint="Nothing more is done here.",
                code="person-acted",
            )
        return after

    def take(self, key: str, to: State, said: Metadata, lease: Lease) -> Incident:
        """The step to ``to``. Raises TransitionRefused, ProofRefused, Conflict."""
        view = self.obeyed(key, lease)
        record = view.record
        wanted = rules.proof_for(record.state, to)
        proof = self._proof(key, record, to, wanted, said, lease)
        note = said.note or (said.reason if HandoverReason in wanted else "")
        after = self._writer.advanced(key, record, to, proof, stage=lease.stage.value, note=note)
        if to in ENDED:
            after = after.model_copy(update={"claim": None})
        if to in _HANDED_OVER:
            view = self._handed_over(view, record, after, _reason(proof, said), lease)
        else:
            move = workflow.plan(self._writer.site, view.incident, to, self._writer.settings.jira)
            view = self.write(view, after, lease, move=move)
        if to in ENDED:
            lease.end(f"the incident went to {to}")
        announce(key, record, after)
        return view.incident

    def _handed_over(self, view: View, before: Record, after: Record, reason: str, lease: Lease) -> View:
        """To the escalation account where there is one and the issue can be assigned to it; else to nobody."""
        key = view.incident.key
        self._writer.comments.tell(key, f"handover-{len(before.history)}", handover.blocks(after, reason))
        target = self._writer.directory.escalation(key)
        move = workflow.plan(self._writer.site, view.incident, after.state, self._writer.settings.jira)
        try:
            return self._writer.write(view, after, lease, move=move, assignee=target.id if target else "")
        except SelfhealError as error:
            if error.code != "jira-refused":
                raise
            # Where the issue cannot be assigned so (a required field, a permission), handing over counts more.
            LOGGER.warning("%s cannot be reassigned: %s", key, error.message)
            return self._writer.write(view, after, lease, move=move)

    def _proof(
        self,
        key: str,
        record: Record,
        to: State,
        wanted: tuple[type[Proof], ...],
        said: Metadata,
        lease: Lease,
    ) -> Proof:
        """Made from what Jira says, or by the verifier of the state; never from what the caller says."""
        attempt = record.attempt
        if ClaimLive in wanted:
            # `obeyed` has read the record just now and found this very claim in it.
            return ClaimLive(
                incident=key, attempt=attempt, stage=lease.stage, nonce=lease.nonce, epoch=lease.epoch
            )
        if HandoverReason in wanted:
            reason = said.reason or said.note
            return HandoverReason(
                incident=key, attempt=attempt, code=said.code or "handed-over", reason=reason
            )
        if DefectSeen in wanted:
            defects = [failure for failure in record.failures if failure.kind == "defect"]
            needed = self._writer.settings.limits.defects
            if len(defects) < needed:
                raise TransitionRefused(
                    f"{key} has {len(defects)} recorded defects; {needed} make it failed.",
                    code="proof-missing",
                )
            return DefectSeen(incident=key, attempt=attempt, error=defects[-1].message, count=len(defects))
        verifier = self._verifiers.get(to)
        if verifier is None:
            names = " or ".join(kind.__name__ for kind in wanted)
            raise TransitionRefused(
                f"{record.state} -> {to} needs the proof {names}, and nobody here can ask for it.",
                hint="The stage that may ask the source makes this step.",
                code="proof-missing",
            )
        return verifier.verify(key, record)


def _reason(proof: Proof, said: Metadata) -> str:
    match proof:
        case HandoverReason(reason=reason):
            return reason
        case DefectSeen(error=error, count=count):
            return f"selfheal failed here {count} times, the last time so: {error}"
        case _:
            return said.reason
