"""In which order objects are applied does not matter for what becomes of them."""

from __future__ import annotations

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from selfheal.sandbox.kubernetes.behaviour import Call
from selfheal.sandbox.kubernetes.behaviour import ImageBehaviour as Image
from tests.sandbox.kubernetes.manifests import (
    NAMESPACE,
    READY,
    configmap,
    deployment,
    made,
    pods,
    service,
    still,
)

_FROM = {"env": [{"name": "X", "valueFrom": {"configMapKeyRef": {"name": "config", "key": "a"}}}]}
OBJECTS = [
    configmap(a="1"),
    service("web"),
    deployment("web", container=READY, replicas=2),
    deployment("reads", container={**READY, **_FROM}),
    deployment("calls", "ghcr.io/acme/calls:1"),
    deployment("lost", "ghcr.io/acme/gone:1"),
    deployment(
        "broken", container={"env": [{"name": "X", "valueFrom": {"secretKeyRef": {"name": "s", "key": "k"}}}]}
    ),
    made("ResourceQuota", "v1", "quota", {"hard": {"pods": "20"}}),
    made(
        "PodDisruptionBudget",
        "policy/v1",
        "budget",
        {"minAvailable": 1, "selector": {"matchLabels": {"app": "web"}}},
    ),
]


def outcome(order):
    emulator = still(calls=Image(calls=(Call("web:8080", at_start=True, patience=1),)))
    for obj in order:
        emulator.apply([obj])
    emulator.advance(1200)
    workloads = {
        item["metadata"]["name"]: (
            item["status"].get("readyReplicas"), sorted((c["type"], c["status"], c["reason"]) for c in item["status"]["conditions"])
        )
        for item in emulator.objects("Deployment", NAMESPACE)
    }  # fmt: skip
    states = sorted(
        (
            pod["metadata"]["labels"]["app"],
            pod["status"]["phase"],
            next(iter(pod["status"]["containerStatuses"][0]["state"])),
        )
        for pod in pods(emulator)
    )
    ends = sorted(
        item["conditions"]["ready"]
        for part in emulator.objects("EndpointSlice")
        for item in part["endpoints"]
    )
    used = emulator.get("ResourceQuota", NAMESPACE, "quota")["status"]
    budget = emulator.get("PodDisruptionBudget", NAMESPACE, "budget")["status"]["disruptionsAllowed"]
    return workloads, states, ends, used, budget


EXPECTED = outcome(OBJECTS)


@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.permutations(OBJECTS))
def test_any_order_comes_to_the_same_end(order):
    assert outcome(order) == EXPECTED
