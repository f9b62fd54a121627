"""command-invalid: what cannot be run, and what ran and ended."""

from __future__ import annotations

from tests.faults.kit import found, only, remedy, root
from tests.support.cluster import Cluster, container, crashing, ended, waiting

RUNC = 'failed to create containerd task: OCI runtime create failed: exec: "/bin/serv": stat /bin/serv: no such file or directory'


def started(command: list[str] | None, status: dict, before: list[str] | None = None) -> Cluster:
    cluster = Cluster()
    spec = {"containers": [container(**({"command": command} if command else {}))]}
    old = {"containers": [container(command=before)]} if before else None
    cluster.deployment("api", spec, status=status, before=old)
    return cluster


def test_runtime_cannot_find_it() -> None:
    cluster = started(["/bin/serv"], waiting("RunContainerError", RUNC), before=["/bin/serve"])
    finding = only("command-invalid", cluster)
    assert finding.facts["last_good"][0]["value"] == ["/bin/serve"]
    assert remedy(finding).edits[0].field.endswith("/command")
    assert root(cluster) == ("command-invalid", "Deployment shop/api")


def test_start_error_of_the_last_run() -> None:
    status = waiting(
        "CrashLoopBackOff", "back-off", restartCount=3, lastState=ended("StartError", 128, message=RUNC)
    )
    assert root(started(["/bin/serv"], status))[0] == "command-invalid"


def test_shell_that_does_not_find_it() -> None:
    cluster = started(["sh", "-c", "serv --port 80"], crashing("Error", 127))
    cluster.log("api-new-0", "app", "sh: serv: not found", previous=True)
    assert root(cluster)[0] == "command-invalid"


def test_lookalike_ran_and_ended() -> None:
    cluster = started(["/bin/serve"], crashing("Error", 1))
    cluster.log("api-new-0", "app", "panic: index out of range", previous=True)
    assert not found("command-invalid", cluster)
    assert root(cluster)[0] == "app-crash"


def test_lookalike_mount_that_fails() -> None:
    text = 'error mounting "/x" to rootfs at "/etc/app.conf": not a directory: unknown'
    assert not found("command-invalid", started(["/bin/serve"], waiting("RunContainerError", text)))
