"""Making pods from templates, for all controllers that do."""

from __future__ import annotations

from selfheal.sandbox.kubernetes.cluster import Cluster
from selfheal.sandbox.kubernetes.objects import Object, copied, dig, is_true, owner_reference
from selfheal.sandbox.kubernetes.timeline import moment


def pod_from(template: Object, owner: Object, *, name: str = "", prefix: str = "") -> Object:
    """A pod of ``owner``, by name or with a generated one."""
    meta: Object = {
        "namespace": owner["metadata"]["namespace"],
        "labels": dict(dig(template, "metadata", "labels", default={})),
        "ownerReferences": [owner_reference(owner)],
    }
    annotations = dig(template, "metadata", "annotations", default={})
    if annotations:
        meta["annotations"] = dict(annotations)
    if name:
        meta["name"] = name
    else:
        meta["generateName"] = f"{prefix or owner['metadata']['name']}-"
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": meta,
        "spec": copied(dig(template, "spec", default={})),
    }


def available(cluster: Cluster, pod: Object, min_ready: int) -> bool:
    """Whether the pod has been ready for ``min_ready`` seconds."""
    if not is_true(pod, "Ready"):
        return False
    since = next(
        (
            moment(item.get("lastTransitionTime"))
            for item in pod["status"]["conditions"]
            if item["type"] == "Ready"
        ),
        None,
    )
    return min_ready == 0 or (since is not None and cluster.now - since >= min_ready)


def going_order(pod: Object) -> tuple[bool, bool, bool, float]:
    """Which pods go first when there are too many: unscheduled, pending, not ready, young."""
    ready = is_true(pod, "Ready")
    return (
        bool(dig(pod, "spec", "nodeName")),
        dig(pod, "status", "phase") != "Pending",
        ready,
        -(moment(pod["metadata"]["creationTimestamp"]) or 0.0),
    )
