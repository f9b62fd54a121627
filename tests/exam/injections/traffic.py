"""What stands between callers and callees: policies, entrances, certificates, names."""

from __future__ import annotations

from collections.abc import Iterator

from tests.exam.dump import Dump
from tests.exam.injections.places import own, rolled
from tests.exam.scene import Case, Scene


def traffic_cases() -> Iterator[Case]:
    def policy(callee: str, label: str):
        def stage(scene: Scene, _part: str) -> None:
            entry = {
                "from": [{"podSelector": {"matchLabels": {"app": label}}}],
                "ports": [{"protocol": "TCP", "port": scene.app.parts[callee].port}],
            }
            scene.app.add(
                {
                    "apiVersion": "networking.k8s.io/v1", "kind": "NetworkPolicy", "metadata": {"name": f"allow-{callee}"},
                    "spec": {"podSelector": {"matchLabels": {"app": callee}}, "policyTypes": ["Ingress"], "ingress": [entry]},
                }
            )  # fmt: skip

        return stage

    def port(callee: str):
        def stage(scene: Scene, _part: str) -> None:
            rule = scene.app.objects["NetworkPolicy", f"allow-{callee}"]["spec"]["ingress"][0]
            rule["ports"] = [{"protocol": "TCP", "port": 9000}]

        return stage

    def deny(callee: str):
        def stage(scene: Scene, _part: str) -> None:
            spec = {
                "podSelector": {"matchLabels": {"app": callee}},
                "policyTypes": ["Ingress"],
                "ingress": [],
            }
            scene.app.add(
                {
                    "apiVersion": "networking.k8s.io/v1",
                    "kind": "NetworkPolicy",
                    "metadata": {"name": f"isolate-{callee}"},
                    "spec": spec,
                }
            )

        return stage

    for app, callee in (
        ("market", "catalogue"),
        ("market", "fx"),
        ("market", "postgres"),
        ("clinic", "auth"),
        ("clinic", "rooms"),
        ("clinic", "mongo"),
    ):
        yield Case(
            app,
            "network-policy-blocking",
            f"label-{callee}",
            (("NetworkPolicy", f"allow-{callee}"),),
            rolled(policy(callee, "frontend"), callee),
            callee,
        )
        yield Case(
            app,
            "network-policy-blocking",
            f"deny-{callee}",
            (("NetworkPolicy", f"isolate-{callee}"),),
            rolled(deny(callee), callee),
            callee,
        )
    for callee in ("mysql", "insurance"):
        yield Case(
            "clinic",
            "network-policy-blocking",
            f"port-{callee}",
            (("NetworkPolicy", f"allow-{callee}"),),
            rolled(port(callee), callee),
            callee,
        )

    def egress(scene: Scene, part: str) -> None:
        rule = {"to": [{"podSelector": {}}], "ports": [{"protocol": "TCP", "port": 1}]}
        spec = {"podSelector": {"matchLabels": {"app": part}}, "policyTypes": ["Egress"], "egress": [rule]}
        scene.app.add(
            {
                "apiVersion": "networking.k8s.io/v1",
                "kind": "NetworkPolicy",
                "metadata": {"name": f"{part}-egress"},
                "spec": spec,
            }
        )

    for app, part in (("market", "web"), ("clinic", "calendar")):
        yield Case(
            app,
            "network-policy-blocking",
            f"egress-{part}",
            (("NetworkPolicy", f"{part}-egress"),),
            rolled(egress, part),
            part,
        )

    def backend(key: str, value: object):
        def stage(scene: Scene, _part: str) -> None:
            path = scene.app.objects["Ingress", "portal"]["spec"]["rules"][0]["http"]["paths"][1]
            if key == "name":
                path["backend"]["service"]["name"] = value
            else:
                path["backend"]["service"]["port"] = {"number": value}

        return stage

    def ingress_class(scene: Scene, _part: str) -> None:
        scene.app.objects["Ingress", "portal"]["spec"]["ingressClassName"] = "nginx-public"

    answer = (("Ingress", "portal"),)
    yield Case(
        "clinic",
        "ingress-backend-invalid",
        "name",
        answer,
        rolled(backend("name", "api-gateway"), "gateway"),
        "gateway",
    )
    yield Case(
        "clinic",
        "ingress-backend-invalid",
        "port",
        answer,
        rolled(backend("port", 8000), "gateway"),
        "gateway",
    )
    yield Case(
        "clinic", "ingress-backend-invalid", "class", answer, rolled(ingress_class, "portal"), "portal"
    )

    def tls(scene: Scene, _part: str) -> None:
        scene.app.objects["Ingress", "portal"]["spec"]["tls"][0]["secretName"] = "tls-portal-2026"

    def tls_kind(scene: Scene, _part: str) -> None:
        scene.remove("Secret", "tls-portal")
        scene.app.secret("tls-portal", note="moved")

    yield Case("clinic", "tls-secret-invalid", "name", answer, rolled(tls, "portal"), "portal")
    yield Case(
        "clinic",
        "tls-secret-invalid",
        "keys",
        (*answer, ("Secret", "tls-portal")),
        rolled(tls_kind, "portal"),
        "portal",
    )

    def expired(scene: Scene, part: str) -> None:
        def edit(dump: Dump) -> None:
            callee = next(iter(dump.app.parts[part].calls))
            for pod in dump.pods(part):
                dump.log(
                    pod,
                    "".join(
                        f"{dump.ago(300 - 20 * i)} ERROR call to https://{callee} failed: tls: failed to verify certificate: x509: certificate has expired or is not yet valid: current time {dump.ago(300 - 20 * i)} is after 2026-11-01T00:00:00Z\n"
                        for i in range(15)
                    ),
                )

        scene.after.append(edit)

    for app, part in (("market", "suggestions"), ("clinic", "calendar")):
        callee = {"suggestions": "catalogue", "calendar": "rooms"}[part]
        yield Case(
            app,
            "tls-secret-invalid",
            f"expired-{part}",
            (*own(part), *own(callee)),
            rolled(expired, part),
            part,
        )

    def dns_policy(scene: Scene, part: str) -> None:
        scene.app.pod(part)["dnsPolicy"] = "None"
        scene.app.pod(part)["dnsConfig"] = {"nameservers": ["1.1.1.1"]}

    def dns_default(scene: Scene, part: str) -> None:
        scene.app.pod(part)["dnsPolicy"] = "Default"

    for app, part in (
        ("market", "web"),
        ("market", "orders"),
        ("market", "catalogue"),
        ("market", "basket"),
        ("clinic", "gateway"),
        ("clinic", "patients"),
        ("clinic", "calendar"),
    ):
        yield Case(app, "dns-misconfigured", f"none-{part}", own(part), rolled(dns_policy, part), part)
        yield Case(app, "dns-misconfigured", f"default-{part}", own(part), rolled(dns_default, part), part)
