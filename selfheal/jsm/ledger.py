"""The record on the issue: read, and written so that no other writer is overwritten unseen.

Two ways to write, by who may:

``claimed``   under a lease: the record is looked at just before, written together with its labels (and the assignee) in
              one edit, and read back.
``replace``   where nobody holds a lease (a claim, a person's command): conditional on what was read, where the site has
              conditional sets; otherwise the last writer wins and `claims` waits and reads back.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any, Final

from selfheal.clock import Clock
from selfheal.errors import Conflict, NotFound, Outage, SelfhealError
from selfheal.incidents import record as records
from selfheal.incidents.record import Record
from selfheal.jsm import labels
from selfheal.jsm.incident import View, parse
from selfheal.jsm.keys import checked
from selfheal.jsm.lease import Lease
from selfheal.jsm.site import RECORD, ConditionalSetUnsupported, JiraSite
from selfheal.jsm.transport import LostAnswer
from selfheal.redaction import redactor

#: Seconds, at most, for which the look after one write serves as the look before the next.
_FRESH: Final = 2.0
#: When a look of another process was: too long ago to decide on.
_LONG_AGO: Final = float("-inf")
_TASK_POLLS: Final = 40
_TASK_PAUSE: Final = 0.25


class IssueMoved(NotFound):
    """A person moved the issue to another project, so that it has another key. Nobody goes on with it under the old one."""

    code = "issue-moved"


def document_of(record: Record) -> dict[str, Any]:
    """What is stored: the record without any secret. Raises OverBudget."""
    document = redactor().data(records.dump(record))
    assert isinstance(document, dict)  # noqa: S101 - data keeps the shape
    return document


def same(one: Any, other: Any) -> bool:
    """Whether two stored documents are equal as JSON."""
    return records.compact(one) == records.compact(other)


class Ledger:
    """Reads and writes records through a site."""

    def __init__(self, site: JiraSite, clock: Clock, settle: float) -> None:
        """``settle`` is how long others wait after a write before they trust it; a look is never used for longer."""
        self._site = site
        self._clock = clock
        #: None until the site was seen to have conditional sets or not.
        self.conditional: bool | None = None
        #: Whether an edit carries properties on this site; None until it was seen.
        self._edit_carries: bool | None = None
        self._fresh = min(_FRESH, settle / 2)
        self._looked: dict[str, View] = {}
        self._peeked: dict[str, View] = {}
        #: Issues as answered last, and looks of the process before this one.
        self._answers: dict[str, dict[str, Any]] = {}
        self._handed: dict[str, View] = {}
        self.written_ids: list[int] = []

    # -- reading -------------------------------------------------------------------------------------------

    def parsed(self, issue: dict[str, Any], read_at: float) -> View:
        """The view of an issue document. Raises Outage when it is none."""
        return parse(
            issue,
            site_url=self._site.transport.url,
            services_field=self._site.services_field or "",
            read_at=read_at,
        )

    def read(self, key: str) -> View:
        """The issue as of now. Raises NotFound, as `IssueMoved` where it lives on under another key."""
        started = self._clock.monotonic()
        self._answers[key] = self._site.issue(checked(key))
        view = self.parsed(self._answers[key], started)
        if view.incident.key != key:
            # A moved issue answers under its new key; records and claims belong to the old one.
            raise IssueMoved(
                f"There is no {key} any more: it was moved and is {view.incident.key} now.",
                hint="Start it under its new key, if it still is for selfheal.",
            )
        self._looked[key] = self._peeked[key] = view
        return view

    def fresh(self, key: str) -> View:
        """The last look when it was just now and nothing was decided on it yet, else a new one."""
        view = self._looked.pop(key, None)
        if view is None or not self.is_fresh(view):
            view = self.read(key)
            self._looked.pop(key, None)
        return view

    def is_fresh(self, view: View) -> bool:
        """Whether a write may still rely on the look."""
        return self._clock.monotonic() - view.read_at <= self._fresh

    def forget(self, key: str) -> None:
        """The next decision looks again, since time may pass before it."""
        self._looked.pop(key, None)

    def peek(self, key: str) -> View:
        """The last look at the issue in this process, however old; a new one when there is none."""
        view = self._looked.get(key) or self._peeked.get(key)
        return view if view is not None else self.read(key)

    # -- from one process to the next ------------------------------------------------------------------------

    def last_look(self, key: str) -> dict[str, Any] | None:
        """The issue as read last, for the process that goes on with it. None where that may not start from it.

        On a site with conditional sets a claim is decided by the site, so it may be taken on an old look; what people
        did since is seen when the claim is read back. Elsewhere nobody may decide on what another process saw.
        """
        view = self._peeked.get(key)
        record = view.incident.record if view is not None else None
        free = record is not None and record.claim is None
        return self._answers.get(key) if free and self.conditional else None

    def hand(self, key: str, issue: dict[str, Any]) -> None:
        """Starts from what another process saw last."""
        self._handed[key] = self._peeked[key] = self.parsed(issue, _LONG_AGO)

    def handed(self, key: str, *, used_up: bool = False) -> View | None:
        """The look that was handed on, None when there is none or it was used."""
        return self._handed.pop(key, None) if used_up else self._handed.get(key)

    # -- writing under a lease -----------------------------------------------------------------------------

    def held(self, view: View, lease: Lease) -> Record:
        """The record, if it still carries ``lease``. Raises Conflict and ends the lease when it does not."""
        claim = view.record.claim
        if claim is None or (claim.nonce, claim.epoch) != (lease.nonce, lease.epoch):
            who = f"{claim.owner} holds it for {claim.stage}" if claim else "it was taken away"
            lease.end(who)
            raise Conflict(
                f"The claim on {lease.key} is lost: {who}.",
                hint="Nothing more is done here; whoever holds it goes on.",
                code="claim-lost",
            )
        return view.record

    def claimed(
        self,
        view: View,
        record: Record,
        lease: Lease,
        *,
        fields: Mapping[str, Any] | None = None,
        drop: Collection[str] = (),
        read_back: bool = True,
    ) -> View:
        """Writes ``record`` and its labels in one edit. Raises Conflict when the claim is lost meanwhile."""
        key = lease.key
        document = document_of(record)
        change = labels.difference(view.incident.labels, record.state, drop=drop)
        if self._edit_carries is not False:
            try:
                self._site.edit(
                    key, fields=fields, labels=change, properties={RECORD: document}, before_each=lease.check
                )
            except SelfhealError as error:
                if fields or error.code != "jira-refused":
                    raise
                self._edit_carries = False
        if self._edit_carries is False:
            self._apart(key, document, fields, change, lease)
        self._wrote(view)
        if not read_back and self._edit_carries is not None:
            return view
        after = self.read(key)
        if same(after.document, view.document) and not same(after.document, document):
            # The edit was accepted, its properties were not: this site wants them written apart.
            self._edit_carries = False
            self._site.set_property(key, RECORD, document, before_each=lease.check)
            after = self.read(key)
        elif self._edit_carries is None:
            self._edit_carries = True
        if not same(after.document, document):
            if record.claim is not None:
                self.held(after, lease)
            raise Conflict(
                f"The record of {key} was changed while it was written.",
                hint="Read it again.",
                code="record-raced",
            )
        return after

    def _apart(
        self,
        key: str,
        document: Any,
        fields: Mapping[str, Any] | None,
        change: dict[str, list[str]],
        lease: Lease,
    ) -> None:
        self._site.set_property(key, RECORD, document, before_each=lease.check)
        if fields or change:
            self._site.edit(key, fields=fields, labels=change, before_each=lease.check)

    # -- writing without a lease ---------------------------------------------------------------------------

    def replace(self, view: View, record: Record) -> float:
        """Puts ``record`` in the place of what ``view`` saw; says nothing of whether it is still there: read back.

        Answers for how long, at most, what this write was decided on may have been out of date when it took effect.
        """
        key, document = view.incident.key, document_of(record)
        self._looked.pop(key, None)
        self._handed.pop(key, None)
        self._wrote(view)
        started = self._clock.monotonic()
        if self.conditional is not False:
            try:
                task = self._site.set_if(key, view.issue_id, RECORD, document, expected=view.document)
                self.conditional = True
                if task:
                    self._await(task)
                    return self._clock.monotonic() - started
            except ConditionalSetUnsupported:
                self.conditional = False
                if view.read_at == _LONG_AGO:
                    raise Conflict(
                        f"{key} has to be read again before it is written.", code="claim-lost"
                    ) from None
            except LostAnswer:
                self.conditional = True
            if self.conditional:
                # It is never sent again; only a look can tell whether it came about, and by when.
                seen = same(self.read(key).document, document)
                self._looked.pop(key, None)
                return self._clock.monotonic() - started if seen else float("inf")
        self._site.set_property(key, RECORD, document)
        return self._clock.monotonic() - view.read_at

    def project(self, view: View, record: Record, *, drop: Collection[str] = ()) -> None:
        """Brings the labels in line with ``record``, where they are not."""
        change = labels.difference(view.incident.labels, record.state, drop=drop)
        if change:
            self._site.edit(view.incident.key, labels=change)

    def _await(self, task: str) -> None:
        for _poll in range(_TASK_POLLS):
            if not task or self._site.task_finished(task):
                return
            self._clock.sleep(_TASK_PAUSE)
        raise Outage("Jira did not finish a conditional write in time.", retry_after=60.0)

    def _wrote(self, view: View) -> None:
        self.written_ids = [view.issue_id, *(i for i in self.written_ids if i != view.issue_id)][:50]
