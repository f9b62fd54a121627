"""Where values may come from, and that nothing else is ever taken."""

from __future__ import annotations

import copy
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from selfheal.cluster.quantity import quantity
from selfheal.config.model import Policy
from selfheal.faults.interface import AtLeast, Exact, FieldEdit, LastGood, NearName, OneOf
from selfheal.incidents.record import Analysis, Evidence, ObjectRef
from selfheal.incidents.record import LastGood as Earlier
from selfheal.repair import amounts
from selfheal.repair.contract import ContractBroken, prove, varies
from selfheal.repair.goal import Goal, permitted
from selfheal.repair.values import NoValue, Sources, decide

REF = ObjectRef(kind="Deployment", namespace="shop", name="cart")
C = "/spec/template/spec/containers/name=app"
OBJ: dict[str, Any] = {
    "kind": "Deployment",
    "metadata": {"name": "cart", "namespace": "shop"},
    "spec": {
        "replicas": 2,
        "template": {
            "spec": {
                "securityContext": {"fsGroup": 999},
                "containers": [
                    {
                        "name": "app",
                        "image": "ghcr.io/acme/cart:2",
                        "env": [{"name": "A", "value": "1"}, {"name": "B", "value": "2"}],
                        "readinessProbe": {"httpGet": {"path": "/healthzz", "port": 81}},
                        "resources": {"limits": {"memory": "128Mi"}, "requests": {"cpu": "100m"}},
                    }
                ],
            }
        },
    },
}


def decided(field: str, query: Any, *, siblings: Any = (), past: Any = (), **more: Any) -> Goal:
    analysis = Analysis(verdict="fault", **more)
    sources = Sources(
        analysis=analysis, policy=Policy(), past=lambda edit: iter(past), siblings=lambda edit: siblings
    )
    return decide(FieldEdit(REF, field, query), OBJ, sources)


def other(value: Any, field: tuple[str, ...]) -> dict[str, Any]:
    """An object of another environment that has ``value`` at a probe's path or port, or an image."""
    container: dict[str, Any] = {
        "name": "app",
        "image": "ghcr.io/acme/cart:2",
        "readinessProbe": {"httpGet": {}},
    }
    if field == ("image",):
        container["image"] = value
    else:
        container["readinessProbe"]["httpGet"][field[-1]] = value
    return {"spec": {"template": {"spec": {"containers": [container]}}}}


def test_a_near_name_is_taken_only_when_it_is_plainly_meant() -> None:
    field = f"{C}/env/name=A/valueFrom/configMapKeyRef/name"
    assert (
        decided(field, LastGood(NearName("ConfigMap", "app-config", ("app-configuration", "other")))).value
        == "app-configuration"
    )
    with pytest.raises(NoValue):
        decided(field, LastGood(NearName("ConfigMap", "app-config", ("zebra", "other"))))
    with pytest.raises(NoValue):
        decided(field, LastGood(NearName("ConfigMap", "cart-a", ("cart-b", "cart-c"))))


@pytest.mark.parametrize(
    ("before", "other", "meant"),
    [
        ("/health", "/ping", True),
        ("/livez", "/healthz", False),  # It was made for liveness, and such a path may exist.
        ("/health", "/readyz", False),
        ("/health", "/", False),
    ],
)
def test_the_path_of_another_probe_counts_when_it_asks_for_health_in_general(
    before: str, other: str, meant: bool
) -> None:
    obj = copy.deepcopy(OBJ)
    obj["spec"]["template"]["spec"]["containers"][0]["readinessProbe"]["httpGet"]["path"] = before
    edit = FieldEdit(REF, f"{C}/readinessProbe/httpGet/path", LastGood(Exact(other, "another probe")))
    sources = Sources(analysis=Analysis(verdict="fault"), policy=Policy())
    if meant:
        assert decide(edit, obj, sources).value == other
    else:
        with pytest.raises(NoValue):
            decide(edit, obj, sources)


@pytest.mark.parametrize(
    ("field", "without", "op"),
    [
        ("/spec/template/spec/serviceAccountName", "git history, without it", "remove"),
        ("/spec/template/spec/serviceAccountName", "", None),
        (f"{C}/image", "git history, without it", None),  # No container is without one.
    ],
)
def test_a_field_that_came_lately_goes_where_a_workload_may_do_without(
    field: str, without: str, op: str | None
) -> None:
    obj = copy.deepcopy(OBJ)
    obj["spec"]["template"]["spec"]["serviceAccountName"] = "database"
    sources = Sources(analysis=Analysis(verdict="fault"), policy=Policy(), without=lambda edit: without)
    edit = FieldEdit(REF, field, LastGood())
    if op is None:
        with pytest.raises(NoValue):
            decide(edit, obj, sources)
    else:
        goal = decide(edit, obj, sources)
        assert (goal.op, goal.value, goal.origin) == (op, None, without)


