"""Whatever a snapshot holds: no crash, no dependence on order, no influence of what has nothing to do with it."""

from __future__ import annotations

import copy
import random
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from selfheal.cluster.kinds import KINDS
from selfheal.cluster.snapshot import Snapshot
from selfheal.diagnosis.engine import diagnose
from tests.faults.kit import caller, cluster_wide, event, get, lines, node, pending, served
from tests.support.cluster import NOW, Cluster, container, crashing

RELAXED = settings(max_examples=150, deadline=None, suppress_health_check=list(HealthCheck))


def everything() -> Cluster:
    """A little of every kind, some of it ill."""
    cluster = Cluster()
    node(cluster, labels={"zone": "a"}, taints=[{"key": "team", "value": "x", "effect": "NoSchedule"}])
    node(
        cluster,
        "node-2",
        cordoned=True,
        conditions=[{"type": "Ready", "status": "False", "message": "PLEG is not healthy"}],
    )
    served(cluster, "mysql", 3306)
    caller(cluster, "api", {"MYSQL_HOST": "mysql", "MYSQL_PORT": "3307"}, lines("ECONNREFUSED mysql:3307"))
    affinity = {
        "nodeAffinity": {
            "requiredDuringSchedulingIgnoredDuringExecution": {
                "nodeSelectorTerms": [
                    {"matchExpressions": [{"key": "zone", "operator": "In", "values": ["b"]}]}
                ]
            }
        },
        "podAntiAffinity": {
            "requiredDuringSchedulingIgnoredDuringExecution": [
                {"labelSelector": {"matchLabels": {"app": "batch"}}, "topologyKey": "zone"}
            ]
        },
    }
    spread = [{"maxSkew": 1, "topologyKey": "zone", "labelSelector": {"matchLabels": {"app": "batch"}}}]
    volumes = [
        {"name": "d", "persistentVolumeClaim": {"claimName": "d"}},
        {"name": "c", "configMap": {"name": "conf"}},
    ]
    mounts = [{"name": "c", "mountPath": "/etc/app"}]
    spec = {
        "containers": [container(volumeMounts=mounts, resources={"requests": {"cpu": "9"}})],
        "affinity": affinity,
        "topologySpreadConstraints": spread,
        "volumes": volumes,
        "nodeSelector": {"disk": "x"},
    }
    cluster.deployment(
        "batch", spec, status={"ready": False, "state": {}}, before={"containers": [container(image="r/x:1")]}
    )
    pending(cluster, "batch-new-0", "0/2 nodes are available: 2 Insufficient cpu.")
    probe = {"httpGet": {"port": 8080, "path": "/"}, "initialDelaySeconds": 1}
    cluster.deployment(
        "web",
        {
            "containers": [
                container(livenessProbe=probe, readinessProbe=probe, ports=[{"containerPort": 8080}])
            ]
        },
        status=crashing("Error", 137),
    )
    pod = get(cluster, "Pod", "web-new-0")
    event(cluster, pod, "Unhealthy", "Liveness probe failed: HTTP probe failed with statuscode: 404")
    event(cluster, pod, "Killing", "Container app failed liveness probe, will be restarted")
    cluster.log(
        "web-new-0",
        "app",
        "open /etc/app/x: permission denied\nx509: expired\nOutOfMemoryError",
        previous=True,
    )
    cluster.add("ConfigMap", "conf", data={"app.yaml": "url: http://mysql:3306"})
    cluster.add(
        "PersistentVolumeClaim",
        "d",
        spec={
            "storageClassName": "x",
            "accessModes": ["ReadWriteOnce"],
            "resources": {"requests": {"storage": "1Gi"}},
        },
        status={"phase": "Pending"},
    )
    cluster_wide(
        cluster,
        "PersistentVolume",
        "pv",
        spec={
            "capacity": {"storage": "1Gi"},
            "accessModes": ["ReadWriteMany"],
            "claimRef": {"name": "e", "namespace": "shop"},
        },
        status={"phase": "Bound"},
    )
    cluster_wide(cluster, "StorageClass", "y")
    cluster.add("ResourceQuota", "q", spec={"hard": {"pods": "1"}}, status={"used": {"pods": "2"}})
    cluster.add("LimitRange", "l", spec={"limits": [{"type": "Container", "max": {"cpu": "1"}}]})
    cluster.add(
        "NetworkPolicy",
        "n",
        spec={
            "podSelector": {},
            "policyTypes": ["Ingress", "Egress"],
            "ingress": [{"from": [{"podSelector": {"matchLabels": {"a": "b"}}}], "ports": [{"port": 1}]}],
        },
    )
    cluster.add(
        "Ingress",
        "i",
        spec={
            "ingressClassName": "z",
            "tls": [{"secretName": "s"}],
            "rules": [
                {"http": {"paths": [{"backend": {"service": {"name": "gone", "port": {"number": 1}}}}]}}
            ],
        },
        status={},
    )
    cluster.add(
        "HorizontalPodAutoscaler",
        "h",
        spec={"scaleTargetRef": {"kind": "Deployment", "name": "gone"}, "metrics": []},
        status={"conditions": [{"type": "AbleToScale", "status": "False", "message": "x"}]},
    )
    cluster.add(
        "PodDisruptionBudget",
        "p",
        spec={"selector": {"matchLabels": {"app": "web"}}, "minAvailable": "100%"},
        status={"disruptionsAllowed": 0},
    )
    cluster.add("CronJob", "c", spec={"schedule": "x", "suspend": True, "jobTemplate": {}}, status={})
    cluster.add(
        "HTTPRoute",
        "r",
        spec={"parentRefs": [{"name": "g"}], "rules": [{"backendRefs": [{"name": "gone", "port": 1}]}]},
    )
    cluster.add(
        "RoleBinding",
        "b",
        roleRef={"kind": "Role", "name": "gone"},
        subjects=[{"kind": "ServiceAccount", "name": "s"}],
    )
    return cluster


