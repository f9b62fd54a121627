"""The reference page is what the files say; every input that is documented is read, and the other way round."""

from __future__ import annotations

import re
from pathlib import Path

from ruamel.yaml import YAML

from selfheal.actions.reference import PAGE, renewed

ROOT = Path(__file__).resolve().parents[2]
ACTION = YAML(typ="safe").load((ROOT / "action.yml").read_text(encoding="utf-8"))


def test_the_page_is_as_generated():
    message = "renew it: python -m selfheal.actions.reference ."
    assert (ROOT / PAGE).read_text(encoding="utf-8") == renewed(ROOT), message


def test_every_input_reaches_the_program_and_is_used():
    steps = {step.get("id", step["name"]): step for step in ACTION["runs"]["steps"]}
    given = {
        name.removeprefix("INPUT_").lower().replace("_", "-")
        for name in steps["stage"]["env"]
        if name.startswith("INPUT_")
    }
    assert given == set(ACTION["inputs"])
    source = "".join(
        path.read_text(encoding="utf-8") for path in (ROOT / "selfheal" / "actions").glob("*.py")
    )
    for name in ACTION["inputs"]:
        assert f'"{name}"' in source, name


def test_every_output_is_set_by_the_program():
    source = (ROOT / "selfheal/actions/job.py").read_text(encoding="utf-8")
    for name, output in ACTION["outputs"].items():
        assert output["value"] == f"${{{{ steps.stage.outputs.{name} }}}}"
        assert f'"{name}"' in source, name


def test_what_is_checked_before_the_installation_shows_no_secret():
    """The first step needs to know that they are given, not what they are; the signing key's length is looked at."""
    prepare = ACTION["runs"]["steps"][0]
    for name in ("JIRA_TOKEN", "GITHUB_TOKEN", "KUBECONFIG", "MODEL_API_KEY"):
        assert re.fullmatch(
            r"\$\{\{ inputs\.[a-z-]+ != '' && 'given' \|\| '' \}\}", prepare["env"][f"INPUT_{name}"]
        )


def test_the_clean_up_always_runs():
    last = ACTION["runs"]["steps"][-1]
    assert last["if"] == "always()"
    assert "selfheal-secret" in last["run"]


def test_the_marketplace_has_what_it_asks_for():
    assert {"icon", "color"} <= set(ACTION["branding"])
    assert all(
        given.get("description") for given in (*ACTION["inputs"].values(), *ACTION["outputs"].values())
    )