@pytest.mark.parametrize(
    ("lines", "right"),
    [
        (["cart", "{app: cart}", "app: cart", "ghcr.io/acme/cart:2", "carrt"], False),
        (["cart", "carrt", "app: carrt"], True),
        (["carts", "carting", "cart", "carrt"], True),  # Other words.
    ],
)
def test_a_name_that_all_the_repository_says_is_no_slip(lines: list[str], right: bool) -> None:
    obj = {"kind": "HorizontalPodAutoscaler", "spec": {"scaleTargetRef": {"name": "cart"}}}
    edit = FieldEdit(
        REF, "/spec/scaleTargetRef/name", LastGood(Exact("carrt", "the Deployment carrt exists"))
    )
    sources = Sources(analysis=Analysis(verdict="fault"), policy=Policy(), lines=lambda: lines)
    if right:
        assert decide(edit, obj, sources).value == "carrt"
    else:
        with pytest.raises(NoValue, match="only once"):
            decide(edit, obj, sources)


def test_the_hash_of_a_generated_name_is_no_part_of_the_word() -> None:
    obj = {"kind": "Deployment", "spec": {"volumes": [{"name": "c", "configMap": {"name": "server-config"}}]}}
    query = LastGood(Exact("srver-config-bkgt49g86h", "it exists"))
    edit = FieldEdit(REF, "/spec/volumes/name=c/configMap/name", query)
    lines = ["server", "app: server", "server-config", "srver-config"]
    with pytest.raises(NoValue, match="only once"):
        decide(edit, obj, Sources(analysis=Analysis(verdict="fault"), policy=Policy(), lines=lambda: lines))


def test_an_earlier_name_counts_only_while_it_exists() -> None:
    field = f"{C}/env/name=A/valueFrom/configMapKeyRef/name"
    good = (Earlier(field=field, value="gone", origin="ReplicaSet shop/cart-1"),)
    query = LastGood(NearName("ConfigMap", "app-config", ("app-configuration",)))
    assert decided(field, query, last_good=good).value == "app-configuration"


def test_siblings_teach_paths_and_ports_and_never_images() -> None:
    path, port = f"{C}/readinessProbe/httpGet/path", f"{C}/readinessProbe/httpGet/port"
    found = decided(path, LastGood(), siblings=[("overlays/dev", other("/ready", ("path",)))])
    assert (found.value, found.origin) == ("/ready", "overlays/dev")
    assert decided(port, LastGood(), siblings=[("overlays/dev", other(8080, ("port",)))]).value == 8080
    for field, obj in ((f"{C}/image", other("ghcr.io/acme/cart:1", ("image",))),):
        with pytest.raises(NoValue):
            decided(field, LastGood(), siblings=[("overlays/dev", obj)])
    with pytest.raises(NoValue):
        decided(path, LastGood(), siblings=[("a", other("/x", ("path",))), ("b", other("/y", ("path",)))])


def test_a_sibling_with_another_version_teaches_no_path_but_a_slip() -> None:
    path = f"{C}/readinessProbe/httpGet/path"
    for told, right in (("/ready", False), ("/healthz", True)):
        older = other(told, ("path",))
        older["spec"]["template"]["spec"]["containers"][0]["image"] = "ghcr.io/acme/cart:1"
        if right:
            assert decided(path, LastGood(), siblings=[("overlays/dev", older)]).value == told
        else:
            with pytest.raises(NoValue):
                decided(path, LastGood(), siblings=[("overlays/dev", older)])


def test_a_probes_path_is_not_guessed_from_another_probe() -> None:
    field = f"{C}/readinessProbe/httpGet/path"
    assert decided(field, LastGood(Exact("/healthz", "the liveness probe"))).value == "/healthz"
    for query in (Exact("/live", "the liveness probe"), OneOf(("/live",), "other probes")):
        with pytest.raises(NoValue):
            decided(field, LastGood(query))


def test_one_of_several_needs_confirmation() -> None:
    field = f"{C}/readinessProbe/httpGet/port"
    query = LastGood(OneOf((8080, 9090), "the container's ports"))
    with pytest.raises(NoValue):
        decided(field, query)
    assert decided(field, query, past=[(9090, "git history")]).value == 9090
    assert decided(field, LastGood(OneOf((8080,), "the container's port"))).value == 8080
    with pytest.raises(NoValue):
        decided(field, query, past=[(7070, "git history")])


def test_what_other_programs_need_or_run_as_is_no_value() -> None:
    with pytest.raises(NoValue):
        decided(f"{C}/resources/requests/memory", LastGood(OneOf(("64Mi",), "requests in the namespace")))
    user = f"{C}/securityContext/runAsUser"
    with pytest.raises(NoValue):
        decided(user, LastGood(Exact(1000, "users of other workloads")))
    assert decided(user, LastGood(Exact(999, "users of other workloads"))).value == 999


def test_a_raise_is_bounded_and_keeps_its_unit() -> None:
    memory = f"{C}/resources/limits/memory"
    assert decided(memory, AtLeast(2.0)).value == "256Mi"
    assert decided(memory, AtLeast(9.0)).value == "256Mi"
    assert decided(memory, AtLeast(2.0, "300Mi")).value == "300Mi"
    with pytest.raises(NoValue):
        decided(memory, AtLeast(2.0), past=[("32Mi", "git")])
    assert decided(f"{C}/readinessProbe/timeoutSeconds", AtLeast(2.0)).value == 2


