"""What a program does when it starts, from its image's behaviour and what it is given at that moment."""

from __future__ import annotations

import json
import posixpath
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from selfheal.sandbox.kubernetes.behaviour import Call, File, ImageBehaviour, Memory, Variable
from selfheal.sandbox.kubernetes.kubelet.environment import Files
from selfheal.sandbox.kubernetes.objects import Object, dig
from selfheal.sandbox.kubernetes.quantity import amount

if TYPE_CHECKING:
    from selfheal.sandbox.kubernetes.kubelet.agent import Kubelet

_DURATION = re.compile(r"^\d+(\.\d+)?(ns|us|ms|s|m|h)(\d+(\.\d+)?(ns|us|ms|s|m|h))*$")


@dataclass(frozen=True)
class Ending:
    """It ends so many seconds after its start."""

    after: float
    code: int
    reason: str


@dataclass
class Plan:
    """Log lines by seconds after the start; when it listens; how it ends, None: it runs on.

    ``works``: it serves; a program that complains and runs on does not.
    """

    lines: list[tuple[float, str]] = field(default_factory=list)
    listens_after: float = 0.0
    end: Ending | None = None
    works: bool = True


@dataclass(frozen=True)
class Start:
    """What a container is started with."""

    pod: Object
    container: Object
    behaviour: ImageBehaviour
    env: dict[str, str]
    files: Files


def effective(behaviour: ImageBehaviour, container: Object) -> ImageBehaviour:
    """The image as the command and arguments make it behave."""
    words = [str(word) for word in (*(container.get("command") or ()), *(container.get("args") or ()))]
    return next((behaviour.variants[word] for word in words if word in behaviour.variants), behaviour)


def slowness(behaviour: ImageBehaviour, container: Object) -> float:
    """How many times slower it is than it should be for want of CPU."""
    limit, need = amount(dig(container, "resources", "limits", "cpu")), amount(behaviour.cpu)
    return max(float(need / limit), 1.0) if limit else 1.0


def memory_needed(behaviour: ImageBehaviour, env: dict[str, str]) -> int:
    """Bytes."""
    need = behaviour.memory if isinstance(behaviour.memory, Memory) else Memory(behaviour.memory)
    total = amount(need.base)
    for name, each in need.per.items():
        text = env.get(name, "0")
        total += amount(each) * (int(text) if text.isdigit() else 0)
    return int(total)


def begin(kubelet: Kubelet, start: Start) -> Plan:
    """What happens from now on if nobody interferes."""
    behaviour, plan = start.behaviour, Plan()
    slow = slowness(behaviour, start.container)
    plan.listens_after = behaviour.startup_seconds * slow
    plan.lines += [(0.0, line) for line in behaviour.start_log]
    failure = next(_failures(kubelet, start, plan), None)
    if failure is not None:
        plan.end = failure
        return plan
    limit = dig(start.container, "resources", "limits", "memory")
    crash = behaviour.crash
    if crash is not None and (not crash.variable or start.env.get(crash.variable, "") == crash.value):
        plan.lines += [(crash.after, line) for line in crash.log]
        plan.end = Ending(crash.after, crash.exit_code, "Error" if crash.exit_code else "Completed")
    elif limit is not None and memory_needed(behaviour, start.env) > amount(limit):
        plan.end = Ending(behaviour.oom_after, 137, "OOMKilled")
    elif behaviour.run_seconds is not None:
        code = behaviour.exit_code
        plan.end = Ending(behaviour.run_seconds * slow, code, "Error" if code else "Completed")
    plan.lines += [(plan.listens_after, line) for line in behaviour.ready_log]
    return plan


def _failures(kubelet: Kubelet, start: Start, plan: Plan) -> Iterator[Ending]:
    """Reasons to end at once, in the order in which a program meets them; what it says is added to the plan."""
    behaviour, seconds = start.behaviour, min(1.0, start.behaviour.startup_seconds)

    def say(text: str, code: int | None, after: float = seconds) -> Iterator[Ending]:
        plan.lines += [(after, line) for line in text.splitlines()]
        if code is None:
            plan.works = False
        else:
            yield Ending(after, code, "Error" if code else "Completed")

    for word in start.container.get("args") or ():
        flag = str(word).partition("=")[0]
        if behaviour.known_flags is not None and flag.startswith("-") and flag not in behaviour.known_flags:
            yield from say(f"unknown flag: {flag}", 2, 0.0)
    for variable in behaviour.variables:
        complaint = _complaint(variable, start.env)
        if complaint:
            yield from say(complaint, variable.exit_code)
    for wanted in behaviour.files:
        complaint = _file_complaint(wanted, start)
        if complaint:
            yield from say(complaint, wanted.exit_code)
    for path in behaviour.writes:
        complaint = _unwritable(path, start)
        if complaint:
            yield from say(f"{{time}} FATAL open {path}: {complaint}", 1)
    for permission in behaviour.permissions:
        complaint = kubelet.denied(start.pod, permission)
        if complaint:
            yield from say(fill(permission.denied, error=complaint), permission.exit_code)
    for call in behaviour.calls:
        if call.at_start:
            complaint = kubelet.call(start.pod, start.env, call)
            if complaint:
                yield from say(failed_text(call, start.env, complaint), call.exit_code, call.patience)
    clash = kubelet.clash(start)
    if clash:
        yield from say(f"{{time}} FATAL listen tcp 0.0.0.0:{clash}: bind: address already in use", 1)


