"""What may not be stored, in the API server's words, and what its controllers say then."""

from __future__ import annotations

import pytest

from tests.sandbox.kubernetes.manifests import (
    NAMESPACE,
    READY,
    WEB,
    condition,
    deployment,
    made,
    pods,
    service,
    still,
    told,
)

REQUESTS = {"resources": {"requests": {"cpu": "300m", "memory": "64Mi"}}}


def test_a_quota_lets_so_many_and_names_the_rest():
    emulator = still()
    emulator.apply([made("ResourceQuota", "v1", "quota", {"hard": {"requests.cpu": "1", "pods": "10"}})])
    emulator.apply([deployment(container=REQUESTS, replicas=5)])
    emulator.advance(60)
    assert len(pods(emulator)) == 3
    text = "exceeded quota: quota, requested: requests.cpu=300m, used: requests.cpu=900m, limited: requests.cpu=1"
    assert any(text in message for message in told(emulator, "FailedCreate"))
    assert condition(emulator, "Deployment", "web", "ReplicaFailure") == ("True", "FailedCreate")
    assert emulator.get("ResourceQuota", NAMESPACE, "quota")["status"]["used"] == {
        "requests.cpu": "900m",
        "pods": "3",
    }
    emulator.apply([made("ResourceQuota", "v1", "quota", {"hard": {"requests.cpu": "2", "pods": "10"}})])
    emulator.advance(400)
    assert len(pods(emulator)) == 5
    held = emulator.get("Deployment", NAMESPACE, "web")["status"]["conditions"]
    assert "ReplicaFailure" not in {item["type"] for item in held}


def test_a_quota_wants_to_know():
    emulator = still()
    emulator.apply([made("ResourceQuota", "v1", "quota", {"hard": {"limits.memory": "1Gi"}})])
    emulator.apply([deployment()])
    emulator.advance(5)
    assert any(
        "failed quota: quota: must specify limits.memory for: app" in text
        for text in told(emulator, "FailedCreate")
    )


def test_quotas_count_objects():
    emulator = still()
    emulator.apply([made("ResourceQuota", "v1", "quota", {"hard": {"services": "1"}}), service("one")])
    sync = emulator.apply([service("two")])
    assert 'services "two" is forbidden: exceeded quota: quota, requested: services=1' in sync.text


def test_a_limit_range_fills_in_and_refuses():
    emulator = still()
    limits = [
        {
            "type": "Container",
            "default": {"memory": "64Mi"},
            "max": {"memory": "128Mi"},
            "min": {"memory": "16Mi"},
        }
    ]
    emulator.apply([made("LimitRange", "v1", "range", {"limits": limits}), deployment("good")])
    big = {"resources": {"limits": {"memory": "256Mi"}}}
    emulator.apply([deployment("big", container=big)])
    emulator.advance(5)
    assert pods(emulator, "good")[0]["spec"]["containers"][0]["resources"]["limits"] == {"memory": "64Mi"}
    assert any(
        "maximum memory usage per Container is 128Mi, but limit is 256Mi" in text
        for text in told(emulator, "FailedCreate")
    )


def test_a_service_account_must_exist():
    emulator = still()
    emulator.apply([deployment(spec={"serviceAccountName": "robot"})])
    emulator.advance(5)
    text = 'is forbidden: error looking up service account shop/robot: serviceaccount "robot" not found'
    assert all(text in message for message in told(emulator, "FailedCreate"))
    assert pods(emulator) == []
    emulator.apply(
        [
            {
                "apiVersion": "v1",
                "kind": "ServiceAccount",
                "metadata": {"name": "robot", "namespace": NAMESPACE},
            }
        ]
    )
    emulator.advance(30)
    assert len(pods(emulator)) == 1


GOOD = {
    "allowPrivilegeEscalation": False, "runAsNonRoot": True, "capabilities": {"drop": ["ALL"]},
    "seccompProfile": {"type": "RuntimeDefault"}, "runAsUser": 1000,
}  # fmt: skip


@pytest.mark.parametrize(
    ("level", "context", "spec", "text"),
    [
        ("restricted", GOOD, {}, ""),
        ("restricted", {**GOOD, "runAsNonRoot": False}, {}, "runAsNonRoot != true"),
        (
            "restricted",
            {},
            {},
            'unrestricted capabilities (container "app" must set securityContext.capabilities.drop=["ALL"])',
        ),
        ("baseline", {}, {}, ""),
        (
            "baseline",
            {"privileged": True},
            {},
            'privileged (container "app" must not set securityContext.privileged=true)',
        ),
        ("baseline", {}, {"hostNetwork": True}, "host namespaces (hostNetwork=true)"),
    ],
)
def test_pod_security(level, context, spec, text):
    emulator = still()
    labels = {"pod-security.kubernetes.io/enforce": level}
    emulator.apply(
        [{"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": NAMESPACE, "labels": labels}}]
    )
    emulator.apply([deployment(container={"securityContext": context}, spec=spec)])
    emulator.advance(5)
    messages = told(emulator, "FailedCreate")
    assert (bool(pods(emulator)), any(text in message for message in messages)) == (not text, bool(text))
    assert all(f'violates PodSecurity "{level}:latest"' in message for message in messages)


