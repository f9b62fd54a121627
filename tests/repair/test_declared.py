"""What a repository declares of ill workloads, rendered; and what is not compared because nobody knows what was meant."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from selfheal.diagnosis.engine import diagnose
from selfheal.errors import ConfigurationProblem
from selfheal.repair.declared import declared
from selfheal.repair.tools import Tools
from tests.support.cluster import Cluster, container, crashing

MANIFEST = """
apiVersion: apps/v1
kind: Deployment
metadata: {name: api}
spec:
  selector: {matchLabels: {app: api}}
  template:
    metadata: {labels: {app: api}}
    spec:
      containers:
        - name: app
          image: ghcr.io/acme/app:1.0
          env: [{name: WORKERS, value: "1"}]
"""
OVERLAY = """
resources: [../base]
namespace: shop
patches:
  - target: {kind: Deployment, name: api}
    patch: |
      - {op: replace, path: /spec/template/spec/containers/0/env/0/value, value: "4"}
"""
KUSTOMIZE = {
    "base/api.yaml": MANIFEST,
    "base/kustomization.yaml": "resources: [api.yaml]\n",
    "live/kustomization.yaml": OVERLAY,
}
CHART = {
    "chart/Chart.yaml": "apiVersion: v2\nname: api\nversion: 1.0.0\n",
    "chart/values.yaml": "workers: 4\n",
    "chart/templates/api.yaml": MANIFEST.replace('value: "1"', 'value: "{{ .Values.workers }}"').replace(
        "{name: api}\nspec", "{name: api, namespace: shop}\nspec", 1
    ),
}
APPLICATION = """
apiVersion: argoproj.io/v1alpha1
kind: Application
metadata: {name: api}
spec:
  destination: {namespace: shop}
  source: {path: chart}
"""


def live(value: str, *, well: bool = False) -> Cluster:
    cluster = Cluster()
    spec = {
        "containers": [container(image="ghcr.io/acme/app:1.0", env=[{"name": "WORKERS", "value": value}])]
    }
    cluster.deployment("api", spec, status=None if well else crashing("Error", 1))
    cluster.log("api-new-0", "app", "invalid value for WORKERS: must be a number", previous=True)
    return cluster


def written(folder: Path, files: dict[str, str]) -> Path:
    for name, text in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text, encoding="utf-8")
    return folder


def causes(cluster: Cluster, folder: Path, tools: Tools) -> Any:
    snapshot = cluster.snapshot()
    answer = diagnose(snapshot, declared=declared(folder, snapshot, tools))
    return answer.root.fault if answer.root is not None else answer.verdict, answer


def test_what_kustomize_makes_is_compared(tmp_path: Path, tools: Tools) -> None:
    fault, answer = causes(live("four"), written(tmp_path, KUSTOMIZE), tools)
    assert fault == "drift"
    assert "kustomize live (rendered)" in answer.root.summary


def test_what_the_overlay_says_is_no_drift(tmp_path: Path, tools: Tools) -> None:
    files = {**KUSTOMIZE, "live/kustomization.yaml": OVERLAY.replace('"4"', "four")}
    assert causes(live("four"), written(tmp_path, files), tools)[0] == "env-var-invalid"


def test_a_chart_counts_where_its_values_are_known(tmp_path: Path, tools: Tools) -> None:
    written(tmp_path, CHART)
    assert causes(live("four"), tmp_path, tools)[0] == "env-var-invalid"
    written(tmp_path, {"apps/api.yaml": APPLICATION})
    assert causes(live("four"), tmp_path, tools)[0] == "drift"


def test_nothing_is_rendered_where_all_is_well(tmp_path: Path, tools: Tools) -> None:
    before = tools.renders
    assert causes(live("four", well=True), written(tmp_path, KUSTOMIZE), tools)[0] == "healthy"
    assert tools.renders == before


def test_without_the_renderers_plain_manifests_count(tmp_path: Path) -> None:
    class Missing(Tools):
        def find(self, name: str) -> str:
            raise ConfigurationProblem(f"{name} was not found.")

    plain = {"plain/api.yaml": MANIFEST.replace("{name: api}", "{name: api, namespace: shop}", 1)}
    assert causes(live("four"), written(tmp_path / "a", KUSTOMIZE), Missing())[0] == "env-var-invalid"
    assert causes(live("four"), written(tmp_path / "b", plain), Missing())[0] == "drift"


def test_all_that_is_ill_is_compared_and_each_unit_is_rendered_once(tmp_path: Path, tools: Tools) -> None:
    names = [f"api-{number}" for number in range(9)]
    base = "---".join(MANIFEST.replace("name: api", f"name: {name}") for name in names)
    overlay = "resources: [../base]\nnamespace: shop\nimages: [{name: ghcr.io/acme/app, newTag: '1.1'}]\n"
    files = {
        "base/all.yaml": base,
        "base/kustomization.yaml": "resources: [all.yaml]\n",
        "live/kustomization.yaml": overlay,
    }
    cluster = Cluster()
    for name in names:
        spec = {"containers": [container(image="ghcr.io/acme/app:2.0")]}
        cluster.deployment(name, spec, status=crashing("Error", 1))
    before = tools.renders
    snapshot = cluster.snapshot()
    answer = diagnose(snapshot, declared=declared(written(tmp_path, files), snapshot, tools))
    drifted = {str(item.object.name) for item in answer.findings if item.fault == "drift"}
    assert drifted == set(names)
    assert tools.renders - before <= 2