def fill(text: str, **values: str) -> str:
    """Names in braces replaced; ``{time}`` is left for the moment the line is written."""
    for name, value in values.items():
        text = text.replace("{" + name + "}", value)
    return text


def failed_text(call: Call, env: dict[str, str], error: str) -> str:
    """What a program says about a call that failed."""
    return fill(call.failed, target=target_text(call, env), error=error, user=env.get(call.user, ""))


def target_text(call: Call, env: dict[str, str]) -> str:
    return env.get(call.target[1:], "") if call.target.startswith("$") else call.target


def _complaint(variable: Variable, env: dict[str, str]) -> str:
    value, choices = env.get(variable.name), ", ".join(variable.choices)
    if value is None or (value == "" and variable.required):
        return fill(variable.missing, name=variable.name, choices=choices) if variable.required else ""
    if valid(variable, value):
        return ""
    return fill(variable.invalid, name=variable.name, value=value, choices=choices)


def valid(variable: Variable, value: str) -> bool:
    """Whether the program can use the value."""
    kind = variable.kind
    if kind == "int":
        return re.fullmatch(r"[+-]?\d+", value.strip()) is not None
    if kind == "port":
        return value.isdigit() and 1 <= int(value) <= 65535
    if kind == "bool":
        return value.lower() in ("true", "false", "1", "0", "yes", "no", "on", "off")
    if kind == "enum":
        return value in variable.choices
    if kind == "duration":
        return _DURATION.match(value) is not None
    if kind == "url":
        try:
            parts = urlsplit(value)
            return bool(parts.scheme and parts.hostname) and (parts.port or 1) > 0
        except ValueError:
            return False
    if kind == "json":
        return _parses(value, "json") == ""
    return True


def _file_complaint(wanted: File, start: Start) -> str:
    text = start.files.content.get(wanted.path)
    if text is None:
        if wanted.path in start.behaviour.image_files and not _hidden(wanted.path, start.files):
            return ""
        return fill(wanted.missing, path=wanted.path)
    problem = _parses(text, wanted.form)
    if not problem and wanted.pattern and not re.search(wanted.pattern, text, re.MULTILINE):
        problem = f"no match for {wanted.pattern}"
    return fill(wanted.invalid, path=wanted.path, problem=problem) if problem else ""


def _hidden(path: str, files: Files) -> bool:
    """Whether a mount covers the directory in which the image has the file."""
    return any(path.startswith(f"{mount}/") for mount in files.mounted)


def _parses(text: str, form: str) -> str:
    """What is wrong with the text, "" for nothing."""
    if form == "json":
        try:
            json.loads(text)
        except ValueError as error:
            return str(error)
    if form == "yaml":
        from ruamel.yaml import YAML
        from ruamel.yaml.error import YAMLError

        try:
            YAML(typ="safe", pure=True).load(text)
        except YAMLError as error:
            mark = getattr(error, "problem_mark", None)
            where = f"line {mark.line + 1}: " if mark is not None else ""
            return f"yaml: {where}{getattr(error, 'problem', None) or 'invalid document'}"
    if form == "properties":
        for number, line in enumerate(text.splitlines(), 1):
            if (
                line.strip()
                and not line.lstrip().startswith(("#", "!"))
                and "=" not in line
                and ":" not in line
            ):
                return f"line {number}: expected key=value"
    if form == "pem" and "-----BEGIN" not in text:
        return "failed to find any PEM data in certificate input"
    return ""


def _unwritable(path: str, start: Start) -> str:
    """Why a path cannot be written to, "" when it can."""
    files = start.files
    mount = max((held for held in files.mounted if f"{path}/".startswith(f"{held}/")), key=len, default="")
    pod_context = dig(start.pod, "spec", "securityContext", default={})
    context = {**pod_context, **dig(start.container, "securityContext", default={})}
    if not mount:
        return "read-only file system" if context.get("readOnlyRootFilesystem") else ""
    if not files.writable[mount]:
        return "read-only file system"
    claim = dig(files.mounted[mount], "volume", "persistentVolumeClaim")
    user = str(context.get("runAsUser", start.behaviour.user))
    if claim and user not in ("0", "root") and "fsGroup" not in pod_context:
        return "permission denied"
    return ""


def start_error(start: Start) -> tuple[str, int]:
    """The runtime's words when the process cannot be created and the exit code it leaves, ("", 0) when it can."""
    prefix = (
        "failed to create containerd task: failed to create shim task: OCI runtime create failed: runc create failed: "
        "unable to start container process: "
    )
    behaviour = start.behaviour
    for path, mount in start.files.mounted.items():
        if path in behaviour.image_files and not mount["file"]:
            name = mount["volume"].get("name")
            return (
                f'{prefix}error during container init: error mounting "/var/lib/kubelet/volumes/{name}" to rootfs at '
                f'"{path}": not a directory: Are you trying to mount a directory onto a file (or vice-versa)? Check if '
                "the specified host path exists and is the expected type",
                128,
            )
    command = start.container.get("command")
    program = str(command[0]) if command else behaviour.entrypoint
    known = {behaviour.entrypoint, *behaviour.commands, *behaviour.variants}
    if program in known or (("/" not in program) and program in {posixpath.basename(path) for path in known}):
        return "", 0
    if program.startswith("/"):
        return (
            f'{prefix}error during container init: exec: "{program}": stat {program}: no such file or directory',
            128,
        )
    return f'{prefix}error during container init: exec: "{program}": executable file not found in $PATH', 128
