"""hpa-misconfigured: targets, requests and bounds, and autoscalers that lack metrics for other reasons."""

from __future__ import annotations

from typing import Any

from tests.faults.kit import found, only, remedy, root
from tests.support.cluster import Cluster, container, crashing

METRIC = {
    "type": "Resource",
    "resource": {"name": "cpu", "target": {"type": "Utilization", "averageUtilization": 60}},
}


def scaled(
    target: str,
    condition: dict[str, Any],
    *,
    requests: str = "100m",
    status: dict[str, Any] | None = None,
    **more: Any,
) -> Cluster:
    cluster = Cluster()
    resources = {"requests": {"cpu": requests}} if requests else {}
    cluster.deployment("api", {"containers": [container(resources=resources)]}, status=status)
    spec = {"scaleTargetRef": {"kind": "Deployment", "name": target}, "metrics": [METRIC], "maxReplicas": 3}
    cluster.add("HorizontalPodAutoscaler", "api", spec=spec, status={"conditions": [condition], **more})
    return cluster


def said(kind: str, status: str, reason: str, message: str = "so it is") -> dict[str, Any]:
    return {"type": kind, "status": status, "reason": reason, "message": message}


def test_target_that_does_not_exist() -> None:
    cluster = scaled(
        "a-pi", said("AbleToScale", "False", "FailedGetScale", 'deployments.apps "a-pi" not found')
    )
    (edit,) = remedy(only("hpa-misconfigured", cluster)).edits
    assert (edit.field, edit.value.fallback.value) == ("/spec/scaleTargetRef/name", "api")
    assert root(cluster) == ("hpa-misconfigured", "HorizontalPodAutoscaler shop/api")


def test_target_of_another_kind() -> None:
    cluster = scaled("api", said("AbleToScale", "False", "FailedGetScale", "not found"))
    cluster.objects[-1]["spec"]["scaleTargetRef"]["kind"] = "StatefulSet"
    (edit,) = remedy(only("hpa-misconfigured", cluster)).edits
    assert (edit.field, edit.value.fallback.value) == ("/spec/scaleTargetRef/kind", "Deployment")


def test_container_without_a_request() -> None:
    text = "missing request for cpu in container app of Pod api-new-0"
    cluster = scaled("api", said("ScalingActive", "False", "FailedGetResourceMetric", text), requests="")
    finding = only("hpa-misconfigured", cluster)
    assert finding.facts["field"].endswith("/resources/requests/cpu")
    assert root(cluster) == ("hpa-misconfigured", "Deployment shop/api")


def test_at_its_maximum() -> None:
    cluster = scaled("api", said("ScalingLimited", "True", "TooManyReplicas"), currentReplicas=3)
    assert only("hpa-misconfigured", cluster).variant == "maximum"


def test_lookalike_no_metrics_server() -> None:
    text = "unable to get metrics for resource cpu: the server could not find the requested resource (get pods.metrics.k8s.io)"
    assert not found(
        "hpa-misconfigured", scaled("api", said("ScalingActive", "False", "FailedGetResourceMetric", text))
    )


def test_lookalike_pods_are_not_ready() -> None:
    text = "did not receive metrics for targeted pods (pods might be unready)"
    cluster = scaled(
        "api",
        said("ScalingActive", "False", "FailedGetResourceMetric", text),
        status=crashing("OOMKilled", 137),
    )
    assert root(cluster)[0] == "oom-killed"


def test_lookalike_works() -> None:
    assert not found("hpa-misconfigured", scaled("api", said("ScalingActive", "True", "ValidMetricFound")))
