"""Every platform route, walked in one story, answers in the shape of Atlassian's published description.

Two things of the description are known to be narrower than the site and are widened here: a change item's ``from`` and
``to`` may be null (the description's own example has them so), and so may ``assignee`` of a linked issue.
"""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest
from openapi_schema_validator import OAS30Validator
from referencing import Registry, Resource
from referencing.jsonschema import DRAFT4

#: Served, but not part of the published platform description, or gone from it.
UNDESCRIBED = re.compile(r"/rest/servicedeskapi/|/rest/api/(2|latest)/search$|/rest/api/3/search$")


class Description:
    """The published description: finds an operation and validates an answer."""

    def __init__(self, path: Path) -> None:
        self.document = json.loads(path.read_text())
        change = self.document["components"]["schemas"]["ChangeDetails"]["properties"]
        for name in ("from", "fromString", "to", "toString"):
            change[name]["nullable"] = True
        self.paths = {re.sub(r"\{\w+\}", "{}", path): item for path, item in self.document["paths"].items()}
        resource = Resource(contents=self.document, specification=DRAFT4)
        self.registry = Registry().with_resource("urn:jira", resource)

    def problems(self, method: str, rule: str, status: int, body: Any) -> list[str]:
        path = re.sub(r"<\w+>", "{}", rule)
        operation = self.paths.get(path, {}).get(method.lower())
        if operation is None:
            return [f"{method} {rule} is not described"]
        response = operation["responses"].get(str(status))
        if response is None:
            return [f"{method} {rule}: {status} is not described"]
        content = response.get("content", {}).get("application/json", {})
        if "schema" not in content or not content["schema"]:
            return []
        pointer = f"/paths/{_escaped(self._written(path))}/{method.lower()}/responses/{status}/content"
        reference = {"$ref": f"urn:jira#{pointer}/application~1json/schema"}
        validator = OAS30Validator(reference, registry=self.registry)
        return [
            f"{method} {rule} {status}: {error.json_path}: {error.message[:200]}"
            for error in validator.iter_errors(body)
        ]

    def _written(self, path: str) -> str:
        return next(one for one in self.document["paths"] if re.sub(r"\{\w+\}", "{}", one) == path)


def _escaped(path: str) -> str:
    return path.replace("~", "~0").replace("/", "~1").replace("{", "%7B").replace("}", "%7D")


@pytest.fixture
def description(shared: Path) -> Description:
    return Description(shared / "specs" / "jira-platform-v3.openapi.json")


def _story(jira: Any, adf: Any) -> list[tuple[str, str, Any]]:
    """(method, path, body): every platform route at least once, in an order that works."""
    one = jira.file_incident(summary="One", description="text", services=["shop"], labels=["a"])
    two = jira.file_incident(summary="Two", assignee=None)
    person = jira.as_person("maria")
    jira.as_person("bot").comment(one, "hello", internal=True)
    person.reassign(one, "jonas")
    person.reassign(one, None)
    comment = jira.store.issues[one].comments[0].id
    bot = jira.site.by_login("bot").id
    ids = [jira.store.issues[one].id]
    link = {"type": {"name": "Relates"}, "inwardIssue": {"key": one}, "outwardIssue": {"key": two}}
    new = {"project": {"key": "INC"}, "issuetype": {"id": "10001"}, "summary": "Three"}
    api, issue = "/rest/api/3", f"/rest/api/3/issue/{one}"
    search = {"jql": "project = INC", "fields": ["*all"], "properties": ["p"], "maxResults": 1}
    edit = {
        "fields": {"summary": "New"},
        "update": {"labels": [{"add": "b"}]},
        "historyMetadata": {"type": "selfheal", "description": "why", "actor": {"id": "selfheal"}},
        "properties": [{"key": "q", "value": 1}],
    }
    return [
        ("POST", f"{api}/issue", {"fields": new}),
        ("POST", f"{api}/issueLink", link),
        ("GET", f"{api}/issueLinkType", None),
        ("GET", f"{issue}?expand=names,schema,transitions,editmeta,changelog&properties=*all", None),
        ("GET", f"{issue}?fields=issuelinks", None),
        ("PUT", issue, edit),
        ("PUT", f"{issue}?returnIssue=true", {"fields": {"priority": {"name": "Low"}}}),
        ("PUT", f"{issue}/assignee", {"accountId": bot}),
        ("GET", f"{issue}/editmeta", None),
        ("GET", f"{issue}/transitions?expand=transitions.fields", None),
        ("POST", f"{issue}/transitions", {"transition": {"id": "11"}}),
        ("GET", f"{issue}/changelog?maxResults=2", None),
        ("GET", f"{issue}/comment?expand=properties", None),
        ("POST", f"{issue}/comment?expand=properties", {"body": adf("x")}),
        ("GET", f"{issue}/comment/{comment}", None),
        ("PUT", f"{issue}/comment/{comment}", {"body": adf("y")}),
        ("PUT", f"{api}/comment/{comment}/properties/k", {"v": 1}),
        ("PUT", f"{api}/comment/{comment}/properties/k", {"v": 2}),
        ("GET", f"{api}/comment/{comment}/properties", None),
        ("GET", f"{api}/comment/{comment}/properties/k", None),
        ("DELETE", f"{api}/comment/{comment}/properties/k", None),
        ("DELETE", f"{issue}/comment/{comment}", None),
        ("PUT", f"{issue}/properties/p", [1]),
        ("PUT", f"{issue}/properties/p", [2]),
        ("GET", f"{issue}/properties", None),
        ("GET", f"{issue}/properties/p", None),
        ("POST", f"{api}/search/jql", search),
        ("GET", f"{api}/search/jql?jql=project=INC&fields=summary,comment&expand=changelog,names", None),
        ("POST", f"{api}/search/approximate-count", {"jql": "project = INC"}),
        ("DELETE", f"{issue}/properties/p", None),
        ("PUT", f"{api}/issue/properties/p", {"value": 1, "filter": {"entityIds": ids}}),
        ("DELETE", f"{api}/issue/properties/p", {"entityIds": ids}),
        ("GET", f"{api}/task/{{task}}", None),
        ("GET", f"{api}/issueLink/{{link}}", None),
        ("DELETE", f"{api}/issueLink/{{link}}", None),
        ("GET", f"{api}/myself?expand=groups", None),
        ("GET", f"{api}/user?accountId={bot}", None),
        ("GET", f"{api}/user/search?query=m", None),
        ("GET", f"{api}/users/search", None),
        ("GET", f"{api}/user/assignable/search?project=INC", None),
        ("GET", f"{api}/user/groups?accountId={bot}", None),
        ("GET", f"{api}/group/member?groupname=on-call", None),
        ("GET", f"{api}/group/bulk", None),
        ("GET", f"{api}/groups/picker?query=on", None),
        ("GET", f"{api}/mypermissions?permissions=EDIT_ISSUES,BROWSE_PROJECTS", None),
        ("GET", f"{api}/field", None),
        ("GET", f"{api}/field/search?query=a", None),
        ("GET", f"{api}/priority", None),
        ("GET", f"{api}/priority/search?maxResults=2", None),
        ("GET", f"{api}/status", None),
        ("GET", f"{api}/statuses/search", None),
        ("GET", f"{api}/statuscategory", None),
        ("GET", f"{api}/resolution", None),
        ("GET", f"{api}/issuetype", None),
        ("GET", f"{api}/label", None),
        ("GET", f"{api}/project", None),
        ("GET", f"{api}/project/search", None),
        ("GET", f"{api}/project/INC", None),
        ("GET", f"{api}/project/INC/statuses", None),
        ("GET", f"{api}/serverInfo", None),
    ]


