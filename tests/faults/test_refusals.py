"""What kubectl prints of refusals, read; and whatever else stands there, survived."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from selfheal.faults.refusals import Refusal, refusals
from tests.support.cluster import Cluster, container


def read(text: str, cluster: Cluster | None = None) -> tuple[Refusal, ...]:
    cluster = cluster or shop()
    cluster.sync = text
    return refusals(cluster.snapshot())


def shop() -> Cluster:
    cluster = Cluster()
    cluster.deployment("web", {"containers": [container("web")]})
    cluster.deployment("api", {"containers": [container("api")]})
    return cluster


@pytest.mark.parametrize(
    ("line", "ref", "field", "cause"),
    [
        (
            'Error from server (Invalid): Deployment.apps "web" is invalid: spec.template.spec.containers[0].resources.requests:'
            ' Invalid value: "256Mi": must be less than or equal to memory limit of 6Mi',
            "Deployment shop/web", "/spec/template/spec/containers/0/resources/requests", "value",
        ),
        (
            'The Deployment "web" is invalid: spec.template.spec.containers[0].image: Required value',
            "Deployment shop/web", "/spec/template/spec/containers/0/image", "required",
        ),
        (
            'The StatefulSet "db" is invalid: spec.template.spec.containers[0].volumeMounts[0].name: Not found: "daata"',
            "StatefulSet shop/db", "/spec/template/spec/containers/0/volumeMounts/0/name", "missing",
        ),
        (
            'The Service "web" is invalid: spec.ports[0].nodePort: Invalid value: 30080: provided port is already allocated',
            "Service shop/web", "/spec/ports/0/nodePort", "value",
        ),
        (
            'The ConfigMap "web" is invalid: data[a/b]: Invalid value: "a/b": a valid config key must consist of',
            "ConfigMap shop/web", "/data/a~1b", "value",
        ),
        (
            "Error from server: failed to create typed patch object (shop/web; apps/v1, Kind=Deployment):"
            ' .spec.template.spec.containers[name="web"].imag: field not declared in schema',
            "Deployment shop/web", "/spec/template/spec/containers/name=web/imag", "unknown-field",
        ),
        (
            'Error from server (Forbidden): deployments.apps "web" is forbidden: User "ci" cannot patch resource "deployments"',
            "Deployment shop/web", "", "denied",
        ),
        (
            'error: Apply failed with 1 conflict: conflict with "kubectl-edit" using apps/v1: .spec.replicas',
            "None", "", "conflict",
        ),
        ("error: unable to recognize anything", "None", "", "other"),
    ],
)  # fmt: skip
def test_forms_of_one_line(line: str, ref: str, field: str, cause: str) -> None:
    (found,) = read(f"deployment.apps/api serverside-applied\n{line}\n")
    assert (str(found.object), found.field, found.cause) == (ref, field, cause)
    assert line.startswith(found.evidence.message[:200])


def test_several_causes_in_brackets_and_over_lines() -> None:
    bracketed = (
        'Deployment.apps "web" is invalid: [spec.replicas: Invalid value: -1: must be greater than or equal to 0,'
        " spec.template.spec.containers[0].name: Required value]"
    )
    listed = (
        'The Deployment "web" is invalid: \n* spec.replicas: Invalid value: -1: must be greater than or equal to 0\n'
        "* spec.template.spec.containers[0].name: Required value\n"
    )
    for text in (f"Error from server (Invalid): {bracketed}", listed):
        assert [(item.field, item.cause) for item in read(text)] == [
            ("/spec/replicas", "value"),
            ("/spec/template/spec/containers/0/name", "required"),
        ]


def test_an_object_named_by_its_kind_alone_is_the_only_one_left() -> None:
    line = (
        'Error from server (BadRequest): error when creating "x.yaml": Deployment in version "v1" cannot be handled as a'
        ' Deployment: strict decoding error: unknown field "spec.template.spec.containers[0].imagee"'
    )
    (found,) = read(f"deployment.apps/api serverside-applied\n{line}")
    assert str(found.object) == "Deployment shop/web"
    assert (found.field, found.cause) == ("/spec/template/spec/containers/0/imagee", "unknown-field")
    (found,) = read(line)
    assert found.object is None


def test_go_tells_fields_without_positions() -> None:
    (found,) = read(
        'Error from server (BadRequest): Deployment in version "v1" cannot be handled as a Deployment: json: cannot unmarshal'
        " string into Go struct field ContainerPort.spec.template.spec.containers.ports.containerPort of type int32\n"
        "deployment.apps/api configured\n"
    )
    assert (found.field, found.cause) == ("/spec/template/spec/containers/ports/containerPort", "type")


@pytest.mark.parametrize(
    ("text", "field"),
    [
        ("json: cannot unmarshal number into Go struct field .spec.template.spec.containers[0].env[1].value", "/spec/template/spec/containers/0/env/1/value"),
        ("json: cannot unmarshal string into Go struct field Deployment.spec.replicas of type int32", "/spec/replicas"),
        ("quantities must match the regular expression '^([+-]?[0-9.]+)([eEinumkKMGTP]*[-+]?[0-9]*)$'", "/spec"),
        ("json: cannot unmarshal string into Go value of type int", ""),
    ],
)  # fmt: skip
def test_what_cannot_be_decoded(text: str, field: str) -> None:
    (found,) = read(
        f'deployment.apps/api configured\nDeployment in version "v1" cannot be handled as a Deployment: {text}'
    )
    assert (str(found.object), found.field, found.cause) == ("Deployment shop/web", field, "type")


@pytest.mark.parametrize(
    ("text", "field", "cause"),
    [
        ('(Deployment.spec.template.spec.containers[0]): unknown field "imagee" in io.k8s.api.core.v1.Container', "/spec/template/spec/containers/0/imagee", "unknown-field"),
        ('(Deployment.spec): missing required field "selector" in io.k8s.api.apps.v1.DeploymentSpec', "/spec/selector", "required"),
        ('(Deployment.spec.replicas): invalid type for io.k8s.api.apps.v1.DeploymentSpec.replicas: got "string", expected "integer"', "/spec/replicas", "type"),
    ],
)  # fmt: skip
def test_what_an_older_kubectl_refuses_by_itself(text: str, field: str, cause: str) -> None:
    line = f'error: error validating "web.yaml": error validating data: ValidationError{text}; if you choose to ignore'
    (found,) = read(f"deployment.apps/api configured\n{line}")
    assert (str(found.object), found.field, found.cause) == ("Deployment shop/web", field, cause)


def test_the_namespace_is_told_by_a_patch_or_by_where_the_object_is() -> None:
    cluster = shop()
    other = Cluster("blog")
    other.deployment("web", {"containers": [container("web")]})
    cluster.objects += other.objects
    text = 'The Deployment "web" is invalid: spec.replicas: Invalid value: -1: must be'
    (found,) = read(text, cluster)
    assert str(found.object) == "Deployment web"
    (found,) = read(f'Name: "web", Namespace: "blog"\nfor: "x.yaml": {text}', cluster)
    assert str(found.object) == "Deployment blog/web"
    (found,) = read(text.replace("web", "api"), cluster)
    assert str(found.object) == "Deployment shop/api"


def test_the_namespace_is_where_the_rest_was_applied() -> None:
    cluster = shop()
    other = Cluster("blog")
    other.deployment("web", {"containers": [container("web")]})
    other.deployment("feed", {"containers": [container("feed")]})
    cluster.objects += other.objects
    text = 'The Deployment "{}" is invalid: spec.replicas: Invalid value: -1: must be'
    for name in ("web", "new"):
        (found,) = read(f"deployment.apps/feed serverside-applied\n{text.format(name)}", cluster)
        assert str(found.object) == f"Deployment blog/{name}"
    both = "deployment.apps/feed serverside-applied\ndeployment.apps/api serverside-applied\n"
    (found,) = read(f"{both}{text.format('new')}", cluster)
    assert str(found.object) == "Deployment new"


def test_a_patch_that_was_refused_tells_of_it_in_its_last_line() -> None:
    (found,) = read(
        'Error from server (Invalid): error when applying patch:\n{"spec":{"replicas":-1}}\nto:\n'
        'Resource: "apps/v1, Resource=deployments", GroupVersionKind: "apps/v1, Kind=Deployment"\n'
        'Name: "web", Namespace: "shop"\nfor: "x.yaml": error when patching "x.yaml": Deployment.apps "web" is invalid:'
        " spec.replicas: Invalid value: -1: must be greater than or equal to 0\n"
    )
    assert (str(found.object), found.field) == ("Deployment shop/web", "/spec/replicas")


def test_lookalikes_are_no_refusals() -> None:
    assert not read(
        "deployment.apps/web serverside-applied\n"
        "Warning: spec.replicas: Invalid value: this is a warning\n"
        '{"metadata":{"annotations":{"x":"The Deployment \\"web\\" is invalid: spec.replicas: Required value"}}}\n'
        'error: resource mapping not found for name: "web" namespace: "": no matches for kind "Deployment" in version "apps/v1beta1"\n'
        "ensure CRDs are installed first\n"
    )


def test_what_was_written_is_no_word_of_the_server() -> None:
    (found,) = read(
        'The Deployment "web" is invalid: spec.template.spec.containers[0].env[0].name: Invalid value:'
        ' "x, spec.hostNetwork: Required value": a valid environment variable name must consist of\n'
    )
    assert found.field.endswith("/env/0/name")


_PIECES = st.sampled_from(
    [
        'The Deployment "web" is invalid: ', 'Deployment.apps "web" is invalid: [', "spec.a[0].b: Invalid value: ", '"x\\"',
        "* spec.b: Required value", "\n", "]", ", ", "failed to create typed patch object (shop/web; apps/v1, Kind=Deployment):",
        ".spec.a[name=\"b\"].c: field not declared in schema", "errors:", 'Deployment in version "v1" cannot be handled as a Deployment: ',
        "json: cannot unmarshal string into Go struct field A.spec.b of type int32", "Apply failed with 1 conflict:", "error:", "\x00",
        'Name: "web", Namespace: "shop"', "data[~1/]: Duplicate value", 'unknown field "spec.[', "Error from server (Invalid): ",
    ]
)  # fmt: skip


@given(st.lists(st.one_of(_PIECES, st.text(max_size=20)), max_size=25).map("".join), st.integers(0, 600))
def test_hostile_and_cut_text_never_crashes(text: str, cut: int) -> None:
    for found in (*read(text), *read(text[:cut])):
        assert found.field == "" or found.field.startswith("/")
        assert found.evidence.source == "sync" and len(found.evidence.message) <= 300
