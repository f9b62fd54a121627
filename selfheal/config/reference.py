"""The reference of all settings, generated from the models: Markdown for people, JSON Schema for editors.

``python -m selfheal.config.reference DIRECTORY`` writes ``configuration.md`` and ``selfheal.schema.json`` there; a test
holds the committed ones against it.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from pydantic import BaseModel
from pydantic_core import PydanticUndefined

from selfheal.config.model import CONFIG_FILE, Service, Settings
from selfheal.config.sources import ENDPOINT_VARIABLES

#: What only the environment may set (`parse_file` refuses it).
NOT_IN_FILE = ("endpoints", "repository_dir", "state_dir", "kubectl", "helm")

_WHAT = {
    "jira_url": "address of the Jira site's REST API; made from the cloud id where it is not set",
    "jira_token": "API token of the bot's account",
    "jira_email": "the account's e-mail address: with it the token is sent as Basic, without it as Bearer",
    "jira_cloud_id": "id of the Atlassian site",
    "github_url": "address of the GitHub REST API",
    "github_server_url": "address that repositories are cloned from",
    "github_token": "token that may write contents and pull requests",
    "github_repository": "owner/name of the repository that deploys the services (or GITHUB_OWNER and GITHUB_REPO)",
    "kubeconfig": "path of a kubeconfig with read access",
    "dry_run_kubeconfig": "path of the kubeconfig of the account that asks for server-side dry runs (`policy.server_dry_run`); "
    "its current context counts",
    "kube_context": "context of the kubeconfig; its current one where it is not set",
    "model_url": "address of an OpenAI-compatible API",
    "model_key": "key of that API",
    "signing_key": "key by which the pr stage knows what the gate proved; at least 32 characters",
}


def markdown() -> str:
    """docs/configuration.md."""
    lines = [
        "# Configuration",
        "",
        f"Settings come from, in rising order: defaults, `{CONFIG_FILE}` on the default branch of the repository that "
        "deploys the services, environment variables, flags of the command line. A setting `group.name` is set by the "
        "variable `SELFHEAL_GROUP_NAME`. Addresses and credentials come from the environment only. Addresses are HTTPS, "
        "but on this machine.",
        "",
        "This page is generated from `selfheal/config/model.py`.",
        "",
        "## Addresses and credentials",
        "",
        "| variable | what it is |",
        "|---|---|",
    ]
    for name, variables in ENDPOINT_VARIABLES.items():
        lines.append(f"| {', or '.join(f'`{item}`' for item in reversed(variables))} | {_WHAT[name]} |")
    lines += ["", "Where two are named, the one that begins with `SELFHEAL_` wins.", ""]
    lines += ["## Settings", "", *_table("", Settings)]
    for name, field in Settings.model_fields.items():
        group = field.annotation
        if isinstance(group, type) and issubclass(group, BaseModel) and name != "endpoints":
            lines += ["", f"### `{name}`", "", _first_line(group), "", *_table(f"{name}.", group)]
    lines += ["", "### `services`", "", "A list; each entry:", "", *_table("", Service)]
    return "\n".join([*lines, ""])


def _table(prefix: str, group: type[BaseModel]) -> Iterator[str]:
    yield "| setting | default | what it is |"
    yield "|---|---|---|"
    for name, field in group.model_fields.items():
        if not field.description:
            continue
        default = "required" if field.default is PydanticUndefined and field.default_factory is None else ""
        if not default:
            value = field.get_default(call_default_factory=True)
            default = f"`{json.dumps(value)}`"
        only = " (environment only)" if name in NOT_IN_FILE else ""
        yield f"| `{prefix}{name}` | {default} | {field.description.replace('|', '/')}{only} |"


def _first_line(group: type[BaseModel]) -> str:
    return (group.__doc__ or "").strip().splitlines()[0]


def schema() -> dict[str, Any]:
    """JSON Schema of the configuration file."""
    document = Settings.model_json_schema()
    for name in NOT_IN_FILE:
        document["properties"].pop(name)
    document["$defs"].pop("Endpoints")
    document["title"] = CONFIG_FILE
    document["$schema"] = "https://json-schema.org/draft/2020-12/schema"
    return document


def write(directory: Path) -> None:
    """Writes both files."""
    (directory / "configuration.md").write_text(markdown(), encoding="utf-8")
    text = json.dumps(schema(), indent=2, ensure_ascii=False) + "\n"
    (directory / "selfheal.schema.json").write_text(text, encoding="utf-8")


if __name__ == "__main__":
    write(Path(sys.argv[1]))
