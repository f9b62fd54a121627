"""How long it takes to find and prove a change in a large repository, and how often it is rendered for that.

    .venv/bin/python benchmarks/repair.py [MANIFESTS] [OVERLAYS]

One repository holds plain manifests of MANIFESTS workloads, another a base of 30 workloads under OVERLAYS overlays.
"""

from __future__ import annotations

import sys
import tempfile
import time
from datetime import UTC, datetime
from pathlib import Path

from selfheal.config import Settings
from selfheal.incidents.record import Analysis, Evidence, ObjectRef
from selfheal.repair.plan import plan
from selfheal.repair.tools import Tools
from selfheal.repository.foldertree import FolderTree

MANIFEST = """\
apiVersion: apps/v1
kind: Deployment
metadata:
  name: {name}{namespace}
spec:
  replicas: 2
  selector: {{matchLabels: {{app: {name}}}}}
  template:
    metadata: {{labels: {{app: {name}}}}}
    spec:
      containers:
        - name: app
          image: ghcr.io/acme/{name}:1.0
          ports: [{{containerPort: 8080}}]
          readinessProbe:
            httpGet: {{path: /ready, port: 8080}}
          resources:
            requests: {{cpu: 100m, memory: 64Mi}}
            limits: {{memory: 128Mi}}
---
apiVersion: v1
kind: Service
metadata:
  name: {name}{namespace}
spec:
  selector: {{app: {name}}}
  ports: [{{port: 80, targetPort: 8080}}]
"""
FIELD = "/spec/template/spec/containers/name=app/resources/limits/memory"


def analysis(namespace: str, name: str) -> Analysis:
    """An out-of-memory kill of one workload."""
    ref = ObjectRef(kind="Deployment", namespace=namespace, name=name)
    seen = Evidence(id="e1", source="object", object=ref, field=FIELD, value="128Mi", message="the limit")
    facts = {
        "field": FIELD,
        "limit": "128Mi",
        "request": "64Mi",
        "restarts": 4,
        "init": False,
        "last_good": [],
    }
    return Analysis(
        verdict="fault", fault="oom-killed", object=ref, container="app", facts=facts, evidence=(seen,)
    )


def measure(what: str, root: Path, told: Analysis) -> None:
    """Plans once and prints the figures."""
    tools, began = Tools(), time.perf_counter()
    result = plan(FolderTree(root), told, settings=Settings(), now=datetime.now(UTC), tools=tools)
    seconds = time.perf_counter() - began
    print(
        f"{what}: {result.decision} in {seconds:.1f} s, {tools.renders} renders, {len(result.disclosed)} disclosed"
    )


def main() -> None:
    manifests, overlays = (int(text) for text in (sys.argv[1:] + ["2000", "40"][len(sys.argv) - 1 :])[:2])
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        for number in range(manifests):
            target = root / "plain" / f"team-{number % 40}" / f"app-{number}.yaml"
            target.parent.mkdir(parents=True, exist_ok=True)
            namespace = f"\n  namespace: team-{number % 40}"
            target.write_text(MANIFEST.format(name=f"app-{number}", namespace=namespace))
        last = manifests - 1
        measure(f"plain, {manifests} manifests", root / "plain", analysis(f"team-{last % 40}", f"app-{last}"))
        base = root / "kustomize" / "base"
        base.mkdir(parents=True)
        names = [f"app-{number}" for number in range(30)]
        for name in names:
            (base / f"{name}.yaml").write_text(MANIFEST.format(name=name, namespace=""))
        (base / "kustomization.yaml").write_text(
            "resources:\n" + "".join(f"- {name}.yaml\n" for name in names)
        )
        for number in range(overlays):
            target = root / "kustomize" / "overlays" / f"tenant-{number}" / "kustomization.yaml"
            target.parent.mkdir(parents=True)
            target.write_text(f"namespace: tenant-{number}\nresources: [../../base]\n")
        measure(f"kustomize, {overlays} overlays", root / "kustomize", analysis("tenant-7", "app-3"))


if __name__ == "__main__":
    main()
