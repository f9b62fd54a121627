"""pod-anti-affinity-conflict: more replicas than nodes, and rules that are only preferred."""

from __future__ import annotations

from typing import Any

from tests.faults.kit import found, node, only, pending, remedy, root
from tests.support.cluster import Cluster, container

TEXT = "0/1 nodes are available: 1 node(s) didn't match pod anti-affinity rules."


def repelling(word: str = "requiredDuringSchedulingIgnoredDuringExecution") -> dict[str, Any]:
    term: dict[str, Any] = {
        "labelSelector": {"matchLabels": {"app": "api"}},
        "topologyKey": "kubernetes.io/hostname",
    }
    terms = [term] if word.startswith("required") else [{"weight": 1, "podAffinityTerm": term}]
    return {"containers": [container()], "affinity": {"podAntiAffinity": {word: terms}}}


def crowded(spec: dict[str, Any]) -> Cluster:
    cluster = Cluster()
    node(cluster)
    cluster.deployment("api", spec, replicas=2)
    for obj in cluster.objects:
        if obj["kind"] == "Pod":
            obj["spec"]["nodeName"] = "node-1"
    pod = pending(cluster, "api-new-1", TEXT)
    del pod["spec"]["nodeName"]
    return cluster


def test_more_replicas_than_nodes() -> None:
    cluster = crowded(repelling())
    finding = only("pod-anti-affinity-conflict", cluster)
    assert remedy(finding).edits[0].field == "/spec/template/spec/affinity/podAntiAffinity"
    assert root(cluster) == ("pod-anti-affinity-conflict", "Deployment shop/api")


def test_lookalike_preferred_only() -> None:
    cluster = crowded(repelling("preferredDuringSchedulingIgnoredDuringExecution"))
    assert not [
        item
        for item in found("pod-anti-affinity-conflict", cluster)
        if item.facts["fields"] and item.confidence > 0.8
    ]
