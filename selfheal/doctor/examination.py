"""All checks, in the order a newcomer would mend them."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping
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
EVERYTHING = tuple(area for area, _checks in AREAS)


def examine(environ: Mapping[str, str], clock: Clock, areas: Collection[str] = EVERYTHING) -> Iterator[Check]:
    """Yields each finding of ``areas`` as soon as it is there. Never raises for what it finds."""
    yield from machine.checks(environ)
    try:
        settings = _settings(environ)
    except ConfigurationProblem as error:
        yield Check(
            "configuration", "failed", error.message, "Nothing else can be checked without it.", error.hint
        )
        return
    yield from machine.renderers(settings, environ)
    yield from others.configuration(settings)
    for area, checks in AREAS:
        if area not in areas:
            continue
        try:
            yield from checks(settings, clock)
        except SelfhealError as error:
            yield Check(area, "failed", error.message, "No stage that needs it can run.", error.hint)


def _settings(environ: Mapping[str, str]) -> Settings:
    """As a stage would have them; in a service repository under the operations repository's."""
    from selfheal.config.tighten import under

    text = config.read_file(Path(environ.get("SELFHEAL_REPOSITORY_DIR") or "."))
    settings = config.load(file_text=text, environ=environ)
    central = environ.get("SELFHEAL_CENTRAL_CONFIG", "")
    return under(central, settings, environ).settings if central else settings


def exit_code(checks: list[Check]) -> int:
    """3 when something needed is missing or fails, else 0."""
    return 3 if any(check.result in ("missing", "failed") for check in checks) else 0


def document(checks: list[Check]) -> dict[str, Any]:
    """The JSON form."""
    return {"schema_version": 1, "checks": [check.document() for check in checks]}
