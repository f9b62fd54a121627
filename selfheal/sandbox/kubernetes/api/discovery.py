"""What the server says of itself: version, health, groups and resources."""

from __future__ import annotations

from selfheal.sandbox.kubernetes.objects import Object
from selfheal.sandbox.kubernetes.registry import EVENTS, RESOURCES, Resource

VERSION = "v1.36.2"
_VERBS = ["create", "delete", "deletecollection", "get", "list", "patch", "update", "watch"]
_REVIEWS = Resource(
    "SelfSubjectAccessReview", "selfsubjectaccessreviews", "authorization.k8s.io", "v1", False
)


def document(path: str) -> Object | str | None:
    """The discovery document at ``path``; None where there is none."""
    path = path.rstrip("/")
    if path == "/version":
        return {
            "major": "1", "minor": "36", "gitVersion": VERSION, "gitTreeState": "clean", "gitCommit": "0" * 40,
            "buildDate": "2026-06-09T00:00:00Z", "goVersion": "go1.25.0",
            "compiler": "gc", "platform": "linux/amd64",
        }  # fmt: skip
    if path in ("/healthz", "/readyz", "/livez"):
        return "ok"
    if path == "/api":
        return {"kind": "APIVersions", "versions": ["v1"]}
    if path == "/apis":
        return {"kind": "APIGroupList", "apiVersion": "v1", "groups": [_group(name) for name in _groups()]}
    parts = path.strip("/").split("/")
    if parts[0] == "apis" and len(parts) == 2 and parts[1] in _groups():
        return {"kind": "APIGroup", "apiVersion": "v1", **_group(parts[1])}
    if parts == ["api", "v1"]:
        return _resources("v1")
    if parts[0] == "apis" and len(parts) == 3:
        return _resources("/".join(parts[1:]))
    return None


def _all() -> tuple[Resource, ...]:
    return (*RESOURCES, EVENTS, _REVIEWS)


def _groups() -> list[str]:
    return sorted({resource.group for resource in _all() if resource.group})


def _group(name: str) -> Object:
    version = next(resource.version for resource in _all() if resource.group == name)
    offered = {"groupVersion": f"{name}/{version}", "version": version}
    return {"name": name, "versions": [offered], "preferredVersion": offered}


def _resources(api_version: str) -> Object | None:
    found = [resource for resource in _all() if resource.api_version == api_version]
    if not found:
        return None
    rows: list[Object] = []
    for resource in found:
        rows.append(
            {
                "name": resource.plural, "singularName": resource.singular, "namespaced": resource.namespaced,
                "kind": resource.kind, "verbs": ["create"] if resource is _REVIEWS else _VERBS,
                **({"shortNames": list(resource.short)} if resource.short else {}),
            }
        )  # fmt: skip
        if resource.status:
            rows.append(
                {**rows[-1], "name": f"{resource.plural}/status", "verbs": ["get", "patch", "update"]}
            )
    return {"kind": "APIResourceList", "apiVersion": "v1", "groupVersion": api_version, "resources": rows}
