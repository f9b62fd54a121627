"""Whether roles and their bindings let an account do something."""

from __future__ import annotations

from collections.abc import Iterator

from selfheal.sandbox.kubernetes.objects import Object, dig, entries
from selfheal.sandbox.kubernetes.store import Store


def allowed(store: Store, user: str, verb: str, group: str, resource: str, namespace: str) -> bool:
    """``user`` as the API server names it; ``namespace`` "" asks for the whole cluster."""
    return any(
        _fits(rule, verb, group, resource)
        for role in _roles(store, user, namespace)
        for rule in entries(role, "rules")
    )


def _roles(store: Store, user: str, namespace: str) -> Iterator[Object]:
    for binding in store.of("ClusterRoleBinding"):
        if _binds(binding, user, ""):
            role = store.get("ClusterRole", "", str(dig(binding, "roleRef", "name")))
            if role is not None:
                yield role
    for binding in store.of("RoleBinding", namespace) if namespace else ():
        if _binds(binding, user, namespace):
            kind = str(dig(binding, "roleRef", "kind"))
            place = namespace if kind == "Role" else ""
            role = store.get(kind, place, str(dig(binding, "roleRef", "name")))
            if role is not None:
                yield role


def _binds(binding: Object, user: str, namespace: str) -> bool:
    for subject in entries(binding, "subjects"):
        kind, name = subject.get("kind"), str(subject.get("name"))
        if kind == "User" and name == user:
            return True
        place = subject.get("namespace") or namespace
        if kind == "ServiceAccount" and user == f"system:serviceaccount:{place}:{name}":
            return True
        if kind == "Group" and user.startswith("system:serviceaccount:"):
            owner = user.split(":")[2]
            if name in ("system:serviceaccounts", f"system:serviceaccounts:{owner}", "system:authenticated"):
                return True
    return False


def _fits(rule: Object, verb: str, group: str, resource: str) -> bool:
    wanted = ((verb, "verbs"), (group, "apiGroups"), (resource, "resources"))
    return all(value in (rule.get(word) or ()) or "*" in (rule.get(word) or ()) for value, word in wanted)
