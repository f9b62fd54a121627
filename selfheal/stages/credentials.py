"""Which credential reaches which stage: the trust table of the design as data.

Where a model reads untrusted text there is no credential to write code with; where code is written there is neither
a model nor the rendering of foreign files.
"""

from __future__ import annotations

from collections.abc import Mapping

from selfheal.config import ENDPOINT_VARIABLES
from selfheal.incidents.states import Stage

_JIRA = ("jira_url", "jira_token", "jira_email", "jira_cloud_id")
_MODEL = ("model_url", "model_key")
_CLUSTER = ("kubeconfig", "kube_context")
_WHERE = ("github_repository",)

#: Endpoint settings a stage may see. The GitHub write token is in `pr` alone, the signing key in `gate` and `pr`.
HOLDS: dict[Stage, tuple[str, ...]] = {
    Stage.COORDINATE: (*_JIRA, *_CLUSTER, *_WHERE),
    Stage.ANALYZE: (*_JIRA, *_MODEL, *_CLUSTER, *_WHERE),
    Stage.FIX: (*_JIRA, *_MODEL, *_WHERE),
    # The account for dry runs may write to the cluster as far as the cluster knows: no model is near it, nor the stage
    # that writes code.
    Stage.GATE: (*_JIRA, "signing_key", "dry_run_kubeconfig", *_WHERE),
    Stage.PR: (*_JIRA, "github_url", "github_server_url", "github_token", "signing_key", *_WHERE),
    Stage.DEPLOY: (*_JIRA, *_MODEL, *_CLUSTER, *_WHERE),
}

#: What fetching the repository needs, done apart from every stage and before it.
CHECKOUT_HOLDS = ("github_server_url", "github_token", "github_repository")

#: Variables any process of ours may see: no credential among them.
_HARMLESS = (
    "PATH", "HOME", "LANG", "LC_ALL", "LC_CTYPE", "TERM", "TZ", "TMPDIR", "TEMP", "TMP", "NO_COLOR", "COLUMNS",
    "PYTHONPATH", "VIRTUAL_ENV", "SSL_CERT_FILE", "SSL_CERT_DIR", "REQUESTS_CA_BUNDLE",
    "HTTPS_PROXY", "HTTP_PROXY", "NO_PROXY", "https_proxy", "http_proxy", "no_proxy",
    "CI", "GITHUB_ACTIONS", "GITHUB_RUN_ID", "GITHUB_RUN_ATTEMPT", "GITHUB_STEP_SUMMARY", "RUNNER_TEMP", "RUNNER_DEBUG",
)  # fmt: skip
#: No setting ends like this: what does is a credential of somebody's, such as the token that `init jira-rule` is given.
_SECRET_ENDS = ("_TOKEN", "_KEY", "_SECRET", "_PASSWORD", "_KUBECONFIG")
_GUARDED = frozenset(variable for variables in ENDPOINT_VARIABLES.values() for variable in variables)


def environment_for(holds: tuple[str, ...], environ: Mapping[str, str]) -> dict[str, str]:
    """The part of ``environ`` that a process holding ``holds`` gets: those endpoints, harmless variables, settings."""
    allowed = {variable for name in holds for variable in ENDPOINT_VARIABLES[name]}
    if "github_repository" in holds:
        allowed |= {"GITHUB_OWNER", "GITHUB_REPO"}
    kept = {name: value for name, value in environ.items() if name in allowed or name in _HARMLESS}
    for name, value in environ.items():
        if name.startswith("SELFHEAL_") and name not in _GUARDED and not name.endswith(_SECRET_ENDS):
            kept[name] = value
    return kept
