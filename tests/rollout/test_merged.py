"""Whether what runs is what was merged."""

from __future__ import annotations

import copy

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from selfheal.incidents.record import ObjectRef, RenderedChange
from selfheal.rollout import runs_what_was_merged
from selfheal.rollout.compare import differences
from tests.rollout.world import FIELD, REF, healthy, manifest, scene
from tests.support.cluster import Cluster, ago, container, running

CHANGE = RenderedChange(object=REF, field=FIELD, before="64Mi", after="128Mi")


def asked(snapshot, *, expected=None, changes=(CHANGE,), about=()):
    return runs_what_was_merged(
        [manifest()] if expected is None else expected,
        snapshot,
        changes=changes,
        about=about,
        namespace="shop",
    )


def test_it_runs():
    found = asked(healthy())
    assert (found.arrived, found.whole, found.reasons) == (True, True, ())


def test_an_older_value_has_not_arrived():
    for parts in ({"changes": ()}, {"expected": []}, {}):
        found = asked(scene("64Mi"), **parts)
        assert found.arrived is False and "64Mi" in found.reasons[0]


def test_the_same_quantity_in_other_words_is_the_same():
    assert asked(scene("131072Ki"), changes=()).arrived is True
    assert asked(scene("0.125Gi")).arrived is True


def test_old_pods_that_are_left_mean_not_all_of_it():
    found = asked(scene("128Mi", before="64Mi"))
    assert (found.arrived, found.whole) == (True, False)
    assert "checkout-old-1" in found.reasons[0]


def test_a_newest_replica_set_of_another_template_means_the_controller_is_not_there_yet():
    def edited(cluster):
        sets = [obj for obj in cluster.objects if obj["kind"] == "ReplicaSet"]
        template = copy.deepcopy(sets[-1]["spec"]["template"])
        template["spec"]["containers"][0]["resources"] = {"limits": {"memory": "64Mi"}}
        sets[-1]["spec"]["template"] = template

    found = asked(scene("128Mi", extra=edited))
    assert found.arrived is False and "newest ReplicaSet" in found.reasons[0]


def test_the_controllers_own_label_on_the_template_is_no_difference():
    def hashed(cluster):
        for obj in cluster.objects:
            if obj["kind"] == "ReplicaSet":
                obj["spec"]["template"] = copy.deepcopy(obj["spec"]["template"])
                obj["spec"]["template"]["metadata"]["labels"]["pod-template-hash"] = "abc"
                obj["metadata"]["labels"] = {"app": "checkout", "pod-template-hash": "abc"}
            if obj["kind"] == "Pod":
                obj["metadata"]["labels"] = {"app": "checkout", "pod-template-hash": "abc"}

    assert asked(scene("128Mi", extra=hashed)).whole is True


@pytest.mark.parametrize("kind", ["ReplicaSet", "Pod"])
def test_what_was_not_read_is_unknown(kind):
    assert asked(healthy(without=(kind,))).arrived is None


def test_a_workload_that_was_not_read_is_unknown():
    cluster = Cluster()
    cluster.unread.add("Deployment")
    assert asked(cluster.snapshot()).arrived is None


def test_nothing_to_compare_is_unknown():
    assert runs_what_was_merged([], healthy()).arrived is None


def test_a_missing_object_has_not_arrived():
    missing = RenderedChange(
        object=ObjectRef(kind="ConfigMap", namespace="shop", name="conf"), field="/data/A", after="1"
    )
    found = asked(healthy(), changes=(missing,))
    assert found.arrived is False and "does not exist" in found.reasons[0]


def test_config_maps_and_services():
    cluster = Cluster()
    cluster.add("ConfigMap", "conf", data={"A": "1", "added": "x"})
    cluster.service("web", {"app": "web"})
    snapshot = cluster.snapshot()
    conf = {"kind": "ConfigMap", "metadata": {"name": "conf"}, "data": {"A": "1"}}
    service = {
        "kind": "Service",
        "metadata": {"name": "web"},
        "spec": {"selector": {"app": "web"}, "ports": [{"port": 8080}]},
    }
    assert runs_what_was_merged([conf, service], snapshot, namespace="shop").arrived is True
    for wrong in ({**conf, "data": {"A": "2"}}, {**service, "spec": {"selector": {"app": "x"}}}):
        assert runs_what_was_merged([wrong], snapshot, namespace="shop").arrived is False
    gone = RenderedChange(
        object=ObjectRef(kind="ConfigMap", namespace="shop", name="conf"), field="/data/added", after=None
    )
    assert runs_what_was_merged([], snapshot, changes=[gone]).arrived is False


def test_secrets_are_never_read_so_never_proven():
    cluster = Cluster()
    cluster.unread.add("Secret")
    secret = {"kind": "Secret", "metadata": {"name": "s"}, "data": {"A": "MQ=="}}
    assert runs_what_was_merged([secret], cluster.snapshot(), namespace="shop").arrived is None


def _revisions(kind, marks, *, newest="new", status=None):
    cluster = Cluster()
    labels = {"app": "it"}
    spec = {"containers": [container()]}
    top = cluster.add(
        kind,
        "it",
        spec={"replicas": 2, "template": {"metadata": {"labels": labels}, "spec": spec}},
        status=status or {},
    )
    for number, mark in enumerate(("old", newest), start=1):
        cluster.owned(
            top,
            "ControllerRevision",
            f"it-{mark}",
            metadata={"labels": {"controller-revision-hash": mark}},
            revision=number,
        )
    for number, mark in enumerate(marks):
        extra = {"controller-revision-hash": mark} if mark else {}
        cluster.pod(top, f"it-{number}", spec, running(), {**labels, **extra})
    expected = {
        "kind": kind, "metadata": {"name": "it"},
        "spec": {"template": {"metadata": {"labels": labels}, "spec": spec}},
    }  # fmt: skip
    found = runs_what_was_merged([expected], cluster.snapshot(), namespace="shop")
    return found.arrived, found.whole


