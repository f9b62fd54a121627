"""The render contract: exactly the goals, what follows from them, and what may come along."""

from __future__ import annotations

from typing import Any

import pytest

from selfheal.incidents.record import ObjectRef
from selfheal.repair.contract import ContractBroken, prove
from selfheal.repair.goal import Along, Goal

IMAGE = "/spec/template/spec/containers/name=app/image"


def deployment(name: str, image: str, version: str = "", **env: str) -> dict[str, Any]:
    labels = {"app.kubernetes.io/version": version} if version else {}
    container = {
        "name": "app",
        "image": image,
        "env": [{"name": key, "value": value} for key, value in env.items()],
    }
    return {
        "apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": name, "namespace": "shop", "labels": labels},
        "spec": {"template": {"metadata": {"labels": dict(labels)}, "spec": {"containers": [container]}}},
    }  # fmt: skip


def ref(name: str) -> ObjectRef:
    return ObjectRef(kind="Deployment", namespace="shop", name=name)


def goal(name: str, before: str, after: str, *along: Along) -> Goal:
    return Goal(ref(name), IMAGE, "set", after, before, "revision 1", along=along)


def test_another_object_with_the_fault_may_get_back_what_it_was():
    wrong, right = "ghcr.io/acm/web:1", "ghcr.io/acme/web:1"
    before = [deployment("web", wrong), deployment("api", wrong)]
    after = [deployment("web", right), deployment("api", right)]
    asked = goal("web", wrong, right, Along(ref("api"), IMAGE, right, "revision 4 of api"))
    proven = prove(before, after, [asked])
    assert [(str(item.object), item.before, item.after, item.origin) for item in proven.changes] == [
        ("Deployment shop/web", wrong, right, "revision 1"),
        ("Deployment shop/api", wrong, right, "revision 4 of api"),
    ]
    # It may, it need not; and nothing else of it may change.
    assert len(prove(before, [after[0], before[1]], [asked]).changes) == 1
    for other in (deployment("api", "ghcr.io/acme/web:2"), deployment("api", right, LEVEL="debug")):
        with pytest.raises(ContractBroken):
            prove(before, [after[0], other], [asked])


def test_an_object_that_nobody_named_stays_as_it_is():
    before = [deployment("web", "a:1"), deployment("api", "a:1")]
    after = [deployment("web", "a:2"), deployment("api", "a:2")]
    with pytest.raises(ContractBroken, match="shop/api"):
        prove(before, after, [goal("web", "a:1", "a:2")])


def test_labels_that_tell_the_images_tag_follow_it():
    before = [deployment("web", "a:1.0", "1.0"), deployment("api", "b:7", "1.0")]
    after = [deployment("web", "a:1.1", "1.1"), deployment("api", "b:7", "1.1")]
    proven = prove(before, after, [goal("web", "a:1.0", "a:1.1")])
    assert len(proven.changes) == 1
    assert {str(item.object) for item in proven.consequences} == {
        "Deployment shop/web",
        "Deployment shop/api",
    }


def test_a_label_that_tells_something_else_does_not():
    before, after = [deployment("web", "a:1.0", "1.0")], [deployment("web", "a:1.1", "2.0")]
    with pytest.raises(ContractBroken):
        prove(before, after, [goal("web", "a:1.0", "a:1.1")])


def test_a_selector_that_asks_for_the_tag_is_no_consequence():
    def service(version: str) -> dict[str, Any]:
        selector = {"app.kubernetes.io/version": version}
        return {
            "kind": "Service",
            "metadata": {"name": "web", "namespace": "shop"},
            "spec": {"selector": selector},
        }

    before = [deployment("web", "a:1.0", "1.0"), service("1.0")]
    after = [deployment("web", "a:1.1", "1.1"), service("1.1")]
    with pytest.raises(ContractBroken, match="Service"):
        prove(before, after, [goal("web", "a:1.0", "a:1.1")])


def test_what_a_removal_leaves_empty_may_go_with_it_where_that_means_the_same():
    before = deployment("web", "a:1", LEVEL="debug")
    gone = Goal(
        ref("web"), f"{IMAGE.removesuffix('image')}env/name=LEVEL", "remove", None, {"name": "LEVEL"}, ""
    )
    empty, absent = deployment("web", "a:1"), deployment("web", "a:1")
    del absent["spec"]["template"]["spec"]["containers"][0]["env"]
    assert prove([before], [empty], [gone]) and prove([before], [absent], [gone])
    policy = {
        "kind": "NetworkPolicy",
        "metadata": {"name": "p", "namespace": "shop"},
        "spec": {"ingress": [{"from": []}]},
    }
    every = ObjectRef(kind="NetworkPolicy", namespace="shop", name="p")
    with pytest.raises(ContractBroken):
        # No rule at all and no list of rules are not the same.
        prove([policy], [{**policy, "spec": {}}], [Goal(every, "/spec/ingress/0", "remove", None, {}, "")])
