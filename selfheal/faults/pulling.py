"""Containers that wait for their image, and what the registry or the way to it said."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from selfheal.cluster.snapshot import Object, Snapshot
from selfheal.cluster.workloads import Container, Workload, state, statuses, troubled
from selfheal.faults.image_not_found import WAITING, pull_messages, pull_problem
from selfheal.incidents.record import Evidence


@dataclass(frozen=True)
class Pull:
    """An image that cannot be pulled: the kind of trouble, the words, and where they stand."""

    workload: Workload
    container: Container
    pod: Object
    problem: str
    text: str
    evidence: Evidence


def registry(image: str) -> str:
    """The registry host of an image reference; ``docker.io`` when it names none."""
    head, slash, _rest = image.partition("/")
    return head if slash and ("." in head or ":" in head or head == "localhost") else "docker.io"


def pulls(snapshot: Snapshot) -> tuple[Pull, ...]:
    """All containers of current templates that wait for their image, one pod of each."""
    return snapshot.memo("pulls", lambda: tuple(_pulls(snapshot)))


def _pulls(snapshot: Snapshot) -> Iterator[Pull]:
    for workload in troubled(snapshot):
        for container in workload.containers:
            for pod in workload.pods:
                waiting = state(statuses(pod).get(container.name, {}), "waiting")
                if str(waiting.get("reason")) not in WAITING:
                    continue
                found = next(
                    (
                        Pull(workload, container, pod, problem, text, evidence)
                        for text, evidence in pull_messages(snapshot, container, pod, waiting)
                        if (problem := pull_problem(text))
                    ),
                    None,
                )
                if found is not None:
                    yield found
                    break
