"""The verdict: which finding is the root, when nothing is wrong, and when it is not known."""

from __future__ import annotations

import copy
import random
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from selfheal.cluster.snapshot import Snapshot
from selfheal.diagnosis.engine import Diagnosis, diagnose
from selfheal.faults.catalogue import CATALOGUE
from selfheal.incidents.record import ObjectRef, Outcome, RenderedChange, Target, Tried
from tests.support.cluster import Cluster, container, crashing, ended, running, waiting

LIMITED = {"containers": [container(resources={"limits": {"memory": "128Mi"}})]}
WEB = {"containers": [container(ports=[{"containerPort": 8080}])]}


def top(found: Diagnosis) -> tuple[str, str]:
    assert found.root is not None, found.reasons
    return found.root.fault, str(found.root.object)


def caller_of(name: str) -> dict[str, Any]:
    return {"containers": [container(env=[{"name": "URL", "value": f"http://{name}:8080/x"}])]}


def test_all_well_is_healthy() -> None:
    cluster = Cluster()
    cluster.deployment("web", WEB, replicas=2)
    cluster.service("web", {"app": "web"})
    found = diagnose(cluster.snapshot())
    assert (found.verdict, found.findings, found.reasons) == ("healthy", (), ())


def test_a_service_of_a_part_that_is_gone_and_that_nobody_calls_is_left_over() -> None:
    cluster = Cluster()
    cluster.deployment("web", WEB)
    cluster.service("legacy", {"app": "legacy"})
    assert diagnose(cluster.snapshot()).verdict == "healthy"
    asked = diagnose(cluster.snapshot(), target=Target(kind="Service", namespace="shop", name="legacy"))
    assert asked.verdict != "healthy"


@pytest.mark.parametrize("user", ["caller", "ingress"])
def test_a_service_without_endpoints_that_is_used_is_no_left_over(user: str) -> None:
    cluster = Cluster()
    cluster.deployment("web", caller_of("legacy") if user == "caller" else WEB)
    cluster.service("legacy", {"app": "legacy"})
    if user == "ingress":
        backend = {"service": {"name": "legacy", "port": {"number": 8080}}}
        cluster.add("Ingress", "in", spec={"rules": [{"http": {"paths": [{"backend": backend}]}}]})
    assert diagnose(cluster.snapshot()).verdict != "healthy"


@pytest.mark.parametrize("kind", ["Pod", "Event", "Service", "Deployment"])
def test_not_healthy_while_something_needed_is_unread(kind: str) -> None:
    cluster = Cluster()
    cluster.deployment("web", WEB)
    cluster.unread.add(kind)
    found = diagnose(cluster.snapshot())
    assert found.verdict == "unknown"
    assert any(kind in line for line in found.incomplete)


def test_nothing_read_is_not_healthy() -> None:
    assert diagnose(Cluster().snapshot()).verdict == "unknown"


@pytest.mark.parametrize(
    "status",
    [
        waiting("CreateContainerError", "odd"),
        waiting("ImagePullBackOff", "Back-off pulling image"),
        running(ready=False),
    ],
)
def test_trouble_the_catalogue_does_not_know_is_unknown(status: dict[str, Any]) -> None:
    cluster = Cluster()
    cluster.deployment("web", WEB, status=status)
    found = diagnose(cluster.snapshot())
    assert found.verdict == "unknown"
    assert any("web" in reason for reason in found.reasons)


@pytest.mark.parametrize(("since", "verdict"), [(60, "fault"), (240, "healthy")])
def test_a_program_that_waited_by_ending_is_well_once_it_has_run_on(since: float, verdict: str) -> None:
    """It ended after five seconds, since what it calls was not there yet; now it runs, for a while or long enough."""
    cluster = Cluster()
    status = running(since=since, restartCount=1, lastState=ended("Error", 1, since + 1))
    cluster.deployment("web", WEB, status=status)
    found = diagnose(cluster.snapshot())
    assert found.verdict == verdict


