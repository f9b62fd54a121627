"""No request, however odd, makes the server stumble: it answers, with a body that says what is wrong."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from werkzeug.test import Client

from selfheal.sandbox.jira.app import JiraEmulator

JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-5, 20_000) | st.floats(allow_nan=False) | st.text(max_size=12),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=8,
)
#: Names that the routes look at, so that odd values get past the first check.
NAMES = re.findall(
    r"\w+",
    """
    fields update properties transition historyMetadata summary description labels assignee priority
    resolution duedate comment issuelinks customfield_10043 customfield_10026 add set remove body key
    value id name accountId jql maxResults nextPageToken reconcileIssues expand filter entityIds
    currentValue hasProperty type inwardIssue outwardIssue serviceDeskId requestTypeId
    requestFieldValues raiseOnBehalfOf requestParticipants accountIds decision public project issuetype
    version content text marks attrs level
    """,
)
BODIES = st.recursive(
    JSON,
    lambda inner: st.dictionaries(st.sampled_from(NAMES), inner, max_size=4) | st.lists(inner, max_size=2),
    max_leaves=12,
)
PLAUSIBLE = {
    "<key>": ("INC-1", "10001", "inc-1", "INC-9", "..", "x" * 300),
    "<name>": ("selfheal", "k" * 256, "%00"),
    "<comment_id>": ("10002", "1", "x"),
    "<link_id>": ("1", "x"),
    "<task_id>": ("1",),
    "<desk>": ("1", "INC", "x"),
    "<number>": ("11", "1", "x"),
}


@pytest.fixture(scope="module")
def site() -> tuple[JiraEmulator, Client, dict[str, str]]:
    emulator = JiraEmulator()
    emulator.file_incident(summary="One")
    emulator.as_person("bot").comment("INC-1", "hello")
    emulator.as_person("bot").ask_approval("INC-1", ["bot"])
    return emulator, Client(emulator), {"Authorization": f"Bearer {emulator.token('bot')}"}


def _rules(*methods: str) -> list[str]:
    return [rule for rule in JiraEmulator().coverage() if rule.partition(" ")[0] in methods]


def _path(rule: str, draw: Any) -> str:
    path = rule.partition(" ")[2]
    for variable, values in PLAUSIBLE.items():
        if variable in path:
            path = path.replace(variable, draw(st.sampled_from(values)))
    return path


@given(data=st.data())
@settings(max_examples=400, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_any_body_to_any_writing_route(site, data):
    _, client, headers = site
    rule = data.draw(st.sampled_from(_rules("POST", "PUT", "DELETE")))
    method, path = rule.partition(" ")[0], _path(rule, data.draw)
    body = data.draw(BODIES)
    answer = client.open(path, method=method, headers=headers, data=json.dumps(body))
    assert answer.status_code < 500
    if answer.status_code >= 400:
        assert json.loads(answer.data)


@given(data=st.data())
@settings(max_examples=200, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_any_query_to_any_reading_route(site, data):
    _, client, headers = site
    rule = data.draw(st.sampled_from(_rules("GET")))
    names = st.sampled_from(
        ("startAt", "maxResults", "fields", "expand", "properties", "query", "accountId", "jql")
    )
    query = data.draw(
        st.dictionaries(
            names, st.text(max_size=8) | st.sampled_from(("9" * 5000, "0", "-1", "*all", "-x")), max_size=4
        )
    )
    answer = client.get(_path(rule, data.draw), headers=headers, query_string=query)
    assert answer.status_code < 500


FIELDS = ("assignee", "priority", "labels", "status", "resolution", "key")
VALUES = {
    "assignee": ("currentUser()", '"maria@example.com"', "EMPTY"),
    "priority": ("High", "Low", "EMPTY"),
    "labels": ("a", "b", "EMPTY"),
    "status": ("Open", '"Work in progress"'),
    "resolution": ("Done", "EMPTY"),
    "key": ("INC-1", "INC-2"),
}


@st.composite
def clauses(draw: Any) -> str:
    field = draw(st.sampled_from(FIELDS))
    values = VALUES[field]
    if draw(st.booleans()):
        return f"{field} {draw(st.sampled_from(('=', '!=')))} {draw(st.sampled_from(values))}"
    chosen = draw(st.lists(st.sampled_from(values), min_size=1, max_size=3))
    return f"{field} {draw(st.sampled_from(('in', 'not in')))} ({', '.join(chosen)})"


QUERIES = st.recursive(
    clauses(),
    lambda inner: (
        st.tuples(inner, st.sampled_from(("AND", "OR")), inner).map(lambda parts: f"({' '.join(parts)})")
        | inner.map(lambda query: f"NOT ({query})")
    ),
    max_leaves=5,
)


@pytest.fixture(scope="module")
def mixed() -> Any:
    """A query's keys over issues of all kinds."""
    emulator = JiraEmulator()
    for number in range(12):
        key = emulator.file_incident(
            summary=f"n {number}",
            priority=("High", "Low", "Medium")[number % 3],
            assignee=("bot", "maria", None)[number // 4],
            labels=[label for bit, label in enumerate(("a", "b")) if number >> bit & 1],
        )
        if number % 5 == 0:
            emulator.as_person("maria").transition(key, "Investigate")
    client, headers = Client(emulator), {"Authorization": f"Bearer {emulator.token('bot')}"}

    def _found(query: str) -> set[str]:
        answer = client.post(
            "/rest/api/3/search/jql", headers=headers, json={"jql": query, "fields": ["key"]}
        )
        assert answer.status_code == 200, answer.text
        return {issue["key"] for issue in answer.json["issues"]}

    return _found


@given(one=QUERIES, other=QUERIES)
@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_and_or_not_agree_with_sets(mixed, one, other):
    assert mixed(f"({one}) AND ({other})") == mixed(one) & mixed(other)
    assert mixed(f"({one}) OR ({other})") == mixed(one) | mixed(other)
    assert mixed(f"NOT (NOT ({one}))") == mixed(one)
    assert not mixed(f"NOT ({one})") & mixed(one)


@pytest.mark.parametrize(
    "body", ["[" * 100_000, '{"jql": NaN}', "9" * 5000, '{"jql": "project = INC", "reconcileIssues": ["²"]}']
)
def test_json_that_only_some_parsers_take(site, body):
    _, client, headers = site
    for path in ("/rest/api/3/search/jql", "/rest/api/3/issue/INC-1/comment"):
        assert client.post(path, headers=headers, data=body).status_code == 400


@pytest.mark.parametrize(
    "query",
    [
        "created > " + "9" * 12,
        "created > -999999999w",
        'created > startOfDay("-999999999w")',
        'created > endOfYear("417000w")',
        "cf[" + "9" * 5000 + "] = x",
        "key = " + "9" * 5000,
        "NOT " * 5000 + "key = INC-1",
    ],
)
def test_numbers_and_depths_beyond_reason(site, query):
    _, client, headers = site
    answer = client.post("/rest/api/3/search/jql", headers=headers, json={"jql": query})
    assert answer.status_code in (200, 400)
