"""pr: opens, waits without a claim, settles. GitHub is a double that answers with the real status values."""

from __future__ import annotations

from dataclasses import replace

import pytest

from selfheal.errors import Refused
from selfheal.incidents.errors import ProofRefused
from selfheal.incidents.proofs import PersonActed, PullRequestMerged, PullRequestOpen, Reworked
from selfheal.incidents.record import Change, Outcome, PatchPointer, PullRequest, Verification
from selfheal.incidents.states import Stage, State
from selfheal.pulls.checks import Checks
from selfheal.pulls.errors import StaleBase
from selfheal.pulls.reviews import Review
from selfheal.pulls.status import PullStatus
from selfheal.stages import pr
from selfheal.stages.work import Waiting
from tests.crew import doubles

ENTRY = PullRequest(
    number=7, url="https://github.example/acme/shop/pull/7", branch="selfheal/ops-1-1", head_sha="a" * 40,
    base_sha="b" * 40,
)  # fmt: skip
APPROVAL = Review("mara", 1, "APPROVED", "a" * 40, "2026-11-22T12:00:00Z", True)
OPEN = PullStatus(
    number=7, url=ENTRY.url, branch=ENTRY.branch, base="main", state="open", draft=False, head_sha="a" * 40, ours=True,
    as_written=True, checks=Checks("green"), mergeable=True,
)  # fmt: skip
READY = replace(OPEN, reviews=(APPROVAL,))
CHANGE = Change(
    decision="propose", title="Raise the memory limit", base_sha="b" * 40, paths=("deploy/cart.yaml",),
    patch=PatchPointer(digest="d", chunks=1, size=1), signature="signed",
)  # fmt: skip


class FakePulls:
    """GitHub: ``statuses`` are answered one after the other, the last for ever."""

    def __init__(self, *statuses, fails=None):
        self.statuses, self.fails = list(statuses) or [OPEN], fails
        self.created, self.merges, self.asked = [], 0, 0

    def create(self, key, record, patch, *, summary, url):
        if self.fails is not None:
            raise self.fails
        self.created.append((key, patch, summary))
        return ENTRY

    def revert(self, key, record, *, reason):
        self.created.append((key, "revert", reason))
        return ENTRY.model_copy(update={"role": "revert", "number": 8, "branch": "selfheal/ops-1-1-revert"})

    def status(self, entry):
        self.asked += 1
        return self.statuses.pop(0) if len(self.statuses) > 1 else self.statuses[0]

    def merge(self, key, record, patch):
        self.merges += 1
        self.statuses = [replace(READY, state="merged", merge_sha="c" * 40)]
        return ENTRY.model_copy(update={"state": "merged", "merge_sha": "c" * 40})

    def verifiers(self):
        return {
            State.PR_CREATED: _Says(self._open),
            State.PR_MERGED: _Says(self._merged),
            State.FIX_IN_PROGRESS: _Says(
                lambda key, record: Reworked(incident=key, attempt=record.attempt, reason="asked GitHub")
            ),
        }

    def released(self):
        return _Says(
            lambda key, record: PersonActed(incident=key, attempt=record.attempt, who="mara", action="closed")
        )

    def _open(self, key, record):
        made = self.revert(key, record, reason="") if record.revert_due else ENTRY
        return PullRequestOpen(incident=key, attempt=record.attempt, pull_request=made)

    def _merged(self, key, record):
        if self.statuses[0].state != "merged":
            raise ProofRefused("It is not merged.")
        done = record.pull_request.model_copy(update={"state": "merged", "merge_sha": "c" * 40})
        return PullRequestMerged(incident=key, attempt=record.attempt, pull_request=done)


class _Says:
    def __init__(self, answer):
        self.verify = answer


def manager_with(record):
    manager = doubles.FakeManager(doubles.FakeClock(), [doubles.incident(record=record)])
    manager.patches["d"] = b"patch"
    return manager


def served(manager, pulls, **settings):
    settings.setdefault("github", {"wait_for_review": 60, "poll": 10})
    work = doubles.work(manager, Stage.PR, pulls=pulls, settings_=doubles.settings(**settings))
    with work.claimed():
        pr.serve(work)
    return work


def created(**more):
    return doubles.record(State.PR_CREATED, change=CHANGE, pull_requests=(ENTRY,), **more)


def test_a_signed_change_is_opened_approved_and_merged():
    manager = manager_with(doubles.record(State.FIX_GENERATED, change=CHANGE))
    pulls = FakePulls(OPEN, OPEN, READY)
    served(manager, pulls)
    record = manager.load(doubles.KEY).record
    assert record.state is State.PR_MERGED
    assert record.pull_request.merge_sha == "c" * 40
    assert pulls.created == [(doubles.KEY, b"patch", "cart keeps restarting")]
    assert pulls.merges == 1
    assert [name for _key, name, _blocks in manager.told] == ["pull-request-fix"]


