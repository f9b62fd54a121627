"""The newest release does not work, while the one before it does.

# What it is
A workload was given a new image, and pods of the new template crash or never become ready. Pods of the older
template serve still, or did until they were replaced.

# How it is recognised
An older template (a ReplicaSet, a ControllerRevision, or a pod that is left of it while an update goes on) names another
image for the container, the container of the new template crashes or runs without becoming ready, and no setting that changed with it accounts for that.

# How it is told from its neighbours
By the split along templates: a crash of old and new alike is `app-crash` or a dependency. An image that cannot
be pulled, a limit, a variable, a probe or a command that changed with the image is blamed itself when the
pod's words point at it.

# What is changed
The commits that brought the release are found in git by what they change of the workload, and are reverted, so that
it renders as it did when it worked. Without git history only the image goes back to the one the last good template
ran, and only where that template proves that nothing else of the pods differs.

# How safe that is
The workload returns to a release that ran before. Where migrations, hooks, Jobs, custom resource definitions,
StatefulSets or claims came with the release or after it, or where a later commit changed the same lines, a person
decides.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from typing_extensions import override

from selfheal.cluster import pointer
from selfheal.cluster.snapshot import Object, Snapshot
from selfheal.cluster.times import parse
from selfheal.cluster.workloads import Container, Earlier, Workload, earlier, ready, state, statuses, troubled
from selfheal.faults.calls import through
from selfheal.faults.crashing import first_crash
from selfheal.faults.evidence import newest_first, of_event, on_object, seconds_before, text_of
from selfheal.faults.fields import container_fields
from selfheal.faults.interface import Fault, FieldEdit, Finding, Release, Remedy
from selfheal.incidents.record import Evidence, ObjectRef, Target

#: Seconds a new pod must run without becoming ready for its release to be in question.
PATIENCE = 90


class BadRelease(Fault):
    """See the page above."""

    id = "bad-release"
    blames = ("Deployment", "StatefulSet", "DaemonSet")
    #: Values come from git history alone; what a release brought may be anything of the workload.
    writes = (
        *container_fields("/image"),
        "/spec/**",
        "/metadata/labels/*",
        "/metadata/annotations/*",
        "/data/*",
    )

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
            edits=(
                FieldEdit(
                    finding.object, finding.facts["field"], Release(finding.facts.get("alone") is True)
                ),
            ),
            reason=finding.summary,
        )


def _other_image(
    snapshot: Snapshot, workload: Workload, container: Container
) -> tuple[Earlier, str, bool] | None:
    """The last good template and its image, where that is another one, and whether nothing else of the pods differs."""
    for older in earlier(snapshot, workload.object):
        image = pointer.resolve(older.spec, container.pointer + "/image")
        if isinstance(image, str):
            if image == container.spec.get("image"):
                return None
            alone = _without_image(older.spec, container.name) == _without_image(
                workload.spec, container.name
            )
            return older, image, alone
    return None


def _without_image(spec: dict[str, Any], name: str) -> dict[str, Any]:
    """A pod spec without the image of one container."""
    found = dict(spec)
    for section in ("containers", "initContainers"):
        items = spec.get(section)
        if isinstance(items, list):
            found[section] = [
                {key: value for key, value in item.items() if key != "image"}
                if isinstance(item, dict) and item.get("name") == name
                else item
                for item in items
            ]
    return found


def _trouble(
    snapshot: Snapshot, workload: Workload, container: Container
) -> tuple[tuple[Evidence, ...], float, str] | None:
    """What is wrong with pods of the new template: evidence, how surely the program is to blame, and in a word."""
    crash = first_crash(snapshot, workload, container)
    if crash is not None:
        return crash.evidence, 0.95, f"ends with exit code {crash.code}"
    if container.passing:
        return None
    for pod in workload.pods:
        status = statuses(pod).get(container.name, {})
        up = seconds_before(snapshot, parse(state(status, "running").get("startedAt")))
        if status.get("ready") is False and up is not None and up > PATIENCE and not ready(pod):
            # Whether it is the probe that asks wrongly, only events tell.
            told = snapshot.known("Event", workload.namespace)
            return _unready(snapshot, container, pod), 0.8 if told else 0.6, "does not become ready"
    return None


def _unready(snapshot: Snapshot, container: Container, pod: Object) -> tuple[Evidence, ...]:
    field = f"/status/{container.statuses}/name={container.name}/ready"
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
    before: tuple[Earlier, str, bool],
    trouble: tuple[tuple[Evidence, ...], float, str],
    services: tuple[ObjectRef, ...],
) -> Finding:
    older, image, alone = before
    evidence, confidence, word = trouble
    field = workload.at(container.pointer + "/image")
    now: Any = container.spec.get("image")
    was = on_object(
        older.ref,
        older.at(container.pointer + "/image"),
        image,
        "The release before" + (", whose pods serve still" if older.proven else ""),
    )
    return Finding(
        fault=BadRelease.id,
        variant="image",
        object=workload.ref,
        container=container.name,
        confidence=confidence if older.proven else round(confidence - 0.1, 2),
        summary=f"{container.name} of {workload.ref} {word} since it was given {now}; {image} worked.",
        evidence=(
            *evidence[:4],
            on_object(workload.ref, field, now, "The release that does not work"),
            was,
        ),
        facts={
            "field": field,
            "alone": alone,
            "last_good": [{"field": field, "value": image, "origin": older.origin}],
        },
        mitigation=(
            f"kubectl -n {workload.namespace} rollout undo {workload.ref.kind.lower()}/{workload.ref.name}"
        ),
        through=services,
    )
