"""The registry answers, but does not have the image that the pod asks for.

# What it is
The image's tag, digest or name does not exist in the registry, so the container never starts.

# How it is recognised
A container waits with `ErrImagePull`, `ImagePullBackOff` or `InvalidImageName`, and the newest message of the
pull says that the manifest, tag or repository was not found (or that the name is no image name at all).

# How it is told from its neighbours
By the message: "failed to authorize", "401" or "403" is a missing credential; a failed connection, an unknown
host or a certificate is the registry's address. "pull access denied" may mean either a wrong name or a
missing credential and counts as a credential unless the name itself is new.

# What is changed
`image` of that container: back to the image the last good ReplicaSet ran, or what git history has.

# How safe that is
The workload returns to an image that ran before. The release that was meant is not deployed; a person chooses
its tag.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from typing import Any

from typing_extensions import override

from selfheal.cluster.snapshot import Object, Snapshot
from selfheal.cluster.workloads import (
    Container,
    Workload,
    last_good,
    mapping,
    mappings,
    state,
    statuses,
    troubled,
)
from selfheal.faults.evidence import container_of, newest_first, of_event, on_object, quoted, text_of
from selfheal.faults.interface import Fault, FieldEdit, Finding, LastGood, OneOf, Remedy
from selfheal.incidents.record import Evidence, Target

WAITING = frozenset({"ErrImagePull", "ImagePullBackOff", "InvalidImageName", "ErrImageNeverPull"})
_UNREACHABLE = re.compile(
    r"failed to do request|no such host|dial tcp|i/o timeout|connection refused|connection reset|x509:"
    r"|TLS handshake|server misbehaving|network is unreachable|deadline exceeded|status(?: code)?:? 5\d\d"
    r"|50[0-9] (?:Bad|Service|Gateway)|toomanyrequests|429 Too Many",
    re.IGNORECASE,
)
_UNAUTHORIZED = re.compile(
    r"failed to authorize|unauthorized|\b401\b|\b403\b|forbidden|authentication required|no basic auth"
    r"|access denied|insufficient_scope|authorization failed",
    re.IGNORECASE,
)
_NOT_FOUND = re.compile(
    r"not found|notfound|manifest unknown|manifest_unknown|name_unknown|name unknown|does not exist"
    r"|no match for platform",
    re.IGNORECASE,
)
_NO_NAME = re.compile(r"InvalidImageName|couldn't parse image|invalid reference format", re.IGNORECASE)


def split_image(image: str) -> tuple[str, str]:
    """(repository, tag or digest) of an image reference; the second is "" when it names none."""
    name, _, digest = image.partition("@")
    head, colon, tag = name.rpartition(":")
    if colon and "/" not in tag:
        return head, digest or tag
    return name, digest


def pull_problem(message: str) -> str:
    """What kind of trouble a pull message tells: "unreachable", "unauthorized", "not-found" or ""."""
    if _UNREACHABLE.search(message):
        return "unreachable"
    if _UNAUTHORIZED.search(message):
        return "unauthorized"
    return "not-found" if _NOT_FOUND.search(message) else ""


class ImageNotFound(Fault):
    """See the page above."""

    id = "image-not-found"
    blames = ("Deployment", "StatefulSet", "DaemonSet", "Job", "CronJob", "ReplicaSet", "Pod")
    writes = (
        "/spec/template/spec/containers/*/image",
        "/spec/template/spec/initContainers/*/image",
        "/spec/jobTemplate/spec/template/spec/containers/*/image",
        "/spec/jobTemplate/spec/template/spec/initContainers/*/image",
        "/spec/containers/*/image",
        "/spec/initContainers/*/image",
    )

    @override
    def detect(self, snapshot: Snapshot, target: Target | None) -> Iterable[Finding]:
        for workload in troubled(snapshot):
            for container in workload.containers:
                for pod in workload.pods:
                    finding = _examine(snapshot, workload, container, pod)
                    if finding is not None:
                        yield finding
                        break

    @override
    def remedy(self, finding: Finding) -> Remedy:
        facts = finding.facts
        others = tuple(facts["running"])
        fallback = OneOf(others, "images of the same repository that run in the cluster") if others else None
        return Remedy(
            title=f"Return {finding.container} of {finding.object.name} to an image that exists",
            edits=(FieldEdit(finding.object, facts["field"], LastGood(fallback)),),
            reason=f"The registry does not have {facts['image']}.",
        )


def _examine(snapshot: Snapshot, workload: Workload, container: Container, pod: Object) -> Finding | None:
    status = statuses(pod).get(container.name)
    waiting = state(status, "waiting") if status else {}
    image = str(container.spec.get("image", ""))
    pod_image = next(
        (str(item.get("image")) for item in _specs(pod) if item.get("name") == container.name), image
    )
    if str(waiting.get("reason")) not in WAITING or pod_image != image:
        return None
    for text, evidence in pull_messages(snapshot, container, pod, waiting):
        problem = "not-found" if _NO_NAME.search(f"{waiting.get('reason')} {text}") else pull_problem(text)
        if problem == "unauthorized" and likely_misnamed(snapshot, workload, container, text):
            problem = "not-found"
        if problem:
            return _finding(snapshot, workload, container, evidence, text) if problem == "not-found" else None
    return None


def likely_misnamed(snapshot: Snapshot, workload: Workload, container: Container, text: str) -> bool:
    """Whether "access denied" more likely means a wrong name. Registries hide whether a repository exists: one that is
    new here, or one that needs a credential in a registry from which others pull without any, is the likelier mistake.
    """
    if "access denied" not in text:
        return False
    image = str(container.spec.get("image", ""))
    before = last_good(snapshot, workload, container.pointer + "/image")
    if before is not None:
        return split_image(str(before[0]))[0] != split_image(image)[0]
    if workload.spec.get("imagePullSecrets"):
        return False
    host = _host(image)
    return any(
        _host(str(spec.get("image", ""))) == host
        and state(statuses(pod).get(str(spec.get("name")), {}), "running")
        and not mapping(pod.get("spec")).get("imagePullSecrets")
        for pod in snapshot.list("Pod", workload.namespace)
        for spec in _specs(pod)
    )


def _host(image: str) -> str:
    head, slash, _rest = image.partition("/")
    return head if slash and ("." in head or ":" in head) else "docker.io"


def _specs(pod: Object) -> list[dict[str, Any]]:
    spec = mapping(pod.get("spec"))
    return [item for part in ("initContainers", "containers") for item in mappings(spec.get(part))]


def pull_messages(
    snapshot: Snapshot, container: Container, pod: Object, waiting: dict[str, Any]
) -> Iterator[tuple[str, Evidence]]:
    """What the last pull said, the waiting state first."""
    text = str(waiting.get("message") or "")
    section = container.statuses
    if text or waiting.get("reason") == "InvalidImageName":
        word = "message" if text else "reason"
        value = quoted(str(waiting.get(word)))
        field = f"/status/{section}/name={container.name}/state/waiting/{word}"
        yield text, on_object(pod, field, value, f"{container.name} waits: {value}")
    for event in newest_first(snapshot.events_of(pod)):
        if event.get("reason") == "Failed" and container_of(event) in ("", container.name):
            yield text_of(event), of_event(event)


def _finding(
    snapshot: Snapshot, workload: Workload, container: Container, told: Evidence, text: str
) -> Finding:
    relative = container.pointer + "/image"
    field, image = workload.at(relative), str(container.spec.get("image", ""))
    repository, tag = split_image(image)
    before = last_good(snapshot, workload, relative)
    running = sorted(_running(snapshot, repository) - {image})
    if _NO_NAME.search(text):
        variant = "name"
    elif "no match for platform" in text:
        variant = "platform"
    elif before is not None and split_image(str(before[0]))[0] != repository:
        variant = "name"
    else:
        variant = "digest" if tag.startswith("sha256:") else "tag"
    evidence = [told, on_object(workload.ref, field, image, f"The image that {container.name} asks for")]
    note = f"; {before[0]} ran before" if before is not None else ""
    return Finding(
        fault=ImageNotFound.id,
        variant=variant,
        object=workload.ref,
        container=container.name,
        confidence=0.97,
        summary=f"{container.name} of {workload.ref} asks for {image}, which the registry does not have{note}.",
        evidence=tuple(evidence),
        facts={
            "field": field,
            "image": image,
            "running": running[:8],
            "last_good": []
            if before is None
            else [{"field": field, "value": before[0], "origin": before[1]}],
        },
        mitigation=(
            f"kubectl -n {workload.namespace} rollout undo deployment/{workload.ref.name}"
            if before is not None and workload.ref.kind == "Deployment"
            else ""
        ),
    )


def _running(snapshot: Snapshot, repository: str) -> set[str]:
    """Images of ``repository`` that containers run right now, as their specs name them."""
    running: dict[str, set[str]] = snapshot.memo("running-images", lambda: _all_running(snapshot))
    return running.get(repository, set())


def _all_running(snapshot: Snapshot) -> dict[str, set[str]]:
    found: dict[str, set[str]] = {}
    for pod in snapshot.list("Pod"):
        known = statuses(pod)
        for spec in _specs(pod):
            if state(known.get(str(spec.get("name")), {}), "running"):
                image = str(spec.get("image", ""))
                found.setdefault(split_image(image)[0], set()).add(image)
    return found
