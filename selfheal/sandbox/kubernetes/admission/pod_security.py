"""PodSecurity: the standards ``baseline`` and ``restricted``, enforced by the namespace's label."""

from __future__ import annotations

from collections.abc import Iterator

from selfheal.sandbox.kubernetes.cluster import Cluster
from selfheal.sandbox.kubernetes.errors import forbidden
from selfheal.sandbox.kubernetes.objects import Object, dig, entries, labels_of

_LABEL = "pod-security.kubernetes.io/enforce"
_ADDABLE = frozenset(
    [
        "AUDIT_WRITE",
        "CHOWN",
        "DAC_OVERRIDE",
        "FOWNER",
        "FSETID",
        "KILL",
        "MKNOD",
        "NET_BIND_SERVICE",
        "SETFCAP",
        "SETGID",
        "SETPCAP",
        "SETUID",
        "SYS_CHROOT",
    ]
)
_VOLUMES = frozenset(
    {
        "configMap",
        "csi",
        "downwardAPI",
        "emptyDir",
        "ephemeral",
        "persistentVolumeClaim",
        "projected",
        "secret",
    }
)


def pod_security(cluster: Cluster, obj: Object) -> None:
    """Raises ApiError for a new pod that violates its namespace's standard."""
    if obj["kind"] != "Pod":
        return
    namespace = cluster.store.get("Namespace", "", str(obj["metadata"]["namespace"]))
    labels = labels_of(namespace) if namespace else {}
    level = labels.get(_LABEL, "privileged")
    if level not in ("baseline", "restricted"):
        return
    violations = list(_baseline(obj["spec"]))
    if level == "restricted":
        violations += _restricted(obj["spec"])
    if violations:
        version = labels.get(f"{_LABEL}-version", "latest")
        why = f'violates PodSecurity "{level}:{version}": {", ".join(violations)}'
        raise forbidden("pods", str(obj["metadata"].get("name")), why)


def _containers(spec: Object) -> list[Object]:
    return [*entries(spec, "initContainers"), *entries(spec, "containers")]


def _named(names: list[str], word: str = "container") -> str:
    quoted = ", ".join(f'"{name}"' for name in names)
    return f"{word}{'s' if len(names) > 1 else ''} {quoted}"


def _baseline(spec: Object) -> Iterator[str]:
    shared = [f"{word}=true" for word in ("hostNetwork", "hostPID", "hostIPC") if spec.get(word)]
    if shared:
        yield f"host namespaces ({', '.join(shared)})"
    paths = [str(item["name"]) for item in entries(spec, "volumes") if "hostPath" in item]
    if paths:
        yield f"hostPath volumes ({_named(paths, 'volume')})"
    privileged = [
        str(item["name"]) for item in _containers(spec) if dig(item, "securityContext", "privileged")
    ]
    if privileged:
        yield f"privileged ({_named(privileged)} must not set securityContext.privileged=true)"
    for item in _containers(spec):
        added = [
            name
            for name in dig(item, "securityContext", "capabilities", "add", default=[])
            if name not in _ADDABLE
        ]
        if added:
            listed = ", ".join(f'"{name}"' for name in added)
            yield (
                f'non-default capabilities (container "{item["name"]}" must not include {listed} in '
                "securityContext.capabilities.add)"
            )
        ports = [str(port["hostPort"]) for port in entries(item, "ports") if port.get("hostPort")]
        if ports:
            yield f'hostPort (container "{item["name"]}" uses hostPort {", ".join(ports)})'


def _restricted(spec: Object) -> Iterator[str]:
    items, pod = _containers(spec), spec.get("securityContext") or {}
    kinds = [
        str(item["name"])
        for item in entries(spec, "volumes")
        if not (set(item) - {"name"}) <= _VOLUMES and "hostPath" not in item
    ]
    if kinds:
        yield f"restricted volume types ({_named(kinds, 'volume')})"
    loose = [
        str(item["name"])
        for item in items
        if dig(item, "securityContext", "allowPrivilegeEscalation") is not False
    ]
    if loose:
        yield f"allowPrivilegeEscalation != false ({_named(loose)} must set securityContext.allowPrivilegeEscalation=false)"
    capable = [
        str(item["name"])
        for item in items
        if "ALL" not in dig(item, "securityContext", "capabilities", "drop", default=[])
    ]
    if capable:
        yield f'unrestricted capabilities ({_named(capable)} must set securityContext.capabilities.drop=["ALL"])'
    rooted = [
        str(item["name"])
        for item in items
        if dig(item, "securityContext", "runAsNonRoot", default=pod.get("runAsNonRoot")) is not True
    ]
    if rooted:
        yield f"runAsNonRoot != true (pod or {_named(rooted)} must set securityContext.runAsNonRoot=true)"
    zero = [str(item["name"]) for item in items if dig(item, "securityContext", "runAsUser") == 0]
    if zero or pod.get("runAsUser") == 0:
        yield f"runAsUser=0 ({_named(zero) if zero else 'pod'} must not set runAsUser=0)"
    open_ = [
        str(item["name"])
        for item in items
        if dig(item, "securityContext", "seccompProfile", "type", default=dig(pod, "seccompProfile", "type"))
        not in ("RuntimeDefault", "Localhost")
    ]
    if open_:
        yield (
            f'seccompProfile (pod or {_named(open_)} must set securityContext.seccompProfile.type to "RuntimeDefault" or '
            '"Localhost")'
        )
