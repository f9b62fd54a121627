"""The application as Flux deploys it: a HelmRelease with its values, a Kustomization with what it lays over a folder."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path
from typing import Any

from selfheal.repair.edits.nodes import parse, value_of
from tests.exam_repair.application import Application, Object
from tests.exam_repair.emit import Emitter
from tests.exam_repair.layouts import BIN, RELEASE, Chart, Files, Layout, Overlays, bare, released

_RELEASE, _KUSTOMIZATION = "flux/release.yaml", "flux/kustomization-production.yaml"
_CHART = f"charts/{RELEASE}"


def _helm(app: Application) -> Files:
    files = Chart(app, RELEASE).write()
    values = files.pop(f"{_CHART}/values-production.yaml").decode()
    del files[f"{_CHART}/values-staging.yaml"]
    inside = "".join(f"    {line}\n" if line else "\n" for line in values.splitlines())
    text = f"""\
apiVersion: helm.toolkit.fluxcd.io/v2
kind: HelmRelease
metadata:
  name: {RELEASE}
  namespace: flux-system
spec:
  interval: 10m
  releaseName: {RELEASE}
  targetNamespace: {app.namespace}
  chart:
    spec:
      chart: ./{_CHART}
      sourceRef: {{kind: GitRepository, name: deploy}}
  values:
{inside}"""
    return {**files, _RELEASE: text.encode()}


class _Laid(Overlays):
    """Images and the namespace stand in Flux's manifest, the rest in the overlay."""

    def _kustomization(self, folder: str, tree: Object) -> None:
        if folder == "overlays/production":
            spec = {
                "interval": "10m", "prune": True, "path": "./overlays/production",
                "sourceRef": {"kind": "GitRepository", "name": "deploy"}, "targetNamespace": tree.pop("namespace"),
                "images": tree.pop("images"),
            }  # fmt: skip
            manifest = {
                "apiVersion": "kustomize.toolkit.fluxcd.io/v1", "kind": "Kustomization",
                "metadata": {"name": "production", "namespace": "flux-system"}, "spec": spec,
            }  # fmt: skip
            self.files[_KUSTOMIZATION] = Emitter(f"{self.app.theme}/flux").document(manifest)
        super()._kustomization(folder, tree)


def _spec(folder: Path, name: str) -> Any:
    return value_of(parse((folder / name).read_text())[0])["spec"]


def _render_helm(folder: Path, namespace: str) -> str:
    (folder / "given.json").write_text(json.dumps(_spec(folder, _RELEASE)["values"]))
    words = ["helm", "template", RELEASE, _CHART, "-n", namespace, "-f", "given.json"]
    return _run([*words, "--skip-schema-validation"], folder)


def _render_kustomize(folder: Path, namespace: str) -> str:
    spec = _spec(folder, _KUSTOMIZATION)
    content = {"resources": ["../overlays/production"], "namespace": namespace, "images": spec["images"]}
    (folder / "given").mkdir()
    (folder / "given" / "kustomization.yaml").write_text(json.dumps(content))
    return _run(["kubectl", "kustomize", "given"], folder)


def _run(words: list[str], folder: Path) -> str:
    command = [str(BIN / words[0]), *words[1:]]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


LAYOUTS = (
    Layout("flux-helm", _CHART, _helm, released, make=_render_helm),
    Layout(
        "flux-kustomize", "overlays/production", lambda app: _Laid(app).write(), bare, make=_render_kustomize
    ),
)
