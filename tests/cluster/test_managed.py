"""Who wrote a field last: the FieldsV1 of server-side apply, read beside the object."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from selfheal.cluster.managed import Writer, last_writer

ENV = "/spec/template/spec/containers/name=app/env/name=WORKERS/value"


def fields(*, value: bool = True, image: bool = False) -> dict[str, Any]:
    variable = {".": {}, "f:name": {}, **({"f:value": {}} if value else {})}
    container: dict[str, Any] = {".": {}, "f:env": {".": {}, 'k:{"name":"WORKERS"}': variable}}
    if image:
        container["f:image"] = {}
    container["f:ports"] = {'k:{"containerPort":8080,"protocol":"TCP"}': {"f:containerPort": {}}}
    spec = {"f:containers": {'k:{"name":"app"}': container}, "f:nodeSelector": {}}
    return {
        "f:spec": {"f:template": {"f:spec": spec}},
        "f:metadata": {"f:finalizers": {'v:"example.com/keep"': {}}},
    }


def entry(manager: str, time: str, told: Any, **more: Any) -> dict[str, Any]:
    return {"manager": manager, "operation": "Update", "time": time, "fieldsV1": told, **more}


def deployment(*entries: Any) -> dict[str, Any]:
    app = {
        "name": "app",
        "image": "app:1",
        "env": [{"name": "WORKERS", "value": "four"}],
        "ports": [{"containerPort": 8080, "protocol": "TCP"}],
    }
    spec = {"containers": [app], "nodeSelector": {"disk": "ssd"}}
    meta = {"name": "api", "finalizers": ["example.com/keep"], "managedFields": list(entries)}
    return {"kind": "Deployment", "metadata": meta, "spec": {"template": {"spec": spec}}}


def test_the_newest_of_those_that_own_it() -> None:
    obj = deployment(
        entry("kubectl-edit", "2026-11-22T11:50:00Z", fields()),
        entry("argocd-controller", "2026-11-21T08:00:00Z", fields(image=True)),
        entry("kubelet", "2026-11-22T11:59:00Z", fields(), subresource="status"),
    )
    assert last_writer(obj, ENV) == Writer("kubectl-edit", "2026-11-22T11:50:00Z", 0)
    image = last_writer(obj, "/spec/template/spec/containers/name=app/image")
    assert image is not None and image.manager == "argocd-controller"


@pytest.mark.parametrize(
    ("field", "owned"),
    [
        (ENV, True),
        ("/spec/template/spec/containers/0/env/0/value", True),
        ("/spec/template/spec/containers/0/ports/0/containerPort", True),
        # Written as a whole: what is in it is owned with it.
        ("/spec/template/spec/nodeSelector/disk", True),
        ("/metadata/finalizers/0", True),
        ("/spec/template/spec/containers/name=other/env/name=WORKERS/value", False),
        ("/spec/template/spec/containers/name=app/image", False),
        ("/spec/replicas", False),
        ("", False),
    ],
)
def test_which_fields_an_entry_owns(field: str, owned: bool) -> None:
    assert (last_writer(deployment(entry("m", "2026-11-22T11:50:00Z", fields())), field) is not None) is owned


def test_lookalike_another_field_of_the_same_variable() -> None:
    assert last_writer(deployment(entry("m", "t", fields(value=False))), ENV) is None


def test_dumps_come_without_it() -> None:
    obj = deployment()
    del obj["metadata"]["managedFields"]
    assert last_writer(obj, ENV) is None


@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.text(max_size=8),
        lambda inner: st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(["f:spec", "f:template", "k:{", 'k:{"name":"app"}', "k:[]", "v:1", "manager", "fieldsV1", "time", "."]),
            inner,
            max_size=4,
        ),
        max_leaves=25,
    )
)  # fmt: skip
def test_whatever_stands_there_is_read_without_an_error(told: Any) -> None:
    obj = deployment(told, entry("m", "t", told))
    obj["metadata"]["managedFields"].append({"manager": 1, "fieldsV1": {"f:spec": told}})
    last_writer(obj, ENV)
    obj["metadata"]["managedFields"] = told
    last_writer(obj, ENV)
