"""Jira's automation rules: tell GitHub of an incident at once, and give back what nobody moves on.

Documents for Jira's import and for its rule API. Atlassian documents the envelope, the first trigger and the web request; the
values of the other components are those that people who write rules through the API found to be taken (a component whose
value has another shape is answered with a bare 500). A rule is made disabled, so that a person sees it before it does anything.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

from selfheal.errors import UsageProblem

#: What the workflow listens to (`repository_dispatch`).
EVENT = "jira-incident"
_SAFE = re.compile(r'[^"\\\n]{1,200}')


@dataclass(frozen=True)
class Site:
    """What the rules are about. ``token`` goes into the secured header of the first rule only; "" leaves a place for it."""

    repository: str
    project: str
    issue_type: str = "[System] Incident"
    bot: str = ""
    escalation: str = ""
    minutes: int = 90
    github_url: str = "https://api.github.com"
    token: str = ""

    def __post_init__(self) -> None:
        for name in ("repository", "project", "issue_type", "bot", "escalation"):
            value = getattr(self, name)
            if value and not _SAFE.fullmatch(value):
                raise UsageProblem(
                    f"{name.replace('_', ' ')} holds a quote or a line break.", hint="Write the plain name."
                )


def jql(site: Site) -> str:
    """Incidents of the project that are assigned to the bot."""
    bot = f' AND assignee = "{site.bot}"' if site.bot else " AND assignee IS NOT EMPTY"
    return f'project = "{site.project}" AND issuetype = "{site.issue_type}"{bot}'


def rules(site: Site) -> tuple[dict[str, Any], ...]:
    """All of them, in the order a person meets them."""
    return dispatch_rule(site), assigned_rule(site), dead_man_rule(site)


def dispatch_rule(site: Site) -> dict[str, Any]:
    """An incident is filed: GitHub is told its key. Everything else is read again from Jira."""
    return _rule(
        "selfheal: tell GitHub of a new incident",
        _trigger("jira.issue.event.trigger:created", {"eventFilters": []}),
        [_component("CONDITION", "jira.jql.condition", jql(site)), _tell_github(site)],
    )


def assigned_rule(site: Site) -> dict[str, Any]:
    """An incident that stood there already is given to the bot. Jira keeps a null event unless it is told which one."""
    return _rule(
        "selfheal: tell GitHub of an incident that is given to the bot",
        _trigger(
            "jira.issue.event.trigger:assigned",
            {"eventKey": "jira:issue_updated", "issueEvent": "issue_assigned", "eventFilters": []},
        ),
        [_component("CONDITION", "jira.jql.condition", jql(site)), _tell_github(site)],
    )


def dead_man_rule(site: Site) -> dict[str, Any]:
    """Assigned to the bot and nothing moved for a while: back to the people on call, whatever became of selfheal.

    The rule API takes schedules in Quartz's cron form only (seconds first); a rate is answered with 500.
    """
    return _rule(
        "selfheal: give back what does not move",
        _trigger(
            "jira.jql.scheduled",
            {
                "schedule": {"method": "CRON", "cronExpression": "0 0/10 * * * ?"},
                "jql": f"{jql(site)} AND statusCategory != Done AND updated <= -{site.minutes}m",
                "executionMode": "jql",
                "onlyUpdatedIssues": False,
            },
        ),
        [
            _component(
                "ACTION", "jira.issue.assign",
                {
                    "assignType": "SPECIFY_USER",
                    "assignee": {"type": "ID", "value": site.escalation or "ON-CALL-ACCOUNT-ID"},
                    "smartValue": None, "itsmOpsOncall": None, "jql": None, "issueToCopy": None, "fieldToCopy": None,
                    "listAssignMethod": None,
                },
            ),
            _component(
                "ACTION", "jira.issue.comment",
                {
                    "comment": f"selfheal made no progress here for {site.minutes} minutes; this incident is yours. Its runs are "
                    f"shown at https://github.com/{site.repository}/actions.",
                    "publicComment": False, "commentVisibility": None, "sendNotifications": True, "addCommentOnce": False,
                },
                version=2,
            ),
        ],
    )  # fmt: skip


def export(*rules: dict[str, Any]) -> dict[str, Any]:
    """What Jira's "Import rules" takes."""
    return {"cloud": True, "rules": list(rules)}


def _tell_github(site: Site) -> dict[str, Any]:
    return _component(
        "ACTION", "jira.issue.outgoing.webhook",
        {
            "url": f"{site.github_url.rstrip('/')}/repos/{site.repository}/dispatches",
            "method": "POST",
            "headers": [
                {"name": "Accept", "value": "application/vnd.github+json", "headerSecure": False},
                {"name": "Authorization", "value": f"Bearer {site.token or 'GITHUB-TOKEN'}", "headerSecure": True},
            ],
            "sendIssue": False,
            "contentType": "custom",
            "customBody": '{"event_type":"' + EVENT + '","client_payload":{"incident":{"key":"{{issue.key}}"}}}',
            # The rule's own log then shows GitHub's answer, and an error that GitHub gives is one of the rule.
            "responseEnabled": True,
            "continueOnErrorEnabled": False,
        },
    )  # fmt: skip


def _trigger(name: str, value: Any) -> dict[str, Any]:
    return {"component": "TRIGGER", "schemaVersion": 1, "type": name, "value": value, "conditions": []}


def _component(kind: str, name: str, value: Any, *, version: int = 1) -> dict[str, Any]:
    return {
        "component": kind,
        "schemaVersion": version,
        "type": name,
        "value": value,
        "children": [],
        "conditions": [],
    }


def _rule(name: str, trigger: dict[str, Any], components: list[dict[str, Any]]) -> dict[str, Any]:
    return {
        "name": name,
        "state": "DISABLED",
        "notifyOnError": "FIRSTERROR",
        "canOtherRuleTrigger": False,
        "trigger": trigger,
        "components": components,
        "labels": [],
        "writeAccessType": "OWNER_ONLY",
    }
