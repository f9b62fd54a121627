"""Who holds what, job by job: permissions and secrets as the workflow files give them, against one table.

The table is the trust table of docs/security.md. A new secret, permission or job has to be put here first.
"""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from ruamel.yaml import YAML

from selfheal.actions.check import WITHOUT_CACHE
from selfheal.actions.environment import holds
from selfheal.actions.inputs import FOREIGN, STAGES
from selfheal.incidents.states import Stage
from selfheal.init.home import HOME
from selfheal.stages.credentials import HOLDS

ROOT = Path(__file__).resolve().parents[2]
WORKFLOWS = sorted((ROOT / ".github" / "workflows").glob("*.yml"))
_SECRET = re.compile(r"secrets\.([A-Za-z_][\w-]*)")
JIRA = {"atlassian-token", "atlassian-email", "atlassian-cloud-id"}
APP = {"app-client-id", "app-private-key"}
READ = {"contents": "read"}
PR = {"actions": "read", "checks": "read", "contents": "write", "pull-requests": "write", "statuses": "read"}
ALL = JIRA | APP | {"kubeconfig", "dry-run-kubeconfig", "model-api-key", "signing-key"}

#: (workflow, job) -> (permissions, secrets). Jobs that only call another workflow pass on what its jobs need.
TABLE = {
    ("heal", "policy"): ({}, APP),
    ("heal", "coordinate"): (READ, JIRA | {"kubeconfig"}),
    ("heal", "incident"): (PR, ALL),
    ("heal", "hand-over"): ({}, APP),
    ("heal-incident", "analyze"): (READ, JIRA | {"kubeconfig", "model-api-key"}),
    ("heal-incident", "fix"): (READ, JIRA | {"model-api-key"}),
    ("heal-incident", "test"): ({}, set()),
    ("heal-incident", "gate"): (READ, JIRA | {"signing-key", "dry-run-kubeconfig"}),
    ("heal-incident", "pr"): (PR, JIRA | APP | {"signing-key"}),
    ("heal-incident", "deploy"): (READ, JIRA | {"kubeconfig", "model-api-key"}),
    ("doctor", "reads"): (READ, JIRA | {"kubeconfig", "model-api-key"}),
    ("doctor", "writes"): (PR, APP | {"signing-key"}),
    ("ci", "checks"): (READ, set()),
    ("release", "checks"): (READ, set()),
    ("release", "move-major-tag"): ({"contents": "write"}, set()),
}


def load(path):
    return YAML(typ="safe").load(path.read_text(encoding="utf-8"))


def jobs():
    for path in WORKFLOWS:
        for name, job in load(path)["jobs"].items():
            yield path.stem, name, job


def text_of(value):
    """All strings in a job, keys and values."""
    if isinstance(value, dict):
        return " ".join(f"{name} {text_of(item)}" for name, item in value.items())
    if isinstance(value, list):
        return " ".join(map(text_of, value))
    return str(value)


@pytest.mark.parametrize(
    ("workflow", "name", "job"), list(jobs()), ids=lambda value: value if isinstance(value, str) else ""
)
def test_each_job_has_the_permissions_and_secrets_of_the_table(workflow, name, job):
    if workflow == "selfheal":
        assert job["permissions"] == PR
        return
    permissions, secrets = TABLE[workflow, name]
    assert job["permissions"] == permissions
    assert set(_SECRET.findall(text_of(job))) == secrets


def test_the_table_names_no_job_that_is_gone():
    assert set(TABLE) == {(workflow, name) for workflow, name, _job in jobs() if workflow != "selfheal"}


def test_no_write_token_where_a_model_is_and_nothing_where_the_repositorys_code_runs():
    for (workflow, name), (permissions, secrets) in TABLE.items():
        if (workflow, name) == ("heal", "incident"):
            continue  # only calls heal-incident.yml, whose jobs are the rows that follow it
        writes = "write" in permissions.values() or secrets & APP
        assert not (writes and secrets & {"model-api-key", "kubeconfig"}), name
    assert TABLE["heal-incident", "test"] == ({}, set())