def test_the_claim_is_free_while_people_are_waited_for():
    manager = manager_with(created())
    held = []

    class Watching(FakePulls):
        def status(self, entry):
            held.append(doubles.KEY in manager.holders)
            return super().status(entry)

    served(manager, Watching(OPEN, OPEN, READY))
    assert held[:3] == [True, False, False]
    assert len(manager.claims) == 2
    assert manager.load(doubles.KEY).record.state is State.PR_MERGED


def test_without_a_review_it_waits_for_the_configured_time_and_no_longer():
    manager = manager_with(created())
    with pytest.raises(Waiting) as waiting:
        served(manager, FakePulls(OPEN))
    assert "approval" in waiting.value.message
    assert manager.clock.seconds == 60
    assert manager.load(doubles.KEY).record.state is State.PR_CREATED
    assert manager.holders == {}


@pytest.mark.parametrize(("passed", "more"), [(45, 15), (3600, 0)])
def test_a_later_run_waits_only_for_what_is_left_of_that_time(passed, more):
    manager = manager_with(created())
    manager.clock.sleep(passed)
    pulls = FakePulls(OPEN)
    with pytest.raises(Waiting):
        served(manager, pulls)
    assert manager.clock.seconds == passed + more


def test_in_mode_propose_the_merge_is_left_to_people():
    manager = manager_with(created())
    pulls = FakePulls(READY)
    with pytest.raises(Waiting):
        served(manager, pulls, mode="propose")
    assert pulls.merges == 0


@pytest.mark.parametrize("mode", ["propose", "heal"])
def test_a_merge_by_a_person_is_followed(mode):
    manager = manager_with(created())
    served(manager, FakePulls(replace(READY, state="merged", merge_sha="c" * 40)), mode=mode)
    assert manager.load(doubles.KEY).record.state is State.PR_MERGED


def test_closed_by_a_person_means_stop():
    manager = manager_with(created())
    served(manager, FakePulls(replace(OPEN, state="closed", closed_by="mara", closed_by_person=True)))
    assert manager.load(doubles.KEY).record.state is State.INCIDENT_RELEASED


def test_closed_by_a_bot_is_for_a_person_to_judge():
    manager = manager_with(created())
    served(manager, FakePulls(replace(OPEN, state="closed", closed_by="some-bot[bot]")))
    assert manager.load(doubles.KEY).record.state is State.INCIDENT_REQUIRES_HUMAN


@pytest.mark.parametrize(
    ("status", "word"),
    [
        (replace(OPEN, reviews=(replace(APPROVAL, state="CHANGES_REQUESTED"),)), "asked for changes"),
        (replace(READY, checks=Checks("red", failed=("test",))), "Checks failed"),
        (replace(READY, touched_by=("mara",), as_written=False), "commits of mara"),
    ],
)
def test_what_people_or_checks_refuse_goes_to_a_person_with_the_reason(status, word):
    manager = manager_with(created())
    pulls = FakePulls(status)
    served(manager, pulls)
    record = manager.load(doubles.KEY).record
    assert record.state is State.INCIDENT_REQUIRES_HUMAN
    assert word in record.history[-1].note
    assert pulls.merges == 0


def test_a_base_that_moved_on_sends_the_change_back():
    manager = manager_with(created())
    served(manager, FakePulls(replace(READY, stale="main moved on and changed deploy/cart.yaml.")))
    assert manager.load(doubles.KEY).record.state is State.FIX_IN_PROGRESS


@pytest.mark.parametrize(
    "error", [StaleBase("main moved on."), Refused("The signature does not verify.", code="signature")]
)
def test_a_change_that_cannot_be_written_as_it_is_goes_back_to_the_fix(error):
    manager = manager_with(doubles.record(State.FIX_GENERATED, change=CHANGE))
    served(manager, FakePulls(fails=error))
    record = manager.load(doubles.KEY).record
    assert record.state is State.FIX_IN_PROGRESS
    assert record.change is None


def test_what_github_refuses_for_good_is_raised_with_its_reason():
    manager = manager_with(doubles.record(State.FIX_GENERATED, change=CHANGE))
    with pytest.raises(Refused) as refused:
        served(manager, FakePulls(fails=Refused("The branch is protected.", code="protected")))
    assert refused.value.code == "protected"
    assert manager.load(doubles.KEY).record.state is State.FIX_GENERATED


def test_a_due_revert_is_opened_as_one():
    merged = ENTRY.model_copy(update={"state": "merged", "merge_sha": "c" * 40})
    verification = Verification(outcome=Outcome.REGRESSED, pull_request=7, reasons=("2 of 3 unavailable",))
    record = doubles.record(
        State.VERIFICATION_IN_PROGRESS, change=CHANGE, pull_requests=(merged,), verification=verification
    )
    manager = manager_with(record)
    pulls = FakePulls(OPEN)
    with pytest.raises(Waiting):
        served(manager, pulls)
    assert pulls.created[0] == (doubles.KEY, "revert", "2 of 3 unavailable")
    after = manager.load(doubles.KEY).record
    assert after.state is State.PR_CREATED
    assert after.pull_request.role == "revert"
