"""Objects whose newest version was refused: whose fault it is, what they get back, and what stays somebody else's."""

from __future__ import annotations

import pytest

from selfheal.cluster.snapshot import Object
from selfheal.diagnosis.analysis import finding_of
from selfheal.diagnosis.engine import diagnose
from selfheal.diagnosis.evidence import EvidenceVerifier
from selfheal.faults.interface import Finding, Taken
from selfheal.faults.neighbourhood import around
from selfheal.faults.refusals import refusals
from selfheal.incidents.record import Record, Target
from tests.faults.kit import remedy
from tests.support.cluster import NOW, Cluster, container, crashing

SPEC = {
    "containers": [
        container(
            "web",
            env=[{"name": "MODE", "value": "fast"}, {"name": "TOKEN", "value": "s3cr3t-Value-9f8e7d6c5b4a"}],
            resources={"requests": {"cpu": "1", "memory": "128Mi"}, "limits": {"memory": "256Mi"}},
            volumeMounts=[{"name": "scratch", "mountPath": "/scratch"}],
            readinessProbe={"httpGet": {"path": "/", "port": 8080}, "periodSeconds": 5},
        )
    ],
    "volumes": [{"name": "scratch", "emptyDir": {}}],
}
POD = "spec.template.spec.containers[0]"
WHERE = "/spec/template/spec/containers/name=web"


def refused(
    *causes: str, kind: str = "Deployment", name: str = "web", status: Object | None = None
) -> Cluster:
    cluster = Cluster()
    cluster.deployment("web", SPEC, status=status)
    joined = causes[0] if len(causes) == 1 else f"[{', '.join(causes)}]"
    cluster.sync = f'Error from server (Invalid): {kind}.apps "{name}" is invalid: {joined}\n'
    return cluster


def root(cluster: Cluster) -> Finding:
    found = diagnose(cluster.snapshot())
    assert found.root is not None, found.reasons
    return found.root


@pytest.mark.parametrize(
    ("cause", "fault"),
    [
        (f'{POD}.resources.requests: Invalid value: "1Gi": must be less than or equal to memory limit of 256Mi', "rollout-stuck"),
        (f'{POD}.volumeMounts[0].name: Not found: "scratc"', "volume-mount-invalid"),
        (f"{POD}.env[0].name: Required value", "env-var-invalid"),
        (f"{POD}.readinessProbe.periodSeconds: Invalid value: -5: must be greater than or equal to 0", "readiness-probe-misconfigured"),
        (f"{POD}.livenessProbe: Required value: must specify a handler type", "liveness-probe-misconfigured"),
        (f"{POD}.securityContext.runAsUser: Invalid value: -1: must be between 0 and", "security-context-invalid"),
        (f"{POD}.ports[0].hostPort: Duplicate value: 80", "port-conflict"),
        ("spec.replicas: Invalid value: -1: must be greater than or equal to 0", "rollout-stuck"),
    ],
)  # fmt: skip
def test_the_fault_is_the_one_whose_field_it_is(cause: str, fault: str) -> None:
    found = root(refused(cause))
    assert (found.fault, found.variant, str(found.object)) == (fault, "refused", "Deployment shop/web")
    assert found.evidence[0].source == "sync"
    fix = remedy(found)
    assert fix.edits and not fix.requires_recreate
    assert all(isinstance(edit.value, Taken) for edit in fix.edits)


def test_requests_and_limits_of_the_resource_named_go_together() -> None:
    found = root(
        refused(
            f'{POD}.resources.requests: Invalid value: "1Gi": must be less than or equal to memory limit of 1Mi'
        )
    )
    assert found.facts["fields"] == [f"{WHERE}/resources/requests/memory", f"{WHERE}/resources/limits/memory"]
    assert found.container == "web"


def test_the_template_has_labels_that_no_selector_asks_for() -> None:
    cluster = refused(
        'spec.template.metadata.labels: Invalid value: {"app":"wb"}: `selector` does not match template `labels`'
    )
    deployment = next(obj for obj in cluster.objects if obj["kind"] == "Deployment")
    deployment["spec"]["template"]["metadata"]["labels"] = {"app": "web", "release": "7"}
    assert root(cluster).facts["fields"] == [
        "/spec/selector/matchLabels/app",
        "/spec/template/metadata/labels/app",
    ]


