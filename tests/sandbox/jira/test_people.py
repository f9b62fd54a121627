"""Filing incidents and what people do, in Python and over the control endpoints."""

from __future__ import annotations

import pytest
import requests


@pytest.fixture
def control(jira):
    def _control(method, path, body=None):
        answer = requests.request(method, f"{jira.url}/_sandbox/{path}", json=body, timeout=5)
        return answer.status_code, answer.json()

    return _control


def _shown(jira, key):
    issue = jira.store.issues[key]
    assignee = jira.site.by_id(issue.fields["assignee"])
    return jira.store.status(issue).name, assignee.login if assignee else None, issue.fields["labels"]


def test_an_incident_as_filed(jira, call):
    key = jira.file_incident(
        summary="Checkout is down",
        description="First line\n\nSecond",
        priority="Highest",
        labels=["b", "a"],
        services=["checkout"],
        fields={"customfield_10050": {"value": "Critical"}},
    )
    assert key == "INC-1"
    fields = call("GET", f"/rest/api/3/issue/{key}").json()["fields"]
    assert fields["priority"]["name"] == "Highest"
    assert fields["labels"] == ["a", "b"]
    assert fields["customfield_10050"] == {"value": "Critical"}
    assert fields["reporter"]["accountType"] == "customer"
    assert [part["type"] for part in fields["description"]["content"]] == ["paragraph"] * 3
    assert _shown(jira, key) == ("Open", "bot", ("a", "b"))


@pytest.mark.parametrize(
    ("asked", "says"),
    [
        ({"priority": "Critical"}, "priority"),
        ({"labels": ["two words"]}, "spaces"),
        ({"assignee": "customer"}, "cannot be assigned"),
        ({"assignee": "nobody"}, "no account 'nobody'; there are: bot, maria"),
    ],
)
def test_what_cannot_be_filed_says_why(jira, asked, says):
    with pytest.raises(ValueError, match=says):
        jira.file_incident(summary="x", **asked)


def test_people_act_and_the_site_shows_it(jira, call):
    key = jira.file_incident(summary="One")
    maria = jira.as_person("maria")
    maria.reassign(key, "maria")
    maria.transition(key, "Work in progress")
    maria.add_label(key, "selfheal-stop")
    maria.comment(key, "mine now")
    maria.edit_property(key, "selfheal", {"forged": True})
    assert _shown(jira, key) == ("Work in progress", "maria", ("selfheal-stop",))
    assert call("GET", f"/rest/api/3/issue/{key}/properties/selfheal").json()["value"] == {"forged": True}
    maria.delete_property(key, "selfheal")
    maria.remove_label(key, "selfheal-stop")
    assert jira.store.issues[key].properties == {}
    entries = call("GET", f"/rest/api/3/issue/{key}/changelog").json()["values"]
    assert {entry["author"]["displayName"] for entry in entries} == {"Maria Okafor"}
    assert len(entries) == 4


def test_people_are_held_by_the_workflow(jira):
    key = jira.file_incident(summary="One")
    with pytest.raises(ValueError, match="no way to Closed; possible: Investigate -> Work in progress"):
        jira.as_person("maria").transition(key, "Closed")


def test_people_cannot_edit_what_is_closed(jira):
    key = jira.file_incident(summary="One")
    maria = jira.as_person("maria")
    for step in ("Resolve", "Close"):
        maria.transition(key, step)
    for act in (
        lambda: maria.add_label(key, "late"),
        lambda: maria.reassign(key, "maria"),
        lambda: maria.edit(key, {"summary": "x"}),
        lambda: maria.edit_property(key, "p", 1),
    ):
        with pytest.raises(ValueError, match="INC-1 is Closed and cannot be edited"):
            act()
    assert maria.comment(key, "still")


def test_a_deleted_issue_is_gone_and_its_key_is_not_given_again(jira, call, found):
    one, two = (jira.file_incident(summary=name) for name in ("one", "two"))
    jira.store.link("10002", one, two)
    jira.as_person("admin").delete(one)
    assert call("GET", f"/rest/api/3/issue/{one}").status_code == 404
    assert found("project = INC") == [two]
    assert call("GET", f"/rest/api/3/issue/{two}").json()["fields"]["issuelinks"] == []
    assert jira.file_incident(summary="three") == "INC-3"


