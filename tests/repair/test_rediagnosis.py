"""What is rendered after a change is looked at again: neither the fault nor a new one may be seen in it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest

from selfheal.cluster.snapshot import Snapshot
from selfheal.incidents.record import Analysis, ObjectRef
from selfheal.repair import rediagnosis
from selfheal.repair.contract import Proven
from selfheal.repair.edits.data import with_set
from selfheal.repair.objects import Object
from selfheal.repair.proof import Proof
from selfheal.repair.sources import Unit, source_for
from selfheal.repair.surroundings import beside
from selfheal.repair.tools import Tools
from selfheal.repair.view import View
from selfheal.repository.foldertree import FolderTree
from tests.repair import test_plan

Make = Callable[[dict[str, str]], FolderTree]
NOW = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)
CART = ObjectRef(kind="Deployment", namespace="shop", name="cart")
POD: dict[str, Any] = {
    "serviceAccountName": "cart",
    "containers": [
        {
            "name": "cart",
            "image": "r/cart:1",
            "ports": [{"name": "http", "containerPort": 8080}],
            "env": [{"name": "MODE", "valueFrom": {"configMapKeyRef": {"name": "settings", "key": "mode"}}}],
            "volumeMounts": [{"name": "data", "mountPath": "/data"}],
            "resources": {
                "limits": {"cpu": "1", "memory": "512Mi"},
                "requests": {"cpu": "1", "memory": "512Mi"},
            },
        }
    ],
    "volumes": [{"name": "data", "persistentVolumeClaim": {"claimName": "cart"}}],
}


def named(kind: str, name: str, **more: Any) -> Object:
    version = {
        "Deployment": "apps/v1",
        "HorizontalPodAutoscaler": "autoscaling/v2",
        "Ingress": "networking.k8s.io/v1",
    }
    return {
        "apiVersion": version.get(kind, "v1"),
        "kind": kind,
        "metadata": {"name": name, "namespace": "shop"},
        **more,
    }


def unit() -> dict[str, Object]:
    return {
        "cart": named(
            "Deployment",
            "cart",
            spec={
                "replicas": 2,
                "selector": {"matchLabels": {"app": "cart"}},
                "template": {"metadata": {"labels": {"app": "cart"}}, "spec": POD},
            },
        ),
        "settings": named("ConfigMap", "settings", data={"mode": "plain"}),
        "service": named(
            "Service",
            "cart",
            spec={"selector": {"app": "cart"}, "ports": [{"name": "http", "port": 80, "targetPort": "http"}]},
        ),
        "ingress": named(
            "Ingress",
            "cart",
            spec={
                "rules": [
                    {
                        "http": {
                            "paths": [
                                {
                                    "path": "/",
                                    "backend": {"service": {"name": "cart", "port": {"number": 80}}},
                                }
                            ]
                        }
                    }
                ]
            },
        ),
        "hpa": named(
            "HorizontalPodAutoscaler",
            "cart",
            spec={
                "scaleTargetRef": {"kind": "Deployment", "name": "cart"},
                "minReplicas": 2,
                "maxReplicas": 4,
            },
        ),
    }


AROUND = [
    named("ServiceAccount", "cart"),
    named("PersistentVolumeClaim", "cart", status={"phase": "Bound"}),
    named("ConfigMap", "elsewhere", data={"mode": "fancy"}),
    named("LimitRange", "bounds", spec={"limits": [{"type": "Container", "max": {"memory": "1Gi"}}]}),
    named("ResourceQuota", "room", spec={"hard": {"requests.memory": "2Gi", "pods": "4"}}),
]
READ = (
    "ConfigMap", "ServiceAccount", "PersistentVolumeClaim", "Deployment", "StatefulSet", "DaemonSet", "Service",
    "LimitRange", "ResourceQuota",
)  # fmt: skip


def live(*more: Object) -> Snapshot:
    return Snapshot([*AROUND, *more], coverage=dict.fromkeys(READ), taken_at=NOW)


def judged(
    change: tuple[str, tuple[str, ...], Any] | None = None,
    *,
    broken: tuple[str, tuple[str, ...], Any] | None = None,
    fault: str = "oom-killed",
    blamed: ObjectRef = CART,
    facts: dict[str, Any] | None = None,
    snapshot: Snapshot | None = None,
) -> tuple[bool, str]:
    before = unit()
    if broken is not None:
        before[broken[0]] = with_set(before[broken[0]], broken[1], broken[2])
    after = dict(before)
    if change is not None:
        after[change[0]] = with_set(after[change[0]], change[1], change[2])
    proof = Proof({}, Proven((), (), ()), list(before.values()), list(after.values()), "shop")
    analysis = Analysis(verdict="fault", fault=fault, object=blamed, container="cart", facts=facts or {})
    verdict = rediagnosis.verdict(proof, analysis, snapshot)
    assert verdict.rule == "rediagnosis"
    return verdict.passed, verdict.detail


CONTAINER = ("spec", "template", "spec", "containers", "name=cart")
REFERENCE = (*CONTAINER, "env", "name=MODE", "valueFrom", "configMapKeyRef")
MEMORY = (*CONTAINER, "resources", "limits", "memory")


@pytest.mark.parametrize("snapshot", [None, live()])
def test_a_change_that_breaks_nothing_passes(snapshot: Snapshot | None) -> None:
    passed, detail = judged(("cart", MEMORY, "1Gi"), snapshot=snapshot)
    assert passed, detail


@pytest.mark.parametrize(
    ("change", "told"),
    [
        (("cart", (*REFERENCE, "name"), "settingz"), "ConfigMap settingz"),
        (("cart", (*REFERENCE, "key"), "mood"), "the key mood"),
        (("cart", ("spec", "template", "spec", "serviceAccountName"), "till"), "ServiceAccount till"),
        (("cart", ("spec", "template", "spec", "volumes", "name=data", "persistentVolumeClaim", "claimName"), "x"), "PersistentVolumeClaim x"),
        (("cart", (*CONTAINER, "volumeMounts", "0", "name"), "date"), "the volume date"),
        (("cart", ("spec", "template", "metadata", "labels", "app"), "kart"), "selects"),
        (("service", ("spec", "selector", "app"), "kart"), "Service shop/cart selects pods"),
        (("service", ("spec", "ports", "name=http", "targetPort"), "web"), "the port web"),
        (("service", ("spec", "ports", "name=http", "targetPort"), 9090), "the port 9090"),
        (("service", ("spec", "ports", "name=http", "port"), 81), "the port 80 of Service cart"),
        (("ingress", ("spec", "rules", "0", "http", "paths", "0", "backend", "service", "name"), "kart"), "Service kart"),
        (("hpa", ("spec", "scaleTargetRef", "name"), "kart"), "Deployment kart"),
        (("cart", MEMORY, "2Gi"), "more than the most that is allowed, 1Gi"),
        (("cart", (*CONTAINER, "resources", "requests", "memory"), "1100Mi"), "requests.memory"),
        (("cart", ("spec", "replicas"), 5), "pods"),
    ],
)  # fmt: skip
def test_a_new_fault_is_refused_and_told(change: tuple[str, tuple[str, ...], Any], told: str) -> None:
    passed, detail = judged(change, snapshot=live())
    assert not passed and detail.startswith("new: ") and told in detail


def test_what_lies_outside_is_unknown_without_a_snapshot() -> None:
    # Nothing says that it does not exist; but a reference that was met must not be lost.
    assert judged(("cart", (*MEMORY[:-2], "limits", "memory"), "64Gi"))[0]
    assert judged(("cart", (*REFERENCE, "name"), "elsewhere"), broken=("cart", (*REFERENCE, "name"), "gone"))[
        0
    ]
    passed, detail = judged(("cart", (*REFERENCE, "name"), "elsewhere"))
    assert not passed and "not rendered" in detail
    assert judged(("cart", (*REFERENCE, "name"), "elsewhere"), snapshot=live())[0]


def test_what_was_broken_before_and_is_another_matter_does_not_count() -> None:
    assert judged(
        ("cart", MEMORY, "1Gi"), broken=("hpa", ("spec", "scaleTargetRef", "name"), "gone"), snapshot=live()
    )[0]


def test_the_fault_that_is_still_there_is_refused() -> None:
    field = "/" + "/".join((*REFERENCE, "name"))
    about: dict[str, Any] = {
        "fault": "config-ref-missing",
        "facts": {"field": field},
        "broken": ("cart", (*REFERENCE, "name"), "setting"),
        "snapshot": live(),
    }
    passed, detail = judged(("cart", (*REFERENCE, "name"), "settingz"), **about)
    assert not passed and "still: " in detail
    assert judged(("cart", (*REFERENCE, "name"), "settings"), **about)[0]


def test_a_ghost_of_the_cluster_does_not_hide_what_the_change_removes() -> None:
    before = unit()
    after = {name: obj for name, obj in before.items() if name != "settings"}
    proof = Proof({}, Proven((), (), ()), list(before.values()), list(after.values()), "shop")
    analysis = Analysis(verdict="fault", fault="oom-killed", object=CART)
    told = rediagnosis.verdict(proof, analysis, live(before["settings"]))
    assert not told.passed and "ConfigMap settings" in told.detail


def test_what_cannot_be_judged_is_not_passed() -> None:
    odd = named("Deployment", "cart", spec={"template": {"spec": {"containers": [{"name": ["x"]}]}}})
    proof = Proof({}, Proven((), (), ()), [odd], [{**odd, "metadata": None}], "shop")
    analysis = Analysis(verdict="fault", fault="oom-killed", object=CART)
    assert not rediagnosis.verdict(proof, analysis).passed


def test_defaults_of_a_limit_range_count() -> None:
    bounds = named(
        "LimitRange",
        "defaults",
        spec={
            "limits": [
                {"type": "Container", "min": {"memory": "128Mi"}, "defaultRequest": {"memory": "64Mi"}}
            ]
        },
    )
    bare = ("cart", (*CONTAINER, "resources"), {})
    passed, detail = judged(bare, snapshot=live(bounds))
    assert not passed and "less than the least" in detail


def test_a_raise_beyond_the_namespaces_bounds_goes_to_a_person(repository: Make) -> None:
    manifest = test_plan.MANIFEST
    tree = repository({"cart.yaml": manifest})

    def cluster(most: str) -> Snapshot:
        bounds = named(
            "LimitRange", "bounds", spec={"limits": [{"type": "Container", "max": {"memory": most}}]}
        )
        return Snapshot([bounds], coverage={"LimitRange": None}, taken_at=NOW)

    allowed = test_plan.planned(tree, test_plan.oom(), snapshot=cluster("1Gi"))
    assert allowed.decision == "propose", allowed.reason
    told = {verdict.rule: verdict for verdict in allowed.policy}["rediagnosis"]
    assert told.passed and "among the cluster's other objects" in told.detail
    refused = test_plan.planned(tree, test_plan.oom(), snapshot=cluster("200Mi"))
    assert refused.decision == "escalate" and "rediagnosis: new: " in refused.reason
    assert "200Mi" in refused.reason
    # What would be needed is shown all the same.
    assert refused.changes


BESIDE = {
    "deploy/cart.yaml": "apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: cart, namespace: shop}\nspec:\n"
    "  selector: {matchLabels: {app: cart}}\n  template:\n    metadata: {labels: {app: cart}}\n    spec:\n      containers:\n"
    "        - {name: cart, image: 'ghcr.io/acme/cart:1.0', ports: [{name: http, containerPort: 8080}]}\n",
    "deploy/service.yaml": "apiVersion: v1\nkind: Service\nmetadata: {name: cart, namespace: shop}\nspec:\n"
    "  selector: {app: cart}\n  ports: [{port: 80, targetPort: http}]\n",
    "deploy/broken.yaml": "kind: [\n",
    "deploy/twice.yaml": "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: cart}\n---\napiVersion: v1\nkind: ConfigMap\n"
    "metadata: {name: cart}\n",
    "deploy/kustomization.txt": "resources: []\n",
    "staging/service.yaml": "apiVersion: v1\nkind: Service\nmetadata: {name: other, namespace: shop}\n",
}


def test_what_lies_in_the_same_folder_is_looked_at_where_no_snapshot_is(repository: Make) -> None:
    view = View(repository(BESIDE))
    part = Unit("plain", "deploy", files=("deploy/cart.yaml",), namespace="shop")
    along = beside(view, part, "shop")
    assert [(obj["kind"], obj["metadata"]["name"]) for obj in along] == [("Service", "cart")]
    assert beside(view, replace(part, kind="helm"), "shop") == ()
    plain = source_for("plain", Tools())
    before = plain.render(view, part)
    changed = view.with_changes(
        {"deploy/cart.yaml": BESIDE["deploy/cart.yaml"].replace("name: http", "name: web").encode()}
    )
    after = plain.render(changed, part)
    proof = Proof({}, Proven((), (), ()), before, after, "shop")
    analysis = Analysis(verdict="fault", fault="oom-killed")
    assert rediagnosis.verdict(proof, analysis).passed, "nothing that is rendered asks for the port"
    told = rediagnosis.verdict(proof, analysis, beside=along)
    assert not told.passed and "http" in told.detail
