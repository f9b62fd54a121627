"""One verdict a rule; what cannot be judged counts as broken."""

from __future__ import annotations

import copy
from datetime import UTC, datetime
from typing import Any

import pytest

from selfheal.config.model import Policy
from selfheal.incidents.record import ObjectRef
from selfheal.repair.policy import PROTECTED, RULES, Proposal, matches, registry, verdicts
from selfheal.repair.schema import verdict as schema_verdict

NOW = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)
REF = ObjectRef(kind="Deployment", namespace="shop", name="cart")
DEPLOYMENT: dict[str, Any] = {
    "apiVersion": "apps/v1",
    "kind": "Deployment",
    "metadata": {"name": "cart", "namespace": "shop"},
    "spec": {
        "replicas": 2,
        "selector": {"matchLabels": {"app": "cart"}},
        "template": {
            "metadata": {"labels": {"app": "cart"}},
            "spec": {
                "automountServiceAccountToken": False,
                "securityContext": {"runAsNonRoot": True},
                "containers": [
                    {
                        "name": "cart",
                        "image": "ghcr.io/acme/cart:1.0",
                        "readinessProbe": {"httpGet": {"path": "/", "port": 80}},
                        "securityContext": {
                            "capabilities": {"drop": ["ALL"]},
                            "readOnlyRootFilesystem": True,
                        },
                    }
                ],
            },
        },
    },
}


def broken(proposal: Proposal, **policy: Any) -> dict[str, str]:
    """Rule -> detail of the rules that are not met."""
    return {item.rule: item.detail for item in verdicts(proposal, Policy(**policy)) if not item.passed}


def rendered(change: Any, *, obj: dict[str, Any] = DEPLOYMENT, ref: ObjectRef = REF) -> dict[str, str]:
    """What the rules say when ``change`` has altered an object."""
    after = copy.deepcopy(obj)
    change(after)
    files = {"app.yaml": (b"a: 1\n", b"a: 2\n")}
    return broken(Proposal(files, {ref: obj}, {ref: after}, frozenset({"ghcr.io"}), NOW))


