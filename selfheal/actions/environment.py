"""From inputs to the variables of one stage: that stage's credentials, settings, and nothing else of the job's."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from selfheal.actions.inputs import Inputs
from selfheal.incidents.states import Stage
from selfheal.stages.credentials import HOLDS, environment_for

#: Input -> variable. The ones with SELFHEAL_ win over whatever a runner or a workflow's `env` sets.
_VARIABLES = {
    "jira-token": "SELFHEAL_ATLASSIAN_TOKEN",
    "jira-email": "SELFHEAL_ATLASSIAN_EMAIL",
    "jira-cloud-id": "SELFHEAL_ATLASSIAN_CLOUD_ID",
    "jira-url": "SELFHEAL_ATLASSIAN_API_URL",
    "github-token": "SELFHEAL_GITHUB_TOKEN",
    "signing-key": "SELFHEAL_SIGNING_KEY",
    "kube-context": "SELFHEAL_KUBE_CONTEXT",
    "cluster": "SELFHEAL_CLUSTER",
    "model": "SELFHEAL_MODEL_NAME",
    "model-api-key": "SELFHEAL_OPENAI_API_KEY",
    "model-base-url": "SELFHEAL_OPENAI_BASE_URL",
    "mode": "SELFHEAL_MODE",
    "dry-run": "SELFHEAL_DRY_RUN",
    "log-level": "SELFHEAL_LOG_LEVEL",
    "max-incidents": "SELFHEAL_LIMITS_MAX_INCIDENTS",
    "repository": "SELFHEAL_GITHUB_REPOSITORY",
    "config": "SELFHEAL_CENTRAL_CONFIG",
}
#: Input -> variable that names the file in which the kubeconfig is kept.
KUBECONFIGS = {"kubeconfig": "SELFHEAL_KUBECONFIG", "dry-run-kubeconfig": "SELFHEAL_DRY_RUN_KUBECONFIG"}
#: Inputs whose value the runner has to blank in every log.
SECRET_INPUTS = ("jira-token", "github-token", "signing-key", "model-api-key")
#: What is no stage holds: passing an incident on the token for the other repository, and where GitHub is; the doctor what
#: the stages do that read, and what those do that sign and write.
_OTHERS_HOLD = {
    "hand-over": ("github_url", "github_token", "github_repository"),
    "doctor": HOLDS[Stage.ANALYZE],
    "doctor-pr": ("github_url", "github_server_url", "github_token", "github_repository", "signing_key"),
}
#: Minutes a stage has where `timeout-minutes` says nothing: deploy waits for the rollout and then watches what runs.
_MINUTES = {"deploy": 45, "pr": 30}
_MINUTES_ELSE = 15
#: Seconds the pr stage has besides waiting for a review.
_BESIDES_WAITING = 300


def variables(inputs: Inputs, environ: Mapping[str, str], folder: Path) -> dict[str, str]:
    """The environment of the stage. ``folder`` is where logs, results and CrewAI's files go, outside every checkout."""
    given = {name: value for name, value in environ.items() if not name.startswith("INPUT_")}
    for name, variable in _VARIABLES.items():
        if inputs[name]:
            given[variable] = inputs[name]
    directory = inputs["repository-dir"] or environ.get("GITHUB_WORKSPACE", "")
    given["SELFHEAL_REPOSITORY_DIR"] = str(Path(directory).resolve()) if directory else ""
    given["SELFHEAL_STATE_DIR"] = str(folder)
    if inputs["config"]:
        given["SELFHEAL_CENTRAL_CONFIG"] = str(Path(inputs["config"]).resolve())
    given |= _times(inputs)
    return environment_for(holds(inputs.stage), given)


def holds(stage: str) -> tuple[str, ...]:
    """The endpoint settings that whatever ``stage`` names may see."""
    return _OTHERS_HOLD[stage] if stage in _OTHERS_HOLD else HOLDS[Stage(stage)]


def _times(inputs: Inputs) -> dict[str, str]:
    """Minutes of the inputs as seconds of the settings; the stage outlives the wait for a review."""
    found = {}
    seconds = 60 * int(inputs["timeout-minutes"] or _MINUTES.get(inputs.stage, _MINUTES_ELSE))
    if inputs["wait-for-review-minutes"]:
        wait = 60 * int(inputs["wait-for-review-minutes"])
        found["SELFHEAL_GITHUB_WAIT_FOR_REVIEW"] = str(wait)
        if inputs.stage == "pr":
            seconds = max(seconds, wait + _BESIDES_WAITING)
    found["SELFHEAL_LIMITS_STAGE_TIMEOUT"] = str(seconds)
    return found