def test_every_platform_route_answers_in_the_published_shape(jira, call, adf, description):
    rules = [name for name in jira.coverage() if not UNDESCRIBED.search(name)]
    seen: set[str] = set()
    problems: list[str] = []
    task = ""
    for method, written, body in _story(jira, adf):
        link = jira.store.links[0].id if jira.store.links else ""
        path = written.format(task=task, link=link) if "{" in written else written
        answer = call(method, path, **({"json": body} if body is not None else {}))
        rule = _rule(rules, method, path)
        seen.add(rule)
        if answer.status_code == 303:
            task = answer.headers["Location"].rpartition("/")[2]
        assert answer.status_code < 400, (method, path, answer.text)
        shown = answer.json() if answer.content else None
        problems += description.problems(method, rule.partition(" ")[2], answer.status_code, shown)
    assert not problems, "\n".join(problems)
    assert sorted(seen) == rules, "routes that no request of the story reached"


def _rule(rules: list[str], method: str, path: str) -> str:
    """The served rule a request belongs to, the one with the fewest variables first."""
    path = path.partition("?")[0]
    for rule in sorted(rules, key=lambda rule: rule.count("<")):
        pattern = re.sub(r"<\w+>", "[^/]+", rule.partition(" ")[2])
        if rule.startswith(f"{method} ") and re.fullmatch(pattern, path):
            return rule
    raise AssertionError(f"{method} {path} is not served")


@pytest.mark.parametrize(
    ("method", "path", "body"),
    [
        ("GET", "/rest/api/3/issue/INC-99", None),
        ("PUT", "/rest/api/3/issue/{key}", {"fields": {"resolution": {"name": "Done"}}}),
        ("POST", "/rest/api/3/issue/{key}/comment", {"body": "plain"}),
        ("POST", "/rest/api/3/issue/{key}/transitions", {"transition": {"id": "999"}}),
        ("POST", "/rest/api/3/search/jql", {"jql": "priority = Critical"}),
        ("GET", "/rest/api/3/search", None),
    ],
)
def test_refusals_are_error_collections(jira, call, description, method, path, body):
    key = jira.file_incident(summary="One")
    answer = call(method, path.format(key=key), **({"json": body} if body is not None else {}))
    assert answer.status_code >= 400
    schema = {"$ref": "urn:jira#/components/schemas/ErrorCollection"}
    OAS30Validator(schema, registry=description.registry).validate(answer.json())
    shown = answer.json()
    assert shown["errorMessages"] or shown["errors"]


@pytest.mark.parametrize(
    ("method", "rule", "status", "body"),
    [
        ("GET", "/rest/api/3/myself", 200, {"accountId": 5}),
        ("GET", "/rest/api/3/issue/<key>", 200, {"id": "1", "surprise": True}),
        ("GET", "/rest/api/3/issue/<key>/changelog", 200, {"values": [{"items": [{"field": 1}]}]}),
        ("GET", "/rest/api/3/task/<task_id>", 200, {"id": "1"}),
        ("POST", "/rest/api/3/issue", 200, {}),
        ("GET", "/rest/api/3/nothing", 200, {}),
    ],
)
def test_the_check_can_fail(description, method, rule, status, body):
    assert description.problems(method, rule, status, body)
