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
from selfheal.jsm.lease import Lease
from selfheal.jsm.ledger import Ledger
from selfheal.jsm.people import mirror_of
from selfheal.jsm.site import JiraSite

LOGGER = logging.getLogger(__name__)


class Claims:
    """Takes, renews and lets go. ``owner`` names the run, for people."""

    def __init__(
        self, site: JiraSite, ledger: Ledger, settings: Settings, clock: Clock, owner: str,
        closing: Callable[[str, Record], Record] = lambda _key, record: record,
    ) -> None:  # fmt: skip
        """``closing`` adds what is still to be written to the record that lets the claim go."""
        self._site = site
        self._ledger = ledger
        self._settings = settings.jira
        # In a dry run nobody else sees what is kept in memory.
        self._alone = settings.dry_run
        self._settle = 0.0 if settings.dry_run else settings.jira.settle
        self._clock = clock
        self._owner = owner
        self._closing = closing

    def take(self, key: str, stage: Stage) -> Lease:
        """Raises Conflict when another holds the incident, or when it cannot be told who does."""
        view = self._ledger.fresh(key)
        if view.document is not None:
            base = view.record
        else:
            now = self._site.transport.server_now()
            base = Record(entered=now, mirror=mirror_of(view.incident, now))
        self._refuse_if_held(key, base)
        nonce, epoch = secrets.token_hex(8), max(base.epoch, base.claim.epoch if base.claim else 0) + 1
        taken_at = self._clock.monotonic()
        claim = Claim(owner=self._owner, nonce=nonce, epoch=epoch, stage=stage, expires=self.expiry())
        outdated = self._ledger.replace(view, base.model_copy(update={"claim": claim, "epoch": epoch}))
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
        return Lease(
            key, stage, nonce, epoch,
            clock=self._clock, taken_at=taken_at, seconds=self._settings.lease, release=self._let_go,
        )  # fmt: skip

    def settle(self) -> None:
        """Waits until whatever was decided on an older record has been written or has been given up."""
        if self._settle:
            self._clock.sleep(self._settle)

    def expiry(self) -> datetime:
        """When a claim written now runs out, by Jira's clock."""
        return self._site.transport.server_now() + timedelta(seconds=self._settings.lease)

    def _refuse_if_held(self, key: str, record: Record) -> None:
        claim = record.claim
        if claim is None:
            return
        free = claim.expires + timedelta(seconds=self._settings.taker_wait)
        left = (free - self._site.transport.server_now()).total_seconds()
        # A claim that pretends to hold longer than a lease can was not written by us.
        if 0 < left <= self._settings.lease + self._settings.taker_wait + 5:
            raise Conflict(
                f"{claim.owner or 'Another run'} works on {key} ({claim.stage}).",
                hint=f"Without a sign of life it can be taken over in {left:.0f} s.",
                code="claimed",
            )

    def _let_go(self, lease: Lease) -> None:
        """Frees the claim. Where that fails it runs out by itself, and what failed before stays the error that counts."""
        try:
            view = self._ledger.fresh(lease.key)
            record = self._ledger.held(view, lease)
            free = self._closing(lease.key, record.model_copy(update={"claim": None}))
            self._ledger.claimed(view, free, lease, read_back=False)
        except (SelfhealError, IncidentError) as error:
            LOGGER.warning("The claim on %s could not be let go: %s", lease.key, error.message)
