"""JQL as tools write it, with Jira's answers to what it cannot do; page tokens, lag, reconciling."""

from __future__ import annotations

import string

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from selfheal.sandbox.jira import jql
from selfheal.sandbox.jira.jql import And, Clause, Literal, Not, Or
from selfheal.sandbox.jira.jql_tokens import JqlError


@pytest.fixture
def queue(jira, clock):
    """Four incidents, one an hour: INC-1 High for the bot, INC-2 Low, INC-3 Highest unassigned, INC-4 done."""
    jira.file_incident(summary="Checkout out of memory", priority="High", labels=["selfheal", "shop"])
    clock.pass_by(3600)
    jira.file_incident(summary="Search slow", description="The search index is cold", priority="Low")
    clock.pass_by(3600)
    jira.file_incident(summary="Login down", priority="Highest", assignee=None, services=["login"])
    clock.pass_by(3600)
    key = jira.file_incident(summary="Old trouble", priority="Medium", assignee="maria", labels=["shop"])
    jira.as_person("maria").transition(key, "Resolve")
    return jira


CASES = {
    "project = INC": "1234",
    'project in (INC) AND issuetype = "[System] Incident"': "1234",
    "assignee = currentUser()": "12",
    "assignee != currentUser()": "4",
    "NOT assignee = currentUser()": "4",
    "assignee is EMPTY": "3",
    "assignee IS NOT NULL": "124",
    'assignee in ("Selfheal Bot", "maria@example.com")': "124",
    'assignee in membersOf("on-call")': "4",
    'assignee not in (currentUser(), "Maria Okafor") AND project = INC': "",
    'status = "Open"': "123",
    "status = open and statusCategory != Done": "123",
    'statusCategory in ("To Do", Done)': "1234",
    'statusCategory = "In Progress"': "",
    "priority in (High, Highest)": "13",
    "priority > Medium": "13",
    "priority <= Low": "2",
    "labels = shop": "14",
    "labels in (selfheal, nothing)": "1",
    "labels not in (selfheal)": "4",
    "labels is empty": "23",
    "labels != selfheal": "4",
    "key = INC-2": "2",
    "key in (INC-2, inc-3)": "23",
    "key >= INC-3": "34",
    "summary ~ memory": "1",
    'text ~ "search index"': "2",
    'description ~ "\\"index is cold\\""': "2",
    "created >= -2h": "234",
    'created < "2026-11-22 13:00"': "1",
    'created >= "2026/11/22" AND created <= now()': "1234",
    "created >= startOfDay() AND updated >= -30m": "4",
    "resolution = Unresolved": "1234",
    '"Affected services" = Login': "3",
    "cf[10043] = login": "3",
    "(priority = Low OR priority = Highest) AND status = Open": "23",
    "priority = Low OR priority = Highest AND assignee is empty": "23",
    "NOT (priority = Low OR priority = Highest)": "14",
    "project = INC AND NOT status in (Completed, Closed)": "123",
    "project = 10000 && (labels = selfheal || labels = shop) and !status = Open": "4",
}


@pytest.mark.parametrize("query", CASES)
def test_queries_find_what_jira_finds(queue, found, query):
    assert sorted(found(query)) == [f"INC-{n}" for n in CASES[query]]


@pytest.mark.parametrize(
    ("order", "keys"),
    [
        ("", "4321"),
        ("ORDER BY created ASC", "1234"),
        ("order by priority DESC, key ASC", "3142"),
        ("ORDER BY priority", "2413"),
        ("ORDER BY assignee, key", "4123"),
        ("ORDER BY status DESC, key DESC", "4321"),
    ],
)
def test_order(queue, found, order, keys):
    assert found(f"project = INC {order}") == [f"INC-{n}" for n in keys]


REFUSED = {
    "": "Unbounded JQL queries are not allowed here.",
    "ORDER BY created": "Unbounded JQL queries are not allowed here.",
    "priority = Critical": "The value 'Critical' does not exist for the field 'priority'.",
    'status = "In Review"': "The value 'In Review' does not exist for the field 'status'.",
    "assignee = nobody": "The value 'nobody' does not exist for the field 'assignee'.",
    "project = OPS": "The value 'OPS' does not exist for the field 'project'.",
    "issuetype = Incident": "The value 'Incident' does not exist for the field 'issuetype'.",
    "key = INC-99": "An issue with key 'INC-99' does not exist for field 'key'.",
    "issue.property[selfheal].state = X": "Field 'issue.property[selfheal].state' does not exist",
    "nonsense = 1": "Field 'nonsense' does not exist or you do not have permission to view it.",
    "project INC": "Expecting operator but got 'INC'",
    "project =": "Expecting either a value, list or function before the end of the query.",
    "project = INC status = Open": "Expecting either 'OR' or 'AND' but got 'status'. (line 1, character 15)",
    'summary ~ "open': "The quoted string 'open' has not been completed. (line 1, character 11)",
    "assignee = bot@example.com": "The character '@' is a reserved JQL character.",
    "labels = order": "You must surround 'order' in quotation marks to use it as a value.",
    "(project = INC": "Expecting ')' before the end of the query.",
    "priority ~ High": "The operator '~' is not supported by the 'priority' field.",
    "summary = x": "The operator '=' is not supported by the 'summary' field.",
    "created > yesterday": "Date value 'yesterday' for field 'created' is invalid.",
    "assignee = currentUsr()": "Unable to find JQL function 'currentUsr()'.",
    'assignee in membersOf("ghosts")': "the group does not exist",
    "status is Open": "The operator 'is' only supports the values 'EMPTY' and 'NULL'.",
    "(" * 20_000: "nested too deeply",
}


