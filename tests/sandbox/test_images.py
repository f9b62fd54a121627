"""Image behaviours out of a scenario's YAML."""

from __future__ import annotations

import pytest

from selfheal.sandbox import scenario as scenarios
from selfheal.sandbox.images import behaviour
from selfheal.sandbox.kubernetes.behaviour import Answer, Memory, Port, Variable


def test_nested_terms_are_read():
    found = behaviour(
        {
            "memory": {"base": "60Mi", "per": {"WORKERS": "10Mi"}},
            "ports": [{"number": 8080}],
            "variables": [{"name": "LEVEL", "kind": "enum", "choices": ["info", "debug"]}],
            "paths": {"/ready": 200, "/deep": {"status": 503, "needs": ["$DB"]}},
            "variants": {"worker": {"memory": "10Mi"}},
        }
    )
    assert found.memory == Memory("60Mi", {"WORKERS": "10Mi"})
    assert found.ports == (Port(number=8080),)
    assert found.variables == (Variable(name="LEVEL", kind="enum", choices=("info", "debug")),)
    assert found.paths == {"/ready": 200, "/deep": Answer(status=503, needs=("$DB",))}
    assert found.variants["worker"].memory == "10Mi"


def test_a_word_that_means_nothing_is_refused():
    with pytest.raises(TypeError, match="memroy"):
        behaviour({"memroy": "60Mi"})


@pytest.mark.parametrize("name", ["shop"])
def test_every_image_of_an_application_is_understood(name):
    images = scenarios.application(name).images
    assert images
    assert all(behaviour(document) for document in images.values())
