"""rbac-forbidden: which object withholds the right, and lines that are history."""

from __future__ import annotations

from typing import Any

import pytest

from tests.faults.kit import found, lines, only, remedy, root
from tests.support.cluster import Cluster, container

LINE = 'pods is forbidden: User "system:serviceaccount:shop:bot" cannot list resource "pods" in API group "" in the namespace "shop"'
RULES = [{"apiGroups": [""], "resources": ["pods"], "verbs": ["get", "list"]}]


def operator(
    *, rules: list[dict[str, Any]] | None = None, subject: str = "bot", ref: str = "reader", log: str = ""
) -> Cluster:
    cluster = Cluster()
    cluster.deployment("operator", {"containers": [container()], "serviceAccountName": "bot"})
    cluster.log("operator-new-0", "app", log or lines(f"E {LINE}"))
    cluster.add("ServiceAccount", "bot")
    if rules is not None:
        cluster.add("Role", "reader", rules=rules)
        subjects = [{"kind": "ServiceAccount", "name": subject, "namespace": "shop"}]
        cluster.add("RoleBinding", "bot", roleRef={"kind": "Role", "name": ref}, subjects=subjects)
    return cluster


@pytest.mark.parametrize(("resource", "field"), [("pods", "/rules/0/verbs"), ("nodes", "/rules")])
def test_a_right_that_only_a_log_names_comes_from_history_or_not_at_all(resource: str, field: str) -> None:
    cluster = operator(rules=[{"apiGroups": [""], "resources": [resource], "verbs": ["get"]}])
    (edit,) = remedy(only("rbac-forbidden", cluster)).edits
    assert (edit.field, edit.value.fallback) == (field, None)
    assert root(cluster) == ("rbac-forbidden", "Role shop/reader")


def test_a_misspelled_resource_is_mended_in_its_rule() -> None:
    cluster = operator(rules=[{"apiGroups": [""], "resources": ["pod"], "verbs": ["list"]}])
    (edit,) = remedy(only("rbac-forbidden", cluster)).edits
    assert (edit.field, edit.value.fallback.value) == ("/rules/0/resources/0", "pods")


def test_a_line_about_another_account_asks_for_nothing() -> None:
    rules = [{"apiGroups": [""], "resources": ["pods"], "verbs": ["get"]}]
    assert not found(
        "rbac-forbidden", operator(rules=rules, log=lines("E " + LINE.replace(":bot", ":admin")))
    )


def test_binding_names_a_role_that_does_not_exist() -> None:
    cluster = operator(rules=RULES, ref="readers")
    finding = only("rbac-forbidden", cluster)
    assert (finding.variant, str(finding.object), finding.facts["wanted"]) == (
        "role-missing",
        "RoleBinding shop/bot",
        "reader",
    )


def test_binding_names_an_account_that_does_not_exist() -> None:
    finding = only("rbac-forbidden", operator(rules=RULES, subject="bott"))
    assert (finding.facts["field"], finding.facts["wanted"]) == ("/subjects/0/name", "bot")


def test_nothing_is_bound() -> None:
    finding = only("rbac-forbidden", operator())
    assert (finding.variant, str(finding.object)) == ("binding", "ServiceAccount shop/bot")
    assert remedy(finding).escalate


def test_lookalike_the_right_is_there_by_now() -> None:
    assert not found("rbac-forbidden", operator(rules=RULES))


def test_lookalike_a_line_of_long_ago() -> None:
    assert not found("rbac-forbidden", operator(log=f"2026-11-22T09:00:00Z {LINE}\n" + lines("all well")))
