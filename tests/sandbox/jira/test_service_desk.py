"""The service desk API route by route; Atlassian publishes no description of it to hold it against."""

from __future__ import annotations

import re

import pytest

DESK = "/rest/servicedeskapi"


@pytest.fixture
def key(call):
    body = {
        "serviceDeskId": "1",
        "requestTypeId": "11",
        "requestFieldValues": {"summary": "Shop is slow", "description": "Since\nnoon"},
    }
    answer = call("POST", f"{DESK}/request", "customer", json=body)
    assert answer.status_code == 201
    return answer.json()["issueKey"]


def test_a_request_is_an_incident(call, key):
    shown = call("GET", f"{DESK}/request/{key}", "customer").json()
    assert shown["currentStatus"]["status"] == "Open"
    assert {one["fieldId"]: one["value"] for one in shown["requestFieldValues"]} == {
        "summary": "Shop is slow",
        "description": "Since\nnoon",
    }
    fields = call("GET", f"/rest/api/3/issue/{key}").json()["fields"]
    assert fields["issuetype"]["name"] == "[System] Incident"
    assert fields["assignee"] is None
    assert fields["reporter"]["displayName"] == "Casey Customer"
    assert fields["customfield_10010"]["requestType"]["id"] == "11"


@pytest.mark.parametrize(
    ("change", "status"),
    [
        ({"serviceDeskId": "9"}, 404),
        ({"requestTypeId": "9"}, 400),
        ({"requestFieldValues": {}}, 400),
        ({"requestFieldValues": {"summary": "x", "labels": ["x"]}}, 400),
        ({"raiseOnBehalfOf": "nobody"}, 400),
    ],
)
def test_refusals_have_the_service_desks_shape(call, change, status):
    body = {"serviceDeskId": "1", "requestTypeId": "11", "requestFieldValues": {"summary": "x"}, **change}
    answer = call("POST", f"{DESK}/request", json=body)
    assert answer.status_code == status
    assert set(answer.json()) == {"errorMessage", "i18nErrorMessage"}
    assert answer.json()["errorMessage"]


def test_participants_come_and_go(jira, call, key):
    nina = jira.site.add_account("nina", kind="customer").id
    assert call("GET", f"{DESK}/request/{key}", "nina").status_code == 404
    path = f"{DESK}/request/{key}/participant"
    assert call("POST", path, json={"accountIds": [nina]}).json()["values"][0]["displayName"] == "Nina"
    assert call("GET", f"{DESK}/request/{key}", "nina").status_code == 200
    assert call("DELETE", path, json={"accountIds": [nina]}).json()["size"] == 0
    assert call("GET", f"{DESK}/request/{key}", "nina").status_code == 404


def test_the_sla_runs_and_is_breached(jira, call, clock, key):
    path = f"{DESK}/request/{key}/sla"
    running = call("GET", path).json()["values"][0]["ongoingCycle"]
    assert running["goalDuration"]["friendly"] == "24h 0m"
    clock.pass_by(25 * 3600)
    assert call("GET", f"{path}/1").json()["ongoingCycle"]["breached"] is True
    jira.as_person("maria").transition(key, "Resolve")
    done = call("GET", f"{path}/1").json()
    assert "ongoingCycle" not in done
    assert done["completedCycles"][0]["breached"] is True


def test_transitions_and_statuses(call, key):
    path = f"{DESK}/request/{key}"
    assert call("GET", f"{path}/transition", "customer").json()["values"] == []
    possible = call("GET", f"{path}/transition").json()["values"]
    assert call("POST", f"{path}/transition", json={"id": possible[0]["id"]}).status_code == 204
    assert call("POST", f"{path}/transition", json={"id": "51"}).status_code == 400
    statuses = call("GET", f"{path}/status").json()["values"]
    assert [one["status"] for one in statuses] == ["Work in progress", "Open"]


def test_an_approval_is_answered_once_and_by_those_asked(jira, call, key):
    approval = jira.as_person("admin").ask_approval(key, ["maria", "jonas"])
    path = f"{DESK}/request/{key}/approval/{approval}"
    assert call("POST", path, json={"decision": "approve"}).status_code == 403
    assert call("POST", path, "maria", json={"decision": "perhaps"}).status_code == 400
    assert call("POST", path, "maria", json={"decision": "approve"}).json()["finalDecision"] == "pending"
    assert call("POST", path, "jonas", json={"decision": "decline"}).json()["finalDecision"] == "declined"
    assert call("POST", path, "maria", json={"decision": "approve"}).status_code == 403


def test_pages_of_the_service_desk(jira, call, key):
    for number in range(3):
        jira.as_person("maria").comment(key, f"n {number}")
    page = call("GET", f"{DESK}/request/{key}/comment?start=1&limit=1").json()
    assert (page["start"], page["limit"], page["size"], page["isLastPage"]) == (1, 1, 1, False)
    assert page["values"][0]["body"] == "n 1"


def test_every_route_answers(jira, call, key):
    approval = jira.as_person("admin").ask_approval(key, ["bot"])
    numbers = {"requesttype": "11", "queue": "1", "sla": "1", "approval": approval}
    for rule in jira.coverage():
        method, _, path = rule.partition(" ")
        if method != "GET" or not path.startswith(DESK):
            continue
        path = path.replace("<desk>", "1").replace("<key>", key)
        path = re.sub(r"(\w+)/<number>", lambda found: f"{found[1]}/{numbers[found[1]]}", path)
        answer = call("GET", path)
        assert answer.status_code == 200, (rule, answer.text)
        assert answer.json()
