"""Nodes, namespaces and the storage class that a new cluster has."""

from __future__ import annotations

from collections.abc import Iterable

from selfheal.sandbox.kubernetes.cluster import Cluster
from selfheal.sandbox.kubernetes.objects import Key, Object, copied, entries
from selfheal.sandbox.kubernetes.timeline import stamp

NAMESPACES = ("default", "kube-system", "kube-public", "kube-node-lease")
_PROVISIONER = "rancher.io/local-path"
_GOOD = (
    ("MemoryPressure", "False", "KubeletHasSufficientMemory", "kubelet has sufficient memory available"),
    ("DiskPressure", "False", "KubeletHasNoDiskPressure", "kubelet has no disk pressure"),
    ("PIDPressure", "False", "KubeletHasSufficientPID", "kubelet has sufficient PID available"),
    ("Ready", "True", "KubeletReady", "kubelet is posting ready status"),
)


def node(name: str, *, cpu: str = "4", memory: str = "8Gi", zone: str = "", index: int = 1) -> Object:
    """A manifest of a worker node."""
    labels = {"kubernetes.io/arch": "amd64", "kubernetes.io/hostname": name, "kubernetes.io/os": "linux"}
    if zone:
        labels["topology.kubernetes.io/zone"] = zone
    room = {"cpu": cpu, "ephemeral-storage": "50Gi", "memory": memory, "pods": "110"}
    cidr = f"10.244.{index}.0/24"
    return {
        "apiVersion": "v1",
        "kind": "Node",
        "metadata": {"name": name, "labels": labels},
        "spec": {"podCIDR": cidr, "podCIDRs": [cidr]},
        "status": {
            "capacity": room,
            "allocatable": dict(room),
            "addresses": [
                {"type": "InternalIP", "address": f"10.0.0.{10 + index}"},
                {"type": "Hostname", "address": name},
            ],
            "nodeInfo": {
                "kernelVersion": "6.1.0-28-amd64", "osImage": "Debian GNU/Linux 12 (bookworm)", "architecture": "amd64",
                "containerRuntimeVersion": "containerd://2.1.4", "kubeletVersion": "v1.36.2", "operatingSystem": "linux",
            },
        },
    }  # fmt: skip


def standard_nodes() -> list[Object]:
    """Three workers in three zones."""
    return [
        node(f"worker-{index}", zone=f"zone-{letter}", index=index) for index, letter in enumerate("abc", 1)
    ]


def join(cluster: Cluster, manifest: Object) -> None:
    """Add or replace a node, healthy unless its manifest says otherwise."""
    obj = copied(manifest)
    name = str(obj["metadata"]["name"])
    held = cluster.store.get("Node", "", name)
    obj["metadata"]["uid"] = held["metadata"]["uid"] if held else cluster.uid()
    obj["metadata"].setdefault("creationTimestamp", cluster.stamp())
    status = obj.setdefault("status", {})
    status.setdefault("capacity", {"cpu": "4", "ephemeral-storage": "50Gi", "memory": "8Gi", "pods": "110"})
    status.setdefault("allocatable", dict(status["capacity"]))
    known = {item["type"] for item in entries(status, "conditions")}
    status.setdefault("conditions", []).extend(
        _condition(cluster, *good) for good in _GOOD if good[0] not in known
    )
    cluster.store.put(obj)


def _condition(cluster: Cluster, kind: str, state: str, reason: str, message: str) -> Object:
    now = stamp(cluster.now)
    return {
        "type": kind, "status": state, "lastHeartbeatTime": now, "lastTransitionTime": now, "reason": reason,
        "message": message,
    }  # fmt: skip


def furnish(cluster: Cluster, nodes: Iterable[Object]) -> None:
    """What is there before anybody applies anything."""
    for name in NAMESPACES:
        cluster.create({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}})
    for manifest in nodes:
        join(cluster, manifest)
    cluster.create(
        {
            "apiVersion": "storage.k8s.io/v1",
            "kind": "StorageClass",
            "metadata": {
                "name": "standard",
                "annotations": {"storageclass.kubernetes.io/is-default-class": "true"},
            },
            "provisioner": _PROVISIONER,
            "volumeBindingMode": "WaitForFirstConsumer",
        }
    )


def set_condition(cluster: Cluster, name: str, kind: str, state: str, reason: str, message: str) -> None:
    """Make a node ill or well. Raises KeyError for an unknown node."""
    held = cluster.store.get("Node", "", name)
    if held is None:
        raise KeyError(name)
    obj = copied(held)
    conditions = [item for item in entries(obj, "status", "conditions") if item["type"] != kind]
    obj["status"]["conditions"] = [*conditions, _condition(cluster, kind, state, reason, message)]
    cluster.store.put(obj)
    _taint(cluster, Key("Node", "", name))


def _taint(cluster: Cluster, key: Key) -> None:
    """The taints that follow from a node's conditions."""
    wanted = {
        ("Ready", "False"): "node.kubernetes.io/not-ready",
        ("Ready", "Unknown"): "node.kubernetes.io/unreachable",
        ("MemoryPressure", "True"): "node.kubernetes.io/memory-pressure",
        ("DiskPressure", "True"): "node.kubernetes.io/disk-pressure",
        ("PIDPressure", "True"): "node.kubernetes.io/pid-pressure",
    }

    def edit(obj: Object) -> None:
        kept = [item for item in entries(obj, "spec", "taints") if item.get("key") not in wanted.values()]
        for item in entries(obj, "status", "conditions"):
            taint = wanted.get((str(item["type"]), str(item["status"])))
            if taint:
                kept.append({"key": taint, "effect": "NoSchedule"})
        obj["spec"]["taints"] = kept
        if not kept:
            del obj["spec"]["taints"]

    cluster.change(key, edit)