@pytest.mark.parametrize(
    ("value", "factor", "raised"),
    [("128Mi", 2, "256Mi"), ("1.5Gi", 2, "3Gi"), ("1", 1.5, "1500m"), (3, 1.5, 5), ("0.5", 2, "1"), ("1Gi", 1.5, "1536Mi"), ("x", 2, None)],
)  # fmt: skip
def test_amounts(value: Any, factor: float, raised: Any) -> None:
    assert amounts.times(value, factor) == raised


@given(
    st.integers(1, 10**6),
    st.sampled_from(["", "m", "Ki", "Mi", "Gi", "k", "M", "G"]),
    st.sampled_from([1.25, 1.5, 2.0, 3.0]),
)
def test_a_raised_amount_is_at_least_that_much(number: int, unit: str, factor: float) -> None:
    raised = quantity(amounts.times(f"{number}{unit}", factor))
    before = quantity(f"{number}{unit}")
    assert raised is not None and before is not None
    assert float(raised) >= float(before) * factor * 0.999999


def test_a_position_in_a_list_counts_only_for_the_same_item() -> None:
    field = f"{C}/env/1"
    seen = Evidence(
        id="e1", source="object", object=REF, field=f"{field}/name", value="Z", message="hides the first"
    )
    edit = FieldEdit(REF, field, Exact(None, "x"), "remove")
    sources = Sources(analysis=Analysis(verdict="fault", evidence=(seen,)), policy=Policy())
    with pytest.raises(NoValue):
        decide(edit, OBJ, sources)
    same = seen.model_copy(update={"value": "B"})
    sources = Sources(analysis=Analysis(verdict="fault", evidence=(same,)), policy=Policy())
    assert decide(edit, OBJ, sources).op == "remove"


def test_a_fault_writes_only_the_fields_it_declares() -> None:
    assert permitted("/spec/a/b", ("/spec/*/b",))
    assert not permitted("/spec/a/b/c", ("/spec/*/b",)) and not permitted("/spec/a", ("/spec/*/b",))


# The render contract


def config(name: str, **data: str) -> dict[str, Any]:
    return {"kind": "ConfigMap", "metadata": {"name": name, "namespace": "shop"}, "data": data}


def test_a_generated_name_and_a_checksum_are_consequences() -> None:
    def pod(name: str, checksum: str) -> dict[str, Any]:
        return {
            "kind": "Deployment",
            "metadata": {"name": "cart", "namespace": "shop"},
            "spec": {"template": {"metadata": {"annotations": {"checksum/config": checksum}}, "from": name}},
        }

    before = [config("app-aaaaaaaaaa", A="1"), pod("app-aaaaaaaaaa", "0a" * 20)]
    after = [config("app-bbbbbbbbbb", A="2"), pod("app-bbbbbbbbbb", "0b" * 20)]
    ref = ObjectRef(kind="ConfigMap", namespace="shop", name="app-aaaaaaaaaa")
    proven = prove(before, after, [Goal(ref, "/data/A", "set", "2", "1", "")])
    assert {item.field for item in proven.consequences} == {
        "/metadata/name", "/spec/template/metadata/annotations/checksum~1config",
    }  # fmt: skip
    with pytest.raises(ContractBroken):
        prove(
            before,
            [after[0], pod("app-bbbbbbbbbb", "evil text")],
            [Goal(ref, "/data/A", "set", "2", "1", "")],
        )


def test_whatever_else_changes_breaks_the_contract() -> None:
    ref = ObjectRef(kind="ConfigMap", namespace="shop", name="a")
    goal = [Goal(ref, "/data/A", "set", "2", "1", "")]
    before = [config("a", A="1", B="1"), config("b")]
    assert prove(before, [config("a", A="2", B="1"), config("b")], goal).changes[0].after == "2"
    for after in (
        [config("a", A="2", B="2"), config("b")],
        [config("a", A="2", B="1"), config("b", C="1")],
        [config("a", A="2", B="1")],
        [config("a", A="2", B="1"), config("b"), config("c")],
        [config("a", A="3", B="1"), config("b")],
        before,
    ):
        with pytest.raises(ContractBroken):
            prove(before, after, goal)


def test_numbers_and_texts_are_different_values() -> None:
    ref = ObjectRef(kind="Service", namespace="shop", name="s")
    before = [{"kind": "Service", "metadata": {"name": "s", "namespace": "shop"}, "port": 1}]
    after = [{"kind": "Service", "metadata": {"name": "s", "namespace": "shop"}, "port": "2"}]
    with pytest.raises(ContractBroken):
        prove(before, after, [Goal(ref, "/port", "set", 2, 1, "")])


def test_objects_that_come_and_go_by_themselves_prove_nothing() -> None:
    with pytest.raises(ContractBroken):
        varies([config("a")], [config("a"), config("b")])
