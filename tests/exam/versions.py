"""The same state in the words of other Kubernetes versions and of another container runtime."""

from __future__ import annotations

import random
import re

from tests.exam.dump import Dump

_BACKOFF = re.compile(r'^(Back-off pulling image "[^"]+"): .*$', re.DOTALL)
_PREEMPTION = re.compile(r"(?:\.| )? ?preemption: .*$")
_NOT_FOUND = re.compile(
    r'failed to pull and unpack image "(?P<image>[^"]+)": failed to resolve reference "[^"]+": \S+: not found'
)
_DIALED = re.compile(
    r'failed to pull and unpack image "(?P<image>[^"]+)": failed to resolve reference "[^"]+": failed to do request: Head "https://(?P<host>[^/"]+)/[^"]*": (?P<cause>.*)'
)
_ANONYMOUS = re.compile(
    r'failed to pull and unpack image "(?P<image>[^"]+)": failed to resolve reference "[^"]+": failed to authorize: .*?(?P<status>401 Unauthorized)'
)
_EXEC = re.compile(
    r'exec: "(?P<program>[^"]+)": (?:executable file not found in \$PATH|stat \S+ no such file or directory)'
)


def older(text: str) -> str:
    """Before 1.31: the back-off does not repeat why, and the scheduler's words on preemption are shorter."""
    text = _BACKOFF.sub(r"\1", text)
    return re.sub(r"no new claims to deallocate, ?", "", text)


def without_preemption(text: str) -> str:
    """Where preemption is switched off the scheduler says nothing about it."""
    return _PREEMPTION.sub(".", text) if "nodes are available" in text else text


def crio(text: str) -> str:
    """CRI-O and crun instead of containerd and runc."""
    text = _NOT_FOUND.sub(
        lambda m: (
            f"reading manifest {m['image'].rpartition(':')[2]} in {m['image'].rpartition(':')[0]}: manifest unknown"
        ),
        text,
    )
    text = _DIALED.sub(
        lambda m: (
            f'initializing source docker://{m["image"]}: pinging container registry {m["host"]}: Get "https://{m["host"]}/v2/": {m["cause"]}'
        ),
        text,
    )
    text = _ANONYMOUS.sub(
        lambda m: (
            f"initializing source docker://{m['image']}: reading manifest {m['image'].rpartition(':')[2]} in {m['image'].rpartition(':')[0]}: unauthorized: authentication required"
        ),
        text,
    )
    if "OCI runtime" in text or "containerd task" in text:
        text = _EXEC.sub(
            lambda m: f"executable file `{m['program']}` not found in $PATH: No such file or directory", text
        )
        text = text.replace(
            "failed to create containerd task: failed to create shim task: OCI runtime create failed: runc create failed: unable to start container process: ",
            "container create failed: ",
        )
    return text


def as_of(dump: Dump, chance: random.Random) -> None:
    """In the words of one version and runtime, chosen by chance."""
    if chance.random() < 0.4:
        dump.each_text(older)
    if chance.random() < 0.2:
        dump.each_text(without_preemption)
    if chance.random() < 0.3:
        dump.each_text(crio)
        for node in dump.items("nodes"):
            node["status"].setdefault("nodeInfo", {})["containerRuntimeVersion"] = "cri-o://1.31.2"
