"""The settings by group, with their units and defaults. What is documented here is what docs/configuration.md says."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, SecretStr

CONFIG_FILE = ".selfheal.yml"
Mode = Literal["observe", "propose", "heal"]


class _Group(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, validate_default=True)


class Jira(_Group):
    """Where incidents are filed. Endpoint and token: environment only."""

    project: str = Field(
        default="", description="key of the project that incidents are filed in; searches are bound to it"
    )
    issue_type: str = Field(
        default="[System] Incident", description="name of the issue type that is an incident"
    )
    assignee: str = Field(
        default="", description='account that incidents are assigned to; "" means the account of the token'
    )
    escalation: str = Field(
        default="",
        description='account or group name that gets what the crew cannot finish; "" leaves the incident unassigned',
    )
    services_field: str = Field(
        default="",
        description="id or name of the field that holds the affected service, such as customfield_10123 or Components; "
        '"" means JSM\'s own field, where the site has it',
    )
    critical_priority: str = Field(
        default="Highest",
        description='name of the site\'s priority for "Critical" where the site has none of that name',
    )
    lease: int = Field(default=600, ge=30, description="seconds a claim holds")
    taker_wait: int = Field(
        default=60, ge=0, description="seconds waited past expiry before taking a claim over"
    )
    settle: float = Field(
        default=3.0,
        ge=0,
        description="seconds between writing a claim and trusting it; more than the site takes for one write",
    )
    working_status: str = Field(
        default="Work in progress",
        description="status while the crew works on it",
    )
    pending_status: str = Field(
        default="Pending", description="status of an incident that waits for a person"
    )
    resolved_status: str = Field(default="Completed", description="status of a recovered incident")
    close_healthy: bool = Field(
        default=False, description="resolve incidents whose cluster is well, instead of handing them over"
    )


class GitHub(_Group):
    """Rules of pull requests."""

    approvals: int = Field(default=1, ge=1, description="approvals by people that a merge needs")
    allow_no_checks: bool = Field(
        default=False, description="whether a head commit without any check counts as green"
    )
    merge_method: Literal["merge", "squash", "rebase"] = Field(
        default="squash", description="how an approved pull request is merged"
    )
    max_open_pull_requests: int = Field(
        default=10, ge=1, description="pull requests of ours open at a time in one repository"
    )
    wait_for_review: int = Field(
        default=600,
        ge=0,
        description="seconds after its opening that the pr stage waits for review and checks of a pull request; later runs look once",
    )
    poll: float = Field(default=10.0, gt=0, description="seconds between looks at reviews and checks")


class Verification(_Group):
    """Rollout and soak."""

    rollout_timeout: int = Field(
        default=900, ge=1, description="seconds until a rollout that does not finish is inconclusive"
    )
    soak: int = Field(default=120, ge=0, description="seconds of consecutive good samples")
    samples: int = Field(default=5, ge=1, description="consecutive good samples")
    interval: float = Field(default=10.0, gt=0, description="seconds between samples")


class Model(_Group):
    """Which model the agents use and what it may spend per stage."""

    name: str = Field(
        default="",
        description='"builtin", or a CrewAI model name such as "openai/gpt-5-mini". "" means builtin unless OPENAI_API_KEY is set',
    )
    default_provider_model: str = Field(
        default="openai/gpt-5-mini", description="model used where OPENAI_API_KEY is set and no name is"
    )
    calls: int = Field(default=30, ge=1, description="model calls a stage may make")
    input_tokens: int = Field(default=40_000, ge=1, description="input tokens a stage may use")
    output_tokens: int = Field(default=8_000, ge=1, description="output tokens a stage may use")
    usd: float = Field(default=1.0, gt=0, description="US dollars a stage may spend")
    usd_per_day_repository: float = Field(
        default=20.0, gt=0, description="US dollars the incidents of one repository may use in 24 hours"
    )
    usd_per_day_reporter: float = Field(
        default=10.0, gt=0, description="US dollars the incidents of one reporter may use in 24 hours"
    )
    usd_per_million_input: float = Field(
        default=2.5, ge=0, description="price of a million input tokens in US dollars"
    )
    usd_per_million_output: float = Field(
        default=10.0, ge=0, description="price of a million output tokens in US dollars"
    )
    context_window: int = Field(default=128_000, ge=8_192, description="tokens the model takes at a time")
    timeout: int = Field(default=60, ge=1, description="seconds for one call")


class Policy(_Group):
    """What a change may touch. Fails closed."""

    allowed_paths: tuple[str, ...] = Field(default=("**",), description="globs of paths a change may touch")
    protected_paths: tuple[str, ...] = Field(
        default=(), description="globs of paths no change may touch, besides those that are always protected"
    )
    max_files: int = Field(default=3, ge=1, description="files a change may touch")
    max_lines: int = Field(default=60, ge=1, description="lines a change may add or remove")
    image_registries: tuple[str, ...] = Field(
        default=(),
        description="registries an image may come from, besides those already in use in the repository",
    )
    freeze: tuple[str, ...] = Field(
        default=(), description='ISO 8601 intervals "start/end" during which nothing is proposed'
    )
    raise_factor: float = Field(
        default=2.0,
        gt=1,
        le=4,
        description="A resource raise multiplies by at most this at a time …",
    )
    raise_total: float = Field(
        default=4.0,
        gt=1,
        le=16,
        description="all raises of a value found in git history multiply to at most this",
    )
    allow_quota_raise: bool = Field(
        default=False, description="whether a quota may be raised by a proposed change"
    )
    server_dry_run: bool = Field(
        default=False,
        description="whether the gate also asks the API server, with the account of SELFHEAL_DRY_RUN_KUBECONFIG, whether it would take the change",
    )
    relapse_days: int = Field(
        default=14, ge=0, description="days within which the same target and fault again goes to a person"
    )
    code_changes: bool = Field(
        default=False,
        description="whether an agent may edit files freely where the catalogue knows no remedy",
    )


class Rendering(_Group):
    """What charts are rendered for, besides what the cluster's snapshot tells."""

    kube_version: str = Field(
        default="",
        pattern=r"^(v?\d{1,2}\.\d{1,3}(\.\d{1,3})?)?$",
        description='version of Kubernetes that charts are rendered for and objects are checked by; "" means what the nodes say',
    )
    api_versions: tuple[Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9./-]{0,200}$")], ...] = Field(
        default=(),
        description='further API versions that charts may ask for, such as "monitoring.coreos.com/v1/ServiceMonitor"',
    )


