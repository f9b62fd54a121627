"""At most one crew holds an incident: by exact play of races, and by threads against the emulated site."""

from __future__ import annotations

import threading
from datetime import timedelta

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from selfheal.clock import SystemClock
from selfheal.errors import Conflict
from selfheal.incidents import record as records
from selfheal.incidents.record import Claim, Record
from selfheal.incidents.states import Stage, State
from selfheal.jsm.claims import Claims
from selfheal.jsm.lease import Lease
from selfheal.jsm.ledger import Ledger
from selfheal.jsm.manager import JSMStateManager
from tests.jsm.support import FakeClock, inject, settings_for, verifiers
from tests.jsm.timeline import START, SlowSite, Store, Timeline

SETTLE = 1.0
delays = st.lists(st.sampled_from([0.0, 0.1, 0.3, 0.6, 1.1, 2.5]), min_size=1, max_size=6)


def race(mode: str, *contenders: list[float], stored: Record | None = None) -> list[Lease | Exception]:
    clock = Timeline()
    store = Store(records.dump(stored) if stored else None)

    def job(number: int, wanted: list[float]):
        site = SlowSite(store, clock, mode, wanted)
        options = settings_for("http://127.0.0.1:1", "token", jira={"settle": SETTLE})
        claims = Claims(site, Ledger(site, clock, SETTLE), options, clock, f"run-{number}")
        return lambda: claims.take("INC-1", Stage.ANALYZE)

    return clock.run([job(number, wanted) for number, wanted in enumerate(contenders)])


@pytest.mark.parametrize("mode", ["atomic", "window", "off"])
@given(data=st.data())
@settings(max_examples=60, deadline=None)
def test_never_do_two_hold_the_same_incident(mode, data) -> None:
    contenders = [data.draw(delays) for _number in range(data.draw(st.integers(2, 3)))]
    fresh = data.draw(st.booleans())
    results = race(mode, *contenders, stored=None if fresh else Record(entered=START))
    assert all(isinstance(result, Lease | Conflict) for result in results), results
    assert sum(isinstance(result, Lease) for result in results) <= 1


@pytest.mark.parametrize("mode", ["window", "off"])
def test_a_writer_who_was_slow_to_write_does_not_trust_its_own_nonce(mode) -> None:
    """The other has read its own claim back by then; without the measure of time both would go on."""
    quick, slow = [0.0], [0.0, 0.0, 2.5, 0.0, 0.0, 0.0]
    first, second = race(mode, quick, slow, stored=Record(entered=START))
    assert isinstance(first, Lease)
    assert isinstance(second, Conflict)


@pytest.mark.parametrize("mode", ["atomic", "window", "off"])
def test_one_alone_gets_it(mode) -> None:
    (result,) = race(mode, [0.1], stored=Record(entered=START))
    assert isinstance(result, Lease)
    assert result.epoch == 1


@example(mode="window")
@given(mode=st.sampled_from(["atomic", "window", "off"]))
@settings(max_examples=3, deadline=None)
def test_a_site_that_is_too_slow_for_the_setting_is_named(mode) -> None:
    (result,) = race(mode, [3.0], stored=Record(entered=START))
    assert isinstance(result, Conflict)
    assert "SELFHEAL_JIRA_SETTLE" in result.hint


# -- on the emulated site --------------------------------------------------------------------------------------


@pytest.mark.parametrize("mode", ["atomic", "window", "off"])
def test_managers_racing_over_http_claim_each_incident_once(mode) -> None:
    from selfheal.sandbox.jira.app import JiraEmulator

    with JiraEmulator() as jira:
        jira.behaviour.conditional_writes = mode
        options = settings_for(jira.url, jira.token("bot"), jira={"settle": 0.3})
        keys = [jira.file_incident(summary=f"n{number}") for number in range(3)]
        held: list[tuple[str, str]] = []
        start = threading.Barrier(3)

        def crew(name: str) -> None:
            manager = JSMStateManager.connect(
                options, clock=SystemClock(), run_id=name, verifiers=verifiers()
            )
            start.wait(30)
            for key in keys:
                try:
                    manager.heed(key)
                    manager.adopt(key)
                    lease = manager.claim(key, Stage.ANALYZE)
                    manager.transition(key, State.ANALYSIS_IN_PROGRESS, lease=lease)
                except Conflict:
                    continue
                held.append((key, name))

        crews = [threading.Thread(target=crew, args=(f"crew-{number}",), daemon=True) for number in range(3)]
        for thread in crews:
            thread.start()
        for thread in crews:
            thread.join(30)
        assert not any(thread.is_alive() for thread in crews)
        assert len({key for key, _name in held}) == len(held)
        # Whoever holds one is who the record names.
        judge = JSMStateManager.connect(options, clock=SystemClock())
        assert {key: judge.load(key).record.claim.owner for key, _name in held} == dict(held)


