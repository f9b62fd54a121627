"""An environment variable is missing, misspelled, shadowed or has a value the program cannot use.

# What it is
The pod's template sets variables by hand, and one of them is not what the program needs. The program says so
and ends, or runs without becoming ready.

# How it is recognised
A container of the current template crashes or is not ready, and its log names a variable with a complaint
(missing, required, invalid, cannot parse, KeyError …), or quotes a value it cannot use that is the literal
value of exactly one variable. The template is then compared with the last good one.

An address in a variable that leads to a host or port which no Service of the cluster has is wrong in itself, be
the container ready or not; callers' complaints and the value it had before make it sure.
Or the API server refused such a field at the last apply: the live object is then the old one, and well.

# How it is told from its neighbours
An address of a data store or broker that cannot be reached is `dependency-unreachable`. A value that comes from a ConfigMap or Secret is not the template's fault. A key or object that does not exist
stops the container before it starts (`config-key-missing`, `config-ref-missing`). A crash that names no
variable is the program's own. When the variable is the same as in the last good template and only the image
is new, the release is to blame, not the variable.

# What is changed
The variable: to the value, or the name, it had in the last good template or git history; a second entry of
the same name that hides the first is removed.
A field that was refused gets back what the live object has there, which was taken.

# How safe that is
What the log says only points at a variable; the value never comes from it, nor does a name that no other spec has.
Without an earlier value a person decides.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from typing_extensions import override

from selfheal.cluster import pointer
from selfheal.cluster.snapshot import Object, Snapshot, ref_of
from selfheal.cluster.workloads import (
    Container,
    Workload,
    earlier,
    mapping,
    mappings,
    number,
    state,
    statuses,
    troubled,
    workloads,
)
from selfheal.faults.addressing import Wrong, facts_of, services, wrong_addresses
from selfheal.faults.complaints import Complaint, complaints
from selfheal.faults.evidence import of_log, on_object
from selfheal.faults.interface import Exact, Fault, FieldEdit, Finding, LastGood, Remedy
from selfheal.faults.nearness import nearest
from selfheal.faults.references import keys_of
from selfheal.faults.refused import REFUSED, refused, taken_back
from selfheal.incidents.record import Evidence, Target


@dataclass(frozen=True)
class _Suspect:
    variant: str
    name: str
    confidence: float
    why: str
    misspelled: str = ""
    shadowed_at: int = -1


class EnvVarInvalid(Fault):
    """See the page above."""

    id = "env-var-invalid"
    blames = ("Deployment", "StatefulSet", "DaemonSet", "Job", "CronJob", "ReplicaSet", "Pod")
    writes = tuple(
        f"{spec}/{section}/*/env/*{rest}"
        for spec in ("/spec/template/spec", "/spec/jobTemplate/spec/template/spec", "/spec")
        for section in ("containers", "initContainers")
        for rest in ("", "/value", "/name", "/valueFrom/**")
    )

    @override
    def detect(self, snapshot: Snapshot, target: Target | None) -> Iterable[Finding]:
        yield from refused(snapshot, self.id)
        for workload in troubled(snapshot):
            for container in workload.containers:
                for pod in workload.pods:
                    finding = _examine(snapshot, workload, container, pod)
                    if finding is not None:
                        yield finding
                        break
        for workload in workloads(snapshot):
            for wrong in wrong_addresses(snapshot, workload):
                if (
                    not wrong.store
                    and wrong.address.holder == workload.ref
                    and "/env/" in wrong.address.field
                ):
                    yield _address(workload, wrong)

    @override
    def remedy(self, finding: Finding) -> Remedy:
        if finding.variant == REFUSED:
            return taken_back(finding)
        facts, ref = finding.facts, finding.object
        if finding.variant in ("host", "port"):
            wanted = Exact(facts["wanted"], facts["origin"]) if facts["wanted"] else None
            edit = FieldEdit(ref, facts["field"], LastGood(wanted))
            return Remedy(f"Let {facts['name']} of {ref.name} lead to a Service", (edit,), finding.summary)
        title = f"Set {facts['name']} of {ref.name} as it was when it worked"
        if finding.variant == "shadowed":
            edit = FieldEdit(ref, facts["shadow_field"], Exact(None, facts["field"]), "remove")
            return Remedy(
                f"Let the first {facts['name']} of {ref.name} count again", (edit,), finding.summary
            )
        renamed = Exact(facts["renamed"], facts["named_by"]) if facts.get("renamed") else None
        edits = [FieldEdit(ref, facts["field"], LastGood(renamed))]
        if facts["misspelled"]:
            edits.append(FieldEdit(ref, facts["misspelled_field"], LastGood(), "remove"))
        return Remedy(title, tuple(edits), finding.summary)


def _address(workload: Workload, wrong: Wrong) -> Finding:
    """A finding on a variable whose address leads nowhere."""
    address = wrong.address
    meant = (
        f"; {ref_of(wrong.service).name} is meant"
        if wrong.service is not None and wrong.variant == "host"
        else ""
    )
    where = f"{address.host}:{address.port}" if address.port else address.host
    return Finding(
        fault=EnvVarInvalid.id,
        variant=wrong.variant,
        object=workload.ref,
        container=address.container,
        confidence=wrong.confidence,
        summary=f"{address.name} of {workload.ref} leads to {where}, which no Service offers{meant}.",
        evidence=wrong.evidence,
        facts=facts_of(wrong, workload),
        through=services(wrong) if wrong.variant == "port" else (),
    )


def _examine(snapshot: Snapshot, workload: Workload, container: Container, pod: Object) -> Finding | None:
    status = statuses(pod).get(container.name, {})
    if not _ill(status, container):
        return None
    ref = ref_of(pod)
    for previous in (True, False):
        text = snapshot.logs(ref.namespace, ref.name, container.name, previous=previous)
        if previous and not number(status.get("restartCount")):
            continue
        for complaint in complaints(text or ""):
            suspect = _suspect(snapshot, workload, container, complaint)
            if suspect is not None:
                line = of_log(pod, container.name, complaint.line, previous=previous)
                return _finding(snapshot, workload, container, suspect, line)
    return None


def _ill(status: dict[str, Any], container: Container) -> bool:
    """Whether the container ended in error, waits after errors, or runs without being ready."""
    ended = state(status, "terminated")
    if ended:
        return ended.get("exitCode") != 0
    if state(status, "waiting"):
        return bool(state(status, "terminated", "lastState"))
    return bool(state(status, "running")) and not container.passing and status.get("ready") is False


def _suspect(
    snapshot: Snapshot, workload: Workload, container: Container, complaint: Complaint
) -> _Suspect | None:
    entries = mappings(container.spec.get("env"))
    literal = {
        str(entry.get("name")): str(entry.get("value", "")) for entry in entries if "valueFrom" not in entry
    }
    names = [str(entry.get("name")) for entry in entries]
    name = complaint.name
    if not name and complaint.value is not None:
        holders = [found for found, value in literal.items() if value == complaint.value]
        name = holders[0] if len(holders) == 1 else ""
    if not name:
        return None
    before = _before(snapshot, workload, container, name)
    if names.count(name) > 1:
        first, last = names.index(name), len(names) - 1 - names[::-1].index(name)
        if entries[first].get("value") != entries[last].get("value"):
            return _Suspect(
                "shadowed", name, 0.9, "a later entry of the same name hides the first", shadowed_at=last
            )
    if name in literal:
        if before is None:
            # Known to be the same as when it worked: then something else changed.
            same = any(_entry(older.spec, container, name) for older in earlier(snapshot, workload.object))
            if same:
                return None
        if complaint.missing and literal[name]:
            return None
        confidence = 0.93 if before is not None else 0.8
        return _Suspect("value", name, confidence, "the program cannot use its value")
    if name in names or _from_config(snapshot, workload, container, name) or not complaint.missing:
        return None
    near = nearest(name, set(names))
    if before is None and near is None:
        # Nothing in the template or its past knows the variable: the program, not the template, is new.
        return None
    misspelled = near if near and _entry_before(snapshot, workload, container, near) is None else ""
    if misspelled:
        confidence = 0.95 if before is not None else 0.75
        return _Suspect("name", name, confidence, f"{misspelled} is set instead", misspelled=misspelled)
    return _Suspect("missing", name, 0.95, "it is no longer set") if before is not None else None


def _entry(spec: dict[str, Any], container: Container, name: str) -> dict[str, Any]:
    where = container.pointer + pointer.join("env", f"name={name}")
    return mapping(pointer.resolve(spec, where, {}))


def _entry_before(
    snapshot: Snapshot, workload: Workload, container: Container, name: str
) -> dict[str, Any] | None:
    return next(
        (
            found
            for older in earlier(snapshot, workload.object)
            if (found := _entry(older.spec, container, name))
        ),
        None,
    )


def _before(
    snapshot: Snapshot, workload: Workload, container: Container, name: str
) -> tuple[dict[str, Any], str] | None:
    """The entry an older template had, where it differs from the present one, and where it stands."""
    now = _entry(workload.spec, container, name)
    for older in earlier(snapshot, workload.object):
        found = _entry(older.spec, container, name)
        if found and found != now:
            return found, older.origin
    return None


def _also_called(snapshot: Snapshot, workload: Workload, name: str) -> str:
    """Where else a spec has a variable, or a key of configuration, of that name; "" where only the log knows it."""
    for other in workloads(snapshot):
        for container in other.containers:
            for entry in mappings(container.spec.get("env")):
                key = [mapping(held).get("key") for held in mapping(entry.get("valueFrom")).values()]
                if name == entry.get("name") or name in key:
                    return f"the variables of {other.ref}"
    for holder in snapshot.list("ConfigMap", workload.namespace):
        if name in mapping(holder.get("data")):
            return f"the keys of {ref_of(holder)}"
    return ""


def _from_config(snapshot: Snapshot, workload: Workload, container: Container, name: str) -> bool:
    """Whether a ConfigMap or Secret taken as a whole sets the variable, or may do so unseen."""
    for entry in mappings(container.spec.get("envFrom")):
        prefix = str(entry.get("prefix") or "")
        for word, kind in (("configMapRef", "ConfigMap"), ("secretRef", "Secret")):
            source = mapping(entry.get(word))
            if not source:
                continue
            holder = snapshot.get(kind, workload.namespace, str(source.get("name", "")))
            keys = keys_of(holder) if holder is not None else None
            if keys is None or (name.startswith(prefix) and name.removeprefix(prefix) in keys):
                return True
    return False


def _finding(
    snapshot: Snapshot, workload: Workload, container: Container, suspect: _Suspect, line: Evidence
) -> Finding:
    where = workload.at(container.pointer + pointer.join("env", f"name={suspect.name}"))
    before = _before(snapshot, workload, container, suspect.name)
    now = _entry(workload.spec, container, suspect.name)
    plain = bool(now) and (before is None or "valueFrom" not in before[0])
    field = where + "/value" if plain else where
    good = []
    if before is not None:
        value = before[0].get("value", "") if plain else before[0]
        good = [{"field": field, "value": value, "origin": before[1]}]
    evidence = [line]
    if plain:
        evidence.append(on_object(workload.ref, field, now.get("value"), f"How {suspect.name} is set now"))
    wrong = workload.at(container.pointer + pointer.join("env", f"name={suspect.misspelled}"))
    if suspect.misspelled:
        name = suspect.misspelled
        evidence.append(on_object(workload.ref, wrong + "/name", name, f"Near {suspect.name}, and new"))
    shadow = workload.at(container.pointer + pointer.join("env", suspect.shadowed_at))
    if suspect.shadowed_at >= 0:
        evidence.append(
            on_object(workload.ref, shadow + "/name", suspect.name, "The entry that hides the first")
        )
    named_by = _also_called(snapshot, workload, suspect.name) if suspect.misspelled else ""
    return Finding(
        fault=EnvVarInvalid.id,
        variant=suspect.variant,
        object=workload.ref,
        container=container.name,
        confidence=suspect.confidence,
        summary=f"{container.name} of {workload.ref} does not work with its variable {suspect.name}: {suspect.why}.",
        evidence=tuple(evidence),
        facts={
            "name": suspect.name,
            "field": field,
            "misspelled": suspect.misspelled,
            "misspelled_field": wrong if suspect.misspelled else "",
            "renamed": {**_entry(workload.spec, container, suspect.misspelled), "name": suspect.name}
            if named_by
            else None,
            "named_by": named_by,
            "shadow_field": shadow if suspect.shadowed_at >= 0 else "",
            "last_good": good,
        },
    )
