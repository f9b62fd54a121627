"""The watch over a deployment, from scripted looks at a cluster; no second passes."""

from __future__ import annotations

from datetime import timedelta

import pytest

from selfheal.errors import CredentialProblem, NeedsPerson, Outage
from selfheal.incidents.errors import ProofRefused
from selfheal.incidents.proofs import FixIneffective, RecoveryMeasured
from selfheal.incidents.record import (
    Analysis,
    Change,
    ObjectRef,
    Outcome,
    RenderedChange,
    Target,
    Verification,
)
from selfheal.incidents.rules import advance
from selfheal.incidents.states import State
from selfheal.rollout import RolloutVerification, baseline
from tests.rollout.world import (
    KEY,
    REF,
    WHEN,
    FakeClock,
    FakeCluster,
    before_merge,
    endpoints,
    healthy,
    manifest,
    pod_spec,
    record,
    restarted,
    scene,
    settings,
    still_killed,
)
from tests.support.cluster import Cluster, container, crashing, running, waiting

ILL = {"wanted": 2, "available": 0, "unavailable": 2, "findings": ["oom-killed Deployment shop/checkout app"]}
WELL = {"wanted": 2, "available": 2, "unavailable": 0, "endpoints": {"checkout": 2}, "findings": []}


def watch(*scenes, held=None, expected=None, rules=None, clock=None, told=None, base=None):
    held = held or record()
    if base is not None:
        held = held.model_copy(
            update={
                "verification": Verification(
                    pull_request=3, merge_sha="c" * 40, started_at=WHEN, baseline=base
                )
            }
        )
    return RolloutVerification(
        FakeCluster(*scenes),
        KEY,
        held,
        [manifest()] if expected is None else expected,
        rules or settings(),
        clock or FakeClock(),
        told,
    )


def test_a_recovery_is_proven_by_looks_in_a_row_over_the_soak():
    made = watch(
        before_merge(), scene("128Mi", status=waiting("ContainerCreating"), before="64Mi"), healthy()
    )
    found = made.run()
    assert found.outcome is Outcome.SUCCESSFUL
    assert (found.pull_request, found.merge_sha, found.good_samples) == (3, "c" * 40, 4)
    assert found.started_at == WHEN and found.ended_at is not None
    assert (found.ended_at - found.started_at) >= timedelta(seconds=50)
    assert found.baseline["unavailable"] == 2
    held = record()
    proof = made.verifiers()[State.INCIDENT_RESOLVED].verify(KEY, held)
    assert isinstance(proof, RecoveryMeasured)
    after = advance(KEY, held, State.INCIDENT_RESOLVED, proof, at=WHEN)
    assert after.state is State.INCIDENT_RESOLVED
    with pytest.raises(ProofRefused):
        made.verifiers()[State.ANALYSIS_IN_PROGRESS].verify(KEY, held)


@pytest.mark.parametrize(
    "rules", [{"samples": 6, "soak": 10}, {"samples": 2, "soak": 60}, {"samples": 1, "soak": 0}]
)
def test_both_the_number_and_the_time_have_to_be_reached(rules):
    clock = FakeClock()
    found = watch(healthy(), rules=settings(**rules), clock=clock).run()
    assert found.outcome is Outcome.SUCCESSFUL
    assert found.good_samples >= rules["samples"] and clock.at >= rules["soak"]


@pytest.mark.parametrize(
    "broken",
    [
        restarted(1),
        healthy(uid="-new"),
        healthy(extra=lambda c: c.event("checkout-new-0", "Unhealthy", "Readiness probe failed")),
        healthy(without=("Event",)),
        healthy(ready=0),
        scene("128Mi", status=running(ready=False)),
        Outage("gone"),
    ],
    ids=["restart", "new-pods", "warning", "partial", "no-endpoints", "not-ready", "outage"],
)
def test_whatever_happens_in_the_soak_starts_it_again(broken):
    clock = FakeClock()
    found = watch(healthy(), healthy(), healthy(), broken, healthy(), clock=clock, base=WELL).run()
    assert found.outcome is Outcome.SUCCESSFUL
    assert clock.at >= 70


def test_a_partial_snapshot_never_proves_a_recovery():
    for kind in ("Pod", "Event", "EndpointSlice", "ReplicaSet", "Deployment", "Service"):
        found = watch(healthy(without=(kind,))).run()
        assert found.outcome is Outcome.INCONCLUSIVE, kind
        assert kind in " ".join(found.reasons)


