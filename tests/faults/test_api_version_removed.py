"""api-version-removed: versions that Kubernetes removed, and kinds that were never there."""

from __future__ import annotations

import pytest

from selfheal.cluster.snapshot import Snapshot
from selfheal.faults.api_version_removed import ApiVersionRemoved
from tests.support.cluster import NOW, Cluster, container

LINE = (
    'error: resource mapping not found for name: "api" namespace: "shop" from "pdb.yaml": no matches for kind'
    ' "PodDisruptionBudget" in version "policy/v1beta1"'
)


def applied(text: str) -> Snapshot:
    cluster = Cluster()
    cluster.deployment("api", {"containers": [container()]})
    return Snapshot(cluster.objects, coverage={"Pod": None}, taken_at=NOW, sync=text)


def test_fields_that_stayed_the_same() -> None:
    (finding,) = ApiVersionRemoved().detect(applied(LINE), None)
    assert str(finding.object) == "PodDisruptionBudget shop/api"
    (edit,) = ApiVersionRemoved().remedy(finding).edits
    assert (edit.field, edit.value.value) == ("/apiVersion", "policy/v1")


def test_fields_that_changed_are_for_a_person() -> None:
    text = LINE.replace("PodDisruptionBudget", "Ingress").replace("policy/v1beta1", "extensions/v1beta1")
    (finding,) = ApiVersionRemoved().detect(applied(text), None)
    assert ApiVersionRemoved().remedy(finding).escalate


def test_lookalike_custom_resource_that_is_not_installed() -> None:
    text = LINE.replace("PodDisruptionBudget", "Certificate").replace("policy/v1beta1", "cert-manager.io/v1")
    (finding,) = ApiVersionRemoved().detect(applied(text), None)
    assert finding.variant == "unknown"
    assert ApiVersionRemoved().remedy(finding).escalate


@pytest.mark.parametrize(
    "text", ["", "deployment.apps/api serverside-applied", "deployment.apps/api unchanged"]
)
def test_lookalike_applied_well(text: str) -> None:
    assert not list(ApiVersionRemoved().detect(applied(text), None))
