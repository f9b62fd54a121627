"""Claims: at most one crew works on an incident, whatever the site's compare-and-set is worth.

A claim is taken by (1) reading the record, (2) replacing it by one that carries our nonce and the next epoch,
(3) waiting ``settle`` seconds, (4) reading again: only if our nonce is still there is the claim held.

Why that is enough when the last writer simply wins, or when the site's check and its write are two steps: suppose A
and B both end up holding, and B's write came after A's. A's last look still saw A's nonce, so B's write is later than
A's write by more than ``settle``. B decided on a record without A's claim, that is, on one read before A's write. So
between B's decision and B's effect lie more than ``settle`` seconds, which B measures, and then B does not go on.
"""

from __future__ import annotations

import logging
import secrets
from collections.abc import Callable
from datetime import datetime, timedelta

from selfheal.clock import Clock
from selfheal.config import Settings
from selfheal.errors import Conflict, SelfhealError
from selfheal.incidents.errors import IncidentError
from selfheal.incidents.record import Claim, Record
from selfheal.incidents.states import Stage
from selfheal.jsm.incident import View
from selfheal.jsm.lease import Lease
from selfheal.jsm.ledger import Ledger
from selfheal.jsm.people import mirror_of
from selfheal.jsm.site import JiraSite

LOGGER = logging.getLogger(__name__)
#: What was read and the record with the new claim become the record to write.
Begin = Callable[[View, Record], Record]


class Claims:
    """Takes, renews and lets go. ``owner`` names the run, for people."""

    def __init__(
        self, site: JiraSite, ledger: Ledger, settings: Settings, clock: Clock, owner: str,
        closing: Callable[[str, Record], Record] = lambda _key, record: record,
        first: Callable[[View], Record] | None = None,
    ) -> None:  # fmt: skip
        """``closing`` adds what is still to be written to the record that lets the claim go; ``first`` makes a record."""
        self._site = site
        self._ledger = ledger
        self._settings = settings.jira
        # In a dry run nobody else sees what is kept in memory.
        self._alone = settings.dry_run
        self._settle = 0.0 if settings.dry_run else settings.jira.settle
        self._clock = clock
        self._owner = owner
        self._closing = closing
        self._first = first or self._bare

    def take(self, key: str, stage: Stage, begin: Begin | None = None) -> Lease:
        """Raises Conflict when another holds the incident, or when it cannot be told who does.

        ``begin`` is given what was read and the record with the claim in it; what it answers is written in the same
        write, so it stands exactly where the claim stands.
        """
        handed = self._ledger.handed(key, used_up=True)
        if handed is not None:
            try:
                return self._taken(handed, key, stage, begin)
            except Conflict as error:
                # It is not as the process before left it: looked at anew before anything is said of it.
                if error.code != "claim-lost":
                    raise
        return self._taken(self._ledger.fresh(key), key, stage, begin)

    def _taken(self, view: View, key: str, stage: Stage, begin: Begin | None) -> Lease:
        base = view.record if view.document is not None else self._first(view)
        if self.is_held(base):
            raise self._held(key, base)
        nonce, epoch = secrets.token_hex(8), max(base.epoch, base.claim.epoch if base.claim else 0) + 1
        taken_at = self._clock.monotonic()
        claim = Claim(owner=self._owner, nonce=nonce, epoch=epoch, stage=stage, expires=self.expiry())
        wanted = base.model_copy(update={"claim": claim, "epoch": epoch})
        if begin is not None:
            wanted = begin(view, wanted)
        outdated = self._ledger.replace(view, wanted)
        self.settle()
        seen = self._ledger.read(key).record.claim
        if seen is None or seen.nonce != nonce:
            who = f"{seen.owner} was first" if seen else "the record was written by another"
            raise Conflict(
                f"{key} could not be claimed: {who}.", hint="Its holder goes on with it.", code="claim-lost"
            )
        if outdated > self._settle and not self._alone:
            # The claim stays where it is, to keep others off until it runs out.
            raise Conflict(
                f"{key} could not be claimed safely: Jira took {outdated:.1f} s to write, {self._settle:g} s are allowed.",
                hint="Raise SELFHEAL_JIRA_SETTLE above what the site takes.",
                code="claim-doubtful",
            )
        lease = Lease(
            key, stage, nonce, epoch,
            clock=self._clock, taken_at=taken_at, seconds=self._settings.lease, release=self._let_go,
        )  # fmt: skip
        lease.smooth = view.document is not None and _smooth(base)
        return lease

    def settle(self) -> None:
        """Waits until whatever was decided on an older record has been written or has been given up."""
        if self._settle:
            self._clock.sleep(self._settle)

    def expiry(self) -> datetime:
        """When a claim written now runs out, by Jira's clock."""
        return self._site.transport.server_now() + timedelta(seconds=self._settings.lease)

    def is_held(self, record: Record) -> bool:
        """Whether the record's claim still keeps others off."""
        # A claim that pretends to hold longer than a lease can was not written by us.
        return 0 < self._left(record) <= self._settings.lease + self._settings.taker_wait + 5

    def _left(self, record: Record) -> float:
        if record.claim is None:
            return 0.0
        free = record.claim.expires + timedelta(seconds=self._settings.taker_wait)
        return (free - self._site.transport.server_now()).total_seconds()

    def _held(self, key: str, record: Record) -> Conflict:
        claim = record.claim
        who = (
            f"{claim.owner or 'Another run'} works on {key} ({claim.stage})." if claim else f"{key} is held."
        )
        return Conflict(
            who,
            hint=f"Without a sign of life it can be taken over in {self._left(record):.0f} s.",
            code="claimed",
        )

    def _bare(self, view: View) -> Record:
        now = self._site.transport.server_now()
        return Record(entered=now, mirror=mirror_of(view.incident, now))

    def _let_go(self, lease: Lease) -> None:
        """Frees the claim. Where that fails it runs out by itself, and what failed before stays the error that counts."""
        try:
            view = self._ledger.fresh(lease.key)
            record = self._ledger.held(view, lease)
            free = self._closing(lease.key, record.model_copy(update={"claim": None}))
            # Only what is new beside the claim is worth a look; a claim that stays after all runs out.
            said = record.model_copy(update={"claim": None, "told": free.told})
            self._ledger.claimed(view, free, lease, read_back=free != said)
        except (SelfhealError, IncidentError) as error:
            LOGGER.warning("The claim on %s could not be let go: %s", lease.key, error.message)


def _smooth(record: Record) -> bool:
    """Whether whoever was at it last left in order: it let go after a step of its own, and nothing failed since.

    Only then does the record name every comment that was written.
    """
    if record.claim is not None:
        return False
    if record.history and not record.history[-1].stage:
        return False
    return not record.failures or record.failures[-1].at <= record.entered
