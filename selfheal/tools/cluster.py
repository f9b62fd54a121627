"""What an agent may ask of the cluster: always the one snapshot of its stage, so that what is cited can be found again."""

from __future__ import annotations

import json
from typing import Any, ClassVar

from pydantic import BaseModel, Field

from selfheal.cluster.kinds import BY_KIND
from selfheal.cluster.snapshot import Object, Snapshot, metadata, ref_of
from selfheal.cluster.workloads import mapping, statuses
from selfheal.errors import NotFound
from selfheal.faults.evidence import newest_first, quoted, text_of
from selfheal.incidents.record import ObjectRef
from selfheal.redaction import redactor
from selfheal.tools.base import Arguments, StageTool, told

_NAMES = 200
_LINES = 200
#: Findings, and pieces of evidence of each, that are shown.
_FINDINGS = 5
_EVIDENCE = 6


class DiagnoseArguments(Arguments):
    pass


class DiagnoseTool(StageTool):
    """The catalogue of known faults, run over the snapshot."""

    name: str = "k8s_diagnose"
    description: str = (
        "Runs the catalogue of known faults over a snapshot of the cluster. Answers the verdict (fault, healthy, unknown) "
        "and findings, root cause first, each with an id and ids of its evidence. Call it first."
    )
    args_schema: type[BaseModel] = DiagnoseArguments

    def work(self) -> dict[str, Any]:
        """Findings by id; their words fenced as data, because events and logs are quoted in them."""
        context = self._context
        diagnosis = context.diagnosis()
        findings, words = [], []
        for position, finding in enumerate(diagnosis.findings[:_FINDINGS], start=1):
            name = f"f{position}"
            ids = []
            words.append(f"{name}: {finding.summary}")
            for number, item in enumerate(finding.evidence[:_EVIDENCE], start=1):
                ids.append(f"{name}.e{number}")
                context.evidence[ids[-1]] = item
                words.append(f"  {ids[-1]} {item.object} {item.field}: {item.message}"[:300])
            findings.append(
                {
                    "id": name,
                    "fault": finding.fault,
                    "variant": finding.variant,
                    "object": finding.object.model_dump(),
                    "container": finding.container,
                    "confidence": finding.confidence,
                    "evidence": ids,
                    "explains": [f"{item.fault} on {item.object}" for item in finding.explains[:5]],
                }
            )
        return {
            "verdict": diagnosis.verdict,
            "target": diagnosis.target.model_dump() if diagnosis.target else None,
            "findings": findings,
            "reasons": [redactor().text(text)[:200] for text in diagnosis.reasons[:6]],
            "incomplete": [redactor().text(text)[:200] for text in diagnosis.incomplete[:6]],
            "details": told("\n".join(words), 5_000),
        }


class GetArguments(Arguments):
    kind: str = Field(max_length=60, description="such as Deployment")
    namespace: str = Field(default="", max_length=63)
    name: str = Field(default="", max_length=253, description="empty: list the names")


class GetTool(StageTool):
    """An object, or the names of all of a kind."""

    name: str = "k8s_get"
    description: str = "Shows one object of the snapshot, or with an empty name the names of that kind."
    args_schema: type[BaseModel] = GetArguments
    essential: ClassVar[bool] = False

    def work(self, kind: str, namespace: str = "", name: str = "") -> dict[str, Any]:
        """The object fenced as data; Secrets are never in a snapshot."""
        snapshot = self._context.snapshot()
        _known(snapshot, kind, namespace)
        if not name:
            found = snapshot.list(kind, namespace or None)
            names = [str(ref_of(obj)) for obj in found[:_NAMES]]
            return {"names": names, "left_out": max(0, len(found) - _NAMES)}
        obj = _one(snapshot, kind, namespace, name)
        return {"object": told(json.dumps(_trimmed(obj), ensure_ascii=False, default=str), 7_000)}


class DescribeArguments(Arguments):
    kind: str = Field(max_length=60)
    namespace: str = Field(default="", max_length=63)
    name: str = Field(max_length=253)


class DescribeTool(StageTool):
    """What matters of an object: its status, its pods, its events."""

    name: str = "k8s_describe"
    description: str = (
        "Describes one object: spec and status in short, its pods with restarts and reasons, its events."
    )
    args_schema: type[BaseModel] = DescribeArguments
    essential: ClassVar[bool] = False

    def work(self, kind: str, name: str, namespace: str = "") -> dict[str, Any]:
        """Lines for reading, fenced as data."""
        snapshot = self._context.snapshot()
        _known(snapshot, kind, namespace)
        obj = _one(snapshot, kind, namespace, name)
        lines = [
            f"{ref_of(obj)}",
            f"status: {json.dumps(mapping(obj.get('status')), ensure_ascii=False, default=str)[:1500]}",
        ]
        for pod in list(snapshot.pods_of(obj))[:20]:
            lines.append(f"pod {ref_of(pod).name}: {mapping(pod.get('status')).get('phase', '')}")
            for container, status in statuses(pod).items():
                state = json.dumps(mapping(status.get("state")), ensure_ascii=False, default=str)[:300]
                lines.append(f"  {container}: restarts {status.get('restartCount', 0)}, {state}")
        lines += [_line(event) for event in newest_first(snapshot.events_of(obj))[:10]]
        return {"description": told("\n".join(lines), 6_000)}


