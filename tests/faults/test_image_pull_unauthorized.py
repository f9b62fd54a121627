"""image-pull-unauthorized: missing, misspelled and refused credentials, and images that do not exist."""

from __future__ import annotations

from selfheal.faults.interface import Exact, LastGood
from tests.faults.kit import found, only, remedy, root
from tests.support.cluster import Cluster, container, waiting

DENIED = "failed to authorize: failed to fetch anonymous token: 401 Unauthorized"
IMAGE = "registry.acme.example/api:1"


def pulling(secrets: list[str], message: str = DENIED) -> Cluster:
    cluster = Cluster()
    spec = {"containers": [container(image=IMAGE)], "imagePullSecrets": [{"name": name} for name in secrets]}
    cluster.deployment("api", spec, status=waiting("ImagePullBackOff", message))
    return cluster


def test_none_named_while_another_workload_names_one() -> None:
    cluster = pulling([])
    cluster.add("Secret", "regcred", type="kubernetes.io/dockerconfigjson")
    spec = {
        "containers": [container(image="registry.acme.example/web:1")],
        "imagePullSecrets": [{"name": "regcred"}],
    }
    cluster.deployment("web", spec)
    finding = only("image-pull-unauthorized", cluster)
    (edit,) = remedy(finding).edits
    assert edit.value == LastGood(Exact([{"name": "regcred"}], finding.facts["origin"]))
    assert root(cluster) == ("image-pull-unauthorized", "Deployment shop/api")


def test_one_that_does_not_exist() -> None:
    cluster = pulling(["regcred-old"])
    cluster.add("Secret", "regcred", type="kubernetes.io/dockerconfigjson")
    finding = only("image-pull-unauthorized", cluster)
    assert (finding.variant, finding.facts["secret"]) == ("secret-missing", "regcred")


def test_refused_credential_is_for_a_person() -> None:
    cluster = pulling(["regcred"])
    cluster.add("Secret", "regcred", type="Opaque")
    finding = only("image-pull-unauthorized", cluster)
    assert finding.variant == "refused"
    assert remedy(finding).escalate


def test_lookalike_not_found() -> None:
    assert not found("image-pull-unauthorized", pulling([], "manifest for api:1 not found"))
