"""Where settings come from: the file, the environment (read here and nowhere else), flags; and what is refused."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from pydantic import ValidationError

from selfheal.config.model import CONFIG_FILE, Settings
from selfheal.errors import ConfigurationProblem

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
    "dry_run_kubeconfig": ("SELFHEAL_DRY_RUN_KUBECONFIG",),
    "model_url": ("SELFHEAL_OPENAI_BASE_URL", "OPENAI_BASE_URL"),
    "model_key": ("SELFHEAL_OPENAI_API_KEY", "OPENAI_API_KEY"),
    "signing_key": ("SELFHEAL_SIGNING_KEY",),
}

#: ``SELFHEAL_<GROUP>_<NAME>`` sets ``group.name``; these groups have one.
_GROUPS = (
    "jira",
    "github",
    "verification",
    "model",
    "policy",
    "limits",
    "rendering",
    "knowledge",
    "redaction",
)
_PLAIN = ("mode", "dry_run", "log_level", "repository_dir", "state_dir", "cluster", "kubectl", "helm")


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
    for forbidden in ("endpoints", "repository_dir", "state_dir", "kubectl", "helm"):
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
