"""pv-occupied: volumes held by another claim, and volumes that do not fit."""

from __future__ import annotations

from tests.faults.kit import found, only, remedy, root
from tests.faults.test_pvc_storage_class_missing import claiming, volume


def test_held_by_another_claim() -> None:
    cluster = claiming("manual")
    volume(cluster, claimRef={"namespace": "other", "name": "data", "uid": "x"})["status"]["phase"] = "Bound"
    finding = only("pv-occupied", cluster)
    assert finding.facts["holder"] == "other/data"
    assert remedy(finding).escalate
    assert root(cluster) == ("pv-occupied", "PersistentVolumeClaim shop/data")


def test_held_by_an_earlier_claim_of_the_name() -> None:
    cluster = claiming("manual")
    volume(cluster, claimRef={"namespace": "shop", "name": "data", "uid": "gone"})["status"]["phase"] = (
        "Released"
    )
    assert only("pv-occupied", cluster).variant == "released"


def test_lookalike_too_small_as_well() -> None:
    cluster = claiming("manual", resources={"requests": {"storage": "50Gi"}})
    volume(cluster, claimRef={"namespace": "other", "name": "data", "uid": "x"})
    assert not found("pv-occupied", cluster)


def test_lookalike_reserved_for_this_claim() -> None:
    cluster = claiming("manual")
    volume(cluster, claimRef={"namespace": "shop", "name": "data"})
    assert not found("pv-occupied", cluster)