def test_a_fix_that_does_not_help_is_ineffective_and_goes_round():
    made = watch(still_killed())
    found = made.run()
    assert found.outcome is Outcome.INEFFECTIVE
    assert "oom-killed" in " ".join(found.reasons)
    held = record()
    proof = made.verifiers()[State.ANALYSIS_IN_PROGRESS].verify(KEY, held)
    assert isinstance(proof, FixIneffective)
    after = advance(KEY, held, State.ANALYSIS_IN_PROGRESS, proof, at=WHEN)
    assert (after.attempt, after.tried[0].fault) == (2, "oom-killed")
    with pytest.raises(ProofRefused):
        made.verifiers()[State.INCIDENT_RESOLVED].verify(KEY, held)


def test_the_fault_once_more_in_passing_condemns_nothing():
    found = watch(before_merge(), still_killed(), still_killed(), healthy()).run()
    assert found.outcome is Outcome.SUCCESSFUL


def test_another_fault_on_the_target_is_ineffective_too():
    broken = waiting("ImagePullBackOff", 'Back-off pulling image "ghcr.io/acme/app:1.0": not found')

    def event(cluster):
        cluster.event("checkout-new-0", "Failed", 'Failed to pull image "ghcr.io/acme/app:1.0": not found')

    found = watch(before_merge(), scene("128Mi", status=broken, extra=event), base=ILL).run()
    assert found.outcome is Outcome.INEFFECTIVE
    assert "image-not-found" in " ".join(found.reasons)


def test_worse_than_before_is_regressed():
    found = watch(still_killed(), base=WELL).run()
    assert found.outcome is Outcome.REGRESSED
    assert "unavailable" in " ".join(found.reasons)


def test_fewer_replicas_while_pods_are_replaced_is_not_worse():
    replaced = scene("128Mi", status=waiting("ContainerCreating"), before="64Mi", ready=1)
    found = watch(replaced, replaced, replaced, replaced, replaced, healthy(), base=WELL).run()
    assert found.outcome is Outcome.SUCCESSFUL


def test_what_never_arrives_is_inconclusive():
    clock = FakeClock()
    found = watch(before_merge(), clock=clock).run()
    assert found.outcome is Outcome.INCONCLUSIVE
    assert "did not arrive" in found.reasons[0] and "64Mi" in " ".join(found.reasons)
    assert 290 <= clock.at <= 320


def test_a_service_that_never_holds_still_is_inconclusive():
    scenes = [restarted(number) for number in range(80)]
    found = watch(*scenes).run()
    assert found.outcome is Outcome.INCONCLUSIVE
    assert "hold still" in found.reasons[0]


def test_nothing_to_compare_with_proves_nothing():
    held = record(change=None)
    found = watch(healthy(), held=held, expected=[]).run()
    assert found.outcome is Outcome.INCONCLUSIVE


def test_a_missed_progress_deadline_without_a_known_fault_goes_to_a_person():
    def stuck(cluster):
        deployment = next(obj for obj in cluster.objects if obj["kind"] == "Deployment")
        deployment["status"]["conditions"] = [
            {"type": "Progressing", "status": "False", "reason": "ProgressDeadlineExceeded"}
        ]

    found = watch(scene("128Mi", status=running(ready=False), extra=stuck), base=ILL).run()
    assert found.outcome is Outcome.INCONCLUSIVE
    assert "deadline" in " ".join(found.reasons)


def test_no_cluster_is_an_outage_and_no_outcome():
    with pytest.raises(Outage):
        watch(Outage("gone")).run()
    with pytest.raises(CredentialProblem):
        watch(CredentialProblem("no")).run()


def test_a_record_without_a_target_is_for_a_person():
    with pytest.raises(NeedsPerson):
        watch(healthy(), held=record(target=None))


# -- across processes ------------------------------------------------------------------------------------------


def test_the_watch_stops_by_itself_and_another_goes_on():
    rules = settings(soak=400, rollout_timeout=2000).model_copy()
    rules = rules.model_copy(update={"limits": rules.limits.model_copy(update={"stage_timeout": 200})})
    clock, told = FakeClock(), []
    made = watch(healthy(), rules=rules, clock=clock, told=lambda state, **words: told.append((state, words)))
    left = made.run()
    assert left.outcome is None and clock.at <= 150
    assert made.measured is None
    assert (
        told[-1][0] == left and told[-1][1]["phase"] == "soak" and "2 of 2 available" in told[-1][1]["text"]
    )
    with pytest.raises(ProofRefused):
        made.verifiers()[State.INCIDENT_RESOLVED].verify(KEY, record())
    clock.sleep(60)
    more = rules.model_copy(update={"limits": rules.limits.model_copy(update={"stage_timeout": 900})})
    went_on_at = clock.at
    found = watch(healthy(), rules=more, clock=clock, held=record(verification=left)).run()
    assert found.outcome is Outcome.SUCCESSFUL
    # Nobody looked in between, so the whole soak is watched again; when it began and ends by is kept.
    assert clock.at - went_on_at >= 400
    assert (found.started_at, found.deadline, found.baseline) == (
        left.started_at,
        left.deadline,
        left.baseline,
    )
    assert found.samples > left.samples


