"""One Settings: defaults < ``.selfheal.yml`` < environment < flags. The environment is read here and nowhere else.

Endpoints and credentials come only from the environment: a repository's configuration file can never redirect a
token. Durations are seconds unless the name says otherwise.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal
from urllib.parse import urlsplit

from pydantic import BaseModel, ConfigDict, Field, SecretStr, ValidationError

from selfheal.errors import ConfigurationProblem

CONFIG_FILE = ".selfheal.yml"
Mode = Literal["observe", "propose", "heal"]


class _Group(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, validate_default=True)


class Jira(_Group):
    """Where incidents are filed. Endpoint and token: environment only."""

    project: str = ""
    issue_type: str = "[System] Incident"
    #: Account that incidents are assigned to; "" means the account of the token.
    assignee: str = ""
    #: Account or group name that gets what the crew cannot finish; "" leaves the incident unassigned.
    escalation: str = ""
    #: Name of the site's priority for "Critical" where the site has none of that name.
    critical_priority: str = "Highest"
    lease: int = Field(default=600, ge=30, description="seconds a claim holds")
    taker_wait: int = Field(
        default=60, ge=0, description="seconds waited past expiry before taking a claim over"
    )
    #: Statuses by meaning, tried in this order against what the workflow offers.
    working_status: str = "Work in progress"
    pending_status: str = "Pending"
    resolved_status: str = "Completed"
    close_healthy: bool = False


class GitHub(_Group):
    """Rules of pull requests."""

    approvals: int = Field(default=1, ge=1)
    #: Whether a head commit without any check counts as green.
    allow_no_checks: bool = False
    merge_method: Literal["merge", "squash", "rebase"] = "squash"
    max_open_pull_requests: int = Field(default=10, ge=1)
    #: Seconds the pr stage waits for review and checks before it leaves the incident to the next run.
    wait_for_review: int = Field(default=600, ge=0)
    poll: float = Field(default=10.0, gt=0)


class Verification(_Group):
    """Rollout and soak."""

    rollout_timeout: int = Field(default=900, ge=1)
    soak: int = Field(default=120, ge=0, description="seconds of consecutive good samples")
    samples: int = Field(default=5, ge=1, description="consecutive good samples")
    interval: float = Field(default=10.0, gt=0)


class Model(_Group):
    """Which model the agents use and what it may spend per stage."""

    #: "builtin", or a CrewAI model name such as "openai/gpt-5-mini". "" means builtin unless OPENAI_API_KEY is set.
    name: str = ""
    default_provider_model: str = "openai/gpt-5-mini"
    calls: int = Field(default=30, ge=1)
    input_tokens: int = Field(default=40_000, ge=1)
    output_tokens: int = Field(default=8_000, ge=1)
    usd: float = Field(default=1.0, gt=0)
    usd_per_million_input: float = Field(default=2.5, ge=0)
    usd_per_million_output: float = Field(default=10.0, ge=0)
    context_window: int = Field(default=128_000, ge=8_192)
    timeout: int = Field(default=60, ge=1, description="seconds for one call")


class Policy(_Group):
    """What a change may touch. Fails closed."""

    allowed_paths: tuple[str, ...] = ("**",)
    protected_paths: tuple[str, ...] = ()
    max_files: int = Field(default=3, ge=1)
    max_lines: int = Field(default=60, ge=1)
    #: Registries an image may come from, besides those already in use in the repository.
    image_registries: tuple[str, ...] = ()
    #: ISO 8601 intervals "start/end" during which nothing is proposed.
    freeze: tuple[str, ...] = ()
    #: A resource raise multiplies by at most this at a time …
    raise_factor: float = Field(default=2.0, gt=1, le=4)
    #: … and by at most this over all raises found in git history.
    raise_total: float = Field(default=4.0, gt=1, le=16)
    allow_quota_raise: bool = False
    #: Days within which the same target and fault again goes to a person.
    relapse_days: int = Field(default=14, ge=0)


class Service(_Group):
    """One entry of the map from services to what runs and what deploys them."""

    name: str
    cluster: str = ""
    environment: str = "production"
    namespace: str = ""
    #: "Kind/name"; empty means the workload called like the service.
    workloads: tuple[str, ...] = ()
    repository: str = ""
    branch: str = ""
    path: str = ""
    owners: tuple[str, ...] = ()
    mode: Mode | None = None
    modes_by_fault: dict[str, Mode] = Field(default_factory=dict)


class Limits(_Group):
    """Bounds of a run and of an incident."""

    max_incidents: int = Field(default=10, ge=1, le=256)
    attempts: int = Field(default=3, ge=1, le=20)
    defects: int = Field(default=3, ge=1)
    #: Seconds one stage's process may take before it is killed.
    stage_timeout: int = Field(default=900, ge=10)
    #: Hours until an unfinished incident is overdue, by priority; the last is for any other.
    deadline_hours: dict[str, float] = Field(
        default_factory=lambda: {
            "Highest": 4.0,
            "High": 8.0,
            "Medium": 24.0,
            "Low": 72.0,
            "Lowest": 168.0,
            "*": 24.0,
        }
    )
    #: Open incidents above which the run observes only (a storm).
    storm: int = Field(default=50, ge=2)


class Endpoints(_Group):
    """Addresses and credentials, from the environment only."""

    jira_url: str = ""
    jira_token: SecretStr = SecretStr("")
    jira_email: str = ""
    jira_cloud_id: str = ""
    github_url: str = "https://api.github.com"
    #: Where repositories are cloned from.
    github_server_url: str = "https://github.com"
    github_token: SecretStr = SecretStr("")
    github_repository: str = ""
    kubeconfig: str = ""
    kube_context: str = ""
    model_url: str = ""
    model_key: SecretStr = SecretStr("")
    signing_key: SecretStr = SecretStr("")


class Settings(_Group):
    """Everything that can be set."""

    mode: Mode = "propose"
    dry_run: bool = False
    log_level: Literal["DEBUG", "INFO", "WARNING", "ERROR"] = "INFO"
    #: The checked-out repository the stages work on; "" means: clone it into the state folder.
    repository_dir: str = ""
    #: Logs, results, clones and CrewAI's storage go below here.
    state_dir: str = ".selfheal"
    cluster: str = ""
    jira: Jira = Field(default_factory=Jira)
    github: GitHub = Field(default_factory=GitHub)
    verification: Verification = Field(default_factory=Verification)
    model: Model = Field(default_factory=Model)
    policy: Policy = Field(default_factory=Policy)
    limits: Limits = Field(default_factory=Limits)
    services: tuple[Service, ...] = ()
    endpoints: Endpoints = Field(default_factory=Endpoints)

    @property
    def model_name(self) -> str:
        """The model that the agents use, except the PR Manager, which is always builtin."""
        if self.model.name:
            return self.model.name
        return self.model.default_provider_model if self.endpoints.model_key.get_secret_value() else "builtin"

    def service_for(self, name: str) -> Service | None:
        """The entry of the services map called ``name``."""
        return next((entry for entry in self.services if entry.name == name), None)


#: Environment variables of endpoints and credentials, in order of precedence.
ENDPOINT_VARIABLES: dict[str, tuple[str, ...]] = {
    "jira_url": ("SELFHEAL_ATLASSIAN_API_URL", "ATLASSIAN_API_URL"),
    "jira_token": ("SELFHEAL_ATLASSIAN_TOKEN", "ATLASSIAN_TOKEN"),
    "jira_email": ("SELFHEAL_ATLASSIAN_EMAIL", "ATLASSIAN_EMAIL"),
    "jira_cloud_id": ("SELFHEAL_ATLASSIAN_CLOUD_ID", "ATLASSIAN_CLOUD_ID"),
    "github_url": ("SELFHEAL_GITHUB_API_URL", "GITHUB_API_URL"),
    "github_server_url": ("SELFHEAL_GITHUB_SERVER_URL", "GITHUB_SERVER_URL"),
    "github_token": ("SELFHEAL_GITHUB_TOKEN", "GITHUB_TOKEN"),
    "github_repository": ("SELFHEAL_GITHUB_REPOSITORY", "GITHUB_REPOSITORY"),
    "kubeconfig": ("SELFHEAL_KUBECONFIG", "KUBECONFIG"),
    "kube_context": ("SELFHEAL_KUBE_CONTEXT",),
    "model_url": ("SELFHEAL_OPENAI_BASE_URL", "OPENAI_BASE_URL"),
    "model_key": ("SELFHEAL_OPENAI_API_KEY", "OPENAI_API_KEY"),
    "signing_key": ("SELFHEAL_SIGNING_KEY",),
}

#: ``SELFHEAL_<GROUP>_<NAME>`` sets ``group.name``; these groups have one.
_GROUPS = ("jira", "github", "verification", "model", "policy", "limits")
_PLAIN = ("mode", "dry_run", "log_level", "repository_dir", "state_dir", "cluster")


def from_environment(environ: Mapping[str, str]) -> dict[str, Any]:
    """What the environment sets, as nested settings."""
    found: dict[str, Any] = {}
    endpoints: dict[str, str] = {}
    for name, variables in ENDPOINT_VARIABLES.items():
        value = next((environ[variable] for variable in variables if environ.get(variable)), "")
        if value:
            endpoints[name] = value
    if "github_repository" not in endpoints and environ.get("GITHUB_OWNER") and environ.get("GITHUB_REPO"):
        endpoints["github_repository"] = f"{environ['GITHUB_OWNER']}/{environ['GITHUB_REPO']}"
    if endpoints.get("jira_cloud_id") and "jira_url" not in endpoints:
        endpoints["jira_url"] = f"https://api.atlassian.com/ex/jira/{endpoints['jira_cloud_id']}"
    if endpoints:
        found["endpoints"] = endpoints
    for name in _PLAIN:
        value = environ.get(f"SELFHEAL_{name.upper()}", "")
        if value:
            found[name] = value
    taken = {variable for variables in ENDPOINT_VARIABLES.values() for variable in variables}
    for group in _GROUPS:
        prefix = f"SELFHEAL_{group.upper()}_"
        fields = Settings.model_fields[group].annotation
        assert isinstance(fields, type)  # noqa: S101 - each group is a model class
        known = getattr(fields, "model_fields", {})
        for variable, value in environ.items():
            name = variable.removeprefix(prefix).lower()
            if variable.startswith(prefix) and variable not in taken and name in known and value:
                found.setdefault(group, {})[name] = _listed(known[name].annotation, value)
    return found


def _listed(annotation: Any, value: str) -> Any:
    """A comma list for tuple settings, the plain text otherwise."""
    if str(annotation).startswith("tuple"):
        return tuple(part.strip() for part in value.split(",") if part.strip())
    return value


def merged(lower: Mapping[str, Any], upper: Mapping[str, Any]) -> dict[str, Any]:
    """``upper`` over ``lower``, group by group."""
    result = dict(lower)
    for name, value in upper.items():
        below = result.get(name)
        result[name] = (
            merged(below, value) if isinstance(below, Mapping) and isinstance(value, Mapping) else value
        )
    return result


def parse_file(text: str, origin: str) -> dict[str, Any]:
    """The settings in a ``.selfheal.yml``. ``origin`` names it in errors.

    Raises ConfigurationProblem for broken YAML and for ``endpoints`` (credentials are never read from a file).
    """
    from ruamel.yaml import YAML
    from ruamel.yaml.error import YAMLError

    try:
        document = YAML(typ="safe", pure=True).load(text)
    except YAMLError as error:
        raise ConfigurationProblem(f"{origin} is not valid YAML: {error}") from error
    if document is None:
        return {}
    if not isinstance(document, dict):
        raise ConfigurationProblem(
            f"{origin} must be a mapping of settings, not a {type(document).__name__}."
        )
    for forbidden in ("endpoints", "repository_dir", "state_dir"):
        if forbidden in document:
            raise ConfigurationProblem(
                f"{origin} sets `{forbidden}`, which only the environment may set.",
                hint=f"Remove `{forbidden}` from the file; see docs/configuration.md for the variables.",
            )
    return document


def load(
    *,
    file_text: str = "",
    origin: str = CONFIG_FILE,
    environ: Mapping[str, str] | None = None,
    flags: Mapping[str, Any] | None = None,
) -> Settings:
    """Settings from all sources.

    Raises ConfigurationProblem naming the setting, its value's problem and where to mend it.
    """
    values = parse_file(file_text, origin) if file_text else {}
    values = merged(values, from_environment(os.environ if environ is None else environ))
    values = merged(values, flags or {})
    try:
        settings = Settings.model_validate(values)
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        name = ".".join(str(part) for part in first["loc"])
        variable = "SELFHEAL_" + name.upper().replace(".", "_")
        raise ConfigurationProblem(
            f"The setting {name} is wrong: {first['msg']}.",
            hint=f"Mend it in {origin} or in the variable {variable}.",
        ) from error
    for label in ("jira_url", "github_url", "github_server_url", "model_url"):
        _check_url(label, getattr(settings.endpoints, label))
    return settings


def read_file(directory: Path) -> str:
    """The text of ``.selfheal.yml`` in ``directory``, "" when there is none."""
    path = directory / CONFIG_FILE
    return path.read_text(encoding="utf-8") if path.is_file() else ""


def is_loopback(url: str) -> bool:
    """Whether ``url`` points at this machine, where plain HTTP is allowed."""
    host = (urlsplit(url).hostname or "").lower()
    return host in {"localhost", "::1"} or host.startswith("127.")


def _check_url(name: str, url: str) -> None:
    if not url:
        return
    parts = urlsplit(url)
    variable = ENDPOINT_VARIABLES[name][-1]
    if parts.scheme not in {"https", "http"} or not parts.hostname:
        raise ConfigurationProblem(
            f"{variable} is not a web address.", hint=f"Write it like https://… in {variable}."
        )
    if parts.username or parts.password:
        raise ConfigurationProblem(
            f"{variable} carries credentials.", hint="Put the token into its own variable."
        )
    if parts.scheme == "http" and not is_loopback(url):
        raise ConfigurationProblem(
            f"{variable} uses plain HTTP to {parts.hostname}; a token would travel readable.",
            hint="Use https.",
        )
