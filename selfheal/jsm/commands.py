"""Carries out what people asked for: stop, take over, retry, and a state set by force.

A person's command counts whoever holds the claim: the claim is dropped and its epoch outdated, so that its holder
finds out at the next look.
"""

from __future__ import annotations

import hashlib
import logging
from collections.abc import Sequence
from dataclasses import replace
from typing import Any, Final

from selfheal.errors import Conflict, Refused, SelfhealError
from selfheal.incidents import record as records
from selfheal.incidents.errors import RecordInvalid
from selfheal.incidents.proofs import PersonActed
from selfheal.incidents.record import Record, Step
from selfheal.incidents.states import State
from selfheal.jsm import labels, people, workflow
from selfheal.jsm.incident import Incident, View
from selfheal.jsm.ledger import same
from selfheal.jsm.writer import Writer, announce

LOGGER = logging.getLogger(__name__)
_TRIES: Final = 3
_MAX_ATTEMPT: Final = 20


class Commands:
    """See the module."""

    def __init__(self, writer: Writer) -> None:
        self._writer = writer
        self._site = writer.site
        self._ledger = writer.ledger

    def heed(self, view: View) -> View:
        """What follows from people's changes, or the mending of a write of ours that did not finish."""
        record = view.record
        if not people.seems_touched(view.incident, record):
            return view
        act = people.act_of(self._site, self._writer.directory.me(), view.incident, record)
        if act is None:
            return self._mended(view, record)
        if act.command == "retry":
            if record.attempt >= _MAX_ATTEMPT:
                LOGGER.warning(
                    "%s was tried %d times; a retry is not taken", view.incident.key, record.attempt
                )
                return view
            return self._override(view, State.INCIDENT_DETECTED, act, drop=(labels.RETRY,))
        return self._override(view, State.INCIDENT_RELEASED, act)

    def heed_invalid(self, view: View) -> Incident:
        """An incident whose record cannot be read: started afresh when a person asks, else left alone and said once.

        Raises RecordInvalid in the second case.
        """
        incident = view.incident
        present = incident.labels
        if labels.RETRY in present and labels.STOP not in present:
            # Where the old number can still be read, the next attempt's branch will not meet the last one's.
            attempt = min(number_in(view.document, "attempt", _MAX_ATTEMPT) + 1, _MAX_ATTEMPT)
            record = self._writer.first(view).model_copy(
                update={"attempt": max(2, attempt), "epoch": number_in(view.document, "epoch") + 1}
            )
            self._ledger.replace(view, record)
            self._ledger.project(view, record, drop=(labels.RETRY,))
            return self._ledger.read(incident.key).incident
        if labels.INVALID not in present:
            self._writer.comments.write(
                incident.key,
                f"record-invalid:{_digest(view.document)}",
                [
                    f"selfheal cannot read its record on this incident and leaves it alone. {incident.record_problem}",
                    "Add the label selfheal-retry to let it start afresh, or set a state with "
                    "`selfheal state set KEY STATE --force --reason TEXT`.",
                ],
            )
            self._site.edit(incident.key, labels={"add": [labels.INVALID]})
        raise RecordInvalid(
            f"The record of {incident.key} cannot be read. {incident.record_problem}",
            hint="Add the label selfheal-retry to the issue to start afresh.",
        )

    def force(self, view: View, state: State, reason: str) -> Incident:
        """A state without a proof, on a person's word. Raises Refused without a reason."""
        if not reason.strip():
            raise Refused(
                "A forced state needs a reason.", hint="Say it with --reason.", code="reason-missing"
            )
        key, now = view.incident.key, self._writer.now()
        record = view.incident.record or self._writer.first(view)
        note = f"forced by {self._writer.directory.me().name}: {reason}"[:300]
        step = Step(at=now, from_state=record.state, to_state=state, run=self._writer.run, note=note)
        after = record.model_copy(
            update={
                "state": state, "entered": now, "not_before": None, "claim": None,
                "epoch": max(record.epoch, number_in(view.document, "epoch")) + 1,
                "history": (*record.history, step), "mirror": self._writer.mirror(view),
            }
        )  # fmt: skip
        self._ledger.replace(view, after)
        # Whoever decided on an older record has written by then, or looks again first.
        self._writer.claims.settle()
        seen = self._ledger.read(key)
        if seen.incident.record is None or (seen.record.state, seen.record.epoch) != (state, after.epoch):
            raise Conflict(f"{key} was written by another at the same time.", hint="Try again.")
        self._ledger.project(seen, after, drop=(labels.RETRY,))
        announce(key, record, after)
        return self._ledger.read(key).incident

    def _mended(self, view: View, record: Record) -> View:
        if not people.unfinished(self._site, view.incident, record):
            return view
        move = workflow.plan(self._site, view.incident, record.state, self._writer.settings.jira)
        if move is None:
            return view
        workflow.take(self._site, view.incident.key, move)
        return self._ledger.read(view.incident.key)

    def _override(self, view: View, to: State, act: people.Act, *, drop: Sequence[str] = ()) -> View:
        key = view.incident.key
        for _try in range(_TRIES):
            record = view.record
            if record.state is to:
                return view
            after = self._commanded(view, record, to, act)
            try:
                self._ledger.replace(view, after)
            except SelfhealError as error:
                if error.code not in ("jira-refused", "credentials"):
                    raise
                return _unwritable(view, after, error.message)
            seen = self._ledger.read(key)
            if seen.incident.record is not None and (seen.record.state, seen.record.epoch) == (
                to,
                after.epoch,
            ):
                self._ledger.project(seen, seen.record, drop=drop)
                announce(key, record, after)
                return self._ledger.read(key)
            if same(seen.document, view.document):
                # A conditional write skips an issue that may not be edited, without a word.
                return _unwritable(view, after, "Jira left its record as it was.")
            view = seen
        raise Conflict(f"{key} is written by others all the time.", hint="The next run looks again.")

    def _commanded(self, view: View, record: Record, to: State, act: people.Act) -> Record:
        action = "retry" if act.command == "retry" else act.action
        proof = PersonActed(
            incident=view.incident.key, attempt=record.attempt, who=act.who, action=action, at=act.at
        )
        note = f"{act.who}: {act.action}"
        after = self._writer.advanced(view.incident.key, record, to, proof, stage="", note=note)
        return after.model_copy(
            update={"claim": None, "epoch": record.epoch + 1, "mirror": self._writer.mirror(view)}
        )


def _unwritable(view: View, record: Record, why: str) -> View:
    """A closed issue may not be editable any more. What the person did counts all the same."""
    LOGGER.warning("%s cannot be written any more: %s", view.incident.key, why)
    return replace(view, incident=replace(view.incident, record=record))


def _digest(stored: Any) -> str:
    """Names a stored document, so that people are told once of each."""
    return hashlib.sha256(records.compact(stored).encode()).hexdigest()[:12]


def number_in(stored: Any, name: str, most: int = 1_000_000) -> int:
    """A number in a document that may be anything; 0 when it is none."""
    value = stored.get(name) if isinstance(stored, dict) else None
    return value if isinstance(value, int) and not isinstance(value, bool) and 0 <= value < most else 0
