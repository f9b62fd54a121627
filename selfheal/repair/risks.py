"""What in a rendered object is dangerous, or protects it: facts for the policy to compare before and after."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from selfheal.cluster import pointer
from selfheal.cluster.workloads import containers, mapping, mappings, spec_pointer
from selfheal.repair.objects import Object

Fact = tuple[str, str]
PROBES = ("readinessProbe", "livenessProbe", "startupProbe")
_STANDARD = "pod-security.kubernetes.io/"
_LEVELS = {"privileged": 0, "baseline": 1, "restricted": 2}


def dangers(obj: Object) -> set[Fact]:
    """(rule, what) for everything that gives more power or reach than a workload should need."""
    return {*_pod_dangers(obj), *_rbac(obj), *_open_network(obj), *_weak_webhooks(obj)}


def protections(obj: Object) -> set[Fact]:
    """(rule, what) for everything that a fix must not take away."""
    return {*_hardening(obj), *_probes(obj), *_admission(obj)}


def covered(what: str, held: set[Fact]) -> bool:
    """Whether a protection that goes is part of one that is held: who drops all capabilities drops each."""
    where, drops, name = what.rpartition(" drops ")
    return bool(drops and name) and ("hardening", f"{where} drops ALL") in held


def images(obj: Object) -> dict[str, str]:
    """Container -> image."""
    return {item.pointer: str(item.spec.get("image") or "") for item in containers(_spec(obj))}


def _spec(obj: Object) -> dict[str, Any]:
    return mapping(pointer.resolve(obj, spec_pointer(str(obj.get("kind", ""))), {}))


def _contexts(obj: Object) -> Iterator[tuple[str, dict[str, Any]]]:
    spec = _spec(obj)
    yield "pod", mapping(spec.get("securityContext"))
    for container in containers(spec):
        yield container.pointer, mapping(container.spec.get("securityContext"))


def _pod_dangers(obj: Object) -> Iterator[Fact]:
    spec = _spec(obj)
    for where, context in _contexts(obj):
        if context.get("privileged") is True or context.get("allowPrivilegeEscalation") is True:
            yield "privileged", f"{where} may gain privileges"
        if context.get("runAsUser") == 0 or context.get("runAsNonRoot") is False:
            yield "privileged", f"{where} runs as root"
        if context.get("procMount") == "Unmasked":
            yield "privileged", f"{where} sees an unmasked /proc"
        for name in _strings(mapping(context.get("capabilities")).get("add")):
            yield "privileged", f"{where} adds the capability {name}"
    for name in ("hostNetwork", "hostPID", "hostIPC"):
        if spec.get(name) is True:
            yield "host-access", name
    for volume in mappings(spec.get("volumes")):
        if "hostPath" in volume:
            yield "host-access", f"hostPath {mapping(volume['hostPath']).get('path')}"
    for container in containers(spec):
        for port in mappings(container.spec.get("ports")):
            if port.get("hostPort"):
                yield "host-access", f"{container.pointer} hostPort {port['hostPort']}"


def _rbac(obj: Object) -> Iterator[Fact]:
    kind = obj.get("kind")
    if kind in ("Role", "ClusterRole"):
        for rule in mappings(obj.get("rules")):
            for word in ("verbs", "resources", "apiGroups"):
                if "*" in _strings(rule.get(word)):
                    yield "rbac", f"* in {word} for {rule.get('resources')}"
            for verb in ("escalate", "bind", "impersonate"):
                if verb in _strings(rule.get("verbs")):
                    yield "rbac", f"the verb {verb}"
            if "secrets" in _strings(rule.get("resources")) and not rule.get("resourceNames"):
                yield "rbac", f"{rule.get('verbs')} on all secrets"
    elif kind in ("RoleBinding", "ClusterRoleBinding"):
        role = mapping(obj.get("roleRef"))
        if role.get("name") in ("cluster-admin", "admin", "edit"):
            yield "rbac", f"a binding to {role['name']}"
        for subject in mappings(obj.get("subjects")):
            if str(subject.get("name", "")).startswith("system:"):
                yield "rbac", f"a binding for {subject['name']}"


def _open_network(obj: Object) -> Iterator[Fact]:
    if obj.get("kind") != "NetworkPolicy":
        return
    spec = mapping(obj.get("spec"))
    for way, peer in (("ingress", "from"), ("egress", "to")):
        for rule in mappings(spec.get(way)):
            peers = mappings(rule.get(peer))
            if not peers:
                yield "network", f"{way} with everybody on {rule.get('ports') or 'every port'}"
            for item in peers:
                if str(mapping(item.get("ipBlock")).get("cidr", "")) in ("0.0.0.0/0", "::/0"):
                    yield "network", f"{way} with any address"
                if item.get("namespaceSelector") == {} and not item.get("podSelector"):
                    yield "network", f"{way} with all namespaces"


def _weak_webhooks(obj: Object) -> Iterator[Fact]:
    if str(obj.get("kind", "")).endswith("WebhookConfiguration"):
        for hook in mappings(obj.get("webhooks")):
            if hook.get("failurePolicy") == "Ignore":
                yield "webhooks", f"{hook.get('name')} is ignored when it fails"


def _hardening(obj: Object) -> Iterator[Fact]:
    for where, context in _contexts(obj):
        for name, value in (
            ("runAsNonRoot", True),
            ("readOnlyRootFilesystem", True),
            ("allowPrivilegeEscalation", False),
        ):
            if context.get(name) is value:
                yield "hardening", f"{where} {name}"
        for name in _strings(mapping(context.get("capabilities")).get("drop")):
            yield "hardening", f"{where} drops {name}"
        for name in ("seccompProfile", "appArmorProfile"):
            if mapping(context.get(name)).get("type") not in (None, "Unconfined"):
                yield "hardening", f"{where} {name}"
    if _spec(obj).get("automountServiceAccountToken") is False:
        yield "hardening", "automountServiceAccountToken"


def _probes(obj: Object) -> Iterator[Fact]:
    for container in containers(_spec(obj)):
        for name in PROBES:
            if mapping(container.spec.get(name)):
                yield "probes", f"{container.pointer} {name}"


def _admission(obj: Object) -> Iterator[Fact]:
    if obj.get("kind") == "Namespace":
        for key, value in mapping(pointer.resolve(obj, "/metadata/labels", {})).items():
            if key.startswith(_STANDARD):
                for level in range(_LEVELS.get(str(value), 0) + 1):
                    yield "hardening", f"{key} at least {level}"


def _strings(value: Any) -> list[str]:
    return [item for item in value if isinstance(item, str)] if isinstance(value, list) else []
