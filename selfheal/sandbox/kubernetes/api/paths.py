"""Request paths: which resource, where, which object, which subresource."""

from __future__ import annotations

from dataclasses import dataclass

from selfheal.sandbox.kubernetes.registry import BY_PATH, Resource


@dataclass(frozen=True)
class Place:
    """``name`` "" is the collection, ``namespace`` "" all of them."""

    resource: Resource
    namespace: str = ""
    name: str = ""
    subresource: str = ""


def place_of(path: str) -> Place | None:
    """The place a path such as ``/apis/apps/v1/namespaces/shop/deployments/cart/status`` names."""
    parts = path.strip("/").split("/")
    if parts[0] == "api" and len(parts) > 2:
        group, version, rest = "", parts[1], parts[2:]
    elif parts[0] == "apis" and len(parts) > 3:
        group, version, rest = parts[1], parts[2], parts[3:]
    else:
        return None
    namespace = ""
    if rest[0] == "namespaces" and len(rest) > 2 and rest[2] not in ("status", "finalize"):
        namespace, rest = rest[1], rest[2:]
    resource = BY_PATH.get((group, version, rest[0]))
    if resource is None or len(rest) > 3 or (namespace and not resource.namespaced):
        return None
    name = rest[1] if len(rest) > 1 else ""
    return Place(resource, namespace, name, rest[2] if len(rest) > 2 else "")
