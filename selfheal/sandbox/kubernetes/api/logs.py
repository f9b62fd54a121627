"""The ``log`` subresource of pods."""

from __future__ import annotations

from werkzeug.wrappers import Request, Response

from selfheal.sandbox.kubernetes.api.listing import flag
from selfheal.sandbox.kubernetes.errors import bad_request
from selfheal.sandbox.kubernetes.kubelet.agent import Kubelet
from selfheal.sandbox.kubernetes.objects import Object, dig, entries
from selfheal.sandbox.kubernetes.timeline import moment


def log(kubelet: Kubelet, request: Request, pod: Object) -> Response:
    """Honours ``container``, ``previous``, ``tailLines``, ``limitBytes``, ``sinceSeconds`` and ``timestamps``."""
    meta, query = pod["metadata"], request.args
    name = _container(pod, query.get("container", ""))
    previous = flag(query, "previous")
    if not dig(pod, "spec", "nodeName"):
        raise bad_request(f"pod {meta['name']} does not have a host assigned")
    lines = kubelet.log(str(meta["namespace"]), str(meta["name"]), name, previous=previous)
    if lines is None and previous:
        raise bad_request(f'previous terminated container "{name}" in pod "{meta["name"]}" not found')
    if lines is None:
        statuses = [
            *entries(pod, "status", "initContainerStatuses"),
            *entries(pod, "status", "containerStatuses"),
        ]
        status = next((item for item in statuses if item.get("name") == name), {})
        reason = dig(status, "state", "waiting", "reason", default="ContainerCreating")
        trying = {
            "ImagePullBackOff": "trying and failing to pull image",
            "ErrImagePull": "image can't be pulled",
            "CreateContainerConfigError": "CreateContainerConfigError",
        }.get(reason, reason)
        raise bad_request(f'container "{name}" in pod "{meta["name"]}" is waiting to start: {trying}')
    since = query.get("sinceSeconds")
    if since:
        earliest = kubelet.cluster.now - float(since)
        lines = [line for line in lines if (moment(line.partition(" ")[0]) or 0) >= earliest]
    if query.get("tailLines"):
        count = int(query["tailLines"])
        lines = lines[-count:] if count else []
    if not flag(query, "timestamps"):
        lines = [line.partition(" ")[2] for line in lines]
    body = "".join(f"{line}\n" for line in lines).encode()
    if query.get("limitBytes"):
        body = body[: int(query["limitBytes"])]
    return Response(body, content_type="text/plain")


def _container(pod: Object, name: str) -> str:
    names = [
        str(item["name"]) for word in ("initContainers", "containers") for item in entries(pod, "spec", word)
    ]
    regular = [str(item["name"]) for item in entries(pod, "spec", "containers")]
    if name and name not in names:
        raise bad_request(f"container {name} is not valid for pod {pod['metadata']['name']}")
    if not name and len(regular) > 1:
        raise bad_request(
            f"a container name must be specified for pod {pod['metadata']['name']}, choose one of: [{' '.join(regular)}]"
        )
    return name or regular[0]
