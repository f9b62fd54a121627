"""StatefulSets: pods with numbers and claims of their own, one after the other."""

from __future__ import annotations

from typing import Any

from selfheal.sandbox.kubernetes.cluster import Cluster
from selfheal.sandbox.kubernetes.controllers.base import OwnerController, Retries
from selfheal.sandbox.kubernetes.controllers.pods import available, pod_from
from selfheal.sandbox.kubernetes.errors import ApiError
from selfheal.sandbox.kubernetes.objects import (
    Key,
    Object,
    copied,
    dig,
    entries,
    finished,
    is_true,
    key_of,
    labels_of,
    owned,
    owner_reference,
    template_hash,
    terminating,
)

REVISION = "controller-revision-hash"


class StatefulSetController(OwnerController):
    """See the module."""

    name, kind, owns = "statefulset-controller", "StatefulSet", ("Pod", "PersistentVolumeClaim")

    def __init__(self, cluster: Cluster) -> None:
        super().__init__(cluster)
        self._retries = Retries()
        self._not_before: dict[Key, float] = {}

    def reconcile(self, key: Key, obj: Object) -> None:
        revision = f"{key.name}-{template_hash(obj['spec']['template'])}"
        self._note(obj, revision)
        if self._not_before.get(key, 0.0) <= self.cluster.now:
            try:
                self._step(key, obj, revision)
                self._retries.succeeded(key)
            except ApiError as error:
                delay = self._retries.failed(key)
                self._not_before[key] = self.cluster.now + delay
                self.cluster.look_again(self, key, delay)
                self.tell(
                    obj,
                    "FailedCreate",
                    f"create Pod in StatefulSet {key.name} failed error: {error.message}",
                    warning=True,
                )
        held = self.cluster.store.at(key)
        if held is not None:
            self.cluster.set_status(held, self._status(held, revision))

    def _note(self, obj: Object, revision: str) -> None:
        """The ControllerRevision of the present template."""
        place = str(obj["metadata"]["namespace"])
        if self.cluster.store.get("ControllerRevision", place, revision) is not None:
            return
        held = owned(self.cluster.store.of("ControllerRevision", place), obj)
        self.cluster.create(
            {
                "apiVersion": "apps/v1",
                "kind": "ControllerRevision",
                "metadata": {"name": revision, "namespace": place, "ownerReferences": [owner_reference(obj)]},
                "data": {"spec": {"template": copied(obj["spec"]["template"])}},
                "revision": max((int(item.get("revision", 0)) for item in held), default=0) + 1,
            }
        )

    def _step(self, key: Key, obj: Object, revision: str) -> None:
        pods = {str(pod["metadata"]["name"]): pod for pod in self._pods(obj)}
        wanted = int(obj["spec"]["replicas"])
        parallel = obj["spec"].get("podManagementPolicy") == "Parallel"
        for number in range(wanted):
            pod = pods.get(f"{key.name}-{number}")
            if pod is None:
                self._create(obj, number, revision)
            elif finished(pod) and not terminating(pod):
                self.cluster.delete(key_of(pod))
                return
            if not parallel and (pod is None or terminating(pod) or not is_true(pod, "Ready")):
                break
        else:
            extra = sorted((name for name in pods if _number(name) >= wanted), key=_number, reverse=True)
            for name in extra if parallel else extra[:1]:
                if not terminating(pods[name]):
                    self._delete(obj, pods[name])
            if extra:
                return
        self._update(key, obj, pods, revision, wanted)

    def _update(self, key: Key, obj: Object, pods: dict[str, Object], revision: str, wanted: int) -> None:
        """Replace pods of an older template from the highest number down, waiting for each to be well."""
        if dig(obj, "spec", "updateStrategy", "type") != "RollingUpdate":
            return
        partition = int(dig(obj, "spec", "updateStrategy", "rollingUpdate", "partition", default=0))
        for number in range(wanted - 1, partition - 1, -1):
            pod = pods.get(f"{key.name}-{number}")
            if pod is None or terminating(pod):
                return
            if labels_of(pod).get(REVISION) != revision:
                self._delete(obj, pod)
                return
            if not is_true(pod, "Ready"):
                return

    def _pods(self, obj: Object) -> list[Object]:
        return owned(self.cluster.store.of("Pod", str(obj["metadata"]["namespace"])), obj)

    def _create(self, obj: Object, number: int, revision: str) -> None:
        name = f"{obj['metadata']['name']}-{number}"
        pod = pod_from(obj["spec"]["template"], obj, name=name)
        pod["metadata"]["labels"] |= {
            "statefulset.kubernetes.io/pod-name": name,
            "apps.kubernetes.io/pod-index": str(number),
            REVISION: revision,
        }
        pod["spec"]["hostname"] = name
        if obj["spec"].get("serviceName"):
            pod["spec"]["subdomain"] = obj["spec"]["serviceName"]
        volumes = entries(pod, "spec", "volumes")
        for claim in entries(obj, "spec", "volumeClaimTemplates"):
            self._claim(obj, claim, name)
            claim_name = f"{claim['metadata']['name']}-{name}"
            volumes = [item for item in volumes if item.get("name") != claim["metadata"]["name"]]
            volumes.append(
                {"name": claim["metadata"]["name"], "persistentVolumeClaim": {"claimName": claim_name}}
            )
        if volumes:
            pod["spec"]["volumes"] = volumes
        self.cluster.create(pod)
        self.tell(
            obj, "SuccessfulCreate", f"Create Pod {name} in StatefulSet {obj['metadata']['name']} successful"
        )

    def _claim(self, obj: Object, template: Object, pod: str) -> None:
        name, place = f"{template['metadata']['name']}-{pod}", str(obj["metadata"]["namespace"])
        if self.cluster.store.get("PersistentVolumeClaim", place, name) is not None:
            return
        claim = copied(template)
        labels = {**dig(obj, "spec", "selector", "matchLabels", default={}), **labels_of(template)}
        claim["metadata"] = {**claim["metadata"], "name": name, "namespace": place, "labels": labels}
        claim.pop("status", None)
        self.cluster.create(claim)
        told = f"Create Claim {name} Pod {pod} in StatefulSet {obj['metadata']['name']} success"
        self.tell(obj, "SuccessfulCreate", told)

    def _delete(self, obj: Object, pod: Object) -> None:
        name = pod["metadata"]["name"]
        self.cluster.delete(key_of(pod))
        self.tell(
            obj, "SuccessfulDelete", f"delete Pod {name} in StatefulSet {obj['metadata']['name']} successful"
        )

    def _status(self, obj: Object, revision: str) -> Object:
        pods = [pod for pod in self._pods(obj) if not finished(pod)]
        min_ready = int(obj["spec"].get("minReadySeconds") or 0)
        ready = [pod for pod in pods if is_true(pod, "Ready")]
        good = [pod for pod in ready if available(self.cluster, pod, min_ready)]
        if len(good) < len(ready):
            self.cluster.look_again(self, key_of(obj), 1.0)
        updated = [pod for pod in pods if labels_of(pod).get(REVISION) == revision]
        current = str(dig(obj, "status", "currentRevision", default=revision))
        wanted = int(obj["spec"]["replicas"])
        if len(updated) == len(pods) == wanted == len(ready):
            current = revision
        counted: dict[str, Any] = {
            "observedGeneration": obj["metadata"].get("generation", 1),
            "replicas": len(pods),
        }
        of_current = len([pod for pod in pods if labels_of(pod).get(REVISION) == current])
        for name, value in (
            ("readyReplicas", len(ready)),
            ("currentReplicas", of_current),
            ("updatedReplicas", len(updated)),
        ):
            if value:
                counted[name] = value
        return counted | {
            "currentRevision": current,
            "updateRevision": revision,
            "collisionCount": 0,
            "availableReplicas": len(good),
        }


def _number(name: str) -> int:
    text = name.rpartition("-")[2]
    return int(text) if text.isdigit() else -1
