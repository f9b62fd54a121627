"""How the site shows what it holds: JSON in the shapes of Jira's published description."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any

from selfheal.sandbox.jira import adf
from selfheal.sandbox.jira.site import (
    LINK_TYPES,
    PARTICIPANTS_FIELD,
    REQUEST_TYPE_FIELD,
    SERVICES_FIELD,
    Account,
    FieldInfo,
    Named,
    stable_id,
)
from selfheal.sandbox.jira.store import Comment, History, Issue, Link, Store
from selfheal.sandbox.jira.workflow import CATEGORIES, Status, Transition

ISSUE_EXPANDS = "renderedFields,names,schema,operations,editmeta,changelog,versionedRepresentations"


def timestamp(at: datetime) -> str:
    """``2026-11-22T12:00:00.000+0000``."""
    return f"{at:%Y-%m-%dT%H:%M:%S}.{at.microsecond // 1000:03d}+0000"


class View:
    """Renders for one request; ``base`` is the address the caller used, gateway prefix included."""

    def __init__(self, store: Store, base: str) -> None:
        self.store = store
        self.site = store.site
        self.base = base.rstrip("/")

    def link(self, path: str) -> str:
        return f"{self.base}/rest/api/3/{path}"

    # -- people --------------------------------------------------------------------------------------------

    def _avatars(self, name: str) -> dict[str, str]:
        return {f"{n}x{n}": f"{self.base}/avatars/{stable_id(name)}-{n}.png" for n in (16, 24, 32, 48)}

    def user(self, account: Account) -> dict[str, Any]:
        """As in user resources."""
        return {
            "self": self.link(f"user?accountId={account.id}"),
            "accountId": account.id,
            "accountType": account.kind,
            "emailAddress": account.email,
            "avatarUrls": self._avatars(account.login),
            "displayName": account.name,
            "active": account.active,
            "timeZone": "Etc/UTC",
        }

    def user_or_none(self, account_id: str | None) -> dict[str, Any] | None:
        account = self.site.by_id(account_id)
        return self.user(account) if account else None

    def myself(self, account: Account, expand: Iterable[str]) -> dict[str, Any]:
        shown = {
            **self.user(account),
            "locale": "en_US",
            "groups": {"size": len(account.groups), "items": []},
            "applicationRoles": {"size": 1, "items": []},
            "expand": "groups,applicationRoles",
        }
        if "groups" in expand:
            shown["groups"]["items"] = [self.group(name) for name in account.groups]
        return shown

    def group(self, name: str) -> dict[str, Any]:
        group_id = stable_id(f"group {name}")
        return {"name": name, "groupId": group_id, "self": self.link(f"group?groupId={group_id}")}

    # -- the site's things ---------------------------------------------------------------------------------

    def category(self, key: str) -> dict[str, Any]:
        number, name, colour = CATEGORIES[key]
        return {
            "self": self.link(f"statuscategory/{number}"),
            "id": number,
            "key": key,
            "colorName": colour,
            "name": name,
        }

    def status(self, status: Status) -> dict[str, Any]:
        return {
            "self": self.link(f"status/{status.id}"),
            "description": "",
            "iconUrl": f"{self.base}/images/icons/statuses/generic.png",
            "name": status.name,
            "id": status.id,
            "statusCategory": self.category(status.category),
        }

    def priority(self, priority: Named, *, full: bool = False) -> dict[str, Any]:
        shown: dict[str, Any] = {
            "self": self.link(f"priority/{priority.id}"),
            "iconUrl": f"{self.base}/images/icons/priorities/{priority.name.lower()}.svg",
            "name": priority.name,
            "id": priority.id,
        }
        if full:
            shown |= {"description": priority.description, "statusColor": "#f15c75"}
            shown["isDefault"] = priority.id == self.site.default_priority
        return shown

    def resolution(self, resolution: Named) -> dict[str, Any]:
        return {
            "self": self.link(f"resolution/{resolution.id}"),
            "id": resolution.id,
            "description": resolution.description,
            "name": resolution.name,
        }

    def issue_type(self, issue_type: Named) -> dict[str, Any]:
        return {
            "self": self.link(f"issuetype/{issue_type.id}"),
            "id": issue_type.id,
            "description": issue_type.description,
            "iconUrl": f"{self.base}/images/icons/issuetypes/incident.svg",
            "name": issue_type.name,
            "subtask": False,
            "avatarId": 10_553,
            "hierarchyLevel": 0,
        }

    def project(self) -> dict[str, Any]:
        site = self.site
        return {
            "self": self.link(f"project/{site.project_id}"),
            "id": site.project_id,
            "key": site.project_key,
            "name": site.project_name,
            "projectTypeKey": "service_desk",
            "simplified": False,
            "avatarUrls": self._avatars(site.project_key),
        }

    def field_schema(self, info: FieldInfo) -> dict[str, Any]:
        schema: dict[str, Any] = {"type": info.type}
        if info.items:
            schema["items"] = info.items
        if info.custom:
            schema["custom"] = f"com.atlassian.servicedesk:{info.custom}"
            schema["customId"] = info.number
        else:
            schema["system"] = info.id
        return schema

    def field(self, info: FieldInfo) -> dict[str, Any]:
        clauses = [f"cf[{info.number}]", info.name] if info.custom else [info.clause]
        return {
            "id": info.id,
            "key": info.id,
            "name": info.name,
            "custom": bool(info.custom),
            "orderable": info.editable,
            "navigable": info.id != "comment",
            "searchable": True,
            "clauseNames": clauses,
            "schema": self.field_schema(info),
        }

    def field_meta(self, info: FieldInfo, *, required: bool = False) -> dict[str, Any]:
        """A field on a screen, with what it takes."""
        operations = {"labels": ["add", "set", "remove"], "comment": ["add", "edit", "remove"]}
        shown: dict[str, Any] = {
            "required": required,
            "schema": self.field_schema(info),
            "name": info.name,
            "key": info.id,
            "operations": operations.get(info.id, ["set"]),
        }
        if info.id == "priority":
            shown["allowedValues"] = [self.priority(one) for one in self.site.priorities]
        if info.id == "resolution":
            shown["allowedValues"] = [self.resolution(one) for one in self.site.resolutions]
        return shown

    def transition(self, transition: Transition, screen: frozenset[str], *, fields: bool) -> dict[str, Any]:
        target = self.store.workflow.status(transition.target)
        assert target is not None  # noqa: S101 - a transition leads to a status of its workflow
        shown: dict[str, Any] = {
            "id": transition.id,
            "name": transition.name,
            "to": self.status(target),
            "hasScreen": bool(screen),
            "isGlobal": False,
            "isInitial": False,
            "isAvailable": True,
            "isConditional": False,
            "isLooped": False,
        }
        if fields:
            on_screen = [info for info in self.site.fields if info.id in screen]
            shown["fields"] = {info.id: self.field_meta(info) for info in on_screen}
        return shown

    # -- issues --------------------------------------------------------------------------------------------

    def fields(self, issue: Issue, raw: Mapping[str, Any]) -> dict[str, Any]:
        """Every field of an issue, from the raw values of one of its versions."""
        status = self.store.workflow.status(raw["status"])
        issue_type = self.site.issue_type(raw["issuetype"])
        priority = self.site.priority(raw["priority"] or "")
        resolution = self.site.resolution(raw["resolution"])
        assert status is not None and issue_type is not None  # noqa: S101 - checked when stored
        shown: dict[str, Any] = {info.id: raw.get(info.id) for info in self.site.fields if info.custom}
        for field_id in ("summary", "description", "duedate"):
            shown[field_id] = raw[field_id]
        for field_id in ("created", "updated", "statuscategorychangedate"):
            shown[field_id] = timestamp(raw[field_id])
        for field_id in ("assignee", "reporter", "creator"):
            shown[field_id] = self.user_or_none(raw[field_id])
        return shown | {
            "project": self.project(),
            "issuetype": self.issue_type(issue_type),
            "status": self.status(status),
            "statusCategory": self.category(status.category),
            "priority": self.priority(priority) if priority else None,
            "resolution": self.resolution(resolution) if resolution else None,
            "labels": list(raw["labels"]),
            "comment": self.comments(issue, issue.comments),
            "issuelinks": self.links_of(issue),
            PARTICIPANTS_FIELD: [self.user_or_none(one) for one in raw.get(PARTICIPANTS_FIELD) or ()],
            SERVICES_FIELD: [self._service(name) for name in raw.get(SERVICES_FIELD) or ()],
            REQUEST_TYPE_FIELD: self._request_type(raw),
        }

    def _service(self, name: str) -> dict[str, str]:
        return {"id": f"b:{stable_id('service ' + name)}", "name": name}

    def _request_type(self, raw: Mapping[str, Any]) -> dict[str, Any] | None:
        if not raw.get(REQUEST_TYPE_FIELD):
            return None
        request_type = {"id": raw[REQUEST_TYPE_FIELD], "name": "Report a system problem"}
        return {"requestType": {**request_type, "serviceDeskId": self.site.desk_id}}

    def picked(
        self, issue: Issue, raw: Mapping[str, Any], wanted: Iterable[str], default: str = "*all"
    ) -> dict[str, Any]:
        """The fields asked for: ids, ``*all``, ``*navigable``, ``-excluded``."""
        names = [name.strip() for name in wanted if name.strip()] or [default]
        shown = self.fields(issue, raw)
        if all(name.startswith("-") for name in names):
            names = [default, *names]
        kept: dict[str, Any] = {}
        for name in names:
            if name == "*all":
                kept |= shown
            elif name == "*navigable":
                kept |= {key: value for key, value in shown.items() if key != "comment"}
            elif name.startswith("-"):
                kept.pop(name[1:], None)
            elif name in shown:
                kept[name] = shown[name]
        return kept

    def issue_head(self, issue: Issue, expand: str = ISSUE_EXPANDS) -> dict[str, Any]:
        return {
            "expand": expand,
            "id": str(issue.id),
            "self": self.link(f"issue/{issue.id}"),
            "key": issue.key,
        }

    def comment(self, issue: Issue, comment: Comment, *, properties: bool = False) -> dict[str, Any]:
        shown: dict[str, Any] = {
            "self": self.link(f"issue/{issue.id}/comment/{comment.id}"),
            "id": comment.id,
            "author": self.user_or_none(comment.author),
            "body": comment.body,
            "updateAuthor": self.user_or_none(comment.update_author),
            "created": timestamp(comment.created),
            "updated": timestamp(comment.updated),
            "jsdPublic": not comment.internal,
        }
        if properties:
            shown["properties"] = [{"key": key, "value": value} for key, value in comment.properties.items()]
        return shown

    def comments(self, issue: Issue, comments: list[Comment]) -> dict[str, Any]:
        return {
            "comments": [self.comment(issue, comment) for comment in comments],
            "self": self.link(f"issue/{issue.id}/comment"),
            "maxResults": len(comments),
            "total": len(comments),
            "startAt": 0,
        }

    def history(self, history: History) -> dict[str, Any]:
        shown: dict[str, Any] = {
            "id": history.id,
            "author": self.user_or_none(history.author),
            "created": timestamp(history.created),
            "items": [
                {
                    "field": change.field.id if not change.field.custom else change.field.name,
                    "fieldtype": "custom" if change.field.custom else "jira",
                    "fieldId": change.field.id,
                    "from": change.before,
                    "fromString": change.before_text,
                    "to": change.after,
                    "toString": change.after_text,
                }
                for change in history.changes
            ],
        }
        if history.metadata:
            shown["historyMetadata"] = history.metadata
        return shown

    # -- links ---------------------------------------------------------------------------------------------

    def link_type(self, type_id: str) -> dict[str, Any]:
        number, name, inward, outward = next(one for one in LINK_TYPES if one[0] == type_id)
        return {
            "id": number,
            "name": name,
            "inward": inward,
            "outward": outward,
            "self": self.link(f"issueLinkType/{number}"),
        }

    def linked(self, key: str) -> dict[str, Any]:
        issue = self.store.issues[key]
        priority = self.site.priority(issue.fields["priority"] or "")
        issue_type = self.site.issue_type(issue.fields["issuetype"])
        assert issue_type is not None  # noqa: S101 - checked when stored
        return {
            "id": str(issue.id),
            "key": issue.key,
            "self": self.link(f"issue/{issue.id}"),
            "fields": {
                "summary": issue.fields["summary"],
                "status": self.status(self.store.status(issue)),
                **({"priority": self.priority(priority)} if priority else {}),
                "issuetype": self.issue_type(issue_type),
            },
        }

    def links_of(self, issue: Issue) -> list[dict[str, Any]]:
        """Each link from this issue's side: only the other end is named."""
        shown = []
        for link in self.store.links:
            if issue.key == link.inward:
                shown.append(self._half(link, "outwardIssue", link.outward))
            elif issue.key == link.outward:
                shown.append(self._half(link, "inwardIssue", link.inward))
        return shown

    def _half(self, link: Link, side: str, key: str) -> dict[str, Any]:
        return {
            "id": link.id,
            "self": self.link(f"issueLink/{link.id}"),
            "type": self.link_type(link.type_id),
            side: self.linked(key),
        }

    def whole_link(self, link: Link) -> dict[str, Any]:
        return {
            "id": link.id,
            "self": self.link(f"issueLink/{link.id}"),
            "type": self.link_type(link.type_id),
            "inwardIssue": self.linked(link.inward),
            "outwardIssue": self.linked(link.outward),
        }

    def plain_description(self, issue: Issue) -> str:
        return adf.plain(issue.fields["description"]) if issue.fields["description"] else ""
