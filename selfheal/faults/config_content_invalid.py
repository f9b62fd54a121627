"""A ConfigMap exists with its keys, but what stands in it cannot be used.

# What it is
A configuration file does not parse, names an unknown option, or a value that programs take as a variable is of the wrong
kind. The program ends, or runs with what it had before.

# How it is recognised
A container crashes or is not ready, and its log complains about a file that comes from a ConfigMap it mounts, or about a
variable that comes from one, or quotes a value that exactly one of its keys has.

# How it is told from its neighbours
A key or object that is missing stops the container before it starts. A variable that the template sets by hand is
`env-var-invalid`. A syntax error in the program's own files is its release.

# What is changed
The key of the ConfigMap: back to what git history has.

# How safe that is
What worked before is restored. Pods that read the file once start again.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

from typing_extensions import override

from selfheal.cluster import pointer
from selfheal.cluster.snapshot import Snapshot, ref_of
from selfheal.cluster.workloads import (
    Container,
    Workload,
    number,
    state,
    statuses,
    troubled,
)
from selfheal.faults import generations
from selfheal.faults.complaints import complaints
from selfheal.faults.evidence import of_log, on_object
from selfheal.faults.interface import Exact, Fault, FieldEdit, Finding, LastGood, Remedy
from selfheal.faults.sources import Source, sources
from selfheal.incidents.record import Evidence, Target

_PARSE = re.compile(
    r"pars(?:e|ing|er)\b|syntax|unexpected (?:token|character|end|EOF|key|identifier)|invalid (?:character|config|yaml|json|toml|value|option"
    r"|directive|configuration|syntax|parameter)|unknown (?:directive|option|field|key|parameter|variable|setting)|yaml:|toml:|malformed"
    r"|mapping values are not allowed|could not find expected|not well-formed|JSONDecodeError|YAMLException|ScannerError|ParserError"
    r"|bad (?:directive|config)|configuration (?:error|file)|\[emerg\]|failed to (?:load|read|decode|unmarshal)|cannot unmarshal|unmarshal"
    r"|did not find expected|Wrong number of arguments|FATAL CONFIG",
    re.IGNORECASE,
)
#: A file that is not there says nothing of any content.
_ABSENT = re.compile(
    r"no such file or directory|ENOENT|FileNotFound|NoSuchFile|cannot find the file", re.IGNORECASE
)
#: Lines of a log that are looked at from its end.
TAIL = 120


class ConfigContentInvalid(Fault):
    """See the page above."""

    id = "config-content-invalid"
    blames = ("ConfigMap",)
    writes = ("/data/*",)

    @override
    def detect(self, snapshot: Snapshot, target: Target | None) -> Iterable[Finding]:
        for workload in troubled(snapshot):
            for container in workload.containers:
                finding = _container(snapshot, workload, container)
                if finding is not None:
                    yield finding

    @override
    def remedy(self, finding: Finding) -> Remedy:
        facts = finding.facts
        was = Exact(facts["was"], facts["origin"]) if facts["was"] is not None else None
        edit = FieldEdit(finding.object, facts["field"], LastGood(was))
        return Remedy(f"Let {facts['key']} of {finding.object.name} be what it was", (edit,), finding.summary)


def _container(snapshot: Snapshot, workload: Workload, container: Container) -> Finding | None:
    held: list[Source] | None = None
    for pod in workload.pods:
        status = statuses(pod).get(container.name, {})
        ended = state(status, "terminated", "lastState") or state(status, "terminated")
        ill = (ended and ended.get("exitCode") != 0 and status.get("ready") is not True) or (
            state(status, "running") and status.get("ready") is False and not container.passing
        )
        if not ill or ended.get("reason") == "OOMKilled":
            continue
        held = list(sources(snapshot, workload, container)) if held is None else held
        if not held:
            return None
        for previous in (True, False) if number(status.get("restartCount")) else (False,):
            text = (
                snapshot.logs(workload.namespace, ref_of(pod).name, container.name, previous=previous) or ""
            )
            found = _match(text, held)
            if found is not None:
                source, line, sure = found
                quote = of_log(pod, container.name, line, previous=previous)
                return _finding(snapshot, workload, container, source, quote, sure)
    return None


def _match(text: str, sources: list[Source]) -> tuple[Source, str, float] | None:
    files = [source for source in sources if source.path]
    for line in (full[:2000] for full in reversed(text.splitlines()[-TAIL:])):
        if not _PARSE.search(line) or _ABSENT.search(line):
            continue
        for source in files:
            name = source.path.rpartition("/")[2]
            # A name without a dot may be any word.
            if source.path in line or (
                "." in name and re.search(rf"(?<![\w.-]){re.escape(name)}(?![\w-])", line)
            ):
                return source, line, 0.95
    variables = {source.name: source for source in sources if source.name}
    for complaint in complaints(text):
        found = variables.get(complaint.name)
        if found is not None and not complaint.missing:
            return found, complaint.line, 0.93
        if not complaint.name and complaint.value:
            same = [source for source in sources if source.value.strip() == complaint.value]
            if len(same) == 1:
                return same[0], complaint.line, 0.9
    if len(files) == 1:
        for line in reversed(text.splitlines()[-20:]):
            if re.search(r"config", line, re.IGNORECASE) and _PARSE.search(line):
                return files[0], line[:2000], 0.78
    return None


def _finding(
    snapshot: Snapshot, workload: Workload, container: Container, source: Source, line: Evidence, sure: float
) -> Finding:
    field = pointer.join("data", source.key)
    was = generations.before(snapshot, source.holder, field, source.value)
    return Finding(
        fault=ConfigContentInvalid.id,
        variant="file" if source.path else "value",
        object=source.holder,
        confidence=sure,
        summary=f"{container.name} of {workload.ref} cannot use {source.key} of {source.holder}.",
        evidence=(line, on_object(source.holder, field, source.value[:300], "What it reads")),
        facts={
            "field": field,
            "key": source.key,
            "was": was[0] if was is not None else None,
            "origin": was[1] if was is not None else "",
            "workload": workload.ref.model_dump(),
        },
        affects=(workload.ref,),
    )
