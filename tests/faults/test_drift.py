"""drift: live objects beside what a repository declares, and differences that mean nothing."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from ruamel.yaml import YAML

from selfheal.cluster.manifests import Declared
from selfheal.cluster.snapshot import Object
from selfheal.diagnosis.engine import diagnose
from selfheal.incidents.record import ObjectRef
from tests.faults.kit import served
from tests.support.cluster import Cluster, container, crashing

MANIFEST = """
apiVersion: apps/v1
kind: Deployment
metadata: {name: api, namespace: shop}
spec:
  template:
    spec:
      containers:
        - name: app
          image: ghcr.io/acme/app:1.0
          env: [{name: WORKERS, value: "4"}]
          resources: {limits: {cpu: "1"}}
"""


def live(value: str = "four", cpu: str = "1000m", *, well: bool = False) -> Cluster:
    cluster = Cluster()
    spec = {
        "containers": [
            container(env=[{"name": "WORKERS", "value": value}], resources={"limits": {"cpu": cpu}})
        ]
    }
    cluster.deployment("api", spec, status=None if well else crashing("Error", 1))
    cluster.log("api-new-0", "app", "invalid value for WORKERS: must be a number", previous=True)
    return cluster


def root(cluster: Cluster, directory: Path) -> Any:
    answer = diagnose(cluster.snapshot(), repository=directory)
    return answer.root.fault if answer.root else answer.verdict


def test_variable_that_was_changed_by_hand(tmp_path: Path) -> None:
    (tmp_path / "api.yaml").write_text(MANIFEST, encoding="utf-8")
    answer = diagnose(live().snapshot(), repository=tmp_path)
    assert answer.root is not None
    assert (answer.root.fault, str(answer.root.object)) == ("drift", "Deployment shop/api")
    assert any(item.fault == "env-var-invalid" for item in answer.root.explains)


def test_lookalike_git_says_the_same(tmp_path: Path) -> None:
    (tmp_path / "api.yaml").write_text(MANIFEST.replace('"4"', "four"), encoding="utf-8")
    assert root(live(), tmp_path) == "env-var-invalid"


def test_lookalike_differs_and_is_well(tmp_path: Path) -> None:
    (tmp_path / "api.yaml").write_text(MANIFEST, encoding="utf-8")
    assert root(live(well=True), tmp_path) == "healthy"


def test_lookalike_differs_elsewhere(tmp_path: Path) -> None:
    text = MANIFEST.replace('"4"', "four").replace('cpu: "1"', 'cpu: "2"')
    (tmp_path / "api.yaml").write_text(text, encoding="utf-8")
    answer = diagnose(live().snapshot(), repository=tmp_path)
    assert {item.fault for item in answer.findings} >= {"env-var-invalid"}


def test_lookalike_rendered_objects(tmp_path: Path) -> None:
    base = tmp_path / "base"
    base.mkdir()
    (base / "api.yaml").write_text(MANIFEST, encoding="utf-8")
    (tmp_path / "kustomization.yaml").write_text(
        "resources: [base]\npatches: [{path: x.yaml}]\n", encoding="utf-8"
    )
    assert root(live(), tmp_path) == "env-var-invalid"


def test_no_manifest_no_drift(tmp_path: Path) -> None:
    cluster = live()
    served(cluster, "web")
    (tmp_path / "broken.yaml").write_text("a: [", encoding="utf-8")
    assert root(cluster, tmp_path) == "env-var-invalid"


def test_manifests_of_what_is_well_are_not_even_read(tmp_path: Path) -> None:
    asked: list[int] = []

    def make() -> dict[ObjectRef, tuple[str, Object]]:
        asked.append(1)
        return {}

    assert diagnose(live(well=True).snapshot(), declared=Declared(make)).verdict == "healthy"
    assert not asked
    assert diagnose(live().snapshot(), declared=Declared(make)).verdict == "fault"
    assert asked


def test_what_was_rendered_is_compared_alike() -> None:
    manifest = YAML(typ="safe").load(MANIFEST)
    ref = ObjectRef(kind="Deployment", namespace="shop", name="api")
    answer = diagnose(live().snapshot(), declared={ref: ("overlays/live (rendered)", manifest)})
    assert answer.root is not None
    assert answer.root.fault == "drift"
    assert "overlays/live (rendered)" in answer.root.summary
