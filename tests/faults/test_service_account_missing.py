"""service-account-missing: names that do not exist, and moments at deployment."""

from __future__ import annotations

from tests.faults.kit import event, found, get, only, refused, remedy, root
from tests.support.cluster import Cluster, container

TEXT = 'error looking up service account shop/api-ops: serviceaccount "api-ops" not found'
SPEC = {"containers": [container()], "serviceAccountName": "api-ops"}


def test_near_name() -> None:
    cluster = refused("api", TEXT, SPEC)
    cluster.add("ServiceAccount", "api-op")
    finding = only("service-account-missing", cluster)
    (edit,) = remedy(finding).edits
    assert (edit.field, finding.facts["near"]) == ("/spec/template/spec/serviceAccountName", "api-op")
    assert root(cluster) == ("service-account-missing", "Deployment shop/api")


def test_without_a_word_pods_are_missing() -> None:
    cluster = refused("api", "something else", SPEC)
    cluster.add("ServiceAccount", "default")
    assert only("service-account-missing", cluster).confidence < 0.9


def test_lookalike_transient_at_deployment() -> None:
    cluster = Cluster()
    cluster.deployment("api", SPEC)
    cluster.add("ServiceAccount", "api-ops")
    event(cluster, get(cluster, "ReplicaSet", "api-rs2"), "FailedCreate", TEXT)
    assert not found("service-account-missing", cluster)
