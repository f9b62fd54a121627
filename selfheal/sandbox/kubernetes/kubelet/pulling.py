"""Pulling an image: whether it can be had, and containerd's words when it cannot."""

from __future__ import annotations

import base64
import binascii
import hashlib
import json
import re

from selfheal.sandbox.kubernetes.behaviour import Images, full_reference, registry_host
from selfheal.sandbox.kubernetes.cluster import Cluster
from selfheal.sandbox.kubernetes.objects import Object, dig, entries

_REFERENCE = re.compile(
    r"^(?:[a-zA-Z0-9.-]+(?::\d+)?/)?[a-z0-9]+(?:[._/-]+[a-z0-9]+)*(?::[\w][\w.-]{0,127})?(?:@sha256:[0-9a-f]{64})?$"
)


def malformed(image: str) -> bool:
    """Whether the reference cannot be an image's at all (``InvalidImageName``)."""
    return not _REFERENCE.match(image)


def refusal(cluster: Cluster, pod: Object, image: str) -> str:
    """Why the image cannot be pulled, "" when it can."""
    images: Images = cluster.images
    host, full = registry_host(image), full_reference(image)
    failed = f'failed to pull and unpack image "{full}": failed to resolve reference "{full}": '
    repository, _, tag = full.removeprefix(f"{host}/").rpartition(":")
    registry = images.registry(host)
    head = f'failed to do request: Head "https://{host}/v2/{repository}/manifests/{tag}": dial tcp: '
    if registry is None:
        return f"{failed}{head}lookup {host} on 10.0.0.2:53: no such host"
    if not registry.reachable:
        return f"{failed}{head}10.0.0.66:443: i/o timeout"
    if registry.private and not _has_credentials(cluster, pod, host):
        scope = f"repository%3A{repository.replace('/', '%2F')}%3Apull"
        return (
            f"{failed}failed to authorize: failed to fetch anonymous token: unexpected status from GET request to "
            f"https://{host}/token?scope={scope}&service={host}: 401 Unauthorized"
        )
    if image in images.table:
        return ""
    if host == "docker.io" and not any(
        full_reference(known).rpartition(":")[0] == full.rpartition(":")[0] for known in images.table
    ):
        return (
            f"{failed}pull access denied, repository does not exist or may require authorization: server message: "
            "insufficient_scope: authorization failed"
        )
    return f"rpc error: code = NotFound desc = {failed}{full}: not found"


def _has_credentials(cluster: Cluster, pod: Object, host: str) -> bool:
    namespace = str(pod["metadata"]["namespace"])
    references = entries(pod, "spec", "imagePullSecrets")
    for reference in references:
        secret = cluster.store.get("Secret", namespace, str(reference.get("name")))
        raw = dig(secret, "data", ".dockerconfigjson", default="")
        try:
            known = json.loads(base64.b64decode(raw)).get("auths", {})
        except (ValueError, binascii.Error, AttributeError):
            continue
        if any(host == name.removeprefix("https://").split("/")[0] for name in known):
            return True
    return False


def image_id(image: str) -> str:
    repository = full_reference(image).rpartition(":")[0]
    return f"{repository}@sha256:{hashlib.sha256(image.encode()).hexdigest()}"
