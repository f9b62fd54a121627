"""tls-secret-invalid: Secrets of Ingresses and refused certificates, and protocols."""

from __future__ import annotations

from typing import Any

import pytest

from tests.faults.kit import caller, found, lines, only, remedy, root, served
from tests.support.cluster import Cluster


def entering(name: str, **secret: Any) -> Cluster:
    cluster = Cluster()
    served(cluster, "web")
    cluster.add("Ingress", "shop", spec={"tls": [{"secretName": name}]}, status={})
    cluster.add("Secret", "shop-tls", type="kubernetes.io/tls", data={"tls.crt": "", "tls.key": ""}, **secret)
    return cluster


def test_secret_that_does_not_exist() -> None:
    cluster = entering("shop-tsl")
    (edit,) = remedy(only("tls-secret-invalid", cluster)).edits
    assert (edit.field, edit.value.fallback.candidates) == ("/spec/tls/0/secretName", ("shop-tls",))
    assert root(cluster) == ("tls-secret-invalid", "Ingress shop/shop")


@pytest.mark.parametrize(
    ("line", "variant"),
    [
        ("x509: certificate has expired or is not yet valid", "expired"),
        ("x509: certificate is valid for a, not b", "name"),
        ("javax.net.ssl.SSLHandshakeException: PKIX path building failed", "authority"),
    ],
)
def test_refused_certificates(line: str, variant: str) -> None:
    cluster = Cluster()
    caller(cluster, "api", {}, lines(line))
    finding = only("tls-secret-invalid", cluster)
    assert finding.variant == variant
    assert remedy(finding).escalate


def test_lookalike_right() -> None:
    assert not found("tls-secret-invalid", entering("shop-tls"))


def test_lookalike_plain_http_on_a_tls_port() -> None:
    cluster = Cluster()
    caller(cluster, "api", {}, lines("http: server gave HTTP response to HTTPS client"))
    assert not found("tls-secret-invalid", cluster)
