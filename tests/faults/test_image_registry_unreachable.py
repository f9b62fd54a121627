"""image-registry-unreachable: hosts that do not answer, and registries that do."""

from __future__ import annotations

import pytest

from tests.faults.kit import found, only, remedy, root
from tests.support.cluster import Cluster, container, waiting

IMAGE = "registry.acme.exmple/api:1"


def pulling(message: str, before: str = "", image: str = IMAGE) -> Cluster:
    cluster = Cluster()
    old = {"containers": [container(image=before)]} if before else None
    cluster.deployment(
        "api", {"containers": [container(image=image)]}, status=waiting("ErrImagePull", message), before=old
    )
    return cluster


@pytest.mark.parametrize(
    "message",
    [
        'failed to do request: Head "https://registry.acme.exmple/v2/api": dial tcp: lookup registry.acme.exmple: no such host',
        'failed to do request: Head "https://r/v2/x": dial tcp 10.0.0.1:443: i/o timeout',
        "Get https://r/v2/: x509: certificate signed by unknown authority",
    ],
)
def test_messages(message: str) -> None:
    assert root(pulling(message)) == ("image-registry-unreachable", "Deployment shop/api")


def test_back_to_the_registry_before() -> None:
    finding = only(
        "image-registry-unreachable", pulling("no such host", before="registry.acme.example/api:1")
    )
    assert finding.facts["last_good"][0]["value"] == "registry.acme.example/api:1"
    assert remedy(finding).edits[0].field.endswith("/image")


def test_near_registry_that_is_in_use() -> None:
    cluster = pulling("no such host")
    cluster.deployment("web", {"containers": [container(image="registry.acme.example/web:1")]})
    assert "registry.acme.example/api:1" in only("image-registry-unreachable", cluster).facts["elsewhere"]


@pytest.mark.parametrize("message", ["manifest unknown: not found", "failed to authorize: 401 Unauthorized"])
def test_lookalike_the_registry_answers(message: str) -> None:
    assert not found("image-registry-unreachable", pulling(message))
