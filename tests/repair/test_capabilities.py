"""Charts are rendered, and objects checked, for the cluster that they are deployed to."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from selfheal.cluster.snapshot import Snapshot
from selfheal.cluster.version import kubernetes_version
from selfheal.config import Settings, load
from selfheal.errors import ConfigurationProblem
from selfheal.incidents.record import Analysis
from selfheal.repair.capabilities import Capabilities, capabilities
from selfheal.repair.schema import problem_of
from selfheal.repair.sources import render
from selfheal.repair.tools import Tools, tools_for
from selfheal.repository.foldertree import FolderTree
from tests.support.cluster import NOW

Make = Callable[[dict[str, str]], FolderTree]


def nodes(*versions: str) -> Snapshot:
    objects: list[dict[str, Any]] = [
        {
            "kind": "Node",
            "metadata": {"name": f"n{number}"},
            "status": {"nodeInfo": {"kubeletVersion": version}},
        }
        for number, version in enumerate(versions)
    ]
    objects.append(
        {
            "kind": "CustomResourceDefinition",
            "metadata": {"name": "x"},
            "spec": {
                "group": "example.com",
                "names": {"kind": "Robot"},
                "versions": [{"name": "v1", "served": True}, {"name": "v0", "served": False}],
            },
        }
    )
    return Snapshot(objects, coverage={"Node": None, "CustomResourceDefinition": None}, taken_at=NOW)


def test_the_newest_node_tells_the_version() -> None:
    assert kubernetes_version(nodes("v1.32.9-eks-1", "v1.33.2+k3s1", "odd", "v1.9.1")) == "1.33.2"
    assert kubernetes_version(nodes()) == ""


def test_settings_come_before_the_snapshot_and_that_before_the_analysis() -> None:
    analysis = Analysis(verdict="fault", kube_version="1.30.1")
    assert capabilities(Settings(), analysis).version == "1.30.1"
    edited = analysis.model_copy(update={"kube_version": "--post-renderer=x"})
    assert capabilities(Settings(), edited).version == ""
    found = capabilities(Settings(), analysis, nodes("v1.33.2"))
    assert found == Capabilities("1.33.2", ("example.com/v1", "example.com/v1/Robot"))
    set_by_hand = load(
        environ={
            "SELFHEAL_RENDERING_KUBE_VERSION": "v1.29",
            "SELFHEAL_RENDERING_API_VERSIONS": "a.io/v1,b.io/v1/B",
        }
    )
    assert capabilities(set_by_hand, analysis, nodes()).version == "1.29"
    assert {"a.io/v1", "b.io/v1/B"} <= set(capabilities(set_by_hand).api_versions)


@pytest.mark.parametrize("value", ["--debug", "1", "1.2.3.4", "latest", "1.29 --post-renderer x"])
def test_a_version_that_is_none_is_refused(value: str) -> None:
    with pytest.raises(ConfigurationProblem):
        load(environ={"SELFHEAL_RENDERING_KUBE_VERSION": value})
    with pytest.raises(ConfigurationProblem):
        load(environ={"SELFHEAL_RENDERING_API_VERSIONS": f"-{value}"})


TEMPLATE = """\
apiVersion: v1
kind: ConfigMap
metadata: {name: x}
data:
  version: {{ .Capabilities.KubeVersion.Version | quote }}
  robots: {{ .Capabilities.APIVersions.Has "example.com/v1/Robot" | quote }}
"""


def test_a_chart_sees_the_cluster(repository: Make, tools: Tools) -> None:
    tree = repository(
        {"Chart.yaml": "apiVersion: v2\nname: x\nversion: 0.1.0\n", "templates/x.yaml": TEMPLATE}
    )
    knowing = tools_for(Settings(), None, nodes("v1.31.4"), tools)
    assert render(tree, "", tools=knowing)[0]["data"] == {"version": "v1.31.4", "robots": "true"}
    assert render(tree, "", tools=tools)[0]["data"]["robots"] == "false"
    # One that knows the same already goes on with what it remembers.
    assert knowing.knowing(knowing.capabilities) is knowing


def test_the_programs_are_named_by_the_environment_alone() -> None:
    settings = load(environ={"SELFHEAL_KUBECTL": "/opt/kubectl", "SELFHEAL_HELM": "/opt/helm"})
    with pytest.raises(ConfigurationProblem, match="/opt/helm"):
        tools_for(settings).find("helm")
    with pytest.raises(ConfigurationProblem, match="/opt/kubectl"):
        tools_for(settings).find("kubectl")
    for name in ("kubectl", "helm"):
        with pytest.raises(ConfigurationProblem, match="only the environment"):
            load(file_text=f"{name}: ./evil\n", environ={})


def test_an_object_is_checked_by_the_schema_of_the_clusters_version() -> None:
    job = {
        "apiVersion": "batch/v1",
        "kind": "Job",
        "metadata": {"name": "x"},
        "spec": {
            "podReplacementPolicy": "Failed",
            "template": {"spec": {"containers": [{"name": "x", "image": "y:1"}], "restartPolicy": "Never"}},
        },
    }
    assert problem_of(job) == "" and problem_of(job, "1.33.2") == ""
    assert "podReplacementPolicy" in (problem_of(job, "1.25.3") or "")
