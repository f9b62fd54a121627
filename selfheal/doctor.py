"""What is configured, what answers, what is missing, and how to mend it. Reads only; writes nothing anywhere."""

from __future__ import annotations

import shutil
import sys
from collections.abc import Callable, Iterator, Mapping
from dataclasses import asdict, dataclass
from typing import Any, Literal

from selfheal import config
from selfheal.clock import Clock
from selfheal.config import Settings
from selfheal.errors import ConfigurationProblem, SelfhealError

#: What a live snapshot asks of the cluster: (resource, API group). Kept in step with `cluster.live` by a test.
CLUSTER_READS = (
    ("pods", ""),
    ("events", ""),
    ("services", ""),
    ("configmaps", ""),
    ("deployments", "apps"),
    ("replicasets", "apps"),
)
_SIGNING_KEY_MIN = 32


@dataclass(frozen=True)
class Check:
    """One finding. ``why`` says why it matters, ``fix`` what to do; both are empty when all is well."""

    area: str
    result: Literal["ok", "warning", "missing", "failed"]
    what: str
    why: str = ""
    fix: str = ""

    def document(self) -> dict[str, str]:
        return asdict(self)


def examine(environ: Mapping[str, str], clock: Clock) -> Iterator[Check]:
    """All checks, in the order a newcomer would mend them."""
    yield from _machine()
    try:
        settings = config.load(file_text=_file_text(environ), environ=environ)
    except ConfigurationProblem as error:
        yield Check(
            "configuration", "failed", error.message, "Nothing else can be checked without it.", error.hint
        )
        return
    yield Check(
        "configuration",
        "ok",
        f"mode {settings.mode}, model {settings.model_name}, {len(settings.services)} services mapped",
    )
    for area, check in (
        ("jira", _jira),
        ("github", _github),
        ("kubernetes", _kubernetes),
        ("model", _model),
        ("signing key", _signing_key),
    ):
        yield from _guarded(area, check, settings, clock)


def _guarded(
    area: str, check: Callable[[Settings, Clock], Iterator[Check]], settings: Settings, clock: Clock
) -> Iterator[Check]:
    try:
        yield from check(settings, clock)
    except SelfhealError as error:
        yield Check(area, "failed", error.message, "No stage that needs it can run.", error.hint)


def _file_text(environ: Mapping[str, str]) -> str:
    from pathlib import Path

    return config.read_file(Path(environ.get("SELFHEAL_REPOSITORY_DIR") or "."))


def _machine() -> Iterator[Check]:
    version = ".".join(map(str, sys.version_info[:3]))
    yield Check("machine", "ok", f"Python {version}")
    if shutil.which("git"):
        yield Check("machine", "ok", "git is there")
    else:
        yield Check(
            "machine", "missing", "git was not found", "Repositories are read with it.", "Install git."
        )


def _jira(settings: Settings, clock: Clock) -> Iterator[Check]:
    endpoints = settings.endpoints
    if not endpoints.jira_url or not endpoints.jira_token.get_secret_value():
        yield Check(
            "jira", "missing", "Jira is not configured", "Incidents live there.",
            "Set ATLASSIAN_TOKEN and ATLASSIAN_CLOUD_ID (and ATLASSIAN_EMAIL for a user's token).",
        )  # fmt: skip
        return
    if not settings.jira.project:
        yield Check(
            "jira", "missing", "no project is set", "Searches are bound to one project.",
            "Set jira.project in .selfheal.yml, or SELFHEAL_JIRA_PROJECT.",
        )  # fmt: skip
    from selfheal.jsm.manager import JSMStateManager

    manager = JSMStateManager.connect(settings, clock=clock)
    account = manager.me()
    yield Check("jira", "ok", f"{endpoints.jira_url} answers as {account.name}")
    if settings.jira.project:
        waiting = manager.fetch(max_results=1)
        yield Check(
            "jira",
            "ok",
            f"project {settings.jira.project} can be searched; {'some' if waiting else 'no'} incidents wait",
        )
    if not settings.jira.escalation:
        yield Check(
            "jira", "warning", "nobody is named for escalations", "Incidents handed over stay unassigned.",
            "Set jira.escalation to an account or group.",
        )  # fmt: skip


