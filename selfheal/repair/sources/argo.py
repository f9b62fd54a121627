"""Argo CD: Applications, and the ApplicationSets that make several of one template."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from selfheal.cluster.workloads import mapping, mappings
from selfheal.repair.sources.folders import has_kustomization, inside, is_chart, join, manifests
from selfheal.repair.sources.interface import InlineValues, Overlay, Unit
from selfheal.repair.sources.rows import filled, rows
from selfheal.repair.view import View

#: The document of what an ApplicationSet makes: it stands in no file.
_GENERATED = -1


def application(view: View, path: str, document: int, name: str, spec: dict[str, Any]) -> Iterator[Unit]:
    """A unit for each of an Application's sources that lies in the repository."""
    namespace = str(mapping(spec.get("destination")).get("namespace") or "")
    sources = [mapping(spec.get("source"))] if spec.get("source") else mappings(spec.get("sources"))
    origin = f"Argo CD Application{'Set' if document == _GENERATED else ''} {path}"
    for position, source in enumerate(sources):
        folder = inside(str(source.get("path") or ""))
        if folder is None or "path" not in source:
            continue
        at = ("spec", "source") if spec.get("source") else ("spec", "sources", str(position))
        if is_chart(view, folder):
            yield from _chart(view, path, document, at, folder, source, name, namespace, origin)
        elif has_kustomization(view, folder):
            yield _kustomization(path, document, at, folder, source, namespace, origin)
        else:
            how = mapping(source.get("directory"))
            files = manifests(view, folder, below=bool(how.get("recurse")))
            if files and not source.get("plugin") and not how.keys() - {"recurse"}:
                yield Unit("plain", folder, files, namespace=namespace, origin=origin)


def _kustomization(
    path: str,
    document: int,
    at: tuple[str, ...],
    folder: str,
    source: dict[str, Any],
    namespace: str,
    origin: str,
) -> Unit:
    own = mapping(source.get("kustomize"))
    given = {key for key, value in own.items() if value and key != "version"}
    if not given:
        return Unit("kustomize", folder, namespace=namespace, origin=origin)
    overlay = Overlay(path, document, (*at, "kustomize"), "argo")
    blocked = _templated(origin, "what it lays over the kustomization") if document == _GENERATED else ""
    return Unit("kustomize", folder, namespace=namespace, origin=origin, overlay=overlay, blocked=blocked)


def _chart(
    view: View,
    path: str,
    document: int,
    at: tuple[str, ...],
    folder: str,
    source: dict[str, Any],
    name: str,
    namespace: str,
    origin: str,
) -> Iterator[Unit]:
    helm = mapping(source.get("helm"))
    release = str(helm.get("releaseName") or name)
    values = []
    blocked = f"{origin} sets values from files (fileParameters)." if helm.get("fileParameters") else ""
    for item in helm.get("valueFiles") or ():
        file = _values_file(folder, str(item))
        if file is not None and view.read(file) is not None:
            values.append(file)
        elif not helm.get("ignoreMissingValueFiles"):
            blocked = blocked or f"{origin} reads {item}, which is not in the repository."
    inline: list[InlineValues] = []
    if helm.get("valuesObject"):
        inline.append(InlineValues(path, document, (*at, "helm", "valuesObject")))
    elif helm.get("values"):
        inline.append(InlineValues(path, document, (*at, "helm", "values"), "text"))
    parameters = [
        (str(item.get("name", "")), str(item.get("value", ""))) for item in mappings(helm.get("parameters"))
    ]
    simple = not any(char in key for key, _ in parameters for char in "[]{}\\,")
    if parameters and simple and document != _GENERATED:
        inline.append(InlineValues(path, document, (*at, "helm", "parameters"), "parameters"))
        parameters = []
    if inline and document == _GENERATED:
        blocked = _templated(origin, "values")
    yield Unit(
        "helm", folder, (), tuple(values), tuple(inline), tuple(parameters), release, namespace, origin,
        blocked=blocked,
    )  # fmt: skip


def _templated(origin: str, what: str) -> str:
    return f"{origin} gives {what} in its template, which counts for several Applications at once."


def application_set(view: View, path: str, spec: dict[str, Any]) -> Iterator[Unit]:
    """The Applications whose placeholders can be filled in from the repository."""
    if spec.get("templatePatch"):
        return
    template = mapping(mapping(spec.get("template")).get("spec"))
    name = str(mapping(mapping(spec.get("template")).get("metadata")).get("name", ""))
    for generator in mappings(spec.get("generators")):
        for row in rows(view, generator):
            made = filled(template, row)
            if made is not None:
                yield from application(view, path, _GENERATED, str(filled(name, row) or name), made)


def _values_file(folder: str, item: str) -> str | None:
    if "://" in item or item.startswith("$"):
        # "$ref/…" names another source of the Application; within one repository it is the root.
        return inside(item.partition("/")[2]) if item.startswith("$") else None
    return inside(item.lstrip("/")) if item.startswith("/") else inside(join(folder, item))
