"""Jira: who the bot is, whether the project can be searched, whether its workflow has our statuses, whose clock is right."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from selfheal.clock import Clock
from selfheal.config import Settings
from selfheal.doctor.finding import Check

if TYPE_CHECKING:
    from selfheal.jsm.manager import JSMStateManager

#: Seconds between our clock and Jira's beyond which claims and logs become hard to read.
SKEW = 30.0


def checks(settings: Settings, clock: Clock) -> Iterator[Check]:
    """Raises CredentialProblem, NotFound, Outage as Jira answers."""
    endpoints = settings.endpoints
    if not endpoints.jira_url or not endpoints.jira_token.get_secret_value():
        yield Check(
            "jira", "missing", "Jira is not configured", "Incidents live there.",
            "Set ATLASSIAN_TOKEN and ATLASSIAN_CLOUD_ID (and ATLASSIAN_EMAIL for a user's token).",
        )  # fmt: skip
        return
    from selfheal.jsm.manager import JSMStateManager

    manager = JSMStateManager.connect(settings, clock=clock)
    account = manager.me()
    yield Check("jira", "ok", f"{endpoints.jira_url} answers as {account.name}")
    yield from _clock(settings, clock)
    if settings.jira.project:
        yield from _project(settings, clock, manager)
    else:
        yield Check(
            "jira", "missing", "no project is set", "Searches are bound to one project.",
            "Set jira.project in .selfheal.yml, or SELFHEAL_JIRA_PROJECT.",
        )  # fmt: skip
    yield from _services(settings, manager)
    if not settings.jira.escalation:
        yield Check(
            "jira", "warning", "nobody is named for escalations", "Incidents handed over stay unassigned.",
            "Set jira.escalation to an account or group.",
        )  # fmt: skip


def _project(settings: Settings, clock: Clock, manager: JSMStateManager) -> Iterator[Check]:
    from selfheal.jsm.project import statuses_of

    jira = settings.jira
    found = {name.casefold() for name in statuses_of(settings, clock)}
    if not found:
        yield Check(
            "jira", "failed", f"project {jira.project} has no issue type {jira.issue_type!r}",
            "Only issues of that type are incidents.", "Set jira.issue_type to the name that the project uses.",
        )  # fmt: skip
        return
    waiting = "some" if manager.fetch(max_results=1, brief=True) else "no"
    yield Check("jira", "ok", f"project {jira.project} can be searched; {waiting} incidents wait")
    wanted = {
        "working_status": jira.working_status,
        "pending_status": jira.pending_status,
        "resolved_status": jira.resolved_status,
    }
    absent = {setting: name for setting, name in wanted.items() if name.casefold() not in found}
    for setting, name in absent.items():
        yield Check(
            "jira", "warning", f"the workflow has no status {name!r}", "The incident's status then stays as it is; its state is kept all the same.",
            f"Set jira.{setting} to a status of the workflow.",
        )  # fmt: skip
    if not absent:
        yield Check(
            "jira", "ok", f"the workflow of {jira.issue_type} has the statuses {', '.join(wanted.values())}"
        )


def _services(settings: Settings, manager: JSMStateManager) -> Iterator[Check]:
    from selfheal.errors import ConfigurationProblem

    try:
        field = manager.services_field()
    except ConfigurationProblem as error:
        yield Check(
            "jira", "failed", error.message, "Without it no incident says which service is affected.", error.hint
        )  # fmt: skip
        return
    if field:
        yield Check("jira", "ok", f"affected services are read from the field {field}")
    else:
        yield Check(
            "jira", "warning", "the site has no field of affected services", "Labels and the incident's text say what it is about.",
            "Set jira.services_field to the field that holds the service, or label incidents service:NAME.",
        )  # fmt: skip


def _clock(settings: Settings, clock: Clock) -> Iterator[Check]:
    from selfheal.jsm.project import server_skew

    skew = server_skew(settings, clock)
    if abs(skew) > SKEW:
        yield Check(
            "clock", "warning", f"this machine is {abs(skew):.0f} s {'ahead of' if skew > 0 else 'behind'} Jira",
            "Claims go by Jira's clock, so nothing breaks; times in logs do not fit together.", "Synchronise the clock (NTP).",
        )  # fmt: skip
    else:
        yield Check("clock", "ok", "agrees with Jira's")
