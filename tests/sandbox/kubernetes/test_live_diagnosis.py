"""The seven first faults are found in a live embedded cluster, through the client that real clusters are read with."""

from __future__ import annotations

import pytest

from selfheal.cluster.live import LiveCluster
from selfheal.diagnosis.engine import diagnose
from selfheal.sandbox.kubernetes.behaviour import ImageBehaviour, Variable
from tests.sandbox.kubernetes.manifests import READY, configmap, deployment, service, still

POOL = (Variable("POOL_SIZE", "int"),)


def _key(key: str, name: str = "config"):
    return {"env": [{"name": "X", "valueFrom": {"configMapKeyRef": {"name": name, "key": key}}}]}


CASES = {
    "oom-killed": [deployment("it", "ghcr.io/acme/fat:1", {"resources": {"limits": {"memory": "128Mi"}}})],
    "image-not-found": [deployment("it", "ghcr.io/acme/web:l")],
    "config-ref-missing": [deployment("it", container=_key("a", "configg"))],
    "config-key-missing": [deployment("it", container=_key("b"))],
    "env-var-invalid": [
        deployment("it", "ghcr.io/acme/picky:1", {"env": [{"name": "POOL_SIZE", "value": "ten"}]})
    ],
    "readiness-probe-misconfigured": [
        deployment(
            "it",
            container={"readinessProbe": {"httpGet": {"path": "/ready", "port": 8080}, "periodSeconds": 5}},
        )
    ],
    "service-selector-mismatch": [deployment("it", container=READY), service("it", "itt")],
}


@pytest.mark.parametrize("fault", [*CASES, "healthy"])
def test_what_is_wrong_is_found(fault, tmp_path):
    emulator = still(fat=ImageBehaviour(memory="200Mi"), picky=ImageBehaviour(variables=POOL))
    emulator.apply(
        [configmap(a="1"), deployment("well", container=READY), service("well"), *CASES.get(fault, [])]
    )
    emulator.advance(120)
    with emulator:
        cluster = LiveCluster(str(emulator.write_kubeconfig(tmp_path / "kubeconfig")))
        assert cluster.can("list", "pods") and not cluster.can("get", "secrets")
        snapshot = cluster.snapshot()
    assert snapshot.incomplete == ()
    diagnosis = diagnose(snapshot)
    if fault == "healthy":
        assert (diagnosis.verdict, diagnosis.reasons) == ("healthy", ())
        return
    assert diagnosis.root is not None
    assert (diagnosis.root.fault, diagnosis.root.object.name) == (fault, "it")


def test_the_live_client_pages_and_reads_logs(tmp_path, monkeypatch):
    monkeypatch.setattr("selfheal.cluster.live.PAGE", 3)
    emulator = still(picky=ImageBehaviour(variables=POOL))
    emulator.apply([deployment("it", "ghcr.io/acme/picky:1", replicas=8)])
    emulator.advance(60)
    with emulator:
        snapshot = LiveCluster(str(emulator.write_kubeconfig(tmp_path / "kubeconfig"))).snapshot(["shop"])
    assert snapshot.incomplete == ()
    pods = emulator.objects("Pod", "shop")
    assert len(pods) == 8
    for pod in pods:
        text = snapshot.logs("shop", pod["metadata"]["name"], "app", previous=True)
        assert text is not None and "POOL_SIZE" in text
