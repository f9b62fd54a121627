"""What Argo CD and Flux lay over a kustomization from their own manifests, as a kustomization that renders here."""

from __future__ import annotations

import json
from typing import Any

from selfheal.cluster import pointer
from selfheal.cluster.workloads import mapping
from selfheal.errors import SelfhealError
from selfheal.repair.edits.file import decode
from selfheal.repair.edits.nodes import parse, value_of
from selfheal.repair.sources.images import image_entry
from selfheal.repair.sources.interface import Overlay
from selfheal.repair.sources.kustomization import NAMES, Kustomization
from selfheal.repair.view import View

#: The folder of the kustomization that is made up for rendering.
FOLDER = "selfheal-overlay"
_HEAD = {"apiVersion": "kustomize.config.k8s.io/v1beta1", "kind": "Kustomization"}
#: Keys that mean in a manifest of the tool what they mean in a kustomization.
_ALIKE = {
    "flux": ("namePrefix", "nameSuffix", "images", "patches", "components"),
    "argo": ("namePrefix", "nameSuffix", "replicas", "patches", "components", "namespace", "commonLabels", "commonAnnotations"),
}  # fmt: skip


def at_place(view: View, path: str, document: int, at: tuple[str, ...]) -> Any:
    """What stands in a manifest, None when it cannot be read."""
    try:
        roots = parse(decode(path, view.read(path) or b""))
        return pointer.resolve(value_of(roots[document]), at, None)
    except (SelfhealError, IndexError):
        return None


def top(view: View, overlay: Overlay, folder: str) -> Kustomization:
    """The manifest's part as a kustomization over ``folder``; paths in it are relative to that folder."""
    spec = mapping(at_place(view, overlay.path, overlay.document, overlay.at))
    content = {key: spec[key] for key in _ALIKE[overlay.tool] if spec.get(key)}
    if overlay.tool == "flux" and spec.get("targetNamespace"):
        content["namespace"] = spec["targetNamespace"]
    if overlay.tool == "argo" and spec.get("images"):
        content["images"] = [image_entry(str(item)) for item in spec["images"]]
    labels = mapping(mapping(spec.get("commonMetadata")).get("labels"))
    if labels:
        content["labels"] = [{"pairs": labels}]
    return Kustomization(folder, overlay.path, content, overlay.document, overlay.at)


def written(found: Kustomization) -> bytes:
    """The made-up kustomization file of :func:`top`."""
    content: dict[str, Any] = {**_HEAD, **found.content}
    content["resources"] = [f"../{found.folder}" if found.folder else ".."]
    if found.strings("components"):
        content["components"] = [f"../{found.inside(item)}" for item in found.strings("components")]
    if found.entries("patches"):
        content["patches"] = [
            {**item, "path": f"../{found.inside(item['path'])}"}
            if isinstance(item.get("path"), str)
            else item
            for item in found.entries("patches")
        ]
    return json.dumps(content).encode()


def generated(view: View, folder: str) -> Kustomization:
    """The kustomization that Flux makes for a folder without one: all manifests below, folders with one as a whole."""
    resources: list[str] = []
    prefix = f"{folder}/" if folder else ""
    below = [path for path in view.files() if path.startswith(prefix)]
    whole = {path.rpartition("/")[0] for path in below if path.rpartition("/")[2] in NAMES}
    for path in below:
        held = next((item for item in sorted(whole) if path.startswith(f"{item}/")), "")
        name = (held or path).removeprefix(prefix)
        if (held or path.endswith((".yaml", ".yml"))) and name not in resources:
            resources.append(name)
    return Kustomization(folder, f"{prefix}kustomization.yaml", {**_HEAD, "resources": resources})