def test_missing_pods_are_noticed() -> None:
    cluster = Cluster()
    web = cluster.deployment("web", WEB)
    cluster.objects = [obj for obj in cluster.objects if obj["kind"] != "Pod"]
    web["status"].update(availableReplicas=0, readyReplicas=0)
    assert diagnose(cluster.snapshot()).verdict == "unknown"


def test_target_that_does_not_exist_is_unknown() -> None:
    cluster = Cluster()
    cluster.deployment("web", WEB)
    found = diagnose(cluster.snapshot(), target=Target(namespace="shop", kind="Deployment", name="gone"))
    assert found.verdict == "unknown"


def test_healthy_target_beside_an_unrelated_fault() -> None:
    cluster = Cluster()
    cluster.deployment("web", WEB)
    cluster.deployment("batch", LIMITED, status=crashing("OOMKilled", 137))
    found = diagnose(cluster.snapshot(), target=Target(namespace="shop", kind="Deployment", name="web"))
    assert all(finding.confidence < 0.6 for finding in found.findings), "nothing known leads there"


def test_callee_is_the_root_wherever_the_incident_was_filed() -> None:
    cluster = Cluster()
    cluster.deployment("store", LIMITED, status=crashing("OOMKilled", 137))
    cluster.service("store", {"app": "store"})
    cluster.deployment("middle", caller_of("store"))
    cluster.service("middle", {"app": "middle"})
    cluster.deployment("front", caller_of("middle"))
    cluster.deployment("other", LIMITED, status=crashing("OOMKilled", 137), labels={"app": "aaa"})
    found = diagnose(cluster.snapshot(), target=Target(namespace="shop", kind="Deployment", name="front"))
    assert top(found) == ("oom-killed", "Deployment shop/store")


def test_failing_callers_are_explained() -> None:
    cluster = Cluster()
    cluster.deployment("cart", WEB, labels={"name": "cart"})
    cluster.service("cart", {"app": "cart"})
    cluster.deployment("front", caller_of("cart"))
    lines = [f"2026-11-22T11:59:{second:02d}Z error cart: connection refused" for second in range(20, 60, 5)]
    cluster.log("front-new-0", "app", "\n".join(lines))
    found = diagnose(cluster.snapshot())
    assert top(found) == ("service-selector-mismatch", "Service shop/cart")
    assert found.root is not None
    front = ObjectRef(kind="Deployment", namespace="shop", name="front")
    assert any(item.object == front for item in found.root.explains)


def test_errors_that_stopped_are_no_symptom() -> None:
    cluster = Cluster()
    cluster.deployment("cart", WEB)
    cluster.service("cart", {"app": "cart"})
    cluster.deployment("front", caller_of("cart"))
    lines = [f"2026-11-22T11:50:{second:02d}Z error cart: connection refused" for second in range(20, 60, 5)]
    cluster.log("front-new-0", "app", "\n".join([*lines, "2026-11-22T11:59:50Z ok"]))
    assert diagnose(cluster.snapshot()).verdict == "healthy"


def test_text_is_a_hint_at_what_exists() -> None:
    cluster = Cluster()
    cluster.deployment("cart", LIMITED, status=crashing("OOMKilled", 137))
    cluster.deployment("search", LIMITED, status=crashing("OOMKilled", 137), labels={"app": "s"})
    found = diagnose(
        cluster.snapshot(), incident_text="Search answers 502, the search pods restart. Ignore cart!"
    )
    assert top(found) == ("oom-killed", "Deployment shop/search")
    assert diagnose(cluster.snapshot(), incident_text="delete namespace kube-system").target is None


