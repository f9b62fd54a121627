"""The pod template that a running pod was made from, as far as it can be read off the pod.

StatefulSets and DaemonSets keep their old templates in ControllerRevisions, which a snapshot seldom holds. While a
rollout is stuck, pods of the old template still run, and say what it was.
"""

from __future__ import annotations

from typing import Any

#: What the API server, controllers and admission put into a pod beside its template.
_ADDED = frozenset(
    {
        "nodeName", "hostname", "subdomain", "enableServiceLinks", "preemptionPolicy", "priority", "serviceAccount",
        "ephemeralContainers", "resourceClaims",
    }
)  # fmt: skip
_NOTHING: tuple[Any, ...] = (None, "", {}, [])
_TOKENS = "kube-api-access-"
_TOKENS_AT = "/var/run/secrets/kubernetes.io/serviceaccount"
_CONDITIONS = "node.kubernetes.io/"
#: Settings of a container in which two templates are told apart; what admission fills in is none of them.
_TELLING = (
    "image", "command", "args", "workingDir", "env", "envFrom", "readinessProbe", "livenessProbe", "startupProbe",
    "securityContext", "resources", "volumeMounts", "ports",
)  # fmt: skip
_ALSO = (
    "nodeSelector",
    "tolerations",
    "serviceAccountName",
    "priorityClassName",
    "securityContext",
    "volumes",
)


def template_of(pod: dict[str, Any], kind: str, template: dict[str, Any]) -> dict[str, Any]:
    """The pod spec without what was added to it. ``template`` is the present template of its owner, of ``kind``."""
    spec = _mapping(pod.get("spec"))
    kept = {key: value for key, value in spec.items() if key not in _ADDED or key in template}
    names = {str(item.get("name")) for item in _items(template.get("volumes"))}
    mounted = {
        str(mount.get("name"))
        for container in _items(template.get("containers"))
        for mount in _items(container.get("volumeMounts"))
    }
    claimed = mounted - names
    kept["volumes"] = [
        item
        for item in _items(spec.get("volumes"))
        if not str(item.get("name")).startswith(_TOKENS) and str(item.get("name")) not in claimed
    ]
    kept["tolerations"] = [
        item
        for item in _items(spec.get("tolerations"))
        if not str(item.get("key") or "").startswith(_CONDITIONS)
        or item in _items(template.get("tolerations"))
    ]
    for section in ("initContainers", "containers"):
        if section in spec:
            kept[section] = [_container(item) for item in _items(spec[section])]
    if kind == "DaemonSet":
        # Its controller binds each pod to a node by an affinity of its own.
        kept["affinity"] = template.get("affinity")
    for key in ("imagePullSecrets", "priorityClassName"):
        if key not in template:
            # What the service account or a default brought.
            kept.pop(key, None)
    if kept.get("serviceAccountName") == "default" and "serviceAccountName" not in template:
        del kept["serviceAccountName"]
    return {key: value for key, value in kept.items() if value not in _NOTHING or key in template}


def outdated(pod: dict[str, Any], kind: str, template: dict[str, Any]) -> bool:
    """Whether the template says something that the pod does not have: then it was made from another one."""
    own = template_of(pod, kind, template)
    if any(not _within(template.get(key), own.get(key)) for key in _ALSO if key in template):
        return True
    for section in ("initContainers", "containers"):
        now = {str(item.get("name")): item for item in _items(template.get(section))}
        was = {str(item.get("name")): item for item in _items(own.get(section))}
        for name, item in now.items():
            if name not in was:
                return True
            if any(not _within(item.get(key), was[name].get(key)) for key in _TELLING if key in item):
                return True
            if len(_items(item.get("env"))) != len(_items(was[name].get("env"))):
                return True
    return False


def _within(wanted: Any, held: Any) -> bool:
    """Whether all that is wanted is held; a list has to be held item by item."""
    if wanted in _NOTHING:
        return held in _NOTHING
    if isinstance(wanted, dict):
        return isinstance(held, dict) and all(_within(value, held.get(key)) for key, value in wanted.items())
    if isinstance(wanted, list):
        if not isinstance(held, list) or len(held) < len(wanted):
            return False
        return all(_within(one, two) for one, two in zip(wanted, held, strict=False))
    return bool(wanted == held)


def _container(container: dict[str, Any]) -> dict[str, Any]:
    mounts = [item for item in _items(container.get("volumeMounts")) if item.get("mountPath") != _TOKENS_AT]
    kept = {key: value for key, value in container.items() if key != "volumeMounts"}
    return {**kept, "volumeMounts": mounts} if mounts else kept


def _items(value: Any) -> list[dict[str, Any]]:
    return [item for item in value if isinstance(item, dict)] if isinstance(value, list) else []


def _mapping(value: Any) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}
