"""Who reaches whom: names, Services, endpoints, ports, policies."""

from __future__ import annotations

import pytest

from selfheal.sandbox.kubernetes.network import target_of
from tests.sandbox.kubernetes.manifests import NAMESPACE, READY, deployment, made, pods, service, still


def dial(emulator, text: str, *, of: str = "client") -> str:
    source = next(pod for pod in pods(emulator, of) if pod["status"]["phase"] == "Running")
    return emulator.kubelet.network.dial(source, target_of(text)).error


@pytest.fixture
def emulator():
    held = still()
    container = {**READY, "ports": [{"name": "http", "containerPort": 8080}]}
    held.apply(
        [deployment("client"), deployment("web", container=container), service("web", port=80, target="http")]
    )
    held.advance(20)
    return held


@pytest.mark.parametrize("host", ["web", "web.shop", "web.shop.svc", "web.shop.svc.cluster.local"])
def test_every_form_of_a_name(emulator, host):
    assert dial(emulator, f"{host}:80") == ""


def test_names_that_are_none(emulator):
    assert dial(emulator, "http://wbe:80/x") == "dial tcp: lookup wbe on 10.96.0.10:53: no such host"
    assert "no such host" in dial(emulator, "web.other:80")
    assert "no such host" in dial(emulator, "db.example.test:5432")
    emulator.hosts.add("db.example.test")
    assert dial(emulator, "db.example.test:5432") == ""


def test_ports(emulator):
    assert dial(emulator, "web:81").endswith(":81: i/o timeout")
    emulator.apply([service("web", port=80, target=9)])
    emulator.advance(1)
    assert dial(emulator, "web:80").endswith(":80: connect: connection refused")


def test_a_selector_that_selects_nothing(emulator):
    emulator.apply([service("web", "webb", port=80, target="http")])
    emulator.advance(1)
    assert dial(emulator, "web:80").endswith("connect: connection refused")
    part = emulator.objects("EndpointSlice", NAMESPACE)[0]
    assert part["endpoints"] == []


def test_endpoints_follow_readiness(emulator):
    container = {
        "ports": [{"name": "http", "containerPort": 8080}],
        "readinessProbe": {"httpGet": {"path": "/no", "port": 8080}},
    }
    emulator.apply([deployment("web", container=container)])
    emulator.advance(5)
    (part,) = emulator.objects("EndpointSlice", NAMESPACE)
    assert sorted(item["conditions"]["ready"] for item in part["endpoints"]) == [False, True]
    ends = emulator.get("Endpoints", NAMESPACE, "web")["subsets"]
    assert sum(len(item.get("addresses", [])) for item in ends) == 1


def policy(name: str, selects: dict, **spec):
    return made(
        "NetworkPolicy", "networking.k8s.io/v1", name, {"podSelector": {"matchLabels": selects}, **spec}
    )


def test_policies_deny_what_they_do_not_allow(emulator):
    emulator.apply(
        [
            policy(
                "in",
                {"app": "web"},
                ingress=[{"from": [{"podSelector": {"matchLabels": {"app": "friend"}}}]}],
            )
        ]
    )
    assert dial(emulator, "web:80").endswith("i/o timeout")
    rule = {"from": [{"podSelector": {"matchLabels": {"app": "client"}}}], "ports": [{"port": 8080}]}
    emulator.apply([policy("more", {"app": "web"}, ingress=[rule])])
    assert dial(emulator, "web:80") == ""
    emulator.apply([policy("more", {"app": "web"}, ingress=[{**rule, "ports": [{"port": 9}]}])])
    assert dial(emulator, "web:80").endswith("i/o timeout")


def test_a_policy_without_dns_resolves_nothing(emulator):
    to_web = [{"to": [{"podSelector": {"matchLabels": {"app": "web"}}}]}]
    emulator.apply([policy("out", {"app": "client"}, policyTypes=["Egress"], egress=to_web)])
    assert dial(emulator, "web:80") == "dial tcp: lookup web on 10.96.0.10:53: i/o timeout"
    dns = {"to": [{"namespaceSelector": {}}], "ports": [{"port": 53, "protocol": "UDP"}]}
    emulator.apply([policy("out", {"app": "client"}, policyTypes=["Egress"], egress=[*to_web, dns])])
    assert dial(emulator, "web:80") == ""


def test_a_pod_that_does_not_use_cluster_dns(emulator):
    emulator.apply(
        [deployment("other", spec={"dnsPolicy": "None", "dnsConfig": {"nameservers": ["10.9.9.9"]}})]
    )
    emulator.advance(10)
    assert dial(emulator, "web:80", of="other") == "dial tcp: lookup web on 10.9.9.9:53: no such host"


def test_headless_and_external_services(emulator):
    headless = service("head", "web", port=8080)
    headless["spec"]["clusterIP"] = "None"
    emulator.apply(
        [headless, made("Service", "v1", "ext", {"type": "ExternalName", "externalName": "api.example.test"})]
    )
    emulator.advance(1)
    assert dial(emulator, "head:8080") == ""
    assert "lookup api.example.test" in dial(emulator, "ext:443")
    emulator.hosts.add("api.example.test")
    assert dial(emulator, "ext:443") == ""


@pytest.mark.parametrize(
    ("text", "host", "port"),
    [
        ("redis://cache:6379/0", "cache", 6379), ("postgres://u:p@db/x", "db", 5432), ("http://api", "api", 80),
        ("db:5432", "db", 5432), ("", None, 0), ("http://", None, 0), ("db:notaport", None, 0), ("a b", None, 0),
    ],
)  # fmt: skip
def test_targets(text, host, port):
    target = target_of(text)
    assert (target.host if target else None, target.port if target else 0) == (host, port)
