"""The registry has the image but does not let this pod pull it.

# What it is
The image is private, and the pod names no pull secret, one that does not exist, or one that the registry does
not accept.

# How it is recognised
A container waits with `ErrImagePull` or `ImagePullBackOff`, and the newest message of the pull says that it was
not authorized. `imagePullSecrets` of the template and of its ServiceAccount are compared with the Secrets that
exist, with the last good template, and with other workloads that pull from the same registry.

# How it is told from its neighbours
"not found" is `image-not-found`, a failed connection `image-registry-unreachable`. Registries answer "access
denied" for names that do not exist, too: a repository that is new in this template is the likelier mistake
then.

# What is changed
`imagePullSecrets` of the pod template: to what the last good template had, or what other workloads use for the
same registry. Secrets are never made or written.

# How safe that is
Only a Secret that exists is named. A credential that expired is renewed by a person.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from typing_extensions import override

from selfheal.cluster.snapshot import Snapshot
from selfheal.cluster.workloads import Workload, last_good, mapping, mappings, workloads
from selfheal.faults.evidence import newest_first, of_event, on_object
from selfheal.faults.fields import ANY, pod_fields
from selfheal.faults.image_not_found import likely_misnamed
from selfheal.faults.interface import Exact, Fault, FieldEdit, Finding, LastGood, Remedy
from selfheal.faults.nearness import nearest
from selfheal.faults.pulling import Pull, pulls, registry
from selfheal.incidents.record import Target

_PULL_TYPES = ("kubernetes.io/dockerconfigjson", "kubernetes.io/dockercfg")


class ImagePullUnauthorized(Fault):
    """See the page above."""

    id = "image-pull-unauthorized"
    blames = ANY
    writes = pod_fields("/imagePullSecrets")

    @override
    def detect(self, snapshot: Snapshot, target: Target | None) -> Iterable[Finding]:
        for pull in pulls(snapshot):
            if pull.problem == "unauthorized" and not likely_misnamed(
                snapshot, pull.workload, pull.container, pull.text
            ):
                yield _finding(snapshot, pull)

    @override
    def remedy(self, finding: Finding) -> Remedy:
        facts = finding.facts
        title = f"Let {finding.object.name} pull with a secret that exists"
        if facts["secret"] or facts["last_good"]:
            value = Exact([{"name": facts["secret"]}], facts["origin"]) if facts["secret"] else None
            return Remedy(
                title, (FieldEdit(finding.object, facts["field"], LastGood(value)),), finding.summary
            )
        if not facts["named"]:
            return Remedy(title, (FieldEdit(finding.object, facts["field"], LastGood()),), finding.summary)
        return Remedy(
            title,
            (),
            finding.summary,
            escalate="The credential for the registry has to be renewed by a person.",
        )


def _named(workload: Workload, spec: dict[str, Any] | None = None) -> list[str]:
    items = mappings((workload.spec if spec is None else spec).get("imagePullSecrets"))
    return [str(item.get("name")) for item in items if item.get("name")]


def _finding(snapshot: Snapshot, pull: Pull) -> Finding:
    workload, container = pull.workload, pull.container
    image = str(container.spec.get("image", ""))
    account = snapshot.get(
        "ServiceAccount", workload.namespace, str(workload.spec.get("serviceAccountName") or "default")
    )
    inherited = [str(item.get("name")) for item in mappings(mapping(account).get("imagePullSecrets"))]
    named = _named(workload)
    read = snapshot.known("Secret", workload.namespace)
    missing = [name for name in named if read and snapshot.get("Secret", workload.namespace, name) is None]
    secret, origin = _usable(snapshot, workload, registry(image), missing)
    field = workload.at("/imagePullSecrets")
    before = last_good(snapshot, workload, "/imagePullSecrets")
    evidence = [pull.evidence]
    for event in newest_first(snapshot.events_of(pull.pod)):
        if event.get("reason") == "FailedToRetrieveImagePullSecret":
            evidence.append(of_event(event))
            break
    evidence.append(
        on_object(
            workload.ref,
            workload.at(container.pointer + "/image"),
            image,
            "The private image" + (f"; {', '.join(missing)} does not exist" if missing else ""),
        )
    )
    why = (
        f"its pull secret {missing[0]} does not exist"
        if missing
        else "no pull secret is named"
        if not named and not inherited
        else "the registry does not accept its pull secret"
    )
    return Finding(
        fault=ImagePullUnauthorized.id,
        variant="secret-missing" if missing else "none-named" if not named and not inherited else "refused",
        object=workload.ref,
        container=container.name,
        confidence=0.97,
        summary=f"{container.name} of {workload.ref} may not pull {image}: {why}.",
        evidence=tuple(evidence),
        facts={
            "field": field,
            "secret": secret,
            "origin": origin,
            "named": named,
            "last_good": []
            if before is None
            else [{"field": field, "value": before[0], "origin": before[1]}],
        },
    )


def _usable(snapshot: Snapshot, workload: Workload, host: str, missing: list[str]) -> tuple[str, str]:
    """The pull secret plainly meant, and why: what others use for the registry, a near name, or the only one."""
    for other in workloads(snapshot):
        if other.namespace != workload.namespace or other.ref == workload.ref:
            continue
        same = any(registry(str(item.spec.get("image", ""))) == host for item in other.containers)
        for name in _named(other) if same else ():
            if name not in missing and (
                snapshot.get("Secret", workload.namespace, name) is not None
                or not snapshot.known("Secret", workload.namespace)
            ):
                return name, f"{other.ref} pulls from {host} with it"
    pullable = [
        str(mapping(item.get("metadata")).get("name"))
        for item in snapshot.list("Secret", workload.namespace)
        if item.get("type") in _PULL_TYPES
    ]
    near = next((found for name in missing if (found := nearest(name, pullable))), None)
    if near:
        return near, "the pull secret of the nearest name"
    if len(pullable) == 1:
        return pullable[0], "the only pull secret of the namespace"
    return "", ""
