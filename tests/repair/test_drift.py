"""Drift seen where the repository is rendered: what a person is told, and what is not taken for it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from selfheal.config import Settings
from selfheal.diagnosis.engine import diagnose
from selfheal.repair.plan import RepairResult, plan
from selfheal.repository.foldertree import FolderTree
from tests.support.cluster import Cluster, container, crashing

Make = Callable[[dict[str, str]], FolderTree]
MANIFEST = """\
apiVersion: apps/v1
kind: Deployment
metadata: {name: api, namespace: shop}
spec:
  selector: {matchLabels: {app: api}}
  template:
    metadata: {labels: {app: api}}
    spec:
      containers:
        - name: app
          image: ghcr.io/acme/app:1.0
          env:
            - name: DATABASE_URL
              value: postgres://svc:s3cr3t-pass@postgres:5432/shop
            - name: WORKERS
              value: "4"
"""
URL = "postgres://svc:s3cr3t-pass@postgres:5432/shop"


def pod(workers: str, url: str = URL) -> dict[str, Any]:
    env = [{"name": "DATABASE_URL", "value": url}, {"name": "WORKERS", "value": workers}]
    return {"containers": [container(env=env)]}


def edited(workers: str = "four", url: str = URL, *, said: str, managed: bool = True) -> Cluster:
    """The Deployment after somebody edited it by hand; its older template was as in the repository."""
    cluster = Cluster()
    top = cluster.deployment("api", pod(workers, url), before=pod("4"), status=crashing("Error", 1))
    if managed:
        variable = {'k:{"name":"WORKERS"}': {"f:value": {}}, 'k:{"name":"DATABASE_URL"}': {"f:value": {}}}
        spec = {"f:containers": {'k:{"name":"app"}': {"f:env": variable}}}
        entry = {
            "manager": "kubectl-edit",
            "operation": "Update",
            "time": "2026-11-22T11:50:00Z",
            "fieldsV1": {"f:spec": {"f:template": {"f:spec": spec}}},
        }
        top["metadata"]["managedFields"] = [entry]
    cluster.log("api-new-0", "app", said, previous=True)
    return cluster


def planned(cluster: Cluster, tree: FolderTree) -> RepairResult:
    """As the fix stage does it: from the record alone, without a cluster."""
    snapshot = cluster.snapshot()
    return plan(tree, diagnose(snapshot).to_analysis(snapshot), settings=Settings())


WORKERS = "invalid value for WORKERS: must be a number"


def test_a_person_reads_what_differs_where_and_who_wrote_it(repository: Make) -> None:
    result = planned(edited(said=WORKERS), repository({"deploy/api.yaml": MANIFEST}))
    assert result.decision == "escalate"
    field = "spec.template.spec.containers[app].env[WORKERS].value"
    assert result.reason == (
        f"Drift: {field} of Deployment shop/api is 'four' in the cluster and '4' in deploy/api.yaml; a pull request would "
        f"change nothing. kubectl-edit wrote {field} last at 2026-11-22T11:50:00Z. Deploy what the repository says; where "
        "that was done, find out who changed the cluster by hand."
    )


def test_without_managed_fields_nobody_is_named(repository: Make) -> None:
    result = planned(edited(said=WORKERS, managed=False), repository({"deploy/api.yaml": MANIFEST}))
    assert result.reason.startswith("Drift: ")
    assert "wrote" not in result.reason


def test_lookalike_git_says_the_same(repository: Make) -> None:
    tree = repository({"deploy/api.yaml": MANIFEST.replace('"4"', '"four"')})
    result = planned(edited(said=WORKERS), tree)
    assert (result.decision, [change.path for change in result.changes]) == ("propose", ["deploy/api.yaml"])


@pytest.mark.parametrize(("url", "drifted"), [(URL + "x", False), (URL.replace("5432", "6432"), True)])
def test_a_value_that_the_record_holds_redacted_is_compared_as_far_as_it_can_be(
    repository: Make, url: str, drifted: bool
) -> None:
    said = "FATAL: invalid value for DATABASE_URL: cannot be parsed"
    written = MANIFEST if drifted else MANIFEST.replace(URL, url)
    result = planned(edited("4", url, said=said), repository({"deploy/api.yaml": written}))
    assert result.reason.startswith("Drift: ") is drifted, result.reason
    assert "s3cr3t-pass" not in result.reason
