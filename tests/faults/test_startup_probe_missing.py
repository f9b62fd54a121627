"""startup-probe-missing: slow programs, and probes that would never succeed."""

from __future__ import annotations

from selfheal.faults.interface import AtLeast, LastGood
from tests.faults.kit import event, found, get, only, remedy, root
from tests.faults.test_liveness_probe_misconfigured import PORTS, REFUSED, http, probed
from tests.support.cluster import Cluster, container, crashing, running


def test_killed_before_it_is_up() -> None:
    cluster = probed(http(), REFUSED)
    finding = only("startup-probe-missing", cluster)
    (edit,) = remedy(finding).edits
    assert edit.field == "/spec/template/spec/containers/name=app/startupProbe"
    assert finding.facts["probe"]["httpGet"] == {"port": 8080, "path": "/livez"}
    assert root(cluster)[0] == "startup-probe-missing"


def test_budget_of_the_startup_probe() -> None:
    cluster = Cluster()
    spec = {"containers": [container(ports=PORTS, startupProbe=http(), livenessProbe=http())]}
    cluster.deployment("api", spec, status=running(ready=False, since=20, restartCount=3))
    pod = get(cluster, "Pod", "api-new-0")
    event(cluster, pod, "Unhealthy", REFUSED.replace("Liveness", "Startup"))
    event(cluster, pod, "Killing", "Container app failed startup probe, will be restarted")
    finding = only("startup-probe-missing", cluster)
    assert finding.variant == "budget"
    assert remedy(finding).edits[0].value == LastGood(AtLeast(2.0, "30"))


def test_lookalike_a_port_it_never_opens() -> None:
    assert not found("startup-probe-missing", probed(http(9090), REFUSED.replace("8080", "9090")))


def test_lookalike_ends_by_itself() -> None:
    cluster = Cluster()
    cluster.deployment(
        "api", {"containers": [container(ports=PORTS, livenessProbe=http())]}, status=crashing("Error", 1)
    )
    event(cluster, get(cluster, "Pod", "api-new-0"), "Unhealthy", REFUSED)
    assert not found("startup-probe-missing", cluster)