def test_a_stored_deadline_that_is_over_ends_it():
    stored = Verification(
        pull_request=3, merge_sha="c" * 40, started_at=WHEN - timedelta(hours=2), deadline=WHEN - timedelta(hours=1),
        samples=40, good_samples=2, baseline=ILL,
    )  # fmt: skip
    found = watch(still_killed(), held=record(verification=stored)).run()
    assert found.outcome is Outcome.INEFFECTIVE and found.samples == 41


def test_a_stored_verification_of_another_pull_request_is_not_continued():
    stored = Verification(
        pull_request=2, merge_sha="a" * 40, started_at=WHEN - timedelta(hours=2), samples=40
    )
    found = watch(healthy(), held=record(verification=stored)).run()
    assert found.started_at == WHEN and found.samples < 10


def test_a_stored_success_proves_nothing():
    stored = Verification(outcome=Outcome.SUCCESSFUL, pull_request=3, merge_sha="c" * 40)
    held = record(verification=stored)
    made = watch(healthy(), held=held)
    with pytest.raises(ProofRefused, match="in this process"):
        made.verifiers()[State.INCIDENT_RESOLVED].verify(KEY, held)


def test_a_measurement_is_about_one_incident_and_gets_old():
    clock = FakeClock()
    made = watch(healthy(), clock=clock)
    made.run()
    verifier = made.verifiers()[State.INCIDENT_RESOLVED]
    for key, held in (
        ("OPS-8", record()),
        (KEY, record(attempt=2)),
        (KEY, record(pull={"number": 4})),
    ):
        with pytest.raises(ProofRefused):
            verifier.verify(key, held)
    verifier.verify(KEY, record())
    clock.sleep(301)
    with pytest.raises(ProofRefused, match="old"):
        verifier.verify(KEY, record())


# -- special cases ---------------------------------------------------------------------------------------------


def test_what_a_person_merged_instead_is_judged_by_the_manifests():
    held = record(pull={"content_ours": False})
    found = watch(scene("256Mi"), held=held, expected=[manifest("256Mi")]).run()
    assert found.outcome is Outcome.SUCCESSFUL


def test_a_revert_is_back_where_it_was_when_nothing_is_worse():
    held = record(
        pull={"role": "revert", "number": 4},
        verification=Verification(outcome=Outcome.REGRESSED, pull_request=3, baseline=ILL),
    )
    found = watch(scene("64Mi"), held=held, expected=[manifest("64Mi")]).run()
    assert (found.outcome, found.pull_request, found.baseline) == (Outcome.SUCCESSFUL, 4, ILL)


def test_a_fault_no_detector_knows_needs_the_whole_target_well():
    held = record()
    held = held.model_copy(update={"analysis": held.analysis.model_copy(update={"fault": "said-by-a-model"})})
    assert watch(healthy(), held=held).run().outcome is Outcome.SUCCESSFUL
    ended = running(
        restartCount=1, lastState={"terminated": {"exitCode": 1, "finishedAt": "2026-11-22T11:59:00Z"}}
    )
    assert watch(scene("128Mi", status=ended), held=held).run().outcome is Outcome.INCONCLUSIVE


def test_only_the_objects_that_matter_are_compared():
    expected = [manifest(), manifest("1Gi", name="other")]
    assert watch(healthy(), expected=expected).run().outcome is Outcome.SUCCESSFUL


def test_the_baseline_fits_the_record():
    found = baseline(before_merge(), REF)
    assert found["unavailable"] == 2 and found["restarts"] == 8 and found["endpoints"] == {"checkout": 0}
    assert found["findings"] == ["oom-killed Deployment shop/checkout app"]
    well = baseline(healthy(extra=lambda c: endpoints(c, "other", 1)), REF)
    assert (well["unavailable"], well["endpoints"], well["findings"]) == (0, {"checkout": 2}, [])


def test_other_workloads_troubles_are_not_the_targets():
    def neighbour(cluster):
        cluster.deployment(
            "cart", {"containers": [{"name": "app", "image": "x"}]}, status=crashing("OOMKilled", 137)
        )

    found = watch(healthy(extra=neighbour), base=WELL).run()
    assert found.outcome is Outcome.SUCCESSFUL