def pod(obj: dict[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = obj["spec"]["template"]["spec"]
    return found


def container(obj: dict[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = pod(obj)["containers"][0]
    return found


def test_an_ordinary_change_meets_every_rule() -> None:
    found = rendered(lambda obj: container(obj).update(image="ghcr.io/acme/cart:0.9"))
    assert found == {}


@pytest.mark.parametrize(
    ("rule", "change"),
    [
        ("privileged", lambda o: container(o)["securityContext"].update(privileged=True)),
        ("privileged", lambda o: container(o)["securityContext"].update(allowPrivilegeEscalation=True)),
        ("privileged", lambda o: container(o)["securityContext"].update(runAsUser=0)),
        ("privileged", lambda o: container(o)["securityContext"]["capabilities"].update(add=["SYS_ADMIN"])),
        ("host-access", lambda o: pod(o).update(hostNetwork=True)),
        ("host-access", lambda o: pod(o).update(volumes=[{"name": "h", "hostPath": {"path": "/"}}])),
        ("host-access", lambda o: container(o).update(ports=[{"containerPort": 1, "hostPort": 1}])),
        ("hardening", lambda o: pod(o).pop("securityContext")),
        ("hardening", lambda o: pod(o).pop("automountServiceAccountToken")),
        ("hardening", lambda o: container(o)["securityContext"].pop("readOnlyRootFilesystem")),
        ("hardening", lambda o: container(o)["securityContext"]["capabilities"].update(drop=[])),
        ("probes", lambda o: container(o).pop("readinessProbe")),
        ("replicas", lambda o: o["spec"].update(replicas=0)),
        ("replicas", lambda o: o["spec"].update(paused=True)),
        ("image-pinned", lambda o: container(o).update(image="ghcr.io/acme/cart:latest")),
        ("image-pinned", lambda o: container(o).update(image="ghcr.io/acme/cart")),
        ("image-registries", lambda o: container(o).update(image="evil.example/cart:1.0")),
    ],
)
def test_rewards_that_are_not_taken(rule: str, change: Any) -> None:
    assert rule in rendered(change)


def test_a_deleted_workload_is_refused() -> None:
    assert "objects" in broken(Proposal({"a.yaml": (b"a\n", b"b\n")}, {REF: DEPLOYMENT}, {}))


@pytest.mark.parametrize(
    "rule",
    [
        {"apiGroups": [""], "resources": ["*"], "verbs": ["get"]},
        {"apiGroups": ["*"], "resources": ["pods"], "verbs": ["get"]},
        {"apiGroups": [""], "resources": ["pods"], "verbs": ["*"]},
        {"apiGroups": [""], "resources": ["secrets"], "verbs": ["list"]},
        {"apiGroups": [""], "resources": ["roles"], "verbs": ["escalate"]},
    ],
)
def test_wildcards_and_powers_over_powers_are_refused(rule: dict[str, Any]) -> None:
    role = {"kind": "Role", "metadata": {"name": "r"}, "rules": []}
    ref = ObjectRef(kind="Role", namespace="shop", name="r")
    assert "rbac" in rendered(lambda obj: obj["rules"].append(rule), obj=role, ref=ref)
    narrow = {"apiGroups": [""], "resources": ["pods"], "verbs": ["get"]}
    assert rendered(lambda obj: obj["rules"].append(narrow), obj=role, ref=ref) == {}


def test_a_quota_is_lowered_freely_and_raised_only_where_that_is_allowed() -> None:
    quota = {"kind": "ResourceQuota", "metadata": {"name": "q"}, "spec": {"hard": {"requests.cpu": "1"}}}
    ref = ObjectRef(kind="ResourceQuota", namespace="shop", name="q")
    raised = lambda obj: obj["spec"]["hard"].update({"requests.cpu": "2"})  # noqa: E731
    assert "quotas" in rendered(raised, obj=quota, ref=ref)
    assert "quotas" in rendered(lambda obj: obj["spec"]["hard"].clear(), obj=quota, ref=ref)
    assert (
        rendered(lambda obj: obj["spec"]["hard"].update({"requests.cpu": "500m"}), obj=quota, ref=ref) == {}
    )
    after = copy.deepcopy(quota)
    raised(after)
    proposal = Proposal({"q.yaml": (b"1\n", b"2\n")}, {ref: quota}, {ref: after}, frozenset(), NOW)
    assert broken(proposal, allow_quota_raise=True) == {}


def test_a_network_policy_that_opens_to_everybody_is_refused() -> None:
    netpol = {
        "kind": "NetworkPolicy",
        "metadata": {"name": "n"},
        "spec": {"ingress": [{"from": [{"podSelector": {}}]}]},
    }
    ref = ObjectRef(kind="NetworkPolicy", namespace="shop", name="n")
    assert "network" in rendered(lambda obj: obj["spec"]["ingress"][0].pop("from"), obj=netpol, ref=ref)


@pytest.mark.parametrize(
    "path",
    [".github/workflows/ci.yml", "CODEOWNERS", "docs/CODEOWNERS", "Makefile", "app/Dockerfile", "build.sh", "x/.env",
     ".selfheal.yml", "package-lock.json", "poetry.lock", "scripts/deploy.yaml", ".GitHub/x.yaml", "infra/main.tf"],
)  # fmt: skip
def test_what_a_build_executes_is_protected(path: str) -> None:
    assert "protected-paths" in broken(Proposal({path: (b"a\n", b"b\n")}))


@pytest.mark.parametrize(
    "path", ["apps/cart.yaml", "charts/shop/values.yaml", "base/github/x.yaml", "dot.d/x.yml"]
)
def test_manifests_are_not_protected(path: str) -> None:
    assert broken(Proposal({path: (b"a\n", b"b\n")})) == {}


def test_globs_span_folders_only_with_two_stars() -> None:
    assert (
        matches("a/b/c.yaml", "a/**") and matches("c.yaml", "**/*.yaml") and matches("a/c.yaml", "a/*.yaml")
    )
    assert not matches("a/b/c.yaml", "a/*.yaml")
    assert len(PROTECTED) == len(set(PROTECTED))


def test_configuration_tightens_paths_files_and_lines() -> None:
    files = {f"f{n}.yaml": (b"a\n", b"b\n") for n in range(4)}
    assert set(broken(Proposal(files))) == {"files"}
    assert "allowed-paths" in broken(Proposal({"x.yaml": (b"a\n", b"b\n")}), allowed_paths=("apps/**",))
    assert "protected-paths" in broken(Proposal({"x.yaml": (b"a\n", b"b\n")}), protected_paths=("x.yaml",))
    assert "lines" in broken(Proposal({"x.yaml": (b"", b"a\n" * 61)}))
    assert "files" in broken(Proposal({"x.yaml": (b"a\n", None)}))


def test_a_freeze_holds_and_a_broken_one_fails_closed() -> None:
    proposal = Proposal({"x.yaml": (b"a\n", b"b\n")}, now=NOW)
    assert "freeze" in broken(proposal, freeze=("2026-11-20/2026-11-23",))
    assert "freeze" not in broken(proposal, freeze=("2026-11-23T00:00:00+00:00/2026-11-24T00:00:00+00:00",))
    assert "freeze" in broken(proposal, freeze=("soon",))
    assert "freeze" in broken(proposal, freeze=("yesterday/tomorrow",))


@pytest.mark.parametrize(
    "line",
    [
        b"  password: hunter2hunter2\n",
        b"  token: ghp_" + b"a" * 36 + b"\n",
        b"  url: postgres://app:s3cr3tpw@db/x\n",
        b"  key: AKIAIOSFODNN7EXAMPLE\n",
        b"-----BEGIN RSA PRIVATE KEY-----\n",
    ],
)
def test_a_secret_in_an_added_line_is_found_and_not_repeated(line: bytes) -> None:
    found = broken(Proposal({"x.yaml": (b"a: 1\n", b"a: 1\n" + line)}))
    assert "secrets" in found
    assert line.decode().strip().rpartition(" ")[2] not in found["secrets"]


@pytest.mark.parametrize(
    "line",
    [b"  secretName: invoice-database\n", b"  image: ghcr.io/a/b@sha256:" + b"0a" * 32 + b"\n", b"  key: password\n",
     b"      secretKeyRef: {name: db-credentials, key: password}\n"],
)  # fmt: skip
def test_names_of_secrets_are_no_secrets(line: bytes) -> None:
    assert broken(Proposal({"x.yaml": (b"a: 1\n", b"a: 1\n" + line)})) == {}


def test_generated_and_encrypted_files_and_secrets_are_left_to_people() -> None:
    generated = b"# Code generated by robot. DO NOT EDIT.\na: 1\n"
    assert "generated-files" in broken(Proposal({"x.yaml": (generated, generated + b"b: 1\n")}))
    sops = b"a: ENC[AES256_GCM,data:xx]\nsops:\n  mac: x\n"
    assert "generated-files" in broken(Proposal({"x.yaml": (sops, sops + b"b: 1\n")}))
    ref = ObjectRef(kind="Secret", namespace="shop", name="s")
    assert "secret-objects" in rendered(
        lambda o: o.update(type="x"), obj={"kind": "Secret", "metadata": {}}, ref=ref
    )


def test_a_rule_that_cannot_be_judged_counts_as_broken(monkeypatch: pytest.MonkeyPatch) -> None:
    def fails(proposal: Proposal, policy: Policy) -> Any:
        raise ValueError("odd")

    monkeypatch.setitem(RULES, "lines", fails)
    assert "could not be judged" in broken(Proposal({"x.yaml": (b"a\n", b"b\n")}))["lines"]


def test_registries_of_images() -> None:
    assert [registry(name) for name in ("redis:7", "acme/cart", "ghcr.io/a/b:1", "localhost:5000/x")] == [
        "docker.io", "docker.io", "ghcr.io", "localhost:5000",
    ]  # fmt: skip


def test_the_schema_finds_what_an_api_server_would_refuse() -> None:
    good = schema_verdict({}, {REF: DEPLOYMENT})
    assert good.passed, good.detail
    wrong = copy.deepcopy(DEPLOYMENT)
    wrong["spec"]["replicas"] = "two"
    assert not schema_verdict({REF: DEPLOYMENT}, {REF: wrong}).passed
    misspelled = copy.deepcopy(DEPLOYMENT)
    container(misspelled)["imagee"] = "x"
    assert not schema_verdict({REF: DEPLOYMENT}, {REF: misspelled}).passed
    # A fault that was there before is not the change's.
    other = copy.deepcopy(misspelled)
    other["spec"]["replicas"] = 3
    assert schema_verdict({REF: misspelled}, {REF: other}).passed
    custom = {"apiVersion": "acme.example/v1", "kind": "Widget", "metadata": {"name": "w"}}
    assert schema_verdict({}, {ObjectRef(kind="Widget", name="w"): custom}).passed


def test_dropping_all_capabilities_covers_each_of_them() -> None:
    some = copy.deepcopy(DEPLOYMENT)
    container(some)["securityContext"]["capabilities"]["drop"] = ["NET_RAW"]
    assert "hardening" not in rendered(
        lambda o: container(o)["securityContext"]["capabilities"].update(drop=["ALL"]), obj=some
    )
