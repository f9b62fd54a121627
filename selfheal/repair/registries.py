"""Which registries images come from already."""

from __future__ import annotations

import re

from selfheal.cluster.snapshot import Snapshot
from selfheal.cluster.workloads import mappings
from selfheal.repair import policy, risks
from selfheal.repair.locate import Located
from selfheal.repair.proof import Proof
from selfheal.repair.view import View

_MANIFESTS = (".yaml", ".yml", ".json", ".tpl")
#: The host of an image reference, as manifests, kustomizations and values files name images.
_HOST = re.compile(
    rb"""(?:image|repository|newName|name)["']?:[ ]*["']?([a-z0-9-]+(?:\.[a-z0-9-]+)+(?::[0-9]+)?)/[a-z0-9]"""
)


def registries_in(
    view: View, located: Located, proof: Proof, snapshot: Snapshot | None = None
) -> frozenset[str]:
    """Registries of the images that the unit's objects name now; where the change names another one, also those
    that other files of the repository name, and those from which containers of the snapshot run.
    """
    known = {
        policy.registry(image) for obj in located.objects for image in risks.images(obj).values() if image
    }
    _, after = proof.changed()
    new = {policy.registry(image) for obj in after.values() for image in risks.images(obj).values() if image}
    if new <= known:
        return frozenset(known)
    for data in view.read_many(path for path in view.files() if path.endswith(_MANIFESTS)).values():
        known |= {match.decode("utf-8", "replace") for match in _HOST.findall(data)}
    for pod in snapshot.list("Pod") if snapshot is not None else ():
        status = pod.get("status")
        for item in mappings(status.get("containerStatuses")) if isinstance(status, dict) else ():
            if item.get("ready") is True and isinstance(item.get("image"), str):
                known.add(policy.registry(item["image"]))
    return frozenset(known)
