"""HorizontalPodAutoscalers: as many pods as the CPU they use asks for.

What a pod uses is what its images state (``ImageBehaviour.cpu``), at most its limit.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from decimal import Decimal
from typing import Any

from selfheal.sandbox.kubernetes.cluster import Cluster
from selfheal.sandbox.kubernetes.controllers.base import set_condition
from selfheal.sandbox.kubernetes.objects import Key, Object, active, dig, entries, is_true, key_of, labels_of
from selfheal.sandbox.kubernetes.quantity import amount, show
from selfheal.sandbox.kubernetes.registry import BY_KIND
from selfheal.sandbox.kubernetes.selectors import matches
from selfheal.sandbox.kubernetes.store import Change

PERIOD = 15.0
TOLERANCE = 0.1
STABILISATION = 300.0
#: Answers what a pod's container uses of a resource now, None while that is not measured.
Usage = Callable[[Object, str, str], Decimal | None]


class _MetricError(Exception):
    """The metric cannot be had; ``reason`` is that of the condition."""

    def __init__(self, reason: str, message: str) -> None:
        super().__init__(message)
        self.reason = reason


class AutoscalerController:
    """See the module. ``measured`` False: there is no metrics server."""

    name = "horizontal-pod-autoscaler"

    def __init__(self, cluster: Cluster, usage: Usage) -> None:
        self.cluster, self._usage = cluster, usage
        self.measured = True
        self._recommended: dict[Key, list[tuple[float, int]]] = {}

    def wake(self, change: Change) -> Iterable[Key]:
        # Also the first look comes after a period.
        if change.object["kind"] == "HorizontalPodAutoscaler" and (
            change.before is None or change.object.get("spec") != change.before.get("spec")
        ):
            self.cluster.look_again(self, key_of(change.object), PERIOD)
        return ()

    def sync(self, key: Key) -> None:
        obj = self.cluster.store.at(key)
        if obj is None:
            return
        self.cluster.look_again(self, key, PERIOD)
        conditions = entries(obj, "status", "conditions")
        reference = obj["spec"]["scaleTargetRef"]
        kind = BY_KIND.get(str(reference.get("kind")))
        target = self.cluster.store.get(str(reference.get("kind")), key.namespace, str(reference.get("name")))
        if target is None or kind is None or "replicas" not in target["spec"]:
            named = kind.qualified if kind else str(reference.get("kind"))
            why = f'{named} "{reference.get("name")}" not found'
            self._tell(obj, "FailedGetScale", why)
            told = f"the HPA controller was unable to get the target's current scale: {why}"
            conditions = self._with(conditions, "AbleToScale", "False", "FailedGetScale", told)
            self._write(obj, {"desiredReplicas": 0, "currentMetrics": None}, conditions)
            return
        self._scale(obj, target, conditions)

    def _scale(self, obj: Object, target: Object, conditions: list[Object]) -> None:
        spec, current = obj["spec"], int(target["spec"]["replicas"])
        low, high = int(spec.get("minReplicas") or 1), int(spec["maxReplicas"])
        told = "the HPA controller was able to get the target's current scale"
        conditions = self._with(conditions, "AbleToScale", "True", "SucceededGetScale", told)
        status: dict[str, Any] = {"currentReplicas": int(dig(target, "status", "replicas", default=0))}
        if current == 0:
            told = "scaling is disabled since the replica count of the target is zero"
            conditions = self._with(conditions, "ScalingActive", "False", "ScalingDisabled", told)
            self._write(obj, status | {"desiredReplicas": 0, "currentMetrics": None}, conditions)
            return
        metrics: list[Object] = [{"type": ""}]
        held_up = False
        self._recommended.setdefault(key_of(obj), [(self.cluster.now, current)])
        if current > high:
            desired, why = high, "Current number of replicas above Spec.MaxReplicas"
        elif current < low:
            desired, why = low, "Current number of replicas below Spec.MinReplicas"
        else:
            try:
                wanted, metrics, why = self._measure(obj, target, current)
            except _MetricError as error:
                self._unmeasured(obj, status, conditions, error)
                return
            named = "cpu resource utilization (percentage of request)"
            told = f"the HPA was able to successfully calculate a replica count from {named}"
            conditions = self._with(conditions, "ScalingActive", "True", "ValidMetricFound", told)
            stable = self._stabilised(key_of(obj), wanted, current)
            held_up = stable > wanted
            desired = min(max(stable, low), high)
            conditions = self._limited(conditions, stable, low, high)
        if desired != current:
            self._rescale(obj, target, desired, why)
            status["lastScaleTime"] = self.cluster.stamp()
            told = f"the HPA controller was able to update the target scale to {desired}"
            conditions = self._with(conditions, "AbleToScale", "True", "SucceededRescale", told)
        elif held_up:
            told = "recent recommendations were higher than current one, applying the highest recent recommendation"
            conditions = self._with(conditions, "AbleToScale", "True", "ScaleDownStabilized", told)
        else:
            told = "recommended size matches current size"
            conditions = self._with(conditions, "AbleToScale", "True", "ReadyForNewScale", told)
        self._write(obj, status | {"desiredReplicas": desired, "currentMetrics": metrics}, conditions)

    def _stabilised(self, key: Key, wanted: int, current: int) -> int:
        """The highest recommendation of the last five minutes: scaling down waits."""
        now = self.cluster.now
        recent = [
            item for item in self._recommended.get(key, [(now, current)]) if now - item[0] <= STABILISATION
        ]
        self._recommended[key] = [*recent, (now, wanted)]
        return max(wanted, *(count for _time, count in recent), 0)

    def _unmeasured(
        self, obj: Object, status: dict[str, Any], conditions: list[Object], error: _MetricError
    ) -> None:
        self._tell(obj, error.reason, str(error))
        invalid = f"invalid metrics (1 invalid out of 1), first error is: failed to get cpu resource metric value: {error}"
        self._tell(obj, "FailedComputeMetricsReplicas", invalid)
        told = f"the HPA was unable to compute the replica count: {error}"
        conditions = self._with(conditions, "ScalingActive", "False", error.reason, told)
        self._write(obj, status | {"desiredReplicas": 0, "currentMetrics": [{"type": ""}]}, conditions)

    def _measure(self, obj: Object, target: Object, current: int) -> tuple[int, list[Object], str]:
        metric = entries(obj, "spec", "metrics")[0]
        if metric.get("type") != "Resource":
            kind = str(metric.get("type"))
            raise _MetricError(
                f"FailedGet{kind}Metric", f"unable to get metric: no {kind.lower()} metrics API is registered"
            )
        name = str(dig(metric, "resource", "name"))
        if not self.measured:
            raise _MetricError(
                "FailedGetResourceMetric",
                f"failed to get {name} utilization: unable to get metrics for resource {name}: unable to fetch metrics from "
                "resource metrics API: the server could not find the requested resource (get pods.metrics.k8s.io)",
            )
        pods = self._pods(target)
        ready = [pod for pod in pods if is_true(pod, "Ready") and self._measured_pod(pod, name)]
        requested = self._requested(pods, name)
        if not ready:
            raise _MetricError(
                "FailedGetResourceMetric",
                f"failed to get {name} utilization: did not receive metrics for targeted pods (pods might be unready)",
            )
        used = sum((self._used(pod, name) for pod in ready), Decimal(0))
        share = float(used / (requested / len(pods) * len(ready))) * 100 if requested else 0.0
        wanted_share = dig(metric, "resource", "target", "averageUtilization")
        if wanted_share is not None:
            ratio = share / float(wanted_share)
        else:
            ratio = float(
                used / len(ready) / amount(dig(metric, "resource", "target", "averageValue", default="1"))
            )
        desired = current if abs(ratio - 1) <= TOLERANCE else math.ceil(ratio * len(ready))
        shown = {"averageUtilization": int(share), "averageValue": show(used / len(ready), name)}
        word = "above" if desired > current else "below"
        why = (
            f"{name} resource utilization (percentage of request) {word} target"
            if desired > current
            else "All metrics below target"
        )
        return desired, [{"type": "Resource", "resource": {"name": name, "current": shown}}], why

    def _pods(self, target: Object) -> list[Object]:
        pods = self.cluster.store.of("Pod", str(target["metadata"]["namespace"]))
        return [
            pod for pod in pods if active(pod) and matches(dig(target, "spec", "selector"), labels_of(pod))
        ]

    def _requested(self, pods: list[Object], name: str) -> Decimal:
        total = Decimal(0)
        for pod in pods:
            for container in entries(pod, "spec", "containers"):
                held = dig(container, "resources", "requests", name)
                if held is None:
                    raise _MetricError(
                        "FailedGetResourceMetric",
                        f"failed to get {name} utilization: missing request for {name} in container {container['name']} of "
                        f"Pod {pod['metadata']['name']}",
                    )
                total += amount(held)
        return total

    def _measured_pod(self, pod: Object, name: str) -> bool:
        return all(
            self._usage(pod, str(item["name"]), name) is not None
            for item in entries(pod, "spec", "containers")
        )

    def _used(self, pod: Object, name: str) -> Decimal:
        found = (self._usage(pod, str(item["name"]), name) for item in entries(pod, "spec", "containers"))
        return sum((value for value in found if value is not None), Decimal(0))

    def _limited(self, conditions: list[Object], wanted: int, low: int, high: int) -> list[Object]:
        if wanted < low:
            told = "the desired replica count is less than the minimum replica count"
            return self._with(conditions, "ScalingLimited", "True", "TooFewReplicas", told)
        if wanted > high:
            told = "the desired replica count is more than the maximum replica count"
            return self._with(conditions, "ScalingLimited", "True", "TooManyReplicas", told)
        told = "the desired count is within the acceptable range"
        return self._with(conditions, "ScalingLimited", "False", "DesiredWithinRange", told)

    def _rescale(self, obj: Object, target: Object, desired: int, why: str) -> None:
        def edit(held: Object) -> None:
            held["spec"]["replicas"] = desired

        self.cluster.change(key_of(target), edit)
        told = f"New size: {desired}; reason: {why}"
        self.cluster.events.record(obj, "Normal", "SuccessfulRescale", told, by=self.name)

    def _tell(self, obj: Object, reason: str, message: str) -> None:
        self.cluster.events.record(obj, "Warning", reason, message, by=self.name)

    def _with(
        self, conditions: list[Object], kind: str, state: str, reason: str, message: str
    ) -> list[Object]:
        return set_condition(
            conditions,
            {
                "type": kind,
                "status": state,
                "lastTransitionTime": self.cluster.stamp(),
                "reason": reason,
                "message": message,
            },
        )

    def _write(self, obj: Object, status: dict[str, Any], conditions: list[Object]) -> None:
        last = dig(obj, "status", "lastScaleTime")
        kept = {"lastScaleTime": last} if last and "lastScaleTime" not in status else {}
        self.cluster.set_status(obj, {**kept, **status, "conditions": conditions})
