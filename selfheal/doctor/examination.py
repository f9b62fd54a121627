"""All checks, in the order a newcomer would mend them."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

from selfheal import config
from selfheal.clock import Clock
from selfheal.config import Settings
from selfheal.doctor import cluster, github, jira, machine, others
from selfheal.doctor.finding import Check
from selfheal.errors import ConfigurationProblem, SelfhealError

Area = Callable[[Settings, Clock], Iterator[Check]]
AREAS: tuple[tuple[str, Area], ...] = (
    ("jira", jira.checks),
    ("github", github.checks),
    ("kubernetes", cluster.checks),
    ("model", others.model),
    ("signing key", others.signing_key),
)


def examine(environ: Mapping[str, str], clock: Clock) -> Iterator[Check]:
    """Yields each finding as soon as it is there. Never raises for what it finds."""
    yield from machine.checks(environ)
    try:
        settings = config.load(file_text=_file_text(environ), environ=environ)
    except ConfigurationProblem as error:
        yield Check(
            "configuration", "failed", error.message, "Nothing else can be checked without it.", error.hint
        )
        return
    yield from machine.renderers(settings, environ)
    yield from others.configuration(settings)
    for area, checks in AREAS:
        try:
            yield from checks(settings, clock)
        except SelfhealError as error:
            yield Check(area, "failed", error.message, "No stage that needs it can run.", error.hint)


def _file_text(environ: Mapping[str, str]) -> str:
    return config.read_file(Path(environ.get("SELFHEAL_REPOSITORY_DIR") or "."))


def exit_code(checks: list[Check]) -> int:
    """3 when something needed is missing or fails, else 0."""
    return 3 if any(check.result in ("missing", "failed") for check in checks) else 0


def document(checks: list[Check]) -> dict[str, Any]:
    """The JSON form."""
    return {"schema_version": 1, "checks": [check.document() for check in checks]}
