"""Flux: Kustomizations with what they lay over a folder, HelmReleases of charts in the repository."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from selfheal.cluster.workloads import mapping, mappings
from selfheal.errors import SelfhealError
from selfheal.repair.edits.file import decode
from selfheal.repair.edits.nodes import parse, value_of
from selfheal.repair.objects import Object
from selfheal.repair.sources.folders import inside, is_chart
from selfheal.repair.sources.interface import InlineValues, Overlay, Unit
from selfheal.repair.view import View

#: Old ways to patch that a Kustomization of today has no more, and a HelmRelease's way to change what a chart renders.
_OLD = ("patchesStrategicMerge", "patchesJson6902")


def kustomization(view: View, path: str, document: int, obj: Object) -> Iterator[Unit]:
    """The folder of a Flux Kustomization, with what the manifest lays over it and fills in."""
    spec, meta = mapping(obj.get("spec")), mapping(obj.get("metadata"))
    folder = inside(str(spec.get("path") or "."))
    if folder is None or is_chart(view, folder) or not _below(view, folder):
        return
    origin = f"Flux Kustomization {path}"
    own = str(meta.get("namespace") or "")
    variables: list[tuple[str, int, tuple[str, ...]]] = []
    build = mapping(spec.get("postBuild"))
    for source in mappings(build.get("substituteFrom")):
        if source.get("kind") == "ConfigMap":
            for file, number, held in _config_maps(view, str(source.get("name", "")), own):
                if mapping(held.get("data")):
                    variables.append((file, number, ("data",)))
    if mapping(build.get("substitute")):
        variables.append((path, document, ("spec", "postBuild", "substitute")))
    old = next((key for key in _OLD if spec.get(key)), "")
    yield Unit(
        "kustomize", folder, namespace=str(spec.get("targetNamespace") or ""), origin=origin,
        overlay=Overlay(path, document, ("spec",), "flux", tuple(variables)),
        blocked=f"{origin} patches by {old}, which is not rendered here." if old else "",
    )  # fmt: skip


def _below(view: View, folder: str) -> bool:
    return not folder or any(name.startswith(f"{folder}/") for name in view.files())


def helm_release(view: View, path: str, document: int, obj: Object) -> Iterator[Unit]:
    """The chart of a HelmRelease, where it lies in the repository, with its values in Flux's order."""
    spec, meta = mapping(obj.get("spec")), mapping(obj.get("metadata"))
    chart = mapping(mapping(spec.get("chart")).get("spec"))
    kind = str(mapping(chart.get("sourceRef")).get("kind") or "GitRepository")
    folder = inside(str(chart.get("chart") or "")) if chart.get("chart") else None
    name, own = str(meta.get("name", "")), str(meta.get("namespace") or "")
    target = str(spec.get("targetNamespace") or "")
    release = str(spec.get("releaseName") or (f"{target}-{name}" if target else name))
    origin = f"Flux HelmRelease {path}"
    if folder is None or kind != "GitRepository" or not is_chart(view, folder):
        told = str(chart.get("chart") or mapping(spec.get("chartRef")).get("name") or "a chart")
        yield Unit(
            "helm", "", release=release, namespace=target or own, origin=origin,
            blocked=f"{origin} deploys {told}, a chart that is not in this repository.",
        )  # fmt: skip
        return
    values: list[str] = []
    inline: list[InlineValues] = []
    blocked = f"{origin} changes what the chart renders (postRenderers)." if spec.get("postRenderers") else ""
    for item in chart.get("valuesFiles") or ():
        file = inside(str(item))
        if file is None or view.read(file) is None:
            blocked = blocked or f"{origin} reads {item}, which is not in the repository."
        else:
            values.append(file)
    for source in mappings(spec.get("valuesFrom")):
        found = _values_from(view, source, own)
        if found is None and not source.get("optional"):
            what = f"{source.get('kind')} {source.get('name')}"
            blocked = (
                blocked or f"{origin} takes values from {what}, which is not known from this repository."
            )
        elif isinstance(found, str):
            if inline:
                blocked = blocked or f"{origin} takes values from several places in an order not kept here."
            values.append(found)
        elif found is not None:
            inline.append(found)
    if spec.get("values"):
        inline.append(InlineValues(path, document, ("spec", "values")))
    yield Unit(
        "helm", folder, (), tuple(values), tuple(inline), (), release, target or own, origin, blocked=blocked
    )


def _values_from(view: View, source: dict[str, Any], namespace: str) -> InlineValues | str | None:
    """Where a ConfigMap's values stand: in its manifest, or in the file that a generator makes it of."""
    name, key = str(source.get("name", "")), str(source.get("valuesKey") or "values.yaml")
    if source.get("kind") != "ConfigMap" or source.get("targetPath"):
        return None
    for file, document, held in _config_maps(view, name, namespace):
        if key in mapping(held.get("data")):
            return InlineValues(file, document, ("data", key), "text")
    from selfheal.repair.sources.kustomization import folders, read

    for folder in folders(view):
        try:
            found = read(view, folder)
            for entry in found.entries("configMapGenerator") if found is not None else ():
                if entry.get("name") == name and found is not None:
                    for item in entry.get("files") or ():
                        left, equals, right = str(item).partition("=")
                        if (left if equals else left.rpartition("/")[2]) == key:
                            return found.inside(right if equals else left)
        except SelfhealError:
            continue
    return None


def _config_maps(view: View, name: str, namespace: str) -> Iterator[tuple[str, int, Object]]:
    """(file, document, object) of the ConfigMaps of that name; one that names another namespace is another."""
    files = [path for path in view.files() if path.endswith((".yaml", ".yml"))]
    for path, data in view.read_many(files).items():
        if b"ConfigMap" not in data or name.encode() not in data:
            continue
        try:
            roots = parse(decode(path, data))
        except SelfhealError:
            continue
        for document, root in enumerate(roots):
            held = mapping(value_of(root))
            meta = mapping(held.get("metadata"))
            here = not namespace or meta.get("namespace") in (None, "", namespace)
            if held.get("kind") == "ConfigMap" and meta.get("name") == name and here:
                yield path, document, held
