"""Objects with anything anywhere are refused or live with; nothing breaks."""

from __future__ import annotations

import copy
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.sandbox.kubernetes.manifests import (
    READY,
    configmap,
    deployment,
    made,
    pod_spec,
    service,
    still,
)

TEMPLATE = {"metadata": {"labels": {"app": "web"}}, "spec": pod_spec()}
OBJECTS = [
    deployment(container={**READY, "env": [{"name": "A", "value": "1"}], "resources": {"limits": {"memory": "64Mi"}}}),
    service("web"),
    configmap(a="1"),
    made("StatefulSet", "apps/v1", "sts", {"replicas": 1, "selector": {"matchLabels": {"app": "web"}}, "template": TEMPLATE}),
    made("DaemonSet", "apps/v1", "ds", {"selector": {"matchLabels": {"app": "web"}}, "template": TEMPLATE}),
    made("Job", "batch/v1", "job", {"backoffLimit": 1, "template": {"spec": pod_spec(restartPolicy="Never")}}),
    made("CronJob", "batch/v1", "cron", {"schedule": "* * * * *", "jobTemplate": {"spec": {"template": {
        "spec": pod_spec(restartPolicy="Never")}}}}),
    made("PersistentVolumeClaim", "v1", "claim", {"accessModes": ["ReadWriteOnce"],
                                                  "resources": {"requests": {"storage": "1Gi"}}}),
    made("HorizontalPodAutoscaler", "autoscaling/v2", "hpa", {"maxReplicas": 2, "scaleTargetRef": {
        "apiVersion": "apps/v1", "kind": "Deployment", "name": "web"}}),
    made("PodDisruptionBudget", "policy/v1", "pdb", {"minAvailable": 1, "selector": {"matchLabels": {"app": "web"}}}),
    made("ResourceQuota", "v1", "quota", {"hard": {"pods": "10"}}),
    made("LimitRange", "v1", "range", {"limits": [{"type": "Container", "max": {"memory": "1Gi"}}]}),
    made("NetworkPolicy", "networking.k8s.io/v1", "np", {"podSelector": {}, "ingress": [{"ports": [{"port": 80}]}]}),
    made("Ingress", "networking.k8s.io/v1", "ing", {"ingressClassName": "nginx", "rules": []}),
]  # fmt: skip
JUNK = st.one_of(
    st.none(), st.booleans(), st.integers(-5, 99999), st.sampled_from(["", "x", "10%", "-1", "a: b", "ü" * 70]),
    st.just([]), st.just({}), st.just(["x"]), st.just([{}]), st.just({"x": "y"}),
)  # fmt: skip


def places(value: Any, path: tuple = ()):
    if isinstance(value, dict):
        for name, held in value.items():
            yield (*path, name)
            yield from places(held, (*path, name))
    elif isinstance(value, list):
        for index, held in enumerate(value):
            yield (*path, index)
            yield from places(held, (*path, index))


@pytest.mark.parametrize("obj", OBJECTS, ids=lambda obj: obj["kind"])
def test_anything_anywhere(obj):
    wheres = [path for path in places(obj) if path[0] not in ("kind", "apiVersion")]

    @settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.too_slow])
    @given(path=st.sampled_from(wheres), junk=JUNK)
    def check(path, junk):
        changed = copy.deepcopy(obj)
        holder = changed
        for step in path[:-1]:
            holder = holder[step]
        holder[path[-1]] = junk
        emulator = still()
        emulator.apply([deployment(), changed])
        emulator.advance(70)
        emulator.apply([obj])
        emulator.advance(20)

    check()