@pytest.mark.parametrize("query", REFUSED, ids=lambda query: query[:30])
def test_refusals_speak_as_jira_does(queue, found, query):
    assert REFUSED[query] in str(found(query))


def test_without_fields_only_ids_come(queue, call):
    body = call("POST", "/rest/api/3/search/jql", json={"jql": "key = INC-1"}).json()
    assert body["issues"] == [{"id": str(queue.store.issues["INC-1"].id)}]
    assert body["isLast"] is True
    assert "nextPageToken" not in body


def test_a_page_with_fields_holds_at_most_a_hundred(jira, call):
    for number in range(101):
        jira.file_incident(summary=f"n {number}")
    asked = {"jql": "project = INC", "fields": ["summary"], "maxResults": 5000}
    assert len(call("POST", "/rest/api/3/search/jql", json=asked).json()["issues"]) == 100
    assert (
        len(call("POST", "/rest/api/3/search/jql", json={**asked, "fields": ["key"]}).json()["issues"]) == 101
    )


def test_a_token_belongs_to_its_query(queue, call):
    first = call("POST", "/rest/api/3/search/jql", json={"jql": "project = INC", "maxResults": 1}).json()
    other = {"jql": "status = Open", "nextPageToken": first["nextPageToken"]}
    assert call("POST", "/rest/api/3/search/jql", json=other).status_code == 400


@pytest.mark.parametrize(
    "body",
    [
        {"properties": [f"p{n}" for n in range(6)]},
        {"reconcileIssues": list(range(51))},
        {"reconcileIssues": ["INC-1"]},
        {"maxResults": 0},
        {"startAt": 50},
    ],
)
def test_bodies_over_the_limits_are_refused(queue, call, body):
    answer = call("POST", "/rest/api/3/search/jql", json={"jql": "project = INC", **body})
    assert answer.status_code == 400
    assert answer.json()["errorMessages"]


@pytest.mark.parametrize("version", ["2", "3", "latest"])
@pytest.mark.parametrize("method", ["GET", "POST"])
def test_the_old_search_is_gone(call, method, version):
    answer = call(method, f"/rest/api/{version}/search?jql=project=INC")
    assert answer.status_code == 410
    assert "/rest/api/3/search/jql" in answer.json()["errorMessages"][0]


# -- lag ---------------------------------------------------------------------------------------------------


def test_search_lags_by_seconds_and_reading_does_not(jira, clock, found, call):
    jira.behaviour.search_lag_seconds = 30
    key = jira.file_incident(summary="New")
    assert found("project = INC") == []
    assert call("GET", f"/rest/api/3/issue/{key}").status_code == 200
    clock.pass_by(30)
    assert found("project = INC") == [key]
    jira.as_person("maria").transition(key, "Investigate")
    assert found("status = Open") == [key]
    assert found('status = "Work in progress"') == []
    clock.pass_by(30)
    assert found("status = Open") == []


def test_search_lags_by_operations(jira, found, call):
    jira.behaviour.search_lag_operations = 2
    jira.file_incident(summary="New")
    call("GET", "/rest/api/3/myself")
    assert found("project = INC") == ["INC-1"]
    call("PUT", "/rest/api/3/issue/INC-1/properties/selfheal", json={"n": 1})
    asked = {"jql": "project = INC", "fields": ["summary"], "properties": ["selfheal"]}
    stale = call("POST", "/rest/api/3/search/jql", json=asked).json()["issues"][0]
    fresh = call("POST", "/rest/api/3/search/jql", json=asked).json()["issues"][0]
    assert (stale["properties"], fresh["properties"]) == ({}, {"selfheal": {"n": 1}})


def test_reconciling_mends_only_what_it_names(jira, found):
    first, second = (jira.file_incident(summary=name) for name in ("one", "two"))
    jira.behaviour.search_lag_seconds = 60
    for key in (first, second):
        jira.as_person("maria").transition(key, "Investigate")
    named = [jira.store.issues[first].id]
    assert found("status = Open", reconcileIssues=named) == []  # neither is old enough to be indexed as open
    assert found('status = "Work in progress"', reconcileIssues=named) == [first]


# -- the parser --------------------------------------------------------------------------------------------


def test_precedence_and_quotes():
    query = jql.parse('a = 1 OR b = "x \\"y\\"" AND NOT c in (d, \'e f\') ORDER BY a DESC, b')
    assert query.where == Or(
        (
            Clause("a", "=", (Literal("1"),)),
            And(
                (
                    Clause("b", "=", (Literal('x "y"', quoted=True),)),
                    Not(Clause("c", "IN", (Literal("d"), Literal("e f", quoted=True)))),
                )
            ),
        )
    )
    assert query.order == (("a", True), ("b", False))


@given(st.text(max_size=60))
def test_any_string_survives_in_quotes(text):
    quoted = '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'
    assert jql.parse(f"summary ~ {quoted}").where == Clause("summary", "~", (Literal(text, quoted=True),))


@given(st.text(alphabet=string.ascii_letters + " \"()=!<>~,\\'&|[]-@", max_size=80))
@settings(max_examples=300)
def test_no_text_breaks_the_parser(text):
    try:
        jql.parse(text)
    except JqlError as error:
        assert str(error)
