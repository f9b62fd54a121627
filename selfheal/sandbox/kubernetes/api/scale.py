"""The ``scale`` subresource."""

from __future__ import annotations

from selfheal.sandbox.kubernetes.objects import Object, copied, dig


def scale_of(obj: Object) -> Object:
    """An ``autoscaling/v1 Scale``."""
    meta = obj["metadata"]
    return {
        "kind": "Scale",
        "apiVersion": "autoscaling/v1",
        "metadata": {
            name: meta[name] for name in ("name", "namespace", "uid", "resourceVersion") if name in meta
        },
        "spec": {"replicas": dig(obj, "spec", "replicas", default=0)},
        "status": {"replicas": dig(obj, "status", "replicas", default=0)},
    }


def scaled(obj: Object, scale: Object) -> Object:
    """The object with the replicas of a Scale."""
    changed = copied(obj)
    changed["spec"]["replicas"] = int(dig(scale, "spec", "replicas", default=0))
    return changed
