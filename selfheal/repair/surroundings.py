"""What lies beside a change where no snapshot tells what the cluster holds: fix and gate look at no cluster.

Kustomize and Helm render what belongs together at once. Plain manifests do not say it, but those of one folder are applied
together, so a Service or ConfigMap there is asked whether it still fits.
"""

from __future__ import annotations

from collections import Counter

from selfheal.repair.edits.file import decode
from selfheal.repair.edits.nodes import EditRefused
from selfheal.repair.objects import Object, load, ref
from selfheal.repair.sources.interface import Unit
from selfheal.repair.sources.plain import SUFFIXES, is_kustomization
from selfheal.repair.view import View

#: Files of a folder beyond which it is a heap rather than what is applied together.
MOST = 200


def beside(view: View, unit: Unit, namespace: str) -> tuple[Object, ...]:
    """Objects in the other files of a plain unit's folders; () for other units.

    What cannot be read is left out, and so is an object that is there twice: which of the two is meant is not known.
    """
    if unit.kind != "plain":
        return ()
    folders = {_folder(path) for path in unit.files}
    names = [
        path
        for path in view.files()
        if path.endswith(SUFFIXES)
        and path not in unit.files
        and _folder(path) in folders
        and not is_kustomization(path)
    ]
    if len(names) > MOST:
        return ()
    found: list[Object] = []
    for path, data in view.read_many(names).items():
        try:
            found += load(decode(path, data))
        except EditRefused:
            continue
    counted = Counter(ref(obj, namespace) for obj in found)
    return tuple(obj for obj in found if counted[ref(obj, namespace)] == 1)


def _folder(path: str) -> str:
    return path.rpartition("/")[0]