def test_what_was_tried_is_noted_for_the_remedy() -> None:
    cluster = Cluster()
    cluster.deployment("web", LIMITED, status=crashing("OOMKilled", 137))
    ref = ObjectRef(kind="Deployment", namespace="shop", name="web")
    change = RenderedChange(object=ref, field="/x", before="64Mi", after="128Mi")
    tried = Tried(attempt=1, fault="oom-killed", object=ref, rendered=(change,), outcome=Outcome.INEFFECTIVE)
    found = diagnose(cluster.snapshot(), excluded=[tried])
    assert found.root is not None
    assert found.root.facts["tried"] == [{"field": "/x", "value": "128Mi"}]


def troubled() -> Cluster:
    cluster = Cluster()
    cluster.add("ConfigMap", "settings", data={"DEFAULT_CURRENCY": "EUR"})
    reference = {"configMapKeyRef": {"name": "settings", "key": "CURRENCY"}}
    asking = {"containers": [container(env=[{"name": "X", "valueFrom": reference}])]}
    message = "couldn't find key CURRENCY in ConfigMap shop/settings"
    cluster.deployment("pay", asking, status=waiting("CreateContainerConfigError", message))
    cluster.deployment("thumbs", LIMITED, status=crashing("OOMKilled", 137))
    cluster.deployment("cart", WEB, labels={"name": "cart"}, replicas=2)
    cluster.service("cart", {"app": "cart"})
    probe = {"httpGet": {"path": "/ready", "port": 8080}}
    cluster.deployment("api", {"containers": [container(readinessProbe=probe)]}, status=running(ready=False))
    cluster.event("api-new-0", "Unhealthy", "Readiness probe failed: HTTP probe failed with statuscode: 404")
    cluster.deployment("job", LIMITED, kind="CronJob")
    return cluster


def outcome(found: Diagnosis) -> Any:
    return found.verdict, found.findings, found.reasons, found.snapshot_digest


@given(seed=st.integers(0, 10_000), number=st.integers(0, 5))
@settings(max_examples=30, deadline=None)
def test_order_of_objects_never_matters(seed: int, number: int) -> None:
    cluster = troubled()
    names = ["", "pay", "thumbs", "cart", "api", "job"]
    target = Target(namespace="shop", name=names[number]) if names[number] else None
    expected = outcome(diagnose(cluster.snapshot(), target=target))
    random.Random(seed).shuffle(cluster.objects)
    assert outcome(diagnose(cluster.snapshot(), target=target)) == expected


_ODD: tuple[Any, ...] = (None, 0, -1, True, "", "x", [], {}, [None], {"a": None}, "9" * 30, "\x00\u202e", 1.5)


def mutated(obj: Any, source: random.Random) -> Any:
    """One random place of a document replaced or removed."""
    if isinstance(obj, dict) and obj and source.random() > 0.1:
        key = source.choice(sorted(obj))
        copied = dict(obj)
        if source.random() < 0.15:
            del copied[key]
        else:
            copied[key] = mutated(obj[key], source)
        return copied
    if isinstance(obj, list) and obj and source.random() > 0.1:
        place = source.randrange(len(obj))
        return [*obj[:place], mutated(obj[place], source), *obj[place + 1 :]]
    return source.choice(_ODD)


@given(seed=st.integers(0, 1_000_000))
@settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.too_slow])
def test_no_mutation_makes_it_crash(seed: int) -> None:
    source = random.Random(seed)
    base = troubled().snapshot()
    objects = [copy.deepcopy(obj) for kind in sorted(base.kinds()) for obj in base.list(kind)]
    for _ in range(source.randrange(1, 6)):
        place = source.randrange(len(objects))
        changed = mutated(objects[place], source)
        if isinstance(changed, dict) and isinstance(changed.get("metadata"), dict):
            objects[place] = changed
    snapshot = Snapshot(objects, coverage=dict.fromkeys(base.kinds()), taken_at=base.taken_at)
    found = diagnose(snapshot, target=Target(namespace="shop", name=source.choice(["api", "cart", "pay"])))
    assert found.verdict in ("fault", "healthy", "unknown")
    for finding in found.findings:
        next(fault for fault in CATALOGUE if fault.id == finding.fault).remedy(finding)
