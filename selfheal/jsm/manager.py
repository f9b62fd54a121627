"""`JSMStateManager`: the one door to an incident's state in Jira Service Management. Usable alone.

Every step asks for its proof, made here by asking Jira or by an injected verifier asking its source; what a caller
passes along is a note and never a proof. People's changes come first: see `heed`.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any, Final

from selfheal.clock import Clock
from selfheal.config import Settings
from selfheal.errors import NotFound, Refused, SelfhealError
from selfheal.incidents.errors import IncidentError
from selfheal.incidents.proofs import Verifier
from selfheal.incidents.record import PatchPointer, Record
from selfheal.incidents.states import ENDED, Stage, State
from selfheal.jsm import failures, patches, sections
from selfheal.jsm.adf import Block
from selfheal.jsm.commands import Commands
from selfheal.jsm.directory import Directory
from selfheal.jsm.dry import DryRunSite
from selfheal.jsm.incident import Account, Incident
from selfheal.jsm.keys import checked
from selfheal.jsm.lease import Lease
from selfheal.jsm.ledger import document_of
from selfheal.jsm.metadata import checked as checked_metadata
from selfheal.jsm.queue import Queue
from selfheal.jsm.site import JiraSite
from selfheal.jsm.steps import Steps, Tells
from selfheal.jsm.transport import Transport
from selfheal.jsm.writer import Writer

__all__ = ["Account", "Incident", "JSMStateManager", "Lease"]

#: How often a first record is written when Jira's answer is lost.
_ADOPTIONS: Final = 3
#: A change of the record outside a step: what is there and the time become what is to be there.
_Change = Callable[[Record, datetime], Record]


class JSMStateManager:
    """See the module. One per process and thread of work; ``verifiers`` may be filled later."""

    def __init__(
        self, site: JiraSite, settings: Settings, clock: Clock, run_id: str, verifiers: dict[State, Verifier]
    ) -> None:
        self.verifiers = verifiers
        self._site = site
        self._settings = settings
        self._directory = Directory(site, settings)
        self._writer = Writer(site, self._directory, settings, clock, run_id)
        self._ledger = self._writer.ledger
        self._commands = Commands(self._writer)
        self._steps = Steps(self._writer, self._commands, verifiers)
        self._queue = Queue(site, self._directory, self._ledger, settings, self._writer.claims.is_held)
        #: Claims held by this manager, by incident.
        self._leases: dict[str, Lease] = {}

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

        Raises ConfigurationProblem. ``overlay`` continues where another process ended: the unwritten state of a dry
        run (`overlay`), or the last look at an incident (`handed`).
        """
        transport = Transport(settings, clock)
        field = settings.jira.services_field
        site = DryRunSite(transport, overlay, field) if settings.dry_run else JiraSite(transport, field)
        manager = cls(site, settings, clock, run_id, {} if verifiers is None else verifiers)
        if not settings.dry_run:
            for key, issue in (overlay or {}).items():
                manager._ledger.hand(checked(key), issue)
        return manager

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

    def handed(self, key: str) -> dict[str, Any]:
        """The last look at an incident as JSON, for `connect` in the process that goes on with it; {} where it may not."""
        issue = self._ledger.last_look(checked(key))
        return {} if issue is None else {key: issue}

    # -- reading -------------------------------------------------------------------------------------------

    def services_field(self) -> str:
        """The id of the field of affected services, "" where there is none. Raises ConfigurationProblem, see `field_of`."""
        self._site.learn_fields()
        return self._site.services_field or ""

    def me(self) -> Account:
        """The account of the token; the probe. Raises CredentialProblem or Outage saying what is wrong."""
        return self._directory.me()

    def fetch(
        self,
        assignee: str = "",
        priority: str = "",
        status: str = "",
        max_results: int = 10,
        *,
        brief: bool = False,
    ) -> list[Incident]:
        """Incidents that are assigned to us (or ``assignee``) and that nobody has started, oldest first.

        ``priority`` and ``status`` take comma lists. Each is read again before it is answered. ``brief`` leaves the
        affected services out, which saves a request.
        """
        return self._queue.new(assignee, priority, status, max_results, brief=brief)

    def search(self, states: Sequence[State] = (), max_results: int = 50) -> list[Incident]:
        """Incidents of ours by our label: those in ``states``, or all in flight and all asked to retry."""
        ours = [key for key, lease in self._leases.items() if not lease.over]
        found = self._queue.flying(states, max_results, ours)
        # A resolved one is here only because its issue was not closed; nobody serves it, so it is closed on the spot.
        for incident in found:
            if (
                not states
                and incident.record is not None
                and incident.record.state is State.INCIDENT_RESOLVED
            ):
                with contextlib.suppress(NotFound):
                    self.heed(incident.key)
        return [
            incident
            for incident in found
            if states or incident.record is None or incident.record.state is not State.INCIDENT_RESOLVED
        ]

    def recent(self, days: int, max_results: int) -> list[Incident]:
        """Incidents of ours that changed in the last days, as the index knows them: to be counted, not to be acted on."""
        return self._queue.recent(days, max_results)

    def load(self, key: str) -> Incident:
        """The incident as of now. Raises NotFound, UsageProblem; a record that cannot be read is a ``record_problem``."""
        view = self._ledger.read(checked(key))
        self._ledger.forget(key)
        # What is kept for the next write counts for whoever keeps it.
        return (self._writer.with_waiting(view) if self._lease_for(key, None) else view).incident

    def seen(self, key: str) -> Incident:
        """The incident as this process read it last; sends nothing when it did."""
        view = self._ledger.peek(checked(key))
        return (self._writer.with_waiting(view) if self._lease_for(key, None) else view).incident

    def show(self, key: str) -> Incident:
        """`load` with the affected services and the address for people, which cost two more requests."""
        self._site.learn_fields()
        return self.load(key)

    def stands_for(self, record: Record) -> timedelta:
        """How long the incident has been in its state, by Jira's clock."""
        return self._site.transport.server_now() - record.entered

    def overdue(self, incident: Incident) -> bool:
        """Whether the incident stays in its state for longer than its priority allows."""
        record = incident.record
        if record is None or record.state in ENDED:
            return False
        hours = self._settings.limits.deadline_hours
        allowed = hours.get(incident.priority, hours.get("*", 24.0))
        return self.stands_for(record) > timedelta(hours=allowed)

    # -- people --------------------------------------------------------------------------------------------

    def heed(self, key: str) -> Incident:
        """`load`, then carry out what people asked for and mend what a run of ours left half-done.

        A stop, a reassignment, a status or a resolution by anyone but us releases the incident; the label
        selfheal-retry starts an ended one again. Raises RecordInvalid, after telling people once, when the record
        cannot be read and nobody asked for a retry.
        """
        view = self._ledger.handed(checked(key)) or self._ledger.read(key)
        if view.document is None:
            return view.incident
        if view.incident.record is None:
            return self._commands.heed_invalid(view)
        return self._commands.heed(view).incident

    def adopt(self, key: str) -> Incident:
        """Makes the incident ours: the first record and our label. One that is ours already is left as it is.

        Raises Refused when it is not an incident of the configured project and type.
        """
        self._site.learn_fields()
        view = self._ledger.read(checked(key))
        self._queue.refuse_foreign(view.incident)
        for _try in range(_ADOPTIONS):
            if view.document is not None:
                break
            # After a lost answer the look decides; a second first record says the same as the first.
            self._ledger.replace(view, self._writer.first(view))
            self._writer.claims.settle()
            view = self._ledger.read(key)
        self._ledger.project(view, view.record)
        return self._ledger.read(key).incident

    def begin(self, key: str) -> Incident:
        """The incident as `adopt` would make it, without a write: a claim that is taken next writes the first record.

        Raises Refused as `adopt` does. For an incident that `heed` has just found without a record.
        """
        self._site.learn_fields()
        view = self._ledger.peek(checked(key))
        self._queue.refuse_foreign(view.incident)
        if view.document is not None:
            return view.incident
        return replace(view.incident, record=self._writer.first(view))

    # -- claims and steps ----------------------------------------------------------------------------------

    def claim(self, key: str, stage: Stage, *, enter: State | None = None) -> Lease:
        """The right to write, for a while; a context manager. Raises Conflict when another holds it or a person acted.

        ``enter`` is the work state of the stage, entered in the same write: its proof is the claim itself.
        """
        self._writer.drop(checked(key))
        lease = self._steps.claimed(key, stage, enter)
        self._leases[key] = lease
        return lease

    def release(self, lease: Lease) -> Incident | None:
        """Lets the claim go and writes what waits for that (``update(..., later=True)``), with the errors of a write.

        None when nothing waited: then the claim is freed as good as may be, and runs out where that fails.
        """
        if lease.over or not self._writer.waits(lease.key):
            lease.release()
            return None
        view = self._steps.obeyed(lease.key, lease)
        free = view.record.model_copy(update={"claim": None})
        view = self._steps.write(view, free, lease)
        lease.end("it was let go", done=True)
        return view.incident

    def transition(
        self,
        key: str,
        to: State,
        metadata: Mapping[str, Any] | None = None,
        *,
        lease: Lease | None = None,
        last: bool = False,
        tells: Tells | None = None,
    ) -> Incident:
        """One step. Raises TransitionRefused or ProofRefused when the proof is not to be had, Conflict when the claim
        is lost or a person acted, Refused for unknown metadata.

        ``last`` lets the claim go in the same write. ``tells`` gives name and blocks of an internal comment about the
        record after the step. Without ``lease`` a claim is taken for this step alone (handing over after an error).
        """
        said = checked_metadata(metadata)
        held = self._lease_for(key, lease)
        if held is None:
            view = self._ledger.read(checked(key))
            with self.claim(key, view.record.served_by or Stage.COORDINATE) as own:
                return self._steps.take(key, State(to), said, own, last=True, tells=tells)
        return self._steps.take(key, State(to), said, held, last=last, tells=tells)

    def update(
        self, key: str, section: str, value: Any, *, lease: Lease | None = None, later: bool = False
    ) -> Incident:
        """Replaces a section of the record: target, source, analysis, change, verification, parent or spent.

        ``later`` keeps it for the next write under the claim, at the latest the one that lets it go; a process that
        dies before has not done its work. Raises Refused for a section of another stage, OverBudget for one that stays
        too large.
        """
        held = self._need(key, lease)
        if later:
            view = self._steps.known(key, held)
            record = sections.with_section(view.record, held.stage, section, value)
            document_of(record)
            self._writer.defer(key, {section: getattr(record, section)})
            return self.seen(key)
        view = self._steps.obeyed(key, held)
        record = sections.with_section(view.record, held.stage, section, value)
        return self._steps.write(view, record, held).incident

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
        self._writer.comments.tell(key, name, blocks, smooth=held is not None and held.smooth)

    def link(self, key: str, other: str, *, lease: Lease | None = None) -> None:
        """Links two incidents for people to see. Raises what Jira refuses; the record decides who follows whom."""
        self._need(key, lease)
        self._site.link(key, other)

    # -- when things go wrong ------------------------------------------------------------------------------

    def postpone(self, key: str, seconds: float, why: str) -> None:
        """Notes an outage: nobody starts before ``seconds`` have passed. State and attempt stay."""
        self._amend(key, lambda record, now: failures.postponed(record, now, seconds, why))

    def note_failure(self, key: str, stage: Stage, error: SelfhealError | IncidentError) -> None:
        """Counts a defect of ours; after the configured number of them the incident is FAILED."""
        record = self._amend(key, lambda record, now: failures.defective(record, now, stage, error))
        if record is not None and failures.given_up(record, self._settings.limits):
            self.transition(key, State.INCIDENT_FAILED, {"note": error.message[:300]})

    def _amend(self, key: str, change: _Change) -> Record | None:
        """Changes the record outside a step, under our own claim or one taken for it."""
        held = self._lease_for(key, None)
        if held is None:
            view = self._ledger.read(checked(key))
            if view.incident.record is None or view.record.state in ENDED:
                return view.incident.record
            with self.claim(key, view.record.served_by or Stage.COORDINATE) as own:
                return self._amended(key, change, own)
        return self._amended(key, change, held)

    def _amended(self, key: str, change: _Change, lease: Lease) -> Record:
        view = self._steps.obeyed(key, lease)
        return self._steps.write(view, change(view.record, self._writer.now()), lease).record

    def force(self, key: str, state: State, reason: str) -> Incident:
        """A person sets a state without any proof, saying why. Recorded; whoever holds the claim loses it."""
        view = self._ledger.read(checked(key))
        self._queue.refuse_foreign(view.incident)
        return self._commands.force(view, state, reason)

    def renew(self, lease: Lease) -> None:
        """Prolongs a claim during a long wait (a rollout); other writes do it by themselves. Cheap to call often."""
        lease.check()
        if self._writer.renewal_due(lease):
            view = self._steps.obeyed(lease.key, lease)
            self._steps.write(view, view.record, lease)

    # -- inside --------------------------------------------------------------------------------------------

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
