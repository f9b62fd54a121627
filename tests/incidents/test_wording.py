"""Fields as people write them."""

from __future__ import annotations

import pytest

from selfheal.incidents.wording import counted, repeats, sentence, spoken


@pytest.mark.parametrize(
    ("field", "told"),
    [
        ("", ""),
        ("/spec/replicas", "spec.replicas"),
        (
            "/spec/template/spec/containers/name=app/resources/limits/memory",
            "spec.template.spec.containers[app].resources.limits.memory",
        ),
        ("/spec/ports/0/targetPort", "spec.ports[0].targetPort"),
        ("/spec/selector/app.kubernetes.io~1name", 'spec.selector["app.kubernetes.io/name"]'),
        ("/data/a~0b", 'data["a~b"]'),
        ("/data/", 'data[""]'),
        ("a log line", "a log line"),
    ],
)
def test_a_pointer_becomes_a_path(field, told):
    assert spoken(field) == told


def test_fields_within_a_sentence():
    assert (
        sentence(
            "No value is known for /spec/template/spec/containers/name=app/image of Deployment shop/cart."
        )
        == "No value is known for spec.template.spec.containers[app].image of Deployment shop/cart."
    )
    assert (
        sentence("Service shop/a /metadata/labels, /spec/selector.")
        == "Service shop/a metadata.labels, spec.selector."
    )
    for text in (
        "It reads /etc/app/spec/x and deploy/spec/a.yaml",
        "https://x.example/spec/a",
        "GET /status answers 404",
    ):
        assert sentence(text) == text


def test_numbers_of_things():
    assert [counted(number, "file") for number in (0, 1, 2)] == ["0 files", "1 file", "2 files"]


def test_a_value_that_the_message_repeats():
    assert repeats("app waits: image not found", "image not found")
    assert not repeats("app waits", "image not found") and not repeats("", "") and not repeats("1", 1)
