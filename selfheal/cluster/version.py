"""Which version of Kubernetes a cluster runs, as far as its nodes tell."""

from __future__ import annotations

import re

from selfheal.cluster import pointer
from selfheal.cluster.snapshot import Snapshot

_VERSION = re.compile(r"^v?(\d{1,2})\.(\d{1,3})(?:\.(\d{1,3}))?")


def kubernetes_version(snapshot: Snapshot) -> str:
    """The newest version that a node runs, such as "1.33.2": the API server is never older. "" when no node tells."""
    found = []
    for node in snapshot.list("Node"):
        match = _VERSION.match(str(pointer.resolve(node, "/status/nodeInfo/kubeletVersion", "")))
        if match is not None:
            found.append(tuple(int(part or 0) for part in match.groups()))
    return ".".join(str(part) for part in max(found)) if found else ""
