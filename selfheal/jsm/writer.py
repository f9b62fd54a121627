"""Writes a record under a claim together with what mirrors it: labels, assignee, status, comments told, the lease."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime
from typing import Any, Final

from selfheal import progress
from selfheal.clock import Clock
from selfheal.config import Settings
from selfheal.errors import Conflict
from selfheal.incidents import rules
from selfheal.incidents.proofs import Proof
from selfheal.incidents.record import Record
from selfheal.incidents.states import State
from selfheal.jsm import people, workflow
from selfheal.jsm.claims import Claims
from selfheal.jsm.comments import Comments
from selfheal.jsm.directory import Directory
from selfheal.jsm.incident import View
from selfheal.jsm.lease import Lease
from selfheal.jsm.ledger import Ledger, document_of, same
from selfheal.jsm.site import JiraSite

#: Part of the lease after which a write of the record also renews it.
_RENEW_AFTER: Final = 0.25


class Writer:
    """Shared by steps, commands and the manager; decides nothing. ``run`` names the run in the history."""

    def __init__(
        self, site: JiraSite, directory: Directory, settings: Settings, clock: Clock, run: str
    ) -> None:
        self.site = site
        self.directory = directory
        self.settings = settings
        self.run = run
        self.ledger = Ledger(site, clock, settings.jira.settle)
        self.comments = Comments(site, self.ledger)
        self.claims = Claims(site, self.ledger, settings, clock, run or "selfheal", self._closing, self.first)
        self._clock = clock
        #: Sections that go along with the next write, by incident.
        self._waiting: dict[str, dict[str, Any]] = {}

    def now(self) -> datetime:
        """Jira's time, to the millisecond."""
        now = self.site.transport.server_now()
        return now.replace(microsecond=now.microsecond // 1000 * 1000)

    def first(self, view: View) -> Record:
        """The record of an incident that has none."""
        return Record(entered=self.now(), mirror=self.mirror(view))

    def mirror(self, view: View, **known: str) -> dict[str, str]:
        """How the issue stands after this write; ``known`` is what the write itself changes."""
        record = view.incident.record
        site = record.mirror.get("site", "") if record is not None else self.directory.base_url()
        if view.incident.resolution:
            known.setdefault("resolution", view.incident.resolution)
        return people.mirror_of(view.incident, self.now(), site=site, **known)

    def advanced(self, key: str, record: Record, to: State, proof: Proof, *, stage: str, note: str) -> Record:
        """The record after a step. Raises TransitionRefused."""
        return rules.advance(key, record, to, proof, at=self.now(), stage=stage, run=self.run, note=note)

    def write(
        self,
        view: View,
        record: Record,
        lease: Lease,
        *,
        move: workflow.Move | None = None,
        assignee: str | None = None,
    ) -> View:
        """One edit with the record, its labels and the assignee ("" for nobody); then the status.

        The status comes last, since a closed issue may not be edited any more. Raises Conflict when the claim is lost.
        """
        key = lease.key
        started = self._clock.monotonic()
        known: dict[str, str] = {}
        if move is not None:
            known["status"] = move.status
        if assignee is not None:
            known["assignee"] = assignee
        update: dict[str, Any] = {
            "told": self.comments.noted(key, record),
            "mirror": self.mirror(view, **known),
        }
        renews = record.claim is not None and self.renewal_due(lease)
        if record.claim is not None and renews:
            update["claim"] = record.claim.model_copy(update={"expires": self.claims.expiry()})
        fields = None if assignee is None else {"assignee": {"accountId": assignee} if assignee else None}
        written = record.model_copy(update=update)
        after = self.ledger.claimed(view, written, lease, fields=fields, read_back=move is None)
        if move is not None:
            answered = workflow.take(self.site, key, move)
            after = self._seen(key, written, lease)
            if not answered and after.incident.status == view.incident.status:
                workflow.take(self.site, key, move)
                after = self._seen(key, written, lease)
        if renews:
            lease.renewed(started)
        self.comments.stored(key)
        self.drop(key)
        return after

    # -- what waits for the next write -----------------------------------------------------------------------

    def defer(self, key: str, sections: Mapping[str, Any]) -> None:
        """Keeps sections for the next write under the claim, at the latest the one that lets it go."""
        self._waiting.setdefault(key, {}).update(sections)

    def waits(self, key: str) -> bool:
        """Whether something is kept for the next write."""
        return key in self._waiting

    def with_waiting(self, view: View) -> View:
        """The view as it will be after the next write; its document stays what is stored."""
        waiting = self._waiting.get(view.incident.key)
        record = view.incident.record
        if not waiting or record is None or record.claim is None:
            return view
        return replace(view, incident=replace(view.incident, record=record.model_copy(update=waiting)))

    def drop(self, key: str) -> None:
        """A claim ended; what was kept under it is void."""
        self._waiting.pop(key, None)

    def _closing(self, key: str, record: Record) -> Record:
        """The last record of a claim takes along what waits and what was told since the one before."""
        told = self.comments.noted(key, record)
        self.comments.stored(key)
        return record.model_copy(update={"told": told, **self._waiting.pop(key, {})})

    def renewal_due(self, lease: Lease) -> bool:
        """Whether the lease has aged enough for a write to renew it."""
        return lease.age > self.settings.jira.lease * _RENEW_AFTER

    def _seen(self, key: str, written: Record, lease: Lease) -> View:
        after = self.ledger.read(key)
        if not same(after.document, document_of(written)):
            if written.claim is not None:
                self.ledger.held(after, lease)
            raise Conflict(f"The record of {key} was changed while it was written.", code="record-raced")
        return after


def announce(key: str, before: Record, after: Record) -> None:
    """Tells whoever listens that an incident moved on."""
    note = after.history[-1].note if after.history else ""
    facts = {"key": key, "from": before.state.value, "to": after.state.value, "note": note}
    progress.emit("transition", **facts, attempt=after.attempt)