@pytest.mark.parametrize(
    ("marks", "expected"),
    [(("new", "new"), (True, True)), (("new", "old"), (True, False)), (("new", ""), (None, None))],
)
def test_pods_by_revision(marks, expected):
    assert _revisions("DaemonSet", marks) == expected
    assert _revisions("StatefulSet", marks, status={"updateRevision": "new"}) == expected


def test_a_stateful_set_that_names_no_revision_is_unknown():
    assert _revisions("StatefulSet", ("new",)) == (None, None)


@pytest.mark.parametrize(
    ("status", "expected"),
    [
        ({"desiredNumberScheduled": 2, "updatedNumberScheduled": 2}, (True, True)),
        ({"desiredNumberScheduled": 2, "updatedNumberScheduled": 1}, (True, False)),
        ({"desiredNumberScheduled": 2}, (None, None)),
    ],
)
def test_a_daemon_set_whose_revisions_cannot_be_read_goes_by_its_controllers_count(status, expected):
    cluster = Cluster()
    template = {"metadata": {"labels": {"app": "it"}}, "spec": {"containers": [container()]}}
    cluster.add("DaemonSet", "it", spec={"template": template}, status=status)
    manifest = {"kind": "DaemonSet", "metadata": {"name": "it"}, "spec": {"template": template}}
    found = runs_what_was_merged([manifest], cluster.snapshot(), namespace="shop")
    assert (found.arrived, found.whole) == expected


@pytest.mark.parametrize(("image", "whole"), [("new", True), ("old", False), (None, False)])
def test_a_cron_job_has_to_have_run_with_its_newest_template(image, whole):
    def template(name):
        return {"spec": {"containers": [{"name": "app", "image": name}]}}

    cluster = Cluster()
    top = cluster.add("CronJob", "it", spec={"jobTemplate": {"spec": {"template": template("new")}}})
    if image:
        cluster.owned(
            top, "Job", "it-1", metadata={"creationTimestamp": ago(5)}, spec={"template": template(image)}
        )
    expected = {
        "kind": "CronJob",
        "metadata": {"name": "it"},
        "spec": {"jobTemplate": {"spec": {"template": template("new")}}},
    }
    found = runs_what_was_merged([expected], cluster.snapshot(), namespace="shop")
    assert (found.arrived, found.whole) == (True, whole)


# -- compare ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("expected", "found", "fields"),
    [
        ({"a": 1}, {"a": 1, "defaulted": True}, []),
        ({"a": None, "b": [], "c": {}, "d": False, "e": ""}, {}, []),
        ({"a": True}, {}, ["/a"]),
        ({"a": 1}, {"a": True}, ["/a"]),
        ({"a": "1"}, {"a": 1}, ["/a"]),
        ({"a": 1}, {"a": 1.0}, []),
        ({"limits": {"cpu": "500m"}}, {"limits": {"cpu": 0.5}}, []),
        ({"limits": {"cpu": "500m"}}, {"limits": {"cpu": "600m"}}, ["/limits/cpu"]),
        # A variable's value is text, not a quantity.
        ({"env": [{"name": "A", "value": "1000m"}]}, {"env": [{"name": "A", "value": "1"}]}, ["/env/name=A/value"]),
        ({"containers": [{"name": "b", "image": "x"}]},
         {"containers": [{"name": "sidecar"}, {"name": "b", "image": "x", "pull": "y"}]}, []),
        ({"containers": [{"name": "b", "image": "x"}]}, {"containers": [{"name": "sidecar"}]}, ["/containers/name=b"]),
        ({"ports": [{"containerPort": 80}]}, {"ports": [{"containerPort": 80, "protocol": "TCP"}]}, []),
        ({"ports": [{"containerPort": 53, "protocol": "UDP"}]},
         {"ports": [{"containerPort": 53, "protocol": "TCP"}]}, ["/ports/containerPort=53"]),
        ({"args": ["a", "b"]}, {"args": ["b", "a"]}, ["/args/0", "/args/1"]),
        ({"args": ["a"]}, {"args": ["a", "b"]}, ["/args"]),
        ({"volumeMounts": [{"mountPath": "/d", "name": "v"}]},
         {"volumeMounts": [{"mountPath": "/t", "name": "token"}, {"mountPath": "/d", "name": "v", "readOnly": True}]}, []),
        ({"a": {"b/c": 1}}, {"a": {"b/c": 2}}, ["/a/b~1c"]),
        ({"a": {"b": 1}}, {"a": 3}, ["/a"]),
        ({"a": [1]}, {"a": None}, ["/a"]),
    ],
)  # fmt: skip
def test_differences(expected, found, fields):
    assert [item.field for item in differences(expected, found)] == fields


_JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-5, 5) | st.text("abc", max_size=3),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(["name", "env", "ports", "a", "port"]), inner, max_size=3),
    max_leaves=12,
)  # fmt: skip


@settings(max_examples=200, deadline=None)
@given(_JSON)
def test_a_value_never_differs_from_itself_in_a_way_that_depends_on_order(value):
    first = list(differences(value, copy.deepcopy(value)))
    # Two list elements of one identity are the only way to differ from oneself: the last of them counts.
    if first:
        assert any("=" in item.field for item in first)


@settings(max_examples=200, deadline=None)
@given(_JSON, _JSON)
def test_any_two_values_can_be_compared(left, right):
    list(differences(left, right))