def test_a_second_crew_is_told_who_holds_it_and_until_when(jira, connect) -> None:
    key = jira.file_incident(summary="x")
    first, second = connect(run_id="first"), connect(run_id="second")
    first.adopt(key)
    first.claim(key, Stage.ANALYZE)
    with pytest.raises(Conflict, match="first works on") as refused:
        second.claim(key, Stage.ANALYZE)
    assert "660 s" in refused.value.hint or "659 s" in refused.value.hint


def test_a_claim_can_be_taken_over_a_while_after_it_ran_out(jira, connect, clock) -> None:
    key = jira.file_incident(summary="x")
    first, second = connect(run_id="first"), connect(run_id="second")
    first.adopt(key)
    old = first.claim(key, Stage.ANALYZE)
    clock.pass_(600 + 30)
    with pytest.raises(Conflict):
        second.claim(key, Stage.ANALYZE)
    clock.pass_(60)
    taken = second.claim(key, Stage.ANALYZE)
    assert taken.epoch == old.epoch + 1
    # The late holder notices by its own clock, and by the record if its clock stood still.
    with pytest.raises(Conflict, match="run out"):
        first.transition(key, State.ANALYSIS_IN_PROGRESS, lease=old)
    old.renewed(clock.monotonic())
    with pytest.raises(Conflict, match="lost"):
        first.transition(key, State.ANALYSIS_IN_PROGRESS, lease=old)
    assert second.load(key).record.state is State.INCIDENT_DETECTED


def test_expiry_goes_by_jiras_date_not_by_this_machines(jira, connect, clock) -> None:
    key = jira.file_incident(summary="x")
    jira.behaviour.date_offset_seconds = 86_400.0
    first = connect(run_id="first")
    first.adopt(key)
    first.claim(key, Stage.ANALYZE)
    wrong = FakeClock(clock.now() - timedelta(days=400))
    with pytest.raises(Conflict, match="first works on"):
        connect(run_id="second", clock_of=wrong).claim(key, Stage.ANALYZE)
    expires = first.load(key).record.claim.expires
    assert timedelta(seconds=590) < expires - (clock.now() + timedelta(days=1)) <= timedelta(seconds=601)


def test_the_holder_stops_at_two_thirds_of_the_lease(jira, connect, clock) -> None:
    key = jira.file_incident(summary="x")
    manager = connect()
    manager.adopt(key)
    lease = manager.claim(key, Stage.ANALYZE)
    clock.pass_(390)
    lease.check()
    clock.pass_(15)
    with pytest.raises(Conflict, match="run out"):
        lease.check()
    before = manager.writes
    with pytest.raises(Conflict):
        manager.transition(key, State.ANALYSIS_IN_PROGRESS, lease=lease)
    assert manager.writes == before


def test_work_that_writes_keeps_its_claim(jira, connect, clock) -> None:
    key = jira.file_incident(summary="x")
    manager = connect()
    manager.adopt(key)
    lease = manager.claim(key, Stage.ANALYZE)
    for _time in range(5):
        clock.pass_(300)
        manager.renew(lease)
    lease.check()
    with pytest.raises(Conflict):
        connect(run_id="other").claim(key, Stage.ANALYZE)


def test_a_claim_is_let_go_at_the_end_also_of_a_failure(jira, connect) -> None:
    key = jira.file_incident(summary="x")
    manager = connect()
    manager.adopt(key)
    with pytest.raises(ZeroDivisionError), manager.claim(key, Stage.ANALYZE) as lease:
        raise ZeroDivisionError
    with pytest.raises(Conflict):
        lease.check()
    record = manager.load(key).record
    assert (record.claim, record.epoch) == (None, 1)
    with connect(run_id="next").claim(key, Stage.ANALYZE) as taken:
        assert taken.epoch == 2


@pytest.mark.parametrize("action", ["drop-before", "drop-after"])
def test_a_lost_answer_to_a_claim_is_looked_up_and_never_sent_again(action, jira, connect) -> None:
    key = jira.file_incident(summary="x")
    manager = connect()
    manager.adopt(key)
    jira.requests.clear()
    inject(jira, "/issue/properties/selfheal", action, "PUT")
    if action == "drop-before":
        with pytest.raises(Conflict):
            manager.claim(key, Stage.ANALYZE)
    else:
        manager.claim(key, Stage.ANALYZE).check()
    assert sum(entry["method"] == "PUT" for entry in jira.requests) == 1


def test_a_task_that_takes_its_time_is_waited_for(jira, connect) -> None:
    key = jira.file_incident(summary="x")
    jira.behaviour.task_operations = 3
    manager = connect()
    manager.adopt(key)
    manager.claim(key, Stage.ANALYZE).check()


def test_a_claim_that_pretends_to_last_for_ever_blocks_nobody(jira, connect, clock) -> None:
    key = jira.file_incident(summary="x")
    manager = connect()
    manager.adopt(key)
    record = manager.load(key).record
    forged = Claim(
        owner="x", nonce="n", epoch=9, stage=Stage.ANALYZE, expires=clock.now() + timedelta(days=3650)
    )
    jira.as_person("maria").edit_property(
        key, "selfheal", records.dump(record.model_copy(update={"claim": forged}))
    )
    assert manager.claim(key, Stage.ANALYZE).epoch == 10
