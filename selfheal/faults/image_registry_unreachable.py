"""The node cannot talk to the registry that the image names.

# What it is
The registry's host does not exist, does not answer, refuses, or answers with a certificate the node does not
trust. The image may well be there.

# How it is recognised
A container waits with `ErrImagePull` or `ImagePullBackOff`, and the newest message of the pull is about the
connection: an unknown host, a refused or timed-out connection, TLS, a proxy error or a rate limit.

# How it is told from its neighbours
"not found" comes from a registry that answers: `image-not-found`. "unauthorized" as well:
`image-pull-unauthorized`. When images of the same registry are pulled by other pods, the name in this pod
template is the likelier mistake.

# What is changed
`image`: back to the one the last good template had, or the same image in the registry that this repository's
other images come from. When the registry itself is down, nothing.

# How safe that is
The workload returns to an image that ran before. Registries that are not in use are never introduced.
"""

from __future__ import annotations

from collections.abc import Iterable

from typing_extensions import override

from selfheal.cluster.snapshot import Snapshot
from selfheal.cluster.workloads import last_good, mapping, mappings, state, statuses
from selfheal.faults.evidence import on_object
from selfheal.faults.fields import ANY, container_fields
from selfheal.faults.image_not_found import split_image
from selfheal.faults.interface import Fault, FieldEdit, Finding, LastGood, OneOf, Remedy
from selfheal.faults.nearness import likeness
from selfheal.faults.pulling import Pull, pulls, registry
from selfheal.incidents.record import Target


class ImageRegistryUnreachable(Fault):
    """See the page above."""

    id = "image-registry-unreachable"
    blames = ANY
    writes = container_fields("/image")

    @override
    def detect(self, snapshot: Snapshot, target: Target | None) -> Iterable[Finding]:
        for pull in pulls(snapshot):
            if pull.problem == "unreachable":
                yield _finding(snapshot, pull)

    @override
    def remedy(self, finding: Finding) -> Remedy:
        facts = finding.facts
        title = f"Let {finding.container} of {finding.object.name} come from a registry that answers"
        others = tuple(facts["elsewhere"])
        if not facts["last_good"] and facts["used"]:
            return Remedy(
                title,
                (),
                finding.summary,
                escalate=f"The registry {facts['registry']} does not answer; it is in use.",
            )
        origin = "the same image from registries in use in the cluster"
        query = LastGood(OneOf(others, origin) if others else None)
        return Remedy(title, (FieldEdit(finding.object, facts["field"], query),), finding.summary)


def _finding(snapshot: Snapshot, pull: Pull) -> Finding:
    workload, container = pull.workload, pull.container
    relative = container.pointer + "/image"
    field, image = workload.at(relative), str(container.spec.get("image", ""))
    host = registry(image)
    before = last_good(snapshot, workload, relative)
    running = sorted(_running(snapshot))
    used = any(registry(item) == host for item in running)
    tail = image.partition("/")[2] if host != "docker.io" else image
    hosts = sorted({registry(item) for item in running if registry(item) != host})
    near = sorted(
        (item for item in hosts if likeness(item, host) >= 0.7), key=lambda item: -likeness(item, host)
    )
    same = [item for item in running if split_image(item)[0].endswith(split_image(tail)[0]) and item != image]
    elsewhere = list(dict.fromkeys([*same, *(f"{item}/{tail}" for item in near[:2])]))
    note = f"; {before[0]} ran before" if before is not None else ""
    return Finding(
        fault=ImageRegistryUnreachable.id,
        variant="registry",
        object=workload.ref,
        container=container.name,
        confidence=0.97,
        summary=f"{container.name} of {workload.ref} asks for {image}; its registry {host} cannot be reached{note}.",
        evidence=(
            pull.evidence,
            on_object(workload.ref, field, image, f"The image {container.name} asks for"),
        ),
        facts={
            "field": field,
            "image": image,
            "registry": host,
            "used": used,
            "elsewhere": elsewhere[:6],
            "last_good": []
            if before is None
            else [{"field": field, "value": before[0], "origin": before[1]}],
        },
    )


def _running(snapshot: Snapshot) -> set[str]:
    """Images that containers run right now, as their specs name them."""
    found = set()
    for pod in snapshot.list("Pod"):
        known = statuses(pod)
        for item in mappings(mapping(pod.get("spec")).get("containers")):
            if state(known.get(str(item.get("name")), {}), "running"):
                found.add(str(item.get("image", "")))
    return found
