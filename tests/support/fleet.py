"""An application of many small services, each broken in the same way, written as scenarios."""

from __future__ import annotations

from pathlib import Path

from selfheal.sandbox.scenario import FOLDER

DEPLOYMENT = """\
apiVersion: apps/v1
kind: Deployment
metadata:
  name: {name}
  namespace: fleet
spec:
  replicas: 1
  selector:
    matchLabels:
      app: {name}
  template:
    metadata:
      labels:
        app: {name}
    spec:
      containers:
        - name: main
          image: registry.example/fleet/{name}:1.0.0
          ports:
            - containerPort: 8080
          resources:
            limits: {{memory: 64Mi}}
"""
SCENARIO = """\
application: fleet
incident:
  summary: "{name} does not roll out"
  description: New pods of {name} never become ready.
  priority: High
  labels: [{name}]
change:
  message: "{name}: next release"
  hours_ago: {hours}
  edits:
    - path: deploy/{name}/deployment.yaml
      replace: "fleet/{name}:1.0.0"
      by: "fleet/{name}:1.00"
"""


def write_fleet(folder: Path, size: int) -> list[str]:
    """Writes ``size`` scenarios and their application below ``folder``; their names."""
    assert folder != FOLDER
    names = [f"unit-{letter}" for letter in "abcdefghijklmnopqrstuvwxyz"[:size]]
    repo = folder / "applications/fleet/repo"
    images, services = [], []
    for number, name in enumerate(names):
        _write(repo / f"deploy/{name}/deployment.yaml", DEPLOYMENT.format(name=name))
        _write(folder / name / "scenario.yaml", SCENARIO.format(name=name, hours=number + 1))
        images.append(
            f"  registry.example/fleet/{name}:1.0.0:\n    memory: 20Mi\n    ports: [{{number: 8080}}]\n"
        )
        services.append(
            f"  - name: {name}\n    namespace: fleet\n    workloads: [Deployment/{name}]\n    path: deploy\n"
        )
    _write(repo / "deploy/namespace.yaml", "apiVersion: v1\nkind: Namespace\nmetadata:\n  name: fleet\n")
    _write(repo / ".selfheal.yml", "services:\n" + "".join(services))
    _write(
        folder / "applications/fleet/application.yaml",
        "repository: acme/fleet\npath: deploy\nnamespace: fleet\nimages:\n" + "".join(images),
    )
    return names


def _write(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