def test_volumes_are_looked_at_where_no_mount_differs() -> None:
    found = root(refused(f'{POD}.volumeMounts[0].name: Not found: "scratch"'))
    assert found.facts["fields"] == [f"{WHERE}/volumeMounts/0/name"]
    assert found.facts["beside"] == ["/spec/template/spec/volumes/0/name"]
    assert found.facts["same"] == [f"{WHERE}/volumeMounts/0/mountPath"]


def test_go_paths_stand_for_any_position() -> None:
    cluster = refused("x")
    cluster.sync = (
        'Error from server (BadRequest): Deployment in version "v1" cannot be handled as a Deployment: json: cannot unmarshal'
        " number into Go struct field EnvVar.spec.template.spec.containers.env.value of type string\n"
    )
    (refusal,) = refusals(cluster.snapshot())
    live = cluster.snapshot().get("Deployment", "shop", "web")
    assert live is not None
    assert around(live, refusal).fields == (f"{WHERE}/env/name=MODE/value", f"{WHERE}/env/name=TOKEN/value")


def test_a_secret_value_is_neither_kept_nor_written() -> None:
    snapshot = refused(f"{POD}.env[1].value: Invalid value: 5: must be a string").snapshot()
    analysis = diagnose(snapshot).to_analysis(snapshot)
    assert "s3cr3t-Value" not in analysis.model_dump_json()
    (edit,) = remedy(finding_of(analysis)).edits
    assert isinstance(edit.value, Taken) and edit.value.value is None


def test_several_fields_of_several_faults_are_one_finding() -> None:
    found = root(refused(f"{POD}.env[0].name: Required value", f'{POD}.volumeMounts[0].name: Not found: "x"'))
    assert found.fault == "rollout-stuck"
    assert "(and 1 more)" in found.summary


def test_a_missing_field_is_added_where_another_is_wrong_too() -> None:
    found = root(refused("spec.replicas: Invalid value: -1: must be", f"{POD}.image: Required value"))
    required = {
        edit.field: edit.value.required for edit in remedy(found).edits if isinstance(edit.value, Taken)
    }
    assert required == {"/spec/replicas": False, f"{WHERE}/image": True}


def test_lookalike_a_crash_of_what_runs_is_not_explained_by_what_was_never_taken() -> None:
    cluster = refused(f"{POD}.env[0].name: Required value", status=crashing("Error", 1))
    found = diagnose(cluster.snapshot())
    assert {"app-crash", "env-var-invalid"} <= {item.fault for item in found.findings}
    assert not any(
        item.explains for item in found.findings if item.variant == "refused" and item.fault == "app-crash"
    )


@pytest.mark.parametrize(
    "line",
    [
        'The ConfigMap "words" is invalid: data[a/b]: Invalid value: "a/b": a valid config key must consist of',
        'Error from server (Forbidden): deployments.apps "web" is forbidden: User "ci" cannot patch resource',
        'error: Apply failed with 1 conflict: conflict with "kubectl-edit" using apps/v1: .spec.replicas',
        "Error from server (Timeout): the server was unable to return a response in the time allotted",
        "error: unable to read something",
    ],
)
def test_what_fits_no_fault_is_unknown_and_said(line: str) -> None:
    cluster = Cluster()
    cluster.deployment("web", SPEC)
    assert diagnose(cluster.snapshot()).verdict == "healthy"
    cluster.sync = f"service/web serverside-applied\n{line}\n"
    found = diagnose(cluster.snapshot())
    assert found.verdict == "unknown"
    assert line.rpartition(": ")[2][:40] in found.reasons[0]


def test_a_target_is_not_unwell_for_what_was_refused_of_another() -> None:
    cluster = Cluster()
    cluster.deployment("web", SPEC)
    cluster.add("ConfigMap", "words", data={})
    cluster.sync = 'The ConfigMap "words" is invalid: data[a/b]: Invalid value: "a/b": a valid config key must consist of\n'
    web = Target(namespace="shop", kind="Deployment", name="web")
    assert diagnose(cluster.snapshot(), target=web).verdict == "healthy"


def test_what_was_never_there_may_be_blamed_where_the_last_apply_names_it() -> None:
    cluster = refused("spec.replicas: Invalid value: -1: must be greater than or equal to 0", name="api")
    snapshot = cluster.snapshot()
    analysis = diagnose(snapshot).to_analysis(snapshot)
    assert str(analysis.object) == "Deployment shop/api"
    proof = EvidenceVerifier(snapshot).verify("OPS-1", Record(entered=NOW, analysis=analysis))
    assert proof.evidence_ids