def _github(settings: Settings, clock: Clock) -> Iterator[Check]:
    endpoints = settings.endpoints
    if not endpoints.github_token.get_secret_value():
        yield Check(
            "github", "missing", "no GitHub token is set", "Pull requests need one.", "Set GITHUB_TOKEN."
        )
        return
    if not endpoints.github_repository:
        yield Check(
            "github", "missing", "no repository is set", "The fix has to go somewhere.",
            "Set GITHUB_REPOSITORY to owner/name, or GITHUB_OWNER and GITHUB_REPO.",
        )  # fmt: skip
        return
    from selfheal.pulls.manager import PullRequests

    pulls = PullRequests.connect(settings, clock)
    who = pulls.whoami()
    yield Check("github", "ok", f"{endpoints.github_url} answers as {who}")
    if pulls.can_write():
        yield Check("github", "ok", f"{who} may write to {endpoints.github_repository}")
    else:
        yield Check(
            "github", "failed", f"{who} may not write to {endpoints.github_repository}", "Branches and pull requests need it.",
            "Grant contents: write and pull-requests: write.",
        )  # fmt: skip


def _kubernetes(settings: Settings, clock: Clock) -> Iterator[Check]:
    if not settings.endpoints.kubeconfig:
        yield Check(
            "kubernetes",
            "missing",
            "no kubeconfig is set",
            "Causes are found in the cluster.",
            "Set KUBECONFIG.",
        )
        return
    from selfheal.cluster.live import LiveCluster

    cluster = LiveCluster(settings.endpoints.kubeconfig, settings.endpoints.kube_context)
    yield Check("kubernetes", "ok", f"the cluster answers: {cluster.server_version()}")
    refused = [name for name, group in CLUSTER_READS if not cluster.can("list", name, group=group)]
    if refused:
        yield Check(
            "kubernetes", "failed", f"the account may not list {', '.join(refused)}",
            "What cannot be read is unknown, and unknown is not healthy.", "Grant get, list and watch on them, cluster-wide.",
        )  # fmt: skip
    if cluster.can("get", "secrets"):
        yield Check(
            "kubernetes", "warning", "the account may read Secrets", "selfheal never needs their values.",
            "Use an account without access to Secrets.",
        )  # fmt: skip


def _model(settings: Settings, clock: Clock) -> Iterator[Check]:
    if settings.model_name == "builtin":
        yield Check("model", "ok", "builtin: the catalogue works without a model")
        return
    from selfheal.models.probe import reachable

    yield Check("model", "ok", f"{settings.model_name}: {reachable(settings)}")


def _signing_key(settings: Settings, clock: Clock) -> Iterator[Check]:
    key = settings.endpoints.signing_key.get_secret_value()
    if not key:
        yield Check(
            "signing key", "warning", "SELFHEAL_SIGNING_KEY is not set",
            "`run` makes one for itself; separate gate and pr jobs need the same one.",
            "Make one with `python -c 'import secrets; print(secrets.token_hex(32))'` and store it as a secret.",
        )  # fmt: skip
    elif len(key) < _SIGNING_KEY_MIN:
        yield Check(
            "signing key", "failed", "SELFHEAL_SIGNING_KEY is short", "A guessable key signs anything.",
            f"Use at least {_SIGNING_KEY_MIN} characters.",
        )  # fmt: skip
    else:
        yield Check("signing key", "ok", "set")


def exit_code(checks: list[Check]) -> int:
    """3 when something needed is missing or fails, else 0."""
    return 3 if any(check.result in ("missing", "failed") for check in checks) else 0


def document(checks: list[Check]) -> dict[str, Any]:
    """The JSON form."""
    return {"schema_version": 1, "checks": [check.document() for check in checks]}