def test_the_test_job_checks_nothing_out_and_takes_no_cache():
    job = load(ROOT / ".github/workflows/heal-incident.yml")["jobs"]["test"]
    used = [step["uses"].partition("@")[0] for step in job["steps"] if "uses" in step]
    assert used == ["actions/download-artifact"]
    assert "github.token" not in text_of(job)


@pytest.mark.parametrize("path", WORKFLOWS, ids=lambda path: path.stem)
def test_every_workflow_grants_nothing_at_its_top_and_bounds_every_job(path):
    document = load(path)
    assert document["permissions"] == {}
    for job in document["jobs"].values():
        assert "uses" in job or job["timeout-minutes"] <= 60


@pytest.mark.parametrize("path", [*WORKFLOWS, ROOT / "action.yml"], ids=lambda path: path.stem)
def test_no_expression_stands_in_a_script(path):
    document = load(path)
    steps = document["runs"]["steps"] if "runs" in document else [
        step for job in document["jobs"].values() for step in job.get("steps", [])
    ]  # fmt: skip
    for step in steps:
        assert "${{" not in step.get("run", "")
        if "runs" in document and "run" in step:
            assert step["shell"] == "bash"


@pytest.mark.parametrize("path", [*WORKFLOWS, ROOT / "action.yml"], ids=lambda path: path.stem)
def test_checkouts_keep_no_credential_and_others_actions_are_pinned(path):
    text = path.read_text(encoding="utf-8")
    for line in re.findall(r"(?m)^ +(?:- )?uses: (.+)", text):
        ours = line.startswith((HOME.partition("@")[0], "./"))
        assert ours or re.fullmatch(r"[\w/-]+@[0-9a-f]{40} # v\d+\.\d+\.\d+", line), line
        assert not ours or line.startswith("./") or line.rpartition("@")[2] == HOME.rpartition("@")[2], line
    checkouts = text.count("uses: actions/checkout@")
    assert text.count("persist-credentials: false") >= checkouts


def test_job_outputs_carry_keys_digests_and_words_of_ours_alone():
    allowed = {"incidents", "elsewhere", "next", "digest"}
    for _workflow, _name, job in jobs():
        assert set(job.get("outputs", {})) <= allowed


def test_a_job_output_that_github_dropped_is_an_error_and_no_silence():
    heal = load(ROOT / ".github/workflows/heal.yml")["jobs"]
    for name, output in {"incident": "incidents", "hand-over": "elsewhere"}.items():
        given = f"needs.coordinate.outputs.{output}"
        assert (
            f"{given} != '[]' && (needs.coordinate.result == 'success' || {given} != '')" in heal[name]["if"]
        )
        assert heal[name]["strategy"]["matrix"]["item"] == f"${{{{ fromJSON({given}) }}}}"
    digests = [
        value
        for text in (step.get("with", {}) for job in heal.values() for step in [job, *job.get("steps", [])])
        for name, value in text.items()
        if name in ("config-digest", "policy-digest")
    ]
    assert digests == ["${{ needs.policy.outputs.digest || 'missing' }}"] * 2
    called = load(ROOT / ".github/workflows/heal-incident.yml")
    assert (
        called[True if True in called else "on"]["workflow_call"]["inputs"]["policy-digest"]["default"]
        == "missing"
    )


def test_the_action_refuses_what_the_stage_does_not_hold():
    variable = {
        "signing-key": "signing_key",
        "model-api-key": "model_key",
        "kubeconfig": "kubeconfig",
        "dry-run-kubeconfig": "dry_run_kubeconfig",
        "jira-token": "jira_token",
    }
    for stage in STAGES:
        for name, setting in variable.items():
            assert (name in FOREIGN[stage]) is (setting not in holds(stage)), (stage, name)
    assert {stage for stage in Stage if {"signing_key", "github_token"} & set(HOLDS[stage])} <= WITHOUT_CACHE


def test_each_job_passes_its_stage_what_the_stage_needs_and_nothing_foreign():
    for _workflow, _name, job in jobs():
        for step in job.get("steps", []):
            if not str(step.get("uses", "")).startswith(HOME.partition("@")[0]):
                continue
            given = set(step["with"])
            assert not given & set(FOREIGN[step["with"]["stage"]])