def snapshot_of(objects: list[Any], cluster: Cluster) -> Snapshot:
    texts = dict(cluster.log_texts)
    return Snapshot(
        objects,
        coverage={kind.kind: None for kind in KINDS},
        taken_at=NOW,
        logs=lambda _namespace, pod, name, previous: texts.get((pod, name, previous)),
        sync='no matches for kind "Ingress" in version "extensions/v1beta1"',
    )


def places(value: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    found = [path] if path else []
    children = (
        value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    )
    for key, child in children:
        found += places(child, (*path, key))
    return found


BASE = everything()
PLACES = [path for path in places(BASE.objects) if len(path) > 1]
ODD = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-5, 10**12),
    st.floats(allow_nan=False),
    st.text(max_size=30),
    st.just([]),
    st.just({}),
    st.just([None]),
    st.just({"name": 3}),
    st.just("\x1b[31m" + "9" * 400),
    st.just([[]]),
)


@RELAXED
@given(st.lists(st.tuples(st.sampled_from(PLACES), ODD), min_size=1, max_size=6))
def test_any_mutation_never_crashes(changes: list[tuple[tuple[Any, ...], Any]]) -> None:
    objects = copy.deepcopy(BASE.objects)
    for path, value in changes:
        at: Any = objects
        try:
            for step in path[:-1]:
                at = at[step]
            at[path[-1]] = value
        except (KeyError, IndexError, TypeError):
            continue
    objects = [item for item in objects if isinstance(item, dict)]
    answer = diagnose(snapshot_of(objects, BASE))
    answer.document()
    assert not [line for line in answer.incomplete if "was not looked for" in line]


@RELAXED
@given(st.text(max_size=400))
def test_any_log_never_crashes(text: str) -> None:
    cluster = everything()
    for key in list(cluster.log_texts):
        cluster.log_texts[key] = text
    diagnose(snapshot_of(cluster.objects, cluster))


@pytest.mark.parametrize("seed", range(12))
def test_order_never_matters(seed: int) -> None:
    shuffled = copy.deepcopy(BASE.objects)
    random.Random(seed).shuffle(shuffled)
    usual, other = diagnose(snapshot_of(BASE.objects, BASE)), diagnose(snapshot_of(shuffled, BASE))
    assert [(item.fault, str(item.object), item.confidence) for item in usual.findings] == [
        (item.fault, str(item.object), item.confidence) for item in other.findings
    ]


@pytest.mark.parametrize("kind", sorted({obj["kind"] for obj in BASE.objects}))
def test_a_kind_that_was_not_read(kind: str) -> None:
    texts = dict(BASE.log_texts)
    left = Snapshot(
        [obj for obj in BASE.objects if obj["kind"] != kind],
        coverage={item.kind: None for item in KINDS if item.kind != kind},
        taken_at=NOW,
        logs=lambda _namespace, pod, name, previous: texts.get((pod, name, previous)),
    )
    diagnose(left)


def ill(number: int) -> Cluster:
    cluster = Cluster()
    if number == 0:
        cluster.deployment(
            "store",
            {"containers": [container(resources={"limits": {"memory": "64Mi"}})]},
            status=crashing("OOMKilled", 137),
        )
    elif number == 1:
        served(cluster, "cart")["spec"]["selector"] = {"app": "kart"}
    elif number == 2:
        caller(cluster, "api", {"DB_HOST": "mysql", "DB_PORT": "3307"}, lines("ECONNREFUSED mysql:3307"))
        served(cluster, "mysql", 3306)
    else:
        cluster.deployment(
            "api",
            {"containers": [container()], "nodeSelector": {"disk": "x"}},
            status={"ready": False, "state": {}},
        )
        node(cluster)
        pending(
            cluster,
            "api-new-0",
            "0/1 nodes are available: 1 node(s) didn't match Pod's node affinity/selector.",
        )
    return cluster


@pytest.mark.parametrize("number", range(4))
@pytest.mark.parametrize("namespace", ["shop", "other"])
def test_an_unrelated_healthy_application_changes_nothing(number: int, namespace: str) -> None:
    cluster = ill(number)
    before = diagnose(cluster.snapshot()).root
    other = Cluster(namespace)
    for name in ("zebra", "aardvark"):
        other.deployment(name, {"containers": [container(ports=[{"containerPort": 8080}])]}, replicas=2)
        other.service(name, {"app": name})
    for number_, obj in enumerate(other.objects):
        obj["metadata"]["uid"] = f"other-{number_}"
        for owner in obj["metadata"].get("ownerReferences", ()):
            owner.pop("uid")
    cluster.objects += other.objects
    after = diagnose(cluster.snapshot()).root
    assert before is not None and after is not None
    assert (before.fault, before.object) == (after.fault, after.object)
