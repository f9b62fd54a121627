"""What Argo CD and Flux objects in the repository say of how it is deployed."""

from __future__ import annotations

from collections.abc import Iterator

from selfheal.cluster.workloads import mapping
from selfheal.errors import SelfhealError
from selfheal.repair.edits.file import decode
from selfheal.repair.edits.nodes import parse, value_of
from selfheal.repair.objects import Object, flattened
from selfheal.repair.sources import argo, flux
from selfheal.repair.sources.interface import Unit
from selfheal.repair.view import View

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
    group, kind = str(obj.get("apiVersion", "")).partition("/")[0], obj.get("kind")
    spec = mapping(obj.get("spec"))
    name = str(mapping(obj.get("metadata")).get("name", ""))
    if (group, kind) == ("argoproj.io", "Application"):
        yield from argo.application(view, path, document, name, spec)
    elif (group, kind) == ("argoproj.io", "ApplicationSet"):
        yield from argo.application_set(view, path, spec)
    elif (group, kind) == ("kustomize.toolkit.fluxcd.io", "Kustomization"):
        yield from flux.kustomization(view, path, document, obj)
    elif (group, kind) == ("helm.toolkit.fluxcd.io", "HelmRelease"):
        yield from flux.helm_release(view, path, document, obj)
