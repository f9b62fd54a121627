"""Webhooks: called through their Service as it is now. One that answers allows; one that cannot be reached may forbid."""

from __future__ import annotations

import base64
import binascii

from selfheal.sandbox.kubernetes.cluster import Cluster
from selfheal.sandbox.kubernetes.errors import ApiError
from selfheal.sandbox.kubernetes.objects import Object, dig, entries, labels_of
from selfheal.sandbox.kubernetes.registry import BY_KIND, Resource
from selfheal.sandbox.kubernetes.selectors import matches

_EXEMPT = frozenset({"ValidatingWebhookConfiguration", "MutatingWebhookConfiguration", "Event"})


def webhooks(cluster: Cluster, obj: Object, operation: str) -> None:
    """Raises ApiError when a webhook that must answer cannot be called."""
    if obj["kind"] in _EXEMPT:
        return
    for kind in ("MutatingWebhookConfiguration", "ValidatingWebhookConfiguration"):
        for configuration in cluster.store.of(kind):
            for hook in entries(configuration, "webhooks"):
                if not _concerns(cluster, hook, obj, operation):
                    continue
                why = _unreachable(cluster, hook)
                if why and hook.get("failurePolicy") != "Ignore":
                    text = f'Internal error occurred: failed calling webhook "{hook["name"]}": failed to call webhook: {why}'
                    raise ApiError(500, "InternalError", text)


def _concerns(cluster: Cluster, hook: Object, obj: Object, operation: str) -> bool:
    resource = BY_KIND[obj["kind"]]
    if not any(_rule_fits(rule, resource, operation) for rule in entries(hook, "rules")):
        return False
    name = str(
        obj["metadata"].get("namespace")
        or (obj["metadata"].get("name") if obj["kind"] == "Namespace" else "")
        or ""
    )
    namespace = cluster.store.get("Namespace", "", name)
    if name and not matches(hook.get("namespaceSelector") or {}, labels_of(namespace or {})):
        return False
    return matches(hook.get("objectSelector") or {}, labels_of(obj))


def _rule_fits(rule: Object, resource: Resource, operation: str) -> bool:
    def named(word: str, value: str) -> bool:
        held = rule.get(word) or ()
        return value in held or "*" in held

    scope = rule.get("scope", "*")
    return (
        named("operations", operation)
        and named("apiGroups", resource.group)
        and named("apiVersions", resource.version)
        and named("resources", resource.plural)
        and scope in ("*", "Namespaced" if resource.namespaced else "Cluster")
    )


def _unreachable(cluster: Cluster, hook: Object) -> str:
    """Why the webhook cannot be called, "" when it can."""
    service = dig(hook, "clientConfig", "service")
    seconds = hook.get("timeoutSeconds", 10)
    if not service:
        return ""
    name, place, port = str(service.get("name")), str(service.get("namespace")), int(service.get("port", 443))
    path = str(service.get("path") or "/")
    post = f'Post "https://{name}.{place}.svc:{port}{path}?timeout={seconds}s": '
    held = cluster.store.get("Service", place, name)
    if held is None:
        return f'{post}service "{name}" not found'
    front = next((item for item in entries(held, "spec", "ports") if item.get("port") == port), None)
    if front is None:
        return f'{post}no service port {port} found for service "{name}"'
    ready = any(
        dig(endpoint, "conditions", "ready")
        for item in cluster.store.of("EndpointSlice", place)
        if labels_of(item).get("kubernetes.io/service-name") == name
        for endpoint in entries(item, "endpoints")
    )
    if not ready:
        return f'{post}no endpoints available for service "{name}"'
    try:
        bundle = base64.b64decode(str(dig(hook, "clientConfig", "caBundle", default="")))
    except (ValueError, binascii.Error):
        bundle = b""
    if b"-----BEGIN CERTIFICATE-----" not in bundle:
        return f"{post}tls: failed to verify certificate: x509: certificate signed by unknown authority"
    return ""
