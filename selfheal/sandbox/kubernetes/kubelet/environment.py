"""What a container is started with: its variables and the files that its volumes bring."""

from __future__ import annotations

import base64
import binascii
import re
from dataclasses import dataclass, field

from selfheal.sandbox.kubernetes.cluster import Cluster
from selfheal.sandbox.kubernetes.objects import Object, dig, entries
from selfheal.sandbox.kubernetes.quantity import amount

_REFERENCE = re.compile(r"\$\(([^)]+)\)|\$\$")


class ConfigError(Exception):
    """The container cannot be configured; the text is the kubelet's."""


class MountError(Exception):
    """A volume cannot be set up (yet); the text is the kubelet's."""


def variables(cluster: Cluster, pod: Object, container: Object) -> dict[str, str]:
    """The environment, in the order of precedence. Raises ConfigError."""
    namespace = str(pod["metadata"]["namespace"])
    values = _service_links(cluster, pod, namespace)
    for source in entries(container, "envFrom"):
        prefix = str(source.get("prefix") or "")
        for word, kind in (("configMapRef", "ConfigMap"), ("secretRef", "Secret")):
            if isinstance(source.get(word), dict):
                held = _holder(cluster, kind, namespace, source[word])
                for name, value in (contents(held) if held else {}).items():
                    values[prefix + name] = value
    for item in entries(container, "env"):
        name = str(item.get("name"))
        if "valueFrom" not in item:
            values[name] = expand(str(item.get("value") or ""), values)
            continue
        found = _from(cluster, pod, container, namespace, item["valueFrom"] or {})
        if found is not None:
            values[name] = found
    return values


def expand(text: str, values: dict[str, str]) -> str:
    """``$(NAME)`` replaced where NAME is known, ``$$`` by ``$``."""

    def replaced(match: re.Match[str]) -> str:
        name = match.group(1)
        return "$" if name is None else values.get(name, match.group(0))

    return _REFERENCE.sub(replaced, text)


def contents(holder: Object) -> dict[str, str]:
    """The data of a ConfigMap or Secret, decoded."""
    if holder["kind"] == "ConfigMap":
        return {str(name): str(value) for name, value in (holder.get("data") or {}).items()}
    decoded = {}
    for name, value in (holder.get("data") or {}).items():
        try:
            decoded[str(name)] = base64.b64decode(str(value)).decode("utf-8", "replace")
        except (ValueError, binascii.Error):
            decoded[str(name)] = ""
    return decoded


def _holder(cluster: Cluster, kind: str, namespace: str, reference: Object) -> Object | None:
    name = str(reference.get("name") or "")
    held = cluster.store.get(kind, namespace, name)
    if held is None and not reference.get("optional"):
        raise ConfigError(f'{kind.lower()} "{name}" not found')
    return held


