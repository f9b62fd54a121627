"""webhook-failing: webhooks that do not answer, and those that say no."""

from __future__ import annotations

from tests.faults.kit import cluster_wide, found, only, refused, remedy, root
from tests.support.cluster import Cluster

TEXT = 'failed calling webhook "pods.sign.example": failed to call webhook: Post "https://signer.shop.svc:443/v": service "signer" not found'


def config(cluster: Cluster, service: str = "signer") -> None:
    hook = {
        "name": "pods.sign.example",
        "failurePolicy": "Fail",
        "clientConfig": {"service": {"name": service, "namespace": "shop"}},
    }
    cluster_wide(cluster, "ValidatingWebhookConfiguration", "sign", webhooks=[hook])


def test_service_that_does_not_exist() -> None:
    cluster = refused("api", f"Internal error occurred: {TEXT}")
    config(cluster)
    finding = only("webhook-failing", cluster)
    assert finding.variant == "service"
    assert remedy(finding).escalate, "admission is not weakened"
    assert root(cluster) == ("webhook-failing", "ValidatingWebhookConfiguration sign")


def test_near_service_is_named() -> None:
    cluster = refused("api", TEXT)
    config(cluster)
    cluster.service("signers", {"app": "none"})
    (edit,) = remedy(only("webhook-failing", cluster)).edits
    assert edit.field == "/webhooks/0/clientConfig/service/name"


def test_denial_is_for_the_workload() -> None:
    cluster = refused("api", 'admission webhook "policy.example" denied the request: image is not signed')
    finding = only("webhook-failing", cluster)
    assert (finding.variant, str(finding.object)) == ("denied", "Deployment shop/api")


def test_lookalike_quota() -> None:
    cluster = refused("api", "exceeded quota: team, requested: pods=1")
    config(cluster)
    assert not found("webhook-failing", cluster)