class Redaction(_Group):
    """What is kept from logs, models, comments and results besides secrets, which always are."""

    emails: bool = Field(default=False, description="whether e-mail addresses are replaced as well")


class Knowledge(_Group):
    """What is written down and may be searched."""

    paths: tuple[str, ...] = Field(
        default=("docs/runbooks/*", "runbooks/*"),
        description="globs of Markdown files that are runbooks; `*` also spans folders",
    )


class Service(_Group):
    """One entry of the map from services to what runs and what deploys them."""

    name: str = Field(description="name of the service, as affected services and labels spell it")
    cluster: str = Field(default="", description="name of the cluster it runs in")
    environment: str = Field(default="production", description="environment it runs in")
    namespace: str = Field(default="", description="namespace it runs in")
    workloads: tuple[str, ...] = Field(
        default=(),
        description='"Kind/name"; empty means the workload called like the service',
    )
    repository: str = Field(
        default="", description='owner/name of the repository that deploys it; "" means the configured one'
    )
    branch: str = Field(default="", description='branch that is deployed; "" means the default branch')
    path: str = Field(default="", description="folder of the repository that is rendered")
    owners: tuple[str, ...] = Field(default=(), description="people or teams who own it")
    mode: Mode | None = Field(
        default=None, description="mode for this service; the most careful of all that apply wins"
    )
    modes_by_fault: dict[str, Mode] = Field(
        default_factory=dict, description="modes for single faults of this service"
    )


class Limits(_Group):
    """Bounds of a run and of an incident."""

    max_incidents: int = Field(
        default=10, ge=1, le=256, description="incidents served in one run; the rest waits for the next"
    )
    attempts: int = Field(
        default=3, ge=1, le=20, description="fixes tried for one incident before a person is asked"
    )
    defects: int = Field(
        default=3, ge=1, description="failures of the crew itself before the incident is marked failed"
    )
    stage_timeout: int = Field(
        default=900,
        ge=10,
        description="seconds one stage's process may take before it is killed",
    )
    deadline_hours: dict[str, float] = Field(
        description="hours until an unfinished incident is overdue, by priority; the last is for any other",
        default_factory=lambda: {
            "Highest": 4.0,
            "High": 8.0,
            "Medium": 24.0,
            "Low": 72.0,
            "Lowest": 168.0,
            "*": 24.0,
        },
    )
    storm: int = Field(
        default=50,
        ge=2,
        description="open incidents above which the run observes only (a storm)",
    )
    ill_share: float = Field(
        default=0.5,
        gt=0,
        le=1,
        description="share of nodes (of 3 or more) not ready, or of workloads (of 20 or more) ill, above which the run "
        "observes only",
    )


class Endpoints(_Group):
    """Addresses and credentials, from the environment only."""

    jira_url: str = ""
    jira_token: SecretStr = SecretStr("")
    jira_email: str = ""
    jira_cloud_id: str = ""
    github_url: str = "https://api.github.com"
    github_server_url: str = Field(
        default="https://github.com", description="where repositories are cloned from"
    )
    github_token: SecretStr = SecretStr("")
    github_repository: str = ""
    kubeconfig: str = ""
    kube_context: str = ""
    dry_run_kubeconfig: str = ""
    model_url: str = ""
    model_key: SecretStr = SecretStr("")
    signing_key: SecretStr = SecretStr("")


class Settings(_Group):
    """Everything that can be set."""

    mode: Mode = Field(
        default="propose",
        description="observe: propose in Jira only; propose: open pull requests; heal: merge approved ones",
    )
    dry_run: bool = Field(
        default=False, description="write nothing anywhere, say what would have been written"
    )
    log_level: Literal["DEBUG", "INFO", "WARNING", "ERROR"] = Field(
        default="INFO", description="how much is logged"
    )
    repository_dir: str = Field(
        default="",
        description='the checked-out repository the stages work on; "" means: clone it into the state folder',
    )
    state_dir: str = Field(
        default=".selfheal", description="logs, results, clones and CrewAI's storage go below here"
    )
    cluster: str = Field(default="", description="name of the cluster that the kubeconfig reaches")
    kubectl: str = Field(
        default="",
        description='program that renders kustomizations; "" means: beside the running Python, or on PATH',
    )
    helm: str = Field(
        default="", description='program that renders charts; "" means: beside the running Python, or on PATH'
    )
    jira: Jira = Field(default_factory=Jira)
    github: GitHub = Field(default_factory=GitHub)
    verification: Verification = Field(default_factory=Verification)
    model: Model = Field(default_factory=Model)
    policy: Policy = Field(default_factory=Policy)
    limits: Limits = Field(default_factory=Limits)
    rendering: Rendering = Field(default_factory=Rendering)
    knowledge: Knowledge = Field(default_factory=Knowledge)
    redaction: Redaction = Field(default_factory=Redaction)
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
