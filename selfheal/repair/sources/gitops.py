"""What Argo CD and Flux objects in the repository say of how it is deployed."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from selfheal.cluster.workloads import mapping, mappings
from selfheal.errors import SelfhealError
from selfheal.repair.edits.file import decode
from selfheal.repair.edits.nodes import parse, value_of
from selfheal.repair.objects import Object, flattened
from selfheal.repair.sources.interface import InlineValues, Unit
from selfheal.repair.sources.plain import is_kustomization
from selfheal.repair.view import View
from selfheal.repository.paths import normalised

_MARKS = (b"argoproj.io/", b"toolkit.fluxcd.io/")


def hints(view: View, namespace: str) -> list[Unit]:
    """Units that deploy into ``namespace``, those that deploy elsewhere after them."""
    found: list[Unit] = []
    paths = [path for path in view.files() if path.endswith((".yaml", ".yml"))]
    for path, data in view.read_many(paths).items():
        if not any(mark in data for mark in _MARKS):
            continue
        try:
            for document, root in enumerate(parse(decode(path, data))):
                for obj in flattened(value_of(root)):
                    found += _units(view, path, document, obj)
        except SelfhealError:
            # A template of such an object, or a broken file; it says nothing then.
            continue
    return sorted(dict.fromkeys(found), key=lambda unit: unit.namespace != namespace)


def _units(view: View, path: str, document: int, obj: Object) -> Iterator[Unit]:
    api, kind = str(obj.get("apiVersion", "")), obj.get("kind")
    spec = mapping(obj.get("spec"))
    name = str(mapping(obj.get("metadata")).get("name", ""))
    if api.startswith("argoproj.io/") and kind == "Application":
        yield from _application(view, path, document, name, spec)
    elif api.startswith("argoproj.io/") and kind == "ApplicationSet":
        yield from _application_set(view, path, spec)
    elif api.startswith("kustomize.toolkit.fluxcd.io/") and kind == "Kustomization":
        yield from _folder(
            view,
            str(spec.get("path") or "."),
            str(spec.get("targetNamespace") or ""),
            f"Flux Kustomization {path}",
        )
    elif api.startswith("helm.toolkit.fluxcd.io/") and kind == "HelmRelease":
        yield from _helm_release(view, path, document, name, obj, spec)


def _application(view: View, path: str, document: int, name: str, spec: dict[str, Any]) -> Iterator[Unit]:
    namespace = str(mapping(spec.get("destination")).get("namespace") or "")
    sources = [mapping(spec.get("source"))] if spec.get("source") else mappings(spec.get("sources"))
    origin = f"Argo CD Application {path}"
    for position, source in enumerate(sources):
        folder = _inside(str(source.get("path") or ""))
        if folder is None or "path" not in source:
            continue
        helm = mapping(source.get("helm"))
        if view.read(_join(folder, "Chart.yaml")) is None:
            yield from _folder(view, folder, namespace, origin)
            continue
        values = []
        for item in helm.get("valueFiles") or ():
            inside = _values_file(folder, str(item))
            if inside is None or view.read(inside) is None:
                if not helm.get("ignoreMissingValueFiles"):
                    return
            else:
                values.append(inside)
        around = ("spec", "source") if spec.get("source") else ("spec", "sources", str(position))
        inline = [
            InlineValues(path, document, (*around, "helm", key), key == "values")
            for key in ("values", "valuesObject")
            if helm.get(key)
        ]
        if inline and document < 0:
            # A generated Application: what stands in its template counts for several at once.
            return
        parameters = tuple(
            (str(item.get("name", "")), str(item.get("value", "")))
            for item in mappings(helm.get("parameters"))
        )
        release = str(helm.get("releaseName") or name)
        yield Unit(
            "helm", folder, (), tuple(values), tuple(inline[-1:]), parameters, release, namespace, origin
        )


def _application_set(view: View, path: str, spec: dict[str, Any]) -> Iterator[Unit]:
    """List and directory generators; their placeholders are filled in where all are known."""
    template = mapping(mapping(spec.get("template")).get("spec"))
    name = str(mapping(mapping(spec.get("template")).get("metadata")).get("name", ""))
    for generator in mappings(spec.get("generators")):
        rows: list[dict[str, str]] = [
            {key: str(value) for key, value in element.items() if not isinstance(value, dict | list)}
            for element in mappings(mapping(generator.get("list")).get("elements"))
        ]
        for pattern in mappings(mapping(generator.get("git")).get("directories")):
            rows += [_directory(folder) for folder in _matching(view, str(pattern.get("path", "")))]
        for row in rows:
            filled = _filled(template, row)
            if filled is not None:
                yield from _application(view, path, -1, str(_filled(name, row) or name), filled)


def _directory(folder: str) -> dict[str, str]:
    base = folder.rpartition("/")[2]
    return {"path": folder, "path.path": folder, "path.basename": base, "path.basenameNormalized": base}


def _matching(view: View, pattern: str) -> list[str]:
    from selfheal.repair.policy import matches

    folders = {path.rpartition("/")[0] for path in view.files()}
    folders |= {"/".join(folder.split("/")[:depth]) for folder in list(folders) for depth in range(1, 8)}
    return sorted(folder for folder in folders if folder and matches(folder, pattern))


def _filled(value: Any, row: dict[str, str]) -> Any:
    """A template with its placeholders filled in, None when one is not known."""
    if isinstance(value, str):
        for key, text in row.items():
            for form in (f"{{{{{key}}}}}", f"{{{{ {key} }}}}", f"{{{{.{key}}}}}", f"{{{{ .{key} }}}}"):
                value = value.replace(form, text)
        return None if "{{" in value else value
    if isinstance(value, dict):
        filled = {
            key: _filled(item, row) for key, item in value.items() if key not in ("syncPolicy", "project")
        }
        return None if any(item is None for item in filled.values()) else filled
    if isinstance(value, list):
        items = [_filled(item, row) for item in value]
        return None if any(item is None for item in items) else items
    return value if value is not None else ""


def _helm_release(
    view: View, path: str, document: int, name: str, obj: Object, spec: dict[str, Any]
) -> Iterator[Unit]:
    chart = mapping(mapping(mapping(spec.get("chart")).get("spec")))
    folder = _inside(str(chart.get("chart") or ""))
    if folder is None or view.read(_join(folder, "Chart.yaml")) is None or spec.get("valuesFrom"):
        # Values out of the cluster are not known here.
        return
    inline = (InlineValues(path, document, ("spec", "values")),) if spec.get("values") else ()
    values = []
    for item in chart.get("valuesFiles") or ():
        inside = _inside(str(item))
        if inside is None or view.read(inside) is None:
            return
        values.append(inside)
    own = str(mapping(obj.get("metadata")).get("namespace") or "")
    namespace = str(spec.get("targetNamespace") or own)
    release = str(spec.get("releaseName") or name)
    yield Unit("helm", folder, (), tuple(values), inline, (), release, namespace, f"Flux HelmRelease {path}")


def _folder(view: View, folder: str, namespace: str, origin: str) -> Iterator[Unit]:
    inside = _inside(folder)
    if inside is None:
        return
    names = [path for path in view.files() if path.rpartition("/")[0] == inside]
    if any(is_kustomization(name) for name in names):
        yield Unit("kustomize", inside, namespace=namespace, origin=origin)


def _inside(folder: str) -> str | None:
    try:
        return normalised(folder.removeprefix("./"))
    except SelfhealError:
        return None


def _values_file(folder: str, item: str) -> str | None:
    if "://" in item or item.startswith("$"):
        # "$ref/…" names another source of the Application; within one repository it is the root.
        return _inside(item.partition("/")[2]) if item.startswith("$") else None
    return _inside(item.lstrip("/")) if item.startswith("/") else _inside(_join(folder, item))


def _join(folder: str, name: str) -> str:
    return f"{folder}/{name}" if folder else name
