"""The cluster account's manifest: exactly the verbs that a live snapshot uses, made from the same table it reads by."""

from __future__ import annotations

from selfheal.cluster.kinds import KINDS

NAME = "selfheal"


def rules() -> list[dict[str, list[str]]]:
    """Rules of the ClusterRole, one an API group: ``list`` on what is read, ``get`` on pods' logs, nothing else."""
    groups: dict[str, list[str]] = {}
    for kind in KINDS:
        if kind.live:
            groups.setdefault(kind.group, []).append(kind.resource)
    found = [
        {"apiGroups": [group], "resources": sorted(names), "verbs": ["list"]}
        for group, names in groups.items()
    ]
    return [*found, {"apiGroups": [""], "resources": ["pods/log"], "verbs": ["get"]}]


def manifest() -> str:
    """Namespace, ServiceAccount, ClusterRole and its binding, as YAML."""
    lines = [
        "# The account selfheal reads the cluster with. It may list what a diagnosis needs and read logs; no Secrets, no exec, no",
        "# proxy, no writes. Apply it, then make a kubeconfig for it as README.md beside this file says.",
        *_object("v1", "Namespace", ""),
        *_object("v1", "ServiceAccount", NAME),
        *_object("rbac.authorization.k8s.io/v1", "ClusterRole", ""),
        "rules:",
    ]
    for rule in rules():
        lines += [
            f'  - apiGroups: ["{rule["apiGroups"][0]}"]',
            f"    resources: [{', '.join(rule['resources'])}]",
            f"    verbs: [{', '.join(rule['verbs'])}]",
        ]
    lines += [
        *_object("rbac.authorization.k8s.io/v1", "ClusterRoleBinding", ""),
        "roleRef:", "  apiGroup: rbac.authorization.k8s.io", "  kind: ClusterRole", f"  name: {NAME}",
        "subjects:", "  - kind: ServiceAccount", f"    name: {NAME}", f"    namespace: {NAME}",
    ]  # fmt: skip
    return "\n".join(lines) + "\n"


def _object(api: str, kind: str, namespace: str) -> list[str]:
    place = [f"  namespace: {namespace}"] if namespace else []
    return ["---", f"apiVersion: {api}", f"kind: {kind}", "metadata:", f"  name: {NAME}", *place]