def test_a_pod_that_was_just_up_between_two_crashes_makes_no_regression():
    # Before: available, but restarted already. After: the same crashes, seen at a worse moment.
    up = scene("64Mi", status=running(restartCount=3, lastState=ended_by_oom()))
    found = watch(up, still_killed()).run()
    assert found.baseline["available"] == 2 and found.baseline["steady"] == 0
    assert found.outcome is Outcome.INEFFECTIVE


def test_pods_that_served_steadily_and_are_gone_are_a_regression_even_with_the_same_fault():
    stuck = scene("64Mi", status=crashing("OOMKilled", 137), before="32Mi", replicas=1)
    found = watch(stuck, still_killed(replicas=1)).run()
    assert found.baseline["steady"] == 1
    assert found.outcome is Outcome.REGRESSED


def ended_by_oom():
    return {"terminated": {"reason": "OOMKilled", "exitCode": 137, "finishedAt": "2026-11-22T11:59:30Z"}}


def _of_service(selector, ready):
    cluster = Cluster()
    cluster.deployment("checkout", pod_spec("128Mi"), replicas=2)
    cluster.service("checkout", selector)
    endpoints(cluster, "checkout", ready)
    return cluster.snapshot()


def test_a_service_that_selects_nothing_and_then_its_pods():
    service = ObjectRef(kind="Service", namespace="shop", name="checkout")
    held = record(
        analysis=Analysis(verdict="fault", fault="service-selector-mismatch", object=service, confidence=0.9),
        change=Change(
            decision="propose",
            rendered=(
                RenderedChange(
                    object=service, field="/spec/selector/app", before="chekout", after="checkout"
                ),
            ),
        ),
    )
    expected = [
        manifest(),
        {"kind": "Service", "metadata": {"name": "checkout"}, "spec": {"selector": {"app": "checkout"}}},
    ]
    wrong, right = _of_service({"app": "chekout"}, 0), _of_service({"app": "checkout"}, 2)
    assert watch(wrong, wrong, right, held=held, expected=expected).run().outcome is Outcome.SUCCESSFUL
    assert watch(wrong, held=held, expected=expected).run().outcome is Outcome.INCONCLUSIVE
    # The selector arrived, the endpoints do not follow: no success.
    assert (
        watch(_of_service({"app": "checkout"}, 0), held=held, expected=expected).run().outcome
        is Outcome.INCONCLUSIVE
    )
    as_service = held.model_copy(update={"target": Target(namespace="shop", kind="Service", name="checkout")})
    assert watch(right, held=as_service, expected=expected).run().outcome is Outcome.SUCCESSFUL


def test_a_key_that_a_config_map_lacked():
    conf = ObjectRef(kind="ConfigMap", namespace="shop", name="conf")
    spec = {
        "containers": [
            container(env=[{"name": "A", "valueFrom": {"configMapKeyRef": {"name": "conf", "key": "url"}}}])
        ]
    }

    def look(data, status):
        cluster = Cluster()
        cluster.deployment("checkout", spec, status=status)
        cluster.add("ConfigMap", "conf", data=data)
        return cluster.snapshot()

    held = record(
        analysis=Analysis(verdict="fault", fault="config-key-missing", object=conf, confidence=0.9),
        change=Change(
            decision="propose",
            rendered=(RenderedChange(object=conf, field="/data/url", before=None, after="http://x"),),
        ),
    )
    stuck = waiting("CreateContainerConfigError", "couldn't find key url in ConfigMap shop/conf")
    before = look({"uri": "http://x"}, stuck)
    arrived = look({"uri": "http://x", "url": "http://x"}, stuck)
    after = look({"uri": "http://x", "url": "http://x"}, running())
    expected = [{"kind": "ConfigMap", "metadata": {"name": "conf"}, "data": {"url": "http://x"}}]
    found = watch(before, arrived, arrived, after, held=held, expected=expected).run()
    assert found.outcome is Outcome.SUCCESSFUL, found.reasons
    assert watch(arrived, held=held, expected=expected).run().outcome is not Outcome.SUCCESSFUL


def test_the_soak_is_told_in_looks_and_then_in_time():
    told = []
    watch(healthy(), base=ILL, told=lambda _state, **words: told.append(words["text"])).run()
    wanted = settings().verification
    first = [text for text in told if "good looks" in text]
    rest = told[len(first) :]
    assert first[0].endswith(f", 1 of {wanted.samples} good looks")
    assert len(first) == wanted.samples - 1
    assert rest[-1].endswith(f"steady for {wanted.soak} s of {wanted.soak} s")
    assert all("steady for" in text for text in rest)
