"""What a ConfigMap held before: in its applied manifest, or beside it under the name of its former content."""

from __future__ import annotations

import json
from typing import Any

from selfheal.faults.generations import before
from selfheal.incidents.record import ObjectRef
from tests.support.cluster import Cluster, container


def reading(name: str) -> dict[str, Any]:
    reference = {"configMapKeyRef": {"name": name, "key": "REGION"}}
    return {"containers": [container(env=[{"name": "REGION", "valueFrom": reference}])]}


def config(cluster: Cluster, name: str, region: str, **metadata: Any) -> ObjectRef:
    cluster.add("ConfigMap", name, data={"REGION": region}, metadata=metadata)
    return ObjectRef(kind="ConfigMap", namespace="shop", name=name)


def test_former_content_that_an_older_template_reads() -> None:
    cluster = Cluster()
    holder = config(cluster, "settings-hf26kh994d", "nroth")
    config(cluster, "settings-bkgt49g86h", "north")
    cluster.deployment("web", reading(holder.name), before=reading("settings-bkgt49g86h"))
    assert before(cluster.snapshot(), holder, "/data/REGION", "nroth") == (
        "north",
        "ConfigMap shop/settings-bkgt49g86h, which an older template reads",
    )


def test_lookalike_other_environments_content_that_nobody_read() -> None:
    cluster = Cluster()
    holder = config(cluster, "settings-hf26kh994d", "nroth")
    config(cluster, "settings-bkgt49g86h", "south")
    cluster.deployment("web", reading(holder.name), before=reading(holder.name))
    assert before(cluster.snapshot(), holder, "/data/REGION", "nroth") is None


def test_lookalike_another_generators_content() -> None:
    cluster = Cluster()
    holder = config(cluster, "settings-hf26kh994d", "nroth")
    config(cluster, "limits-bkgt49g86h", "south")
    cluster.deployment("web", reading(holder.name), before=reading("limits-bkgt49g86h"))
    assert before(cluster.snapshot(), holder, "/data/REGION", "nroth") is None


def test_the_applied_manifest_comes_first() -> None:
    cluster = Cluster()
    text = json.dumps({"data": {"REGION": "north"}})
    holder = config(
        cluster, "settings", "nroth", annotations={"kubectl.kubernetes.io/last-applied-configuration": text}
    )
    assert before(cluster.snapshot(), holder, "/data/REGION", "nroth") == (
        "north",
        "the last applied manifest of ConfigMap shop/settings",
    )