def test_the_same_over_http(jira, control):
    assert control("POST", "incidents", {"summary": "One", "labels": ["x"]}) == (201, {"key": "INC-1"})
    for action, more in (
        ("transition", {"to": "Investigate"}),
        ("reassign", {"to": "jonas"}),
        ("add_label", {"label": "y"}),
        ("comment", {"text": "hello", "internal": True}),
        ("edit_property", {"name": "p", "value": [1]}),
    ):
        assert control("POST", f"people/jonas/{action}", {"key": "INC-1", **more})[0] == 200
    status, shown = control("GET", "incidents")
    assert status == 200
    assert shown[0]["status"] == "Work in progress"
    assert shown[0]["assignee"] == "jonas"
    assert shown[0]["labels"] == ["x", "y"]
    assert shown[0]["properties"] == {"p": [1]}
    assert shown[0]["comments"] == [{"author": "jonas", "internal": True, "text": "hello"}]


@pytest.mark.parametrize(
    ("method", "path", "body", "says"),
    [
        ("POST", "incidents", {"summary": "x", "priority": "Critical"}, "priority"),
        ("POST", "incidents", {"title": "x"}, "title"),
        ("POST", "people/ghost/comment", {"key": "INC-1", "text": "x"}, "no account"),
        ("POST", "people/maria/escalate", {"key": "INC-1"}, "people do not escalate"),
        ("POST", "people/maria/comment", {"key": "INC-9", "text": "x"}, "no issue INC-9"),
        ("POST", "people/maria/edit", {"key": "INC-1", "fields": {"priority": {"name": "No"}}}, "priority"),
        ("POST", "behaviour", {"search_lag": 1}, "unknown switch 'search_lag'"),
        ("POST", "behaviour", {"per_issue_limit": 1}, "takes a bool"),
        ("POST", "behaviour", {"conditional_writes": "maybe"}, "atomic, window, off"),
    ],
)
def test_control_endpoints_say_what_is_wrong(jira, control, method, path, body, says):
    jira.file_incident(summary="One")
    status, shown = control(method, path, body)
    assert status == 400
    assert says in shown["message"]


def test_switches_and_accounts_over_http(jira, control, call):
    assert control("POST", "behaviour", {"search_lag_seconds": 5, "per_issue_limit": True})[0] == 200
    assert (jira.behaviour.search_lag_seconds, jira.behaviour.per_issue_limit) == (5, True)
    status, made = control("POST", "accounts", {"login": "nina", "name": "Nina Simon", "groups": ["on-call"]})
    assert status == 201
    assert call("GET", "/rest/api/3/myself", "nina").json()["displayName"] == "Nina Simon"
    assert made["token"] in {one["token"] for one in control("GET", "accounts")[1]}
    control("POST", "accounts", {"login": "bot", "lacks": ["EDIT_ISSUES"]})
    shown = call("GET", "/rest/api/3/mypermissions?permissions=EDIT_ISSUES").json()["permissions"]
    assert shown["EDIT_ISSUES"]["havePermission"] is False


def test_reset_forgets_everything(jira, control, call):
    jira.file_incident(summary="One")
    jira.behaviour.quota_reason = "jira-quota-global-based"
    jira.site.add_account("bot", scopes=frozenset())
    jira.site.add_account("nina")
    assert control("POST", "reset")[0] == 200
    assert call("GET", "/rest/api/3/myself").status_code == 200
    assert "nina" not in jira.site.accounts
    assert control("GET", "incidents")[1] == []
    assert jira.file_incident(summary="Again") == "INC-1"


def test_control_requests_are_not_in_the_log(jira, control, call):
    control("POST", "incidents", {"summary": "One"})
    call("PUT", "/ex/jira/c/rest/api/3/issue/INC-1/properties/p", json=1)
    log = control("GET", "requests")[1]
    assert [(row["method"], row["path"], row["effect"], row["who"]) for row in log] == [
        ("PUT", "/rest/api/3/issue/INC-1/properties/p", True, "bot")
    ]


def test_injected_faults_reach_both_prefixes(jira, call):
    jira.file_incident(summary="One")
    fault = {"match": "/issue/INC-1$", "method": "PUT", "action": "drop-after"}
    requests.post(f"{jira.url}/_sandbox/faults", json=fault, timeout=5)
    with pytest.raises(requests.ConnectionError):
        call("PUT", "/ex/jira/c/rest/api/3/issue/INC-1", json={"fields": {"summary": "Changed"}})
    assert jira.store.issues["INC-1"].fields["summary"] == "Changed"
