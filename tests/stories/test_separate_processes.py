"""Sandbox and program as separate processes: a run heals, single stages heal, and what both leave behind."""

from __future__ import annotations

import base64
import urllib.parse

import pytest

from tests.stories.outside import served

KEY = "9f" * 32
STAGES = ("coordinate", "analyze", "fix", "gate", "pr", "deploy")


@pytest.mark.timeout(600)
def test_run_heals_one_and_stages_heal_another(tmp_path):
    """One story and not several: it starts a dozen processes. Each of the checks below stands by itself."""
    with served(tmp_path, "cart-image-tag", "checkout-missing-key") as world:
        printed = {}
        more = {"SELFHEAL_SIGNING_KEY": KEY, "SELFHEAL_MODE": "heal"}
        printed["run"] = world.selfheal("run", "--incident", "INC-1", **more)
        for name in STAGES:
            printed[name] = world.selfheal("stage", name, "--incident", "INC-2", **more)
        for check in (
            a_run_heals_with_variables_alone,
            single_stages_heal_another,
            the_log_says_what_each_stage_did_with_which_tool,
            the_result_of_the_run,
            no_credential_is_anywhere,
        ):
            check(world, printed)


def a_run_heals_with_variables_alone(world, printed):
    code, text = printed["run"]
    assert code == 0, text
    assert "VERIFICATION_IN_PROGRESS → INCIDENT_RESOLVED" in text
    assert world.state("INC-1") == "INCIDENT_RESOLVED"
    assert world.incidents()["INC-1"]["status"] == "Completed"


def single_stages_heal_another(world, printed):
    for name in STAGES:
        code, text = printed[name]
        assert code == 0, f"{name}: {text}"
        assert "Traceback" not in text
    assert world.state("INC-2") == "INCIDENT_RESOLVED"
    assert len(world.pulls()) == len(world.merges()) == 2


def the_log_says_what_each_stage_did_with_which_tool(world, _printed):
    lines = world.log()
    of_first = [line for line in lines if line.get("incident") == "INC-1"]
    assert {line["stage"] for line in of_first} == set(STAGES)
    assert len({line["run"] for line in of_first}) == 1
    events = [line["event"] for line in lines if "event" in line]
    tools = {event["name"] for event in events if event["kind"] == "tool"}
    assert {"jsm_state_transition", "k8s_diagnose", "github_pr_create", "rollout_verify"} <= tools
    steps = [
        event["to"]
        for line in of_first
        for event in [line.get("event", {})]
        if event.get("kind") == "transition"
    ]
    assert steps[0] == "ANALYSIS_IN_PROGRESS"
    assert steps[-1] == "INCIDENT_RESOLVED"
    begun = [event for event in events if event["kind"] == "stage" and event["incident"] == "INC-2"]
    assert [event["stage"] for event in begun] == list(STAGES)
    assert all(isinstance(event["pid"], int) for event in begun)


def the_result_of_the_run(world, _printed):
    (document,) = world.results()
    (incident,) = document["incidents"]
    assert document["schema_version"] == 1
    assert document["mode"] == "heal"
    assert (incident["key"], incident["state"], incident["outcome"]) == (
        "INC-1",
        "INCIDENT_RESOLVED",
        "ended",
    )
    assert [stage["stage"] for stage in incident["stages"]] == list(STAGES)
    assert incident["facts"]["fault"] == "image-not-found"
    assert incident["facts"]["verification"] == "successful"
    assert document["totals"]["writes"]["github"] > 0
    assert document["run"] in {line.get("run") for line in world.log()}


def forms(secret):
    """How a credential could show up."""
    raw = secret.encode()
    yield secret
    yield base64.b64encode(raw).decode().rstrip("=")
    yield base64.b64encode(b"x-access-token:" + raw).decode().rstrip("=")
    yield urllib.parse.quote(secret, safe="")
    yield raw.hex()


def no_credential_is_anywhere(world, printed):
    names = [name for name in world.variables if "TOKEN" in name]
    assert names
    secrets = [KEY, *(world.variables[name] for name in names)]
    left = {name: text for name, (_code, text) in printed.items()}
    for path in [*world.folder.glob("logs/*"), *world.folder.glob("results/*")]:
        left[path.name] = path.read_text()
    for path in (world.folder / ".selfheal").rglob("*"):
        if path.is_file() and ".git/objects" not in path.as_posix():
            left[str(path)] = path.read_text(errors="replace")
    left["incidents"] = str(world.ask("jira", "incidents"))
    left["activity"] = str(world.ask("github", "activity"))
    found = [
        (name, secret[:6])
        for name, text in left.items()
        for secret in secrets
        for form in forms(secret)
        if form in text
    ]
    assert not found
