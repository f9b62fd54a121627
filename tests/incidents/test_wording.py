"""Fields as people write them."""

from __future__ import annotations

import pytest

from selfheal.incidents.wording import spoken


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
