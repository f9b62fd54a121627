"""The newest release does not work, while the one before it does.

# What it is
A workload was given a new image, and pods of the new template crash or never become ready. Pods of the older
template serve still, or did until they were replaced.

# How it is recognised
An older template (ReplicaSet, ControllerRevision) names another image for the container, the container of the
new template crashes or runs without becoming ready, and no setting that changed with it accounts for that.

# How it is told from its neighbours
By the split along templates: a crash of old and new alike is `app-crash` or a dependency. An image that cannot
be pulled, a limit, a variable, a probe or a command that changed with the image is blamed itself when the
pod's words point at it.

# What is changed
The image goes back to the one the last good template ran.

# How safe that is
The workload returns to a release that ran before. A release that migrates data may not be undone by its image
alone; where the repository holds migrations, hooks or claims with it, a person decides.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from typing_extensions import override

from selfheal.cluster import pointer
from selfheal.cluster.snapshot import Object, Snapshot
from selfheal.cluster.times import parse
from selfheal.cluster.workloads import Container, Workload, earlier, ready, state, statuses, troubled
from selfheal.faults.calls import through
from selfheal.faults.crashing import first_crash
from selfheal.faults.evidence import newest_first, of_event, on_object, seconds_before, text_of
from selfheal.faults.fields import container_fields
from selfheal.faults.interface import Fault, FieldEdit, Finding, LastGood, Remedy
from selfheal.incidents.record import Evidence, ObjectRef, Target

#: Seconds a new pod must run without becoming ready for its release to be in question.
PATIENCE = 90


class BadRelease(Fault):
    """See the page above."""

    id = "bad-release"
    blames = ("Deployment", "StatefulSet", "DaemonSet")
    writes = container_fields("/image")

    @override
    def detect(self, snapshot: Snapshot, target: Target | None) -> Iterable[Finding]:
        for workload in troubled(snapshot):
            if workload.ref.kind not in self.blames:
                continue
            for container in workload.containers:
                older = _other_image(snapshot, workload, container)
                if older is None:
                    continue
                trouble = _trouble(snapshot, workload, container)
                if trouble is not None:
                    yield _finding(workload, container, older, trouble, through(snapshot, workload))

    @override
    def remedy(self, finding: Finding) -> Remedy:
        return Remedy(
            title=f"Return {finding.object.name} to the release that works",
            edits=(FieldEdit(finding.object, finding.facts["field"], LastGood()),),
            reason=finding.summary,
        )


def _other_image(
    snapshot: Snapshot, workload: Workload, container: Container
) -> tuple[str, str, bool] | None:
    """The image of the last good template where it is another one, where it stands, whether it still serves."""
    for older in earlier(snapshot, workload.object):
        image = pointer.resolve(older.spec, container.pointer + "/image")
        if isinstance(image, str):
            same = image == container.spec.get("image")
            return None if same else (image, older.origin, older.proven)
    return None


def _trouble(
    snapshot: Snapshot, workload: Workload, container: Container
) -> tuple[tuple[Evidence, ...], float, str] | None:
    """What is wrong with pods of the new template: evidence, how surely the program is to blame, and in a word."""
    crash = first_crash(snapshot, workload, container)
    if crash is not None:
        return crash.evidence, 0.95, f"ends with exit code {crash.code}"
    if container.init:
        return None
    for pod in workload.pods:
        status = statuses(pod).get(container.name, {})
        up = seconds_before(snapshot, parse(state(status, "running").get("startedAt")))
        if status.get("ready") is False and up is not None and up > PATIENCE and not ready(pod):
            return _unready(snapshot, container, pod), 0.8, "does not become ready"
    return None


def _unready(snapshot: Snapshot, container: Container, pod: Object) -> tuple[Evidence, ...]:
    field = f"/status/containerStatuses/name={container.name}/ready"
    found: list[Evidence] = [
        on_object(pod, field, False, f"{container.name} of the new release is not ready")
    ]
    for event in newest_first(snapshot.events_of(pod)):
        if event.get("reason") == "Unhealthy" and text_of(event).startswith("Readiness"):
            return (of_event(event), *found)
    return tuple(found)


def _finding(
    workload: Workload,
    container: Container,
    older: tuple[str, str, bool],
    trouble: tuple[tuple[Evidence, ...], float, str],
    services: tuple[ObjectRef, ...],
) -> Finding:
    image, origin, serving = older
    evidence, confidence, word = trouble
    field = workload.at(container.pointer + "/image")
    now: Any = container.spec.get("image")
    kind, _, rest = origin.partition(" ")
    namespace, _, name = rest.rpartition("/")
    base = "/spec/template/spec" if kind == "ReplicaSet" else "/data/spec/template/spec"
    before = on_object(
        ObjectRef(kind=kind, namespace=namespace, name=name),
        base + container.pointer + "/image",
        image,
        "The release before" + (", whose pods serve still" if serving else ""),
    )
    return Finding(
        fault=BadRelease.id,
        variant="image",
        object=workload.ref,
        container=container.name,
        confidence=confidence if serving else round(confidence - 0.1, 2),
        summary=f"{container.name} of {workload.ref} {word} since it was given {now}; {image} worked.",
        evidence=(
            *evidence[:4],
            on_object(workload.ref, field, now, "The release that does not work"),
            before,
        ),
        facts={"field": field, "last_good": [{"field": field, "value": image, "origin": origin}]},
        mitigation=(
            f"kubectl -n {workload.namespace} rollout undo deployment/{workload.ref.name}"
            if workload.ref.kind == "Deployment"
            else ""
        ),
        through=services,
    )
