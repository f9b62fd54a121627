"""bad-release: a new image that fails beside an old one that works."""

from __future__ import annotations

from selfheal.faults.interface import Release
from tests.faults.kit import event, found, get, only, remedy, root
from tests.support.cluster import Cluster, container, crashing, running

OLD, NEW = {"containers": [container(image="r/app:1")]}, {"containers": [container(image="r/app:2")]}


def test_new_release_crashes_old_one_serves() -> None:
    cluster = Cluster()
    cluster.deployment("api", NEW, status=crashing("Error", 2), before=OLD)
    cluster.log("api-new-0", "app", "panic: nil map", previous=True)
    finding = only("bad-release", cluster)
    assert finding.facts["last_good"][0]["value"] == "r/app:1"
    assert remedy(finding).edits[0].value == Release(alone=True)
    assert root(cluster) == ("bad-release", "Deployment shop/api")


def test_more_than_the_image_came_with_the_release() -> None:
    cluster = Cluster()
    new = {"containers": [container(image="r/app:2", args=["--fast"])]}
    cluster.deployment("api", new, status=crashing("Error", 2), before=OLD)
    cluster.log("api-new-0", "app", "panic: nil map", previous=True)
    assert remedy(only("bad-release", cluster)).edits[0].value == Release(alone=False)


def test_new_release_never_ready() -> None:
    cluster = Cluster()
    cluster.deployment("api", NEW, status=running(ready=False, since=900), before=OLD)
    pod = get(cluster, "Pod", "api-new-0")
    event(cluster, pod, "Unhealthy", "Readiness probe failed: HTTP probe failed with statuscode: 500")
    assert root(cluster)[0] == "bad-release"


def test_lookalike_same_image() -> None:
    cluster = Cluster()
    cluster.deployment("api", NEW, status=crashing("Error", 2), before=NEW)
    assert not found("bad-release", cluster)


def test_lookalike_new_image_and_too_little_memory() -> None:
    cluster = Cluster()
    limited = {"containers": [container(image="r/app:2", resources={"limits": {"memory": "64Mi"}})]}
    cluster.deployment("api", limited, status=crashing("OOMKilled", 137), before=OLD)
    assert root(cluster)[0] == "oom-killed"


def test_lookalike_just_starting() -> None:
    cluster = Cluster()
    cluster.deployment("api", NEW, status=running(ready=False, since=10), before=OLD)
    assert not found("bad-release", cluster)


def test_never_ready_is_less_sure_while_no_event_says_what_the_probe_got() -> None:
    cluster = Cluster()
    cluster.deployment("api", NEW, status=running(ready=False, since=900), before=OLD)
    surely = only("bad-release", cluster).confidence
    cluster.unread.add("Event")
    assert only("bad-release", cluster).confidence < surely