def _from(cluster: Cluster, pod: Object, container: Object, namespace: str, source: Object) -> str | None:
    for word, kind in (("configMapKeyRef", "ConfigMap"), ("secretKeyRef", "Secret")):
        reference = source.get(word)
        if isinstance(reference, dict):
            held = _holder(cluster, kind, namespace, reference)
            key = str(reference.get("key"))
            known = contents(held) if held else {}
            if key not in known and held is not None and not reference.get("optional"):
                raise ConfigError(f"couldn't find key {key} in {kind} {namespace}/{reference.get('name')}")
            return known.get(key)
    if isinstance(source.get("fieldRef"), dict):
        return _field(pod, str(source["fieldRef"].get("fieldPath")))
    if isinstance(source.get("resourceFieldRef"), dict):
        where, _, name = str(source["resourceFieldRef"].get("resource")).partition(".")
        value = amount(dig(container, "resources", where, name))
        divisor = amount(source["resourceFieldRef"].get("divisor") or "1") or 1
        return str(-int(-value // divisor))
    return None


def _field(pod: Object, path: str) -> str:
    match = re.fullmatch(r"metadata\.(labels|annotations)\['([^']+)'\]", path)
    if match:
        return str(dig(pod, "metadata", match.group(1), match.group(2), default=""))
    return str(dig(pod, *path.split("."), default=""))


def _service_links(cluster: Cluster, pod: Object, namespace: str) -> dict[str, str]:
    values = {"KUBERNETES_SERVICE_HOST": "10.96.0.1", "KUBERNETES_SERVICE_PORT": "443"}
    if dig(pod, "spec", "enableServiceLinks") is False:
        return values
    for service in cluster.store.of("Service", namespace):
        address, ports = dig(service, "spec", "clusterIP"), entries(service, "spec", "ports")
        if address in (None, "", "None") or not ports:
            continue
        name = str(service["metadata"]["name"]).upper().replace("-", "_")
        number = ports[0].get("port")
        values |= {
            f"{name}_SERVICE_HOST": str(address),
            f"{name}_SERVICE_PORT": str(number),
            f"{name}_PORT": f"tcp://{address}:{number}",
        }
    return values


@dataclass(frozen=True)
class Files:
    """Files by path with their contents; directories that are mounted, and of these the ones that can be written."""

    content: dict[str, str] = field(default_factory=dict)
    mounted: dict[str, Object] = field(default_factory=dict)
    writable: dict[str, bool] = field(default_factory=dict)


def check_volumes(cluster: Cluster, pod: Object) -> None:
    """Raises MountError for the first volume that cannot be set up."""
    used = {
        str(mount.get("name"))
        for word in ("initContainers", "containers")
        for container in entries(pod, "spec", word)
        for mount in entries(container, "volumeMounts")
    }
    for volume in entries(pod, "spec", "volumes"):
        if volume.get("name") in used:
            volume_files(cluster, pod, volume)


def volume_files(cluster: Cluster, pod: Object, volume: Object) -> dict[str, str] | None:
    """What a volume holds by relative path; None for one that starts empty. Raises MountError."""
    namespace, name = str(pod["metadata"]["namespace"]), volume.get("name")
    failed = f'MountVolume.SetUp failed for volume "{name}" : '
    for word, kind, field_name in (("configMap", "ConfigMap", "name"), ("secret", "Secret", "secretName")):
        source = volume.get(word)
        if isinstance(source, dict):
            reference = {"name": source.get(field_name), "optional": source.get("optional")}
            return _projected(cluster, kind, namespace, reference, entries(source, "items"), failed)
    if isinstance(volume.get("projected"), dict):
        files: dict[str, str] = {}
        for source in entries(volume, "projected", "sources"):
            for word, kind in (("configMap", "ConfigMap"), ("secret", "Secret")):
                if isinstance(source.get(word), dict):
                    part = source[word]
                    files |= _projected(cluster, kind, namespace, part, entries(part, "items"), failed)
        return files
    return None


def _projected(
    cluster: Cluster, kind: str, namespace: str, reference: Object, items: list[Object], failed: str
) -> dict[str, str]:
    try:
        held = _holder(cluster, kind, namespace, reference)
    except ConfigError as error:
        raise MountError(failed + str(error)) from error
    known = contents(held) if held else {}
    if not items:
        return known
    files = {}
    for item in items:
        key = str(item.get("key"))
        if key not in known:
            if reference.get("optional"):
                continue
            text = (
                "configmap references non-existent config key"
                if kind == "ConfigMap"
                else "references non-existent secret key"
            )
            raise MountError(f"{failed}{text}: {key}")
        files[str(item.get("path"))] = known[key]
    return files


def mounted_files(cluster: Cluster, pod: Object, container: Object) -> Files:
    """Everything the container's mounts bring. Raises MountError."""
    files = Files()
    volumes = {str(volume.get("name")): volume for volume in entries(pod, "spec", "volumes")}
    for mount in entries(container, "volumeMounts"):
        volume = volumes[str(mount["name"])]
        path = str(mount.get("mountPath", "")).rstrip("/") or "/"
        held = volume_files(cluster, pod, volume)
        sub = str(mount.get("subPath") or "")
        files.mounted[path] = {"volume": volume, "file": bool(sub) and held is not None and sub in held}
        files.writable[path] = held is None and not mount.get("readOnly")
        for name, text in (held or {}).items():
            if not sub:
                files.content[f"{path}/{name}"] = text
            elif name == sub:
                files.content[path] = text
    return files


def check_user(pod: Object, container: Object, image_user: str) -> None:
    """Raises ConfigError when the container must not run as root and would, or might."""
    context = {
        **dig(pod, "spec", "securityContext", default={}),
        **dig(container, "securityContext", default={}),
    }
    if not context.get("runAsNonRoot"):
        return
    meta, user = pod["metadata"], context.get("runAsUser")
    who = f'(pod: "{meta["name"]}_{meta["namespace"]}({meta["uid"]})", container: {container["name"]})'
    if user is not None:
        if int(user) == 0:
            raise ConfigError(f"container's runAsUser breaks non-root policy {who}")
        return
    name = image_user.partition(":")[0]
    if name in ("", "0"):
        raise ConfigError(f"container has runAsNonRoot and image will run as root {who}")
    if not name.isdigit():
        raise ConfigError(
            f"container has runAsNonRoot and image has non-numeric user ({name}), cannot verify user is non-root {who}"
        )
