"""image-not-found and its neighbours, told apart by message."""

from __future__ import annotations

from typing import Any

import pytest

from selfheal.faults.image_not_found import ImageNotFound, pull_problem, split_image
from selfheal.faults.interface import LastGood, OneOf
from tests.support.cluster import Cluster, container, waiting

NOT_FOUND = (
    'Back-off pulling image "ghcr.io/acme/app:1.00": ErrImagePull: rpc error: code = NotFound desc = failed to pull and '
    'unpack image "ghcr.io/acme/app:1.00": failed to resolve reference "ghcr.io/acme/app:1.00": ghcr.io/acme/app:1.00: '
    "not found"
)
UNAUTHORIZED = (
    'failed to pull and unpack image "r.example/p/app:1": failed to resolve reference "r.example/p/app:1": failed to '
    "authorize: failed to fetch anonymous token: unexpected status: 401 Unauthorized"
)
UNREACHABLE = (
    'failed to pull and unpack image "r.exmple/app:1": failed to resolve reference "r.exmple/app:1": failed to do '
    'request: Head "https://r.exmple/v2/app/manifests/1": dial tcp: lookup r.exmple: no such host'
)


def found(cluster: Cluster) -> list[Any]:
    return list(ImageNotFound().detect(cluster.snapshot(), None))


def cluster_with(
    message: str, *, before: str = "ghcr.io/acme/app:1.0", image: str = "ghcr.io/acme/app:1.00"
) -> Cluster:
    cluster = Cluster()
    cluster.deployment(
        "app",
        {"containers": [container(image=image)]},
        before={"containers": [container(image=before)]},
        status=waiting("ImagePullBackOff", message),
    )
    return cluster


def test_tag_that_is_not_there() -> None:
    (finding,) = found(cluster_with(NOT_FOUND))
    assert finding.variant == "tag"
    assert finding.facts["last_good"][0]["value"] == "ghcr.io/acme/app:1.0"
    (edit,) = ImageNotFound().remedy(finding).edits
    assert edit.value == LastGood(
        OneOf(("ghcr.io/acme/app:1.0",), "images of the same repository that run in the cluster")
    )


def test_name_that_is_not_there() -> None:
    (finding,) = found(cluster_with(NOT_FOUND, image="ghcr.io/acme/ap:1.0"))
    assert finding.variant == "name"


def test_message_in_the_event_only() -> None:
    cluster = cluster_with("")
    cluster.event("app-new-0", "Failed", f'Failed to pull image "x": {NOT_FOUND}')
    (finding,) = found(cluster)
    assert finding.evidence[0].source == "event"


def test_invalid_name() -> None:
    cluster = Cluster()
    cluster.deployment(
        "app",
        {"containers": [container(image="ghcr.io/Acme/app:1")]},
        status=waiting("InvalidImageName", 'couldn\'t parse image name "ghcr.io/Acme/app:1"'),
    )
    (finding,) = found(cluster)
    assert finding.variant == "name"


@pytest.mark.parametrize("message", [UNAUTHORIZED, UNREACHABLE, "", "something else went wrong"])
def test_lookalikes(message: str) -> None:
    assert not found(cluster_with(message))


def test_lookalike_older_template_was_not_found() -> None:
    cluster = cluster_with(NOT_FOUND)
    top = next(obj for obj in cluster.objects if obj["kind"] == "Deployment")
    top["spec"]["template"]["spec"]["containers"][0]["image"] = "ghcr.io/acme/app:1.2"
    assert not found(cluster)


@pytest.mark.parametrize(
    ("message", "problem"),
    [(NOT_FOUND, "not-found"), (UNAUTHORIZED, "unauthorized"), (UNREACHABLE, "unreachable"), ("odd", "")],
)
def test_messages(message: str, problem: str) -> None:
    assert pull_problem(message) == problem


@pytest.mark.parametrize(
    ("image", "parts"),
    [
        ("app", ("app", "")),
        ("host:5000/app", ("host:5000/app", "")),
        ("host:5000/app:1", ("host:5000/app", "1")),
        ("app@sha256:aa", ("app", "sha256:aa")),
        ("app:1@sha256:aa", ("app", "sha256:aa")),
    ],
)
def test_split_image(image: str, parts: tuple[str, str]) -> None:
    assert split_image(image) == parts
