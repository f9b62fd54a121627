"""One step of an incident under a claim: people first, then the proof, then the write."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace

from selfheal.errors import Conflict, SelfhealError
from selfheal.incidents import rules
from selfheal.incidents.errors import IncidentError, TransitionRefused
from selfheal.incidents.proofs import ClaimLive, DefectSeen, HandoverReason, PersonActed, Proof, Verifier
from selfheal.incidents.record import Record
from selfheal.incidents.states import ENDED, TRANSITIONS, Stage, State
from selfheal.jsm import handover, people, workflow
from selfheal.jsm.adf import Block
from selfheal.jsm.commands import Commands
from selfheal.jsm.incident import Incident, View
from selfheal.jsm.lease import Lease
from selfheal.jsm.ledger import same
from selfheal.jsm.metadata import Metadata
from selfheal.jsm.writer import Writer, announce

LOGGER = logging.getLogger(__name__)
#: Times a step is worked out anew because the record changed under it.
_LOOKS = 3
#: Name and blocks of a comment about a record, None for nothing to say.
Tells = Callable[[Record], tuple[str, Sequence[Block]] | None]
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
        return self._writer.with_waiting(self._heeded(view, lease))

    def known(self, key: str, lease: Lease) -> View:
        """As last read in this process, which is good enough to work out what is to be written, not to write it."""
        lease.check()
        view = self._writer.ledger.peek(key)
        self._writer.ledger.held(view, lease)
        return self._writer.with_waiting(view)

    def claimed(self, key: str, stage: Stage, enter: State | None) -> Lease:
        """A new claim, with ``enter`` entered in the same write. Raises Conflict when people acted until it was read back.

        The status follows once the claim is seen to hold; a run that dies before that is mended like any other.
        """
        writer = self._writer
        moves: list[tuple[workflow.Move | None, Record]] = []

        def begin(view: View, record: Record) -> Record:
            moves.clear()
            if enter is None or record.state is enter:
                return record
            if enter not in TRANSITIONS[record.state]:
                raise Conflict(
                    f"{key} is in {record.state} by now.", hint="Whoever serves that state goes on."
                )
            claim = record.claim
            assert claim is not None  # noqa: S101 - `take` has put it there
            proof = ClaimLive(
                incident=key, attempt=record.attempt, stage=stage, nonce=claim.nonce, epoch=claim.epoch
            )
            after = writer.advanced(key, record, enter, proof, stage=stage.value, note="")
            move = workflow.plan(writer.site, view.incident, enter, writer.settings.jira)
            if move is not None:
                # As it will be; what it was says that the move may still be to come.
                after = after.model_copy(
                    update={
                        "mirror": {
                            **record.mirror,
                            "status": move.status,
                            "was": view.incident.status,
                            "at": writer.now().isoformat(),
                        }
                    }
                )
            moves.append((move, record))
            return after

        lease = writer.claims.take(key, stage, begin)
        view = writer.ledger.peek(key)
        move, before = moves[0] if moves else (None, view.record)
        incident = view.incident
        if move is not None and incident.status == view.record.mirror.get("was"):
            incident = replace(incident, status=move.status)
        self._heeded(replace(view, incident=incident), lease)
        if moves:
            announce(key, before, view.record)
        if move is not None:
            workflow.take(writer.site, key, move)
            writer.ledger.forget(key)
        return lease

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

    def take(
        self,
        key: str,
        to: State,
        said: Metadata,
        lease: Lease,
        *,
        last: bool = False,
        tells: Tells | None = None,
    ) -> Incident:
        """The step to ``to``. Raises TransitionRefused, ProofRefused, Conflict.

        ``last`` lets the claim go in the same write. ``tells`` is what people read of the record after it; it is
        written when the step is certain and before the record says so.
        """
        view, after, proof = self._worked_out(key, to, said, lease)
        record = view.record
        if last or to in ENDED:
            after = after.model_copy(update={"claim": None})
        comment = tells(after) if tells is not None else None
        if comment is not None:
            self._writer.comments.tell(key, *comment, smooth=lease.smooth)
            view = self._unchanged(key, view, lease)
        if to in _HANDED_OVER:
            view = self._handed_over(view, record, after, _reason(proof, said), lease)
        else:
            move = workflow.plan(self._writer.site, view.incident, to, self._writer.settings.jira)
            view = self.write(view, after, lease, move=move)
        if after.claim is None:
            lease.end(f"it was let go with the step to {to}", done=True)
        announce(key, record, after)
        return view.incident

    def _worked_out(self, key: str, to: State, said: Metadata, lease: Lease) -> tuple[View, Record, Proof]:
        """The record after the step, worked out on what is there at the time of writing.

        A proof may take long to ask for, so the look that the write relies on comes after it.
        """
        view = self.known(key, lease)
        for _try in range(_LOOKS):
            refused: IncidentError | None = None
            try:
                after, proof = self._advanced(key, view.record, to, said, lease)
            except IncidentError as error:
                refused = error
            seen = self.obeyed(key, lease)
            if same(seen.document, view.document):
                if refused is not None:
                    raise refused
                return seen, after, proof
            view = seen
        raise Conflict(f"The record of {key} is changed all the time.", hint="The next run looks again.")

    def _unchanged(self, key: str, view: View, lease: Lease) -> View:
        """The issue as of now. Raises Conflict when its record is not what the step was worked out on."""
        if self._writer.ledger.is_fresh(view):
            return view
        seen = self.obeyed(key, lease)
        if not same(seen.document, view.document):
            raise Conflict(f"The record of {key} was changed meanwhile.", hint="The next run looks again.")
        return seen

    def _advanced(
        self, key: str, record: Record, to: State, said: Metadata, lease: Lease
    ) -> tuple[Record, Proof]:
        wanted = rules.proof_for(record.state, to)
        proof = self._proof(key, record, to, wanted, said, lease)
        note = said.note or (said.reason if HandoverReason in wanted else "")
        if isinstance(proof, PersonActed):
            note = f"{proof.who}: {proof.action}"
        return self._writer.advanced(key, record, to, proof, stage=lease.stage.value, note=note), proof

    def _handed_over(self, view: View, before: Record, after: Record, reason: str, lease: Lease) -> View:
        """To the escalation account where there is one and the issue can be assigned to it; else to nobody."""
        key = view.incident.key
        name = f"handover-{len(before.history)}"
        self._writer.comments.tell(key, name, handover.blocks(after, reason), smooth=lease.smooth)
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
            # The record carries this very claim; it is looked at once more before it is written.
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