def webhook(policy: str = "Fail", **client):
    hook = {
        "name": "pods.example.test", "failurePolicy": policy, "sideEffects": "None", "admissionReviewVersions": ["v1"],
        "clientConfig": {"service": {"namespace": NAMESPACE, "name": "verifier", "path": "/v"}, **client},
        "rules": [{"operations": ["CREATE"], "apiGroups": [""], "apiVersions": ["v1"], "resources": ["pods"]}],
        "namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": NAMESPACE}}, "timeoutSeconds": 5,
        "objectSelector": {"matchLabels": {"app": "web"}},
    }  # fmt: skip
    return {
        "apiVersion": "admissionregistration.k8s.io/v1", "kind": "ValidatingWebhookConfiguration",
        "metadata": {"name": "hook"}, "webhooks": [hook],
    }  # fmt: skip


def test_a_webhook_that_cannot_be_called():
    emulator = still(verifier=WEB)
    emulator.apply([webhook(), deployment()])
    emulator.advance(5)
    head = 'failed calling webhook "pods.example.test": failed to call webhook: Post "https://verifier.shop.svc:443/v?timeout=5s": '
    assert any(f'{head}service "verifier" not found' in text for text in told(emulator, "FailedCreate"))
    emulator.apply([service("verifier", port=443)])
    emulator.advance(60)
    assert any("no endpoints available for service" in text for text in told(emulator, "FailedCreate"))
    emulator.apply([deployment("verifier", "ghcr.io/acme/verifier:1", READY)])
    emulator.advance(120)
    assert any(
        "x509: certificate signed by unknown authority" in text for text in told(emulator, "FailedCreate")
    )
    bundle = "LS0tLS1CRUdJTiBDRVJUSUZJQ0FURS0tLS0t"
    emulator.apply([webhook(caBundle=bundle)])
    emulator.advance(600)
    assert len(pods(emulator, "web")) == 1


def test_a_webhook_that_may_fail_lets_pass():
    emulator = still()
    emulator.apply([webhook("Ignore"), deployment()])
    emulator.advance(5)
    assert len(pods(emulator)) == 1


@pytest.mark.parametrize(
    ("obj", "text"),
    [
        ({"apiVersion": "extensions/v1beta1", "kind": "Ingress", "metadata": {"name": "old"}, "spec": {}},
         'no matches for kind "Ingress" in version "extensions/v1beta1"'),
        ({"apiVersion": "acme.example/v1", "kind": "Unicorn", "metadata": {"name": "u"}}, 'no matches for kind "Unicorn"'),
        (deployment(container={"resources": {"requests": {"memory": "2Gi"}, "limits": {"memory": "1Gi"}}}),
         "must be less than or equal to memory limit of 1Gi"),
        (deployment(container={"resources": {"limits": {"memory": "64 megs"}}}), "quantities must match the regular expression"),
        (deployment(container={"volumeMounts": [{"name": "v", "mountPath": "/v"}]}), 'volumeMounts[0].name: Not found: "v"'),
        (made("Service", "v1", "s", {"ports": [{"port": 70000}]}), "must be between 1 and 65535"),
        (made("ConfigMap", "v1", "Upper_Case", {}), "lowercase RFC 1123 subdomain"),
    ],
)  # fmt: skip
def test_objects_that_are_refused(obj, text):
    sync = still().apply([obj])
    assert sync.failed == 1
    assert text in sync.text


@pytest.mark.parametrize(
    ("extra", "field"),
    [
        ({"imagePullPolicy": "IfNotPPresent"}, "containers[0].imagePullPolicy"),
        ({"ports": [{"containerPort": 80, "protocol": "TPC"}]}, "containers[0].ports[0].protocol"),
        ({"readinessProbe": {"httpGet": {"port": 80, "scheme": "HTTPX"}}}, "containers[0].readinessProbe.httpGet.scheme"),
    ],
)  # fmt: skip
def test_a_word_that_is_none_of_those_supported_is_refused(extra: dict[str, object], field: str) -> None:
    emulator = still()
    emulator.apply([deployment()])
    answer = emulator.apply([deployment(container=extra)])
    assert answer.failed == 1
    assert (
        f'Deployment.apps "web" is invalid: spec.template.spec.{field}: Unsupported value: "' in answer.text
    )


def test_a_bindings_role_cannot_be_changed() -> None:
    def binding(role: str) -> dict[str, object]:
        ref = {"apiGroup": "rbac.authorization.k8s.io", "kind": "Role", "name": role}
        return made("RoleBinding", "rbac.authorization.k8s.io/v1", "reads", {}, roleRef=ref)

    emulator = still()
    emulator.apply([binding("reader")])
    assert "cannot change roleRef" in emulator.apply([binding("writer")]).text
