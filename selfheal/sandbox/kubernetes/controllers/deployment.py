"""Deployments: a ReplicaSet for each template, rolled over within what may be missing and what may be extra."""

from __future__ import annotations

from selfheal.sandbox.kubernetes.controllers import rollout
from selfheal.sandbox.kubernetes.controllers.base import OwnerController
from selfheal.sandbox.kubernetes.controllers.deployment_status import status
from selfheal.sandbox.kubernetes.controllers.replicaset import replicas_of
from selfheal.sandbox.kubernetes.errors import ApiError
from selfheal.sandbox.kubernetes.objects import (
    Key,
    Object,
    annotations_of,
    canonical,
    copied,
    dig,
    key_of,
    owned,
    owner_reference,
    template_hash,
    terminating,
)

REVISION = "deployment.kubernetes.io/revision"
HASH = "pod-template-hash"


class DeploymentController(OwnerController):
    """See the module."""

    name, kind, owns = "deployment-controller", "Deployment", ("ReplicaSet",)

    def reconcile(self, key: Key, obj: Object) -> None:
        if terminating(obj):
            return
        sets = owned(self.cluster.store.of("ReplicaSet", key.namespace), obj)
        new = next((item for item in sets if _same_template(item, obj)), None)
        old = sorted((item for item in sets if item is not new), key=revision_of)
        made = ""
        if not obj["spec"].get("paused"):
            if new is None and self._may_create(obj, old):
                new, made = self._create(obj, old), "NewReplicaSetCreated"
            elif new is not None:
                new, made = self._found(obj, new, old)
            if new is not None:
                new, old = self._roll(obj, new, old)
                self._clean(obj, old)
        elif new is not None and int(new["spec"]["replicas"]) != int(obj["spec"]["replicas"]):
            new = self._scale(obj, new, int(obj["spec"]["replicas"]))
        held = self.cluster.store.at(key)
        if held is None:
            return
        new = self.cluster.store.at(key_of(new)) if new is not None else None
        sets = owned(self.cluster.store.of("ReplicaSet", key.namespace), held)
        written, again = status(held, new, sets, self.cluster.now, made)
        self.cluster.set_status(held, written)
        if again is not None:
            self.cluster.look_again(self, key, again)

    # ReplicaSets

    def _may_create(self, obj: Object, old: list[Object]) -> bool:
        """Recreate waits until the old pods are gone."""
        if dig(obj, "spec", "strategy", "type") != "Recreate":
            return True
        for item in old:
            if int(item["spec"]["replicas"]):
                self._scale(obj, item, 0)
        return not any(
            dig(pod, "status", "phase") not in ("Succeeded", "Failed")
            for item in old
            for pod in owned(self.cluster.store.of("Pod", str(obj["metadata"]["namespace"])), item)
        )

    def _create(self, obj: Object, old: list[Object]) -> Object | None:
        template = copied(obj["spec"]["template"])
        suffix = template_hash(template)
        labels = {**dig(template, "metadata", "labels", default={}), HASH: suffix}
        template["metadata"]["labels"] = labels
        selector = copied(obj["spec"]["selector"])
        selector.setdefault("matchLabels", {})[HASH] = suffix
        wanted = int(obj["spec"]["replicas"])
        current = sum(int(item["spec"]["replicas"]) for item in old)
        count = rollout.new_replicas(obj, 0, current)
        number = max([revision_of(item) for item in old], default=0) + 1
        made: Object = {
            "apiVersion": "apps/v1",
            "kind": "ReplicaSet",
            "metadata": {
                "name": f"{obj['metadata']['name']}-{suffix}",
                "namespace": obj["metadata"]["namespace"],
                "labels": dict(labels),
                "annotations": self._annotations(obj, number, wanted),
                "ownerReferences": [owner_reference(obj)],
            },
            "spec": {
                "replicas": count,
                "selector": selector,
                "template": template,
                **(
                    {"minReadySeconds": obj["spec"]["minReadySeconds"]}
                    if obj["spec"].get("minReadySeconds")
                    else {}
                ),
            },
        }
        try:
            made = self.cluster.create(made)
        except ApiError as error:
            self.tell(
                obj,
                "ReplicaSetCreateError",
                f"Failed to create new replica set: {error.message}",
                warning=True,
            )
            self.cluster.look_again(self, key_of(obj), 10.0)
            return None
        self._note_revision(obj, number)
        if count:
            self.tell(
                obj,
                "ScalingReplicaSet",
                f"Scaled up replica set {made['metadata']['name']} from 0 to {count}",
            )
        return made

    def _annotations(self, obj: Object, number: int, wanted: int) -> dict[str, str]:
        extra = rollout.surge(obj) if dig(obj, "spec", "strategy", "type") == "RollingUpdate" else 0
        kept = {
            name: value
            for name, value in annotations_of(obj).items()
            if name not in (REVISION, "kubectl.kubernetes.io/last-applied-configuration")
        }
        return kept | {
            "deployment.kubernetes.io/desired-replicas": str(wanted),
            "deployment.kubernetes.io/max-replicas": str(wanted + extra),
            REVISION: str(number),
        }

    def _found(self, obj: Object, new: Object, old: list[Object]) -> tuple[Object, str]:
        """An existing ReplicaSet is the wanted one, perhaps again after others."""
        number = max([revision_of(item) for item in old], default=0) + 1
        made = ""
        if revision_of(new) < number:

            def edit(item: Object) -> None:
                item["metadata"].setdefault("annotations", {})[REVISION] = str(number)

            new = self.cluster.change(key_of(new), edit) or new
            made = "FoundNewReplicaSet"
        self._note_revision(obj, revision_of(new))
        return new, made

    def _note_revision(self, obj: Object, number: int) -> None:
        def edit(held: Object) -> None:
            held["metadata"].setdefault("annotations", {})[REVISION] = str(number)

        self.cluster.change(key_of(obj), edit)

    def _scale(self, obj: Object, item: Object, count: int) -> Object:
        before = int(item["spec"]["replicas"])
        if before == count:
            return item
        wanted = int(obj["spec"]["replicas"])

        def edit(held: Object) -> None:
            held["spec"]["replicas"] = count
            notes = self._annotations(obj, revision_of(held), wanted)
            held["metadata"].setdefault("annotations", {}).update(notes)

        word = "up" if count > before else "down"
        scaled = self.cluster.change(key_of(item), edit) or item
        self.tell(
            obj,
            "ScalingReplicaSet",
            f"Scaled {word} replica set {item['metadata']['name']} from {before} to {count}",
        )
        return scaled

    # Rolling

    def _roll(self, obj: Object, new: Object, old: list[Object]) -> tuple[Object, list[Object]]:
        wanted = int(obj["spec"]["replicas"])
        if dig(obj, "spec", "strategy", "type") == "Recreate":
            return self._scale(obj, new, wanted), old
        before = int(new["spec"]["replicas"])
        current = sum(int(item["spec"]["replicas"]) for item in old)
        count = wanted if before > wanted else rollout.new_replicas(obj, before, current + before)
        if count != before:
            # Pods are counted before the old ones are touched.
            return self._scale(obj, new, count), old
        old = [self.cluster.store.at(key_of(item)) or item for item in old]
        new = self.cluster.store.at(key_of(new)) or new
        if current == 0:
            return new, old
        for item, target in rollout.shrink(obj, new, old):
            self._scale(obj, item, target)
        return new, old

    def _clean(self, obj: Object, old: list[Object]) -> None:
        limit = int(obj["spec"].get("revisionHistoryLimit", 10))
        idle = [item for item in old if not int(item["spec"]["replicas"]) and not replicas_of(item)]
        for item in idle[: max(len(idle) - limit, 0)]:
            self.cluster.delete(key_of(item))


def revision_of(obj: Object) -> int:
    text = annotations_of(obj).get(REVISION, "0")
    return int(text) if text.isdigit() else 0


def _same_template(item: Object, obj: Object) -> bool:
    def bare(template: Object) -> str:
        template = copied(template)
        dig(template, "metadata", "labels", default={}).pop(HASH, None)
        return canonical(template)

    return bare(item["spec"]["template"]) == bare(obj["spec"]["template"])
