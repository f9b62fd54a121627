"""What the cluster can do, as charts ask for it: its version of Kubernetes and the APIs it serves besides."""

from __future__ import annotations

import re
from dataclasses import dataclass

from selfheal.cluster import pointer
from selfheal.cluster.snapshot import Snapshot
from selfheal.cluster.version import kubernetes_version
from selfheal.cluster.workloads import mappings
from selfheal.config import Settings
from selfheal.incidents.record import Analysis

_VERSION = re.compile(r"\d{1,2}\.\d{1,3}\.\d{1,3}")


@dataclass(frozen=True)
class Capabilities:
    """``version`` such as "1.33.2", "" when it is not known; ``api_versions`` as Helm spells them."""

    version: str = ""
    api_versions: tuple[str, ...] = ()

    def arguments(self) -> list[str]:
        """As ``helm template`` takes them."""
        found = ["--kube-version", self.version] if self.version else []
        for name in self.api_versions:
            found += ["--api-versions", name]
        return found


def capabilities(
    settings: Settings, analysis: Analysis | None = None, snapshot: Snapshot | None = None
) -> Capabilities:
    """What the settings say; else what the nodes said, in the snapshot or when the analysis was made."""
    version = settings.rendering.kube_version.removeprefix("v")
    if not version and snapshot is not None:
        version = kubernetes_version(snapshot)
    if not version and analysis is not None and _VERSION.fullmatch(analysis.kube_version):
        # The record may be edited by anyone who may edit the incident.
        version = analysis.kube_version
    served = {*settings.rendering.api_versions, *(_defined(snapshot) if snapshot is not None else ())}
    return Capabilities(version, tuple(sorted(served)))


def _defined(snapshot: Snapshot) -> set[str]:
    """Custom kinds, where their definitions were read."""
    found = set()
    for definition in snapshot.list("CustomResourceDefinition"):
        group = pointer.resolve(definition, "/spec/group", "")
        kind = pointer.resolve(definition, "/spec/names/kind", "")
        for version in mappings(pointer.resolve(definition, "/spec/versions")):
            if version.get("served") is True:
                found |= {f"{group}/{version.get('name')}", f"{group}/{version.get('name')}/{kind}"}
    return found
