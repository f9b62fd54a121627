"""The trust table, proven: which credential can reach which stage."""

from __future__ import annotations

import pytest

from selfheal.config import ENDPOINT_VARIABLES, Settings
from selfheal.incidents.states import Stage
from selfheal.stages.credentials import CHECKOUT_HOLDS, HOLDS, environment_for

EVERYTHING = {name: f"value-of-{name}" for names in ENDPOINT_VARIABLES.values() for name in names} | {
    "PATH": "/bin", "AWS_SECRET_ACCESS_KEY": "x", "SELFHEAL_MODE": "heal", "SSH_AUTH_SOCK": "y",
    "SELFHEAL_DISPATCH_TOKEN": "z",
}  # fmt: skip
WRITES_CODE = {"GITHUB_TOKEN", "SELFHEAL_GITHUB_TOKEN"}
MODEL = {"OPENAI_API_KEY", "SELFHEAL_OPENAI_API_KEY"}


@pytest.mark.parametrize("stage", list(Stage))
def test_no_stage_holds_a_write_token_beside_a_model(stage):
    held = set(environment_for(HOLDS[stage], EVERYTHING))
    assert not (held & WRITES_CODE and held & MODEL)
    assert bool(held & WRITES_CODE) is (stage is Stage.PR)
    assert ("SELFHEAL_SIGNING_KEY" in held) is (stage in (Stage.GATE, Stage.PR))
    # An account for dry runs may write to the cluster: no model beside it, and not where code is written.
    assert ("SELFHEAL_DRY_RUN_KUBECONFIG" in held) is (stage is Stage.GATE)
    assert ("KUBECONFIG" in held) is (stage in (Stage.COORDINATE, Stage.ANALYZE, Stage.DEPLOY))


@pytest.mark.parametrize("holds", [(), CHECKOUT_HOLDS, *HOLDS.values()])
def test_foreign_credentials_reach_nobody_and_settings_everybody(holds):
    held = environment_for(holds, EVERYTHING)
    assert "AWS_SECRET_ACCESS_KEY" not in held
    assert "SSH_AUTH_SOCK" not in held
    assert "SELFHEAL_DISPATCH_TOKEN" not in held
    assert held["SELFHEAL_MODE"] == "heal"


def test_no_setting_is_taken_for_a_credential():
    for name, field in Settings.model_fields.items():
        parts = getattr(field.annotation, "model_fields", {}) if name != "endpoints" else {}
        for variable in [f"SELFHEAL_{name}", *(f"SELFHEAL_{name}_{part}" for part in parts)]:
            assert environment_for((), {variable.upper(): "x"}), variable


def test_the_warm_process_holds_nothing():
    secret = {name for names in ENDPOINT_VARIABLES.values() for name in names}
    assert not secret & set(environment_for((), EVERYTHING))
