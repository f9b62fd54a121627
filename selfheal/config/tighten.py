"""A service repository's settings under those of the operations repository: tightened, never loosened.

Every setting has a rule here, and a test holds that none is forgotten; one that were would stay at the central value. Where
the service says nothing the central value counts. What a service asks for beyond its bounds is not an error that stops the
work: it is left at the central value and named, so that a person can be told.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic import BaseModel

from selfheal.config.model import Mode, Service, Settings
from selfheal.config.sources import ENDPOINT_VARIABLES, load
from selfheal.errors import ConfigurationProblem

Rule = Callable[[Any, Any], Any]
_CAREFUL: tuple[Mode, ...] = ("observe", "propose", "heal")


@dataclass(frozen=True)
class Tightened:
    """The settings that count, and the names of those that the service would have loosened."""

    settings: Settings
    refused: tuple[str, ...]


def _central(central: Any, local: Any) -> Any:
    return central


def _own(central: Any, local: Any) -> Any:
    """A matter of the job or the checkout, whatever the operations repository says of its own."""
    return local


def _local(central: Any, local: Any) -> Any:
    """The service's choice, where it makes one."""
    return local


def _model(central: str, local: str) -> str:
    """Which provider reads incidents and code is the operations repository's to say; none at all is always allowed."""
    return local if not central or local == "builtin" else central


def _both(central: bool, local: bool) -> bool:
    return central and local


def _either(central: bool, local: bool) -> bool:
    return central or local


def _union(central: tuple[str, ...], local: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(dict.fromkeys((*central, *local)))


def _shared(central: tuple[str, ...], local: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(item for item in local if item in central)


def _within(central: tuple[str, ...], local: tuple[str, ...]) -> tuple[str, ...]:
    """Globs of the service that lie within one of the central ones; all central ones where it names none of its own."""
    if local == ("**",):
        return central
    return tuple(item for item in local if any(_covers(outer, item) for outer in central))


def _covers(outer: str, inner: str) -> bool:
    """Whether every path of ``inner`` surely matches ``outer``: the same glob, or below a folder that is allowed whole."""
    return outer in ("**", inner) or (
        outer.endswith("/**") and inner.startswith(outer[:-2]) and ".." not in inner
    )


def _least_hours(central: dict[str, float], local: dict[str, float]) -> dict[str, float]:
    names = dict.fromkeys((*central, *local))
    return {
        name: min(central.get(name, central.get("*", 24.0)), local.get(name, local.get("*", 24.0)))
        for name in names
    }


def _careful(central: Mode, local: Mode) -> Mode:
    return min((central, local), key=_CAREFUL.index)


#: By group and setting. ``min`` and ``max`` say in which direction a setting becomes stricter.
RULES: Mapping[str, Mapping[str, Rule]] = {
    "": {
        "mode": _careful, "dry_run": _either, "log_level": _local, "repository_dir": _own, "state_dir": _own,
        "cluster": _own, "endpoints": _own, "kubectl": _own, "helm": _own,
    },
    # Where incidents are filed and who gets them is the operations repository's business alone.
    "jira": dict.fromkeys(
        ("project", "issue_type", "assignee", "escalation", "critical_priority", "lease", "taker_wait", "settle",
         "working_status", "pending_status", "resolved_status", "close_healthy", "services_field"), _central,
    ),
    "github": {
        "approvals": max, "allow_no_checks": _both, "merge_method": _local, "max_open_pull_requests": min,
        "wait_for_review": _local, "poll": _local,
    },
    "verification": {"rollout_timeout": _local, "soak": max, "samples": max, "interval": max},
    "model": {
        "name": _model, "default_provider_model": _local, "calls": min, "input_tokens": min, "output_tokens": min,
        "usd": min, "usd_per_day_repository": min, "usd_per_day_reporter": min, "usd_per_million_input": max,
        "usd_per_million_output": max, "context_window": _local, "timeout": min,
    },
    "policy": {
        "allowed_paths": _within, "protected_paths": _union, "max_files": min, "max_lines": min,
        "image_registries": _shared, "freeze": _union, "raise_factor": min, "raise_total": min,
        "allow_quota_raise": _both, "server_dry_run": _either, "relapse_days": max, "code_changes": _both,
    },
    "limits": {
        "max_incidents": min, "attempts": min, "defects": min, "stage_timeout": _local, "deadline_hours": _least_hours,
        "storm": min, "ill_share": min,
    },
    "rendering": {"kube_version": _local, "api_versions": _local},
    "knowledge": {"paths": _own},
    "redaction": {"emails": _either},
}  # fmt: skip


def tightened(central: Settings, local: Settings) -> Tightened:
    """``local`` held to ``central``. Endpoints stay the job's own."""
    refused: list[str] = []
    values: dict[str, Any] = {"services": _services(central, local, refused)}
    for group, rules in RULES.items():
        above = getattr(central, group) if group else central
        below = getattr(local, group) if group else local
        decided = {name: _decided(rule, name, above, below) for name, rule in rules.items()}
        # A value that the service's file merely leaves at the default asks for nothing.
        refused += [
            f"{group}.{name}".lstrip(".")
            for name, value in decided.items()
            if name in below.model_fields_set and _asked_more(getattr(below, name), value, rules[name])
        ]
        if group:
            values[group] = above.model_copy(update=decided)
        else:
            values |= decided
    return Tightened(central.model_copy(update=values), tuple(refused))


def _decided(rule: Rule, name: str, above: BaseModel, below: BaseModel) -> Any:
    """By the rule, where the service says something."""
    if rule is not _own and name not in below.model_fields_set:
        return getattr(above, name)
    return rule(getattr(above, name), getattr(below, name))


def under(path: str, local: Settings, environ: Mapping[str, str]) -> Tightened:
    """``local`` held to the operations repository's file at ``path``.

    Raises ConfigurationProblem when that cannot be read.
    """
    try:
        text = Path(path).read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigurationProblem(
            f"The settings of the operations repository cannot be read at {path}.",
            hint="SELFHEAL_CENTRAL_CONFIG has to name its .selfheal.yml.",
        ) from error
    endpoints = {variable for names in ENDPOINT_VARIABLES.values() for variable in names}
    held = {name: value for name, value in environ.items() if name in endpoints}
    return tightened(load(file_text=text, origin="the central settings", environ=held), local)


def _asked_more(own: Any, decided: Any, rule: Rule) -> bool:
    """Whether the service's own value was not simply taken or added to."""
    if rule is _union:
        return False
    if rule is _least_hours:
        return any(hours > decided[name] for name, hours in own.items())
    return bool(own != decided)


def _services(central: Settings, local: Settings, refused: list[str]) -> tuple[Service, ...]:
    """The central entries that this repository deploys, with the more careful of both modes."""
    ours = local.endpoints.github_repository.casefold()
    kept = []
    for entry in central.services:
        if entry.repository.casefold() != ours:
            continue
        own = local.service_for(entry.name)
        kept.append(entry if own is None else _under(entry, own, central.mode))
    names = {entry.name for entry in kept}
    refused += [f"services.{entry.name}" for entry in local.services if entry.name not in names]
    return tuple(kept)


def _under(entry: Service, own: Service, general: Mode) -> Service:
    modes: dict[str, Mode] = dict(entry.modes_by_fault)
    for fault, mode in own.modes_by_fault.items():
        modes[fault] = _careful(modes.get(fault, entry.mode or general), mode)
    strict = entry.mode if own.mode is None else _careful(entry.mode or general, own.mode)
    return entry.model_copy(update={"mode": strict, "modes_by_fault": modes})