class LogsArguments(Arguments):
    namespace: str = Field(max_length=63)
    pod: str = Field(max_length=253)
    container: str = Field(max_length=63)
    previous: bool = False
    lines: int = Field(default=60, ge=1, le=_LINES)


class LogsTool(StageTool):
    """The end of a container's log."""

    name: str = "k8s_logs"
    description: str = "Shows the last lines of a container's log, of the previous run with previous=true."
    args_schema: type[BaseModel] = LogsArguments
    essential: ClassVar[bool] = False

    def work(
        self, namespace: str, pod: str, container: str, previous: bool = False, lines: int = 60
    ) -> dict[str, Any]:
        """Raises NotFound when that log was not read."""
        text = self._context.snapshot().logs(namespace, pod, container, previous=previous)
        if text is None:
            raise NotFound(
                f"The log of {container} in pod {namespace}/{pod} was not read.",
                hint="Check the names with k8s_get, or ask for the previous run.",
            )
        return {"log": told("\n".join(text.splitlines()[-lines:]), 6_000)}


class EventsArguments(Arguments):
    kind: str = Field(default="", max_length=60)
    namespace: str = Field(default="", max_length=63)
    name: str = Field(default="", max_length=253)


class EventsTool(StageTool):
    """Events, newest first."""

    name: str = "k8s_events"
    description: str = (
        "Shows events, newest first: of one object, or of a namespace when kind and name are empty."
    )
    args_schema: type[BaseModel] = EventsArguments
    essential: ClassVar[bool] = False

    def work(self, kind: str = "", namespace: str = "", name: str = "") -> dict[str, Any]:
        """Lines fenced as data."""
        snapshot = self._context.snapshot()
        if kind and name:
            found = snapshot.events(ObjectRef(kind=kind, namespace=namespace, name=name))
        else:
            found = snapshot.list("Event", namespace or None)
        shown = newest_first(found)[:40]
        return {"events": told("\n".join(_line(event) for event in shown), 6_000), "count": len(found)}


class RolloutStatusArguments(Arguments):
    pass


class RolloutStatusTool(StageTool):
    """Whether the target's rollout is through."""

    name: str = "k8s_rollout_status"
    description: str = "Says whether the target's rollout is complete, progressing or failed, and why."
    args_schema: type[BaseModel] = RolloutStatusArguments
    essential: ClassVar[bool] = False

    def work(self) -> dict[str, Any]:
        """The rollout's status as facts."""
        from selfheal.rollout import rollout_status

        target = self._context.record.target
        if target is None:
            raise NotFound("The incident has no target.", hint="Nothing was deployed for it.")
        ref = ObjectRef(kind=target.kind, namespace=target.namespace, name=target.name)
        status = rollout_status(self._context.snapshot(), ref)
        return {"target": str(ref), "status": told(str(status), 2_000)}


def _known(snapshot: Snapshot, kind: str, namespace: str) -> None:
    if kind not in BY_KIND:
        raise NotFound(
            f"There is no kind {kind!r} in a snapshot.", hint=f"Kinds: {', '.join(sorted(snapshot.kinds()))}."
        )
    if not snapshot.known(kind, namespace):
        raise NotFound(
            f"{kind} was not read{f' in {namespace}' if namespace else ''}.",
            hint="It is unknown, which is not the same as absent.",
            code="not-read",
        )


def _one(snapshot: Snapshot, kind: str, namespace: str, name: str) -> Object:
    obj = snapshot.get(kind, namespace, name)
    if obj is None:
        raise NotFound(
            f"There is no {kind} {namespace}/{name} in the snapshot.",
            hint="List the names with k8s_get and an empty name.",
        )
    return obj


def _trimmed(obj: Object) -> Object:
    """Without what only controllers read, and never with a Secret's values."""
    meta = {key: value for key, value in metadata(obj).items() if key != "managedFields"}
    annotations = meta.get("annotations")
    if isinstance(annotations, dict):
        meta["annotations"] = {key: value for key, value in annotations.items() if "last-applied" not in key}
    hidden = ("data", "stringData") if obj.get("kind") == "Secret" else ()
    return {key: value for key, value in {**obj, "metadata": meta}.items() if key not in hidden}


def _line(event: Object) -> str:
    about = event.get("involvedObject") or event.get("regarding") or {}
    when = event.get("lastTimestamp") or event.get("eventTime") or ""
    return (
        f"{when} {event.get('type', '')} {event.get('reason', '')} "
        f"{about.get('kind', '')}/{about.get('name', '')} x{event.get('count') or 1}: {quoted(text_of(event))}"
    )
