"""From diagnosis to the record and back; evidence is looked up, not believed."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from selfheal.diagnosis.analysis import finding_of, fingerprint
from selfheal.diagnosis.engine import Diagnosis, diagnose
from selfheal.diagnosis.evidence import EvidenceVerifier, resolves
from selfheal.diagnosis.note import as_markdown, as_text
from selfheal.faults.catalogue import by_id
from selfheal.incidents.errors import ProofRefused
from selfheal.incidents.record import BUDGETS, Analysis, Evidence, ObjectRef, Record, compact
from tests.support.cluster import Cluster, container, crashing, running, waiting

LIMITED = {"containers": [container(resources={"limits": {"memory": "128Mi"}})]}


def killed() -> Cluster:
    cluster = Cluster()
    before = {"containers": [container(resources={"limits": {"memory": "256Mi"}})]}
    cluster.deployment("web", LIMITED, status=crashing("OOMKilled", 137), before=before)
    return cluster


def record(analysis: Analysis) -> Record:
    return Record(entered=datetime(2026, 11, 22, tzinfo=UTC), analysis=analysis)


def test_round_trip_gives_the_same_remedy() -> None:
    snapshot = killed().snapshot()
    found = diagnose(snapshot)
    analysis = found.to_analysis(snapshot)
    assert found.root is not None
    assert [item.id for item in analysis.evidence] == [
        f"e{number + 1}" for number in range(len(analysis.evidence))
    ]
    assert analysis.last_good[0].value == "256Mi"
    fault = by_id(analysis.fault)
    assert fault.remedy(finding_of(analysis)) == fault.remedy(found.root)


def test_all_evidence_of_every_kind_resolves() -> None:
    cluster = killed()
    probe = {"httpGet": {"path": "/ready", "port": 8081}}
    api = {"containers": [container(ports=[{"containerPort": 8080}], readinessProbe=probe)]}
    cluster.deployment("api", api, status=running(ready=False))
    cluster.event(
        "api-new-0",
        "Unhealthy",
        "Readiness probe failed: dial tcp 10.0.0.1:8081: connect: connection refused",
    )
    cluster.log("api-new-0", "app", "listening on :8080")
    cluster.add("ConfigMap", "s", data={"A": "1"})
    env = [{"name": "X", "valueFrom": {"configMapKeyRef": {"name": "s", "key": "AA"}}}]
    stuck = waiting("CreateContainerConfigError", "couldn't find key AA in ConfigMap shop/s")
    cluster.deployment("pay", {"containers": [container(env=env)]}, status=stuck)
    snapshot = cluster.snapshot()
    found = diagnose(snapshot)
    assert {item.fault for item in found.findings} == {
        "oom-killed",
        "readiness-probe-misconfigured",
        "config-key-missing",
    }
    for finding in found.findings:
        alone = Diagnosis(**{**found.__dict__, "findings": (finding,)})
        analysis = alone.to_analysis(snapshot)
        assert resolves(analysis, snapshot) == tuple(item.id for item in analysis.evidence)


@pytest.mark.parametrize(
    "forged",
    [
        {"field": "/spec/replicas", "value": 99},
        {"field": "no pointer", "value": 1},
        {"source": "event", "value": "Killing", "message": "it was killed"},
        {"source": "log", "value": {"container": "app"}, "message": "fatal error in main"},
        {"source": "log", "value": {"container": "app"}, "message": ""},
        {"source": "sync", "message": "deployment configured"},
        {"source": "repository", "message": "trust me"},
    ],
)
def test_forged_evidence_is_refused(forged: dict[str, Any]) -> None:
    snapshot = killed().snapshot()
    analysis = diagnose(snapshot).to_analysis(snapshot)
    ref = ObjectRef(kind="Deployment", namespace="shop", name="web")
    bad = Evidence(**{"id": "e9", "source": "object", "object": ref, **forged})
    told = analysis.model_copy(update={"evidence": (*analysis.evidence, bad)})
    with pytest.raises(ProofRefused, match="e9"):
        EvidenceVerifier(snapshot).verify("OPS-1", record(told))


def test_verifier_grants_what_holds_and_refuses_the_rest() -> None:
    snapshot = killed().snapshot()
    analysis = diagnose(snapshot).to_analysis(snapshot)
    proof = EvidenceVerifier(snapshot).verify("OPS-1", record(analysis))
    assert proof.snapshot_digest == snapshot.digest
    gone = ObjectRef(kind="Deployment", namespace="shop", name="gone")
    for update in (
        {"object": gone},
        {"snapshot_digest": "another"},
        {"evidence": ()},
        {"verdict": "unknown"},
    ):
        with pytest.raises(ProofRefused):
            EvidenceVerifier(snapshot).verify("OPS-1", record(analysis.model_copy(update=update)))


def test_budget_holds_for_large_findings() -> None:
    cluster = Cluster()
    for number in range(200):
        cluster.add("Secret", f"secret-{number:03d}-{'x' * 60}", data={})
    env_from = [{"secretRef": {"name": f"gone-{'y' * 100}"}}] * 60
    cluster.deployment(
        "web", {"containers": [container(envFrom=env_from)]}, status=waiting("ContainerCreating")
    )
    snapshot = cluster.snapshot()
    analysis = diagnose(snapshot).to_analysis(snapshot)
    assert analysis.verdict == "fault"
    assert len(compact(analysis.model_dump(mode="json", exclude_defaults=True))) <= BUDGETS["analysis"]


def test_values_that_redaction_changes_are_never_offered_for_writing() -> None:
    token = "ghp_" + "a1B2" * 9
    cluster = Cluster()
    before = {"containers": [container(env=[{"name": "ENDPOINT", "value": f"https://x:{token}@api"}])]}
    spec = {"containers": [container(env=[{"name": "ENDPOINT", "value": "api"}])]}
    cluster.deployment("web", spec, status=crashing("Error", 1), before=before)
    cluster.log("web-new-0", "app", "error: invalid value for ENDPOINT", previous=True)
    snapshot = cluster.snapshot()
    found = diagnose(snapshot)
    assert found.root is not None and found.root.facts["last_good"]
    analysis = found.to_analysis(snapshot)
    assert analysis.last_good == () and analysis.facts["last_good"] == []
    assert token not in analysis.model_dump_json()


def test_fingerprint_is_of_facts_not_of_text_or_counts() -> None:
    def print_of(restarts: int, limit: str = "128Mi") -> str:
        cluster = Cluster()
        spec = {"containers": [container(resources={"limits": {"memory": limit}})]}
        cluster.deployment("web", spec, status=crashing("OOMKilled", 137, restarts=restarts))
        root = diagnose(cluster.snapshot()).root
        assert root is not None
        return fingerprint(root)

    assert print_of(2) == print_of(40)
    assert print_of(2) != print_of(2, "64Mi")


def test_verdicts_without_a_cause() -> None:
    cluster = Cluster()
    cluster.deployment("web", LIMITED)
    snapshot = cluster.snapshot()
    analysis = diagnose(snapshot).to_analysis(snapshot)
    assert (analysis.verdict, analysis.object, analysis.evidence) == ("healthy", None, ())
    with pytest.raises(ValueError, match="healthy"):
        finding_of(analysis)


def test_what_runs_at_every_field_that_the_remedy_writes_is_kept() -> None:
    """The repository is compared with it later, where there is no cluster to ask."""
    cluster = Cluster()
    cluster.add("ConfigMap", "settings", data={"A": "1"})
    env = [
        {"name": name, "valueFrom": {"configMapKeyRef": {"name": "setings", "key": "A", "optional": False}}}
        for name in "ABCDE"
    ]
    told = waiting("CreateContainerConfigError", 'configmap "setings" not found')
    cluster.deployment("web", {"containers": [container(env=env)]}, status=told)
    snapshot = cluster.snapshot()
    analysis = diagnose(snapshot).to_analysis(snapshot)
    edits = by_id(analysis.fault).remedy(finding_of(analysis)).edits
    cited = {item.field: item.value for item in analysis.evidence if item.source == "object"}
    assert len(edits) == 5
    assert {edit.field for edit in edits} <= set(cited)
    assert {cited[edit.field] for edit in edits} == {"setings"}
    assert resolves(analysis, snapshot) == tuple(item.id for item in analysis.evidence)


def test_a_password_that_stands_in_a_variable_is_cited_nowhere() -> None:
    def spec(value: str) -> dict[str, Any]:
        return {"containers": [container(env=[{"name": "DB_PASSWORD", "value": value}])]}

    cluster = Cluster()
    before = spec("correct-horse-1")
    cluster.deployment("web", spec("hunter2xyz"), status=crashing("Error", 1), before=before)
    cluster.log("web-new-0", "app", "invalid value for DB_PASSWORD: too short", previous=True)
    snapshot = cluster.snapshot()
    ref = ObjectRef(kind="Deployment", namespace="shop", name="web")
    found = diagnose(snapshot)
    beside = {"kind": "Deployment", "spec": {"template": {"spec": spec("battery-staple-2")}}}
    drifted = diagnose(snapshot, declared={ref: ("web.yaml", beside)})
    assert (found.root and found.root.fault, drifted.root and drifted.root.fault) == (
        "env-var-invalid",
        "drift",
    )
    for answer in (found, drifted):
        analysis = answer.to_analysis(snapshot)
        texts = (as_text(answer), as_markdown(answer), str(answer.document()), analysis.model_dump_json())
        for text in texts:
            assert "DB" in text
            assert not [word for word in ("hunter2xyz", "correct-horse", "battery-staple") if word in text], (
                text
            )
        assert resolves(analysis, snapshot) == tuple(item.id for item in analysis.evidence)
