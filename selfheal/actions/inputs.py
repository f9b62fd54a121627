"""The action's inputs: how each is spelled, which stage needs which, and what to write when one is wrong.

GitHub enforces neither ``required`` nor types for a composite action, so everything is looked at here, before anything
else happens. Standard library only.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

PREFIX = "INPUT_"
#: What ``stage`` may say besides the six stages: passing an incident on to the repository that owns its service, and the
#: doctor, once with what the stages hold that read and once with what those hold that sign and write.
DOCTORS = ("doctor", "doctor-pr")
STAGES = ("coordinate", "analyze", "fix", "gate", "pr", "deploy", "hand-over", *DOCTORS)
_KEY = re.compile(r"[A-Z][A-Z0-9_]{0,60}-[1-9][0-9]{0,18}")
_REPOSITORY = re.compile(r"[A-Za-z0-9][A-Za-z0-9-]{0,38}/(?!\.{1,2}$)[A-Za-z0-9._-]{1,100}")
_WORD = re.compile(r"[A-Za-z0-9][A-Za-z0-9._/:@-]{0,200}")
_MODES = ("observe", "propose", "heal")
_LEVELS = ("DEBUG", "INFO", "WARNING", "ERROR")
_SIGNING_KEY = 32
#: Bytes of an event file; GitHub's payloads are far smaller.
_EVENT = 1024 * 1024

#: Credentials a stage must not be given: the trust table, seen from the workflow file. ``github-token`` is not among
#: them, since it has a default; the stages that do not write to GitHub never see it.
FOREIGN: dict[str, tuple[str, ...]] = {
    "coordinate": ("signing-key", "model-api-key", "dry-run-kubeconfig"),
    "analyze": ("signing-key", "dry-run-kubeconfig"),
    "fix": ("signing-key", "kubeconfig", "dry-run-kubeconfig"),
    "gate": ("model-api-key", "kubeconfig"),
    "pr": ("model-api-key", "kubeconfig", "dry-run-kubeconfig"),
    "deploy": ("signing-key", "dry-run-kubeconfig"),
    "hand-over": ("jira-token", "signing-key", "model-api-key", "kubeconfig", "dry-run-kubeconfig"),
    "doctor": ("signing-key", "dry-run-kubeconfig"),
    "doctor-pr": ("jira-token", "model-api-key", "kubeconfig", "dry-run-kubeconfig"),
}
_NEEDS: dict[str, tuple[str, ...]] = {
    "coordinate": ("jira-token",),
    "analyze": ("jira-token", "incident", "kubeconfig"),
    "fix": ("jira-token", "incident"),
    "gate": ("jira-token", "incident", "signing-key"),
    "pr": ("jira-token", "incident", "signing-key", "github-token"),
    "deploy": ("jira-token", "incident", "kubeconfig"),
    "hand-over": ("incident", "repository", "github-token"),
    # What is missing is a finding.
    "doctor": (),
    "doctor-pr": (),
}
_WRITE: dict[str, str] = {
    "jira-token": "jira-token: ${{ secrets.ATLASSIAN_TOKEN }}",
    "kubeconfig": "kubeconfig: ${{ secrets.KUBECONFIG }}",
    "signing-key": "signing-key: ${{ secrets.SELFHEAL_SIGNING_KEY }}",
    "github-token": "github-token: ${{ github.token }}",
    "incident": "incident: INC-123",
    "repository": "repository: owner/name",
}


@dataclass(frozen=True)
class Problem:
    """One input that cannot be used; ``fix`` is what to write."""

    name: str
    what: str
    fix: str


@dataclass(frozen=True)
class Inputs:
    """The inputs as given, by their name in ``action.yml``; an input that was not given is ""."""

    values: Mapping[str, str]
    #: Keys that the run was asked for; empty means everything that waits.
    keys: tuple[str, ...] = ()

    def __getitem__(self, name: str) -> str:
        return self.values.get(name, "")

    @property
    def stage(self) -> str:
        """One of `STAGES`."""
        return self["stage"]

    def flag(self, name: str) -> bool:
        """A checked yes or no."""
        return self[name].lower() == "true"


def read(environ: Mapping[str, str]) -> tuple[Inputs, tuple[Problem, ...]]:
    """The inputs in ``INPUT_…`` variables and everything that is wrong with them."""
    values = {
        name.removeprefix(PREFIX).lower().replace("_", "-"): value.strip()
        for name, value in environ.items()
        if name.startswith(PREFIX)
    }
    inputs = Inputs(values)
    keys, about_keys = _keys(inputs, environ)
    inputs = Inputs(values, keys)
    return inputs, (*_problems(inputs, about_keys),)


def _problems(inputs: Inputs, about_keys: list[Problem]) -> Iterator[Problem]:
    if inputs.stage not in STAGES:
        yield Problem(
            "stage", f"`stage` is {_shown(inputs.stage)}, which is no stage.",
            f"Write one of {', '.join(STAGES)}, such as `stage: coordinate`.",
        )  # fmt: skip
        return
    yield from about_keys
    for name in _NEEDS[inputs.stage]:
        if name != "incident" and not inputs[name]:
            yield _missing(name, inputs.stage)
    if "jira-token" in _NEEDS[inputs.stage] and not (inputs["jira-cloud-id"] or inputs["jira-url"]):
        yield Problem(
            "jira-cloud-id", "Neither `jira-cloud-id` nor `jira-url` says where Jira is.",
            "Write `jira-cloud-id: ${{ secrets.ATLASSIAN_CLOUD_ID }}`; the id is shown by "
            "https://YOUR-SITE.atlassian.net/_edge/tenant_info.",
        )  # fmt: skip
    for name in FOREIGN[inputs.stage]:
        if inputs[name]:
            yield Problem(
                name, f"The stage {inputs.stage} must not hold `{name}`.",
                f"Remove `{name}` from this step; docs/security.md says which job holds what.",
            )  # fmt: skip
    for name, check in _CHECKS.items():
        if inputs[name] and (fix := check(inputs[name])):
            yield Problem(name, f"`{name}` is {_shown(inputs[name])}.", fix)
    key = inputs["signing-key"]
    if key and len(key) < _SIGNING_KEY:
        yield Problem(
            "signing-key", "The signing key is too short: whoever guesses it can sign any change.",
            f"Set the secret to at least {_SIGNING_KEY} characters; `selfheal init` makes one.",
        )  # fmt: skip


def _missing(name: str, stage: str) -> Problem:
    secret = re.search(r"secrets\.(\w+)", _WRITE[name])
    fix = f"Write `{_WRITE[name]}` under `with:`"
    if secret:
        fix += (
            f", and set the secret {secret.group(1)} in the repository's settings (Secrets and variables, Actions). A workflow "
            "that is called from another one gets only the secrets that are passed to it"
        )
    return Problem(name, f"The stage {stage} needs `{name}`, which is empty.", f"{fix}.")


def _shown(value: str) -> str:
    """A wrong value as it may be shown: short, on one line, without quotes of its own."""
    return "empty" if not value else "`" + re.sub(r"[^\w .:/@-]", "?", value[:60]) + "`"


# -- which incidents ---------------------------------------------------------------------------------------------


def _keys(inputs: Inputs, environ: Mapping[str, str]) -> tuple[tuple[str, ...], list[Problem]]:
    """The keys of the input; for coordinate also that of the event. An event is believed in nothing else."""
    given = [part.strip() for part in inputs["incident"].split(",") if part.strip()]
    if (
        not given
        and inputs.stage == "coordinate"
        and environ.get("GITHUB_EVENT_NAME") == "repository_dispatch"
    ):
        key = event_key(environ)
        if key is None:
            return (), [
                Problem(
                    "incident", "The event names no incident.",
                    'Its payload has to be {"incident": {"key": "INC-123"}}; `selfheal init jira-rule` makes such a rule.',
                )
            ]  # fmt: skip
        given = [key]
    if inputs.stage in STAGES and inputs.stage not in ("coordinate", *DOCTORS) and len(given) != 1:
        return (), [
            Problem(
                "incident", f"The stage {inputs.stage} serves one incident; `incident` names {len(given) or 'none'}.",
                "Write its key, such as `incident: INC-123`.",
            )
        ]  # fmt: skip
    wrong = [key for key in given if not _KEY.fullmatch(key)]
    if wrong:
        return (), [
            Problem(
                "incident", f"{_shown(wrong[0])} is no incident's key.",
                "Write it as Jira shows it, such as `incident: INC-123`.",
            )
        ]  # fmt: skip
    return tuple(dict.fromkeys(given)), []


def event_key(environ: Mapping[str, str]) -> str | None:
    """``client_payload.incident.key`` of a ``repository_dispatch``, whatever else the event says; None if there is none."""
    try:
        path = Path(environ.get("GITHUB_EVENT_PATH", ""))
        if path.stat().st_size > _EVENT:
            return None
        found: Any = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError):
        return None
    for name in ("client_payload", "incident", "key"):
        found = found.get(name) if isinstance(found, dict) else None
    return found if isinstance(found, str) else None


# -- how single inputs are spelled -------------------------------------------------------------------------------


def _one_of(words: tuple[str, ...]) -> Callable[[str], str]:
    return lambda value: "" if value in words else f"Write one of {', '.join(words)}."


def _whole(low: int, high: int, unit: str) -> Callable[[str], str]:
    def check(value: str) -> str:
        good = value.isascii() and value.isdigit() and len(value) < 6 and low <= int(value) <= high
        return "" if good else f"Write a whole number of {unit} from {low} to {high}."

    return check


def _like(pattern: re.Pattern[str], example: str) -> Callable[[str], str]:
    return lambda value: "" if pattern.fullmatch(value) else f"Write it like `{example}`."


_CHECKS: dict[str, Callable[[str], str]] = {
    "mode": _one_of(_MODES),
    "log-level": _one_of(_LEVELS),
    "dry-run": _one_of(("true", "false")),
    "cache": _one_of(("true", "false")),
    # Not the site's name or address, which people write here first.
    "jira-cloud-id": _like(re.compile(r"[A-Za-z0-9-]{1,64}"), "11223344-a1b2-3b33-c444-def123456789"),
    "timeout-minutes": _whole(1, 350, "minutes"),
    "wait-for-review-minutes": _whole(0, 300, "minutes"),
    "max-incidents": _whole(1, 256, "incidents"),
    "model": _like(_WORD, "openai/gpt-5-mini"),
    "cluster": _like(_WORD, "production"),
    "repository": _like(_REPOSITORY, "owner/name"),
    "jira-url": _like(re.compile(r"https?://[^\s@]+"), "https://api.atlassian.com/ex/jira/CLOUD-ID"),
    "model-base-url": _like(re.compile(r"https?://[^\s@]+"), "https://api.openai.com/v1"),
    "priority": _like(re.compile(r"[\w ,.-]{1,200}"), "High,Critical"),
    "tests": _one_of(("success", "failure", "cancelled", "skipped")),
}
