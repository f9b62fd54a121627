"""Entity properties: limits, last write wins, and the three kinds of conditional write."""

from __future__ import annotations

import threading

import pytest

BULK = "/rest/api/3/issue/properties/selfheal"


@pytest.fixture
def key(jira):
    return jira.file_incident(summary="Checkout is down")


@pytest.fixture
def issue_id(jira, key):
    return jira.store.issues[key].id


@pytest.fixture
def value(call, key):
    return lambda: call("GET", f"/rest/api/3/issue/{key}/properties/selfheal").json().get("value")


def _claim(call, issue_id, owner, login="bot", **condition):
    condition = condition or {"hasProperty": False}
    body = {"value": {"owner": owner}, "filter": {"entityIds": [issue_id], **condition}}
    answer = call("PUT", BULK, login, json=body)
    assert answer.status_code == 303, answer.text
    return answer.headers["Location"].rpartition("/")[2]


def _status(call, task):
    return call("GET", f"/rest/api/3/task/{task}").json()["status"]


@pytest.mark.parametrize(("length", "status"), [(32_766, 201), (32_767, 400)])
def test_a_value_holds_32768_characters_of_json(call, key, length, status):
    path = f"/rest/api/3/issue/{key}/properties/selfheal"
    assert call("PUT", path, json="ä" * length).status_code == status  # two more for the quotes


@pytest.mark.parametrize(("name", "status"), [("k" * 255, 201), ("k" * 256, 400)])
def test_a_key_has_at_most_255_characters(call, key, name, status):
    assert call("PUT", f"/rest/api/3/issue/{key}/properties/{name}", json=1).status_code == status


@pytest.mark.parametrize("data", [b"", b"{", b"no json"])
def test_only_json_is_stored(call, key, data):
    assert call("PUT", f"/rest/api/3/issue/{key}/properties/selfheal", data=data).status_code == 400


def test_the_last_write_wins_and_says_whether_it_was_the_first(call, key, value):
    path = f"/rest/api/3/issue/{key}/properties/selfheal"
    assert [call("PUT", path, login, json=login).status_code for login in ("bot", "maria")] == [201, 200]
    assert value() == "maria"


def test_a_property_leaves_no_history(call, clock, key):
    before = call("GET", f"/rest/api/3/issue/{key}").json()["fields"]["updated"]
    clock.pass_by(5)
    call("PUT", f"/rest/api/3/issue/{key}/properties/selfheal", json={})
    assert call("GET", f"/rest/api/3/issue/{key}").json()["fields"]["updated"] == before
    assert call("GET", f"/rest/api/3/issue/{key}/changelog").json()["total"] == 0


# -- compare and set ---------------------------------------------------------------------------------------


def test_atomic_one_of_two_claims_holds(call, issue_id, value):
    tasks = [_claim(call, issue_id, owner) for owner in ("a", "b")]
    assert [_status(call, task) for task in tasks] == ["COMPLETE", "COMPLETE"]
    assert value() == {"owner": "a"}


def test_atomic_holds_under_threads(jira, call, issue_id, value):
    racers = [threading.Thread(target=_claim, args=(call, issue_id, str(n))) for n in range(8)]
    for racer in racers:
        racer.start()
    for racer in racers:
        racer.join(10)
    winner = value()["owner"]
    _claim(call, issue_id, "late")
    assert value() == {"owner": winner}


def test_current_value_must_be_the_very_same_json(call, issue_id, value):
    _claim(call, issue_id, "a")
    _claim(call, issue_id, "b", currentValue={"owner": "z"})
    assert value() == {"owner": "a"}
    _claim(call, issue_id, "b", currentValue={"owner": "a"})
    assert value() == {"owner": "b"}


def test_a_task_may_take_a_while(jira, call, issue_id, value):
    jira.behaviour.task_operations = 2
    task = _claim(call, issue_id, "a")
    assert _status(call, task) == "ENQUEUED"
    assert _status(call, task) == "COMPLETE"
    assert value() == {"owner": "a"}


def test_window_two_claims_pass_the_filter_and_the_second_overwrites(jira, call, issue_id, value):
    jira.behaviour.conditional_writes = "window"
    first = _claim(call, issue_id, "a")
    second = _claim(call, issue_id, "b")
    assert _status(call, first) == "COMPLETE"
    assert _status(call, second) == "COMPLETE"
    assert value() == {"owner": "b"}


def test_window_the_first_may_read_itself_back_before_it_is_overwritten(jira, call, issue_id, value):
    jira.behaviour.conditional_writes = "window"
    jira.behaviour.task_operations = 3
    _claim(call, issue_id, "a")  # due at operation 4
    call("GET", "/rest/api/3/serverInfo")
    _claim(call, issue_id, "b")  # filed at 3, due at 6
    call("GET", "/rest/api/3/serverInfo")  # 4: a is written
    assert value() == {"owner": "a"}  # 5
    assert value() == {"owner": "b"}  # 6


def test_off_says_so(jira, call, issue_id):
    jira.behaviour.conditional_writes = "off"
    body = {"value": 1, "filter": {"entityIds": [issue_id]}}
    assert call("PUT", BULK, json=body).status_code == 403


def test_without_a_filter_every_issue_is_written(jira, call, key):
    other = jira.file_incident(summary="Unrelated")
    call("PUT", BULK, json={"value": 1})
    assert jira.store.issues[key].properties == jira.store.issues[other].properties == {"selfheal": 1}


@pytest.mark.parametrize(
    "body",
    [
        {"filter": {}},
        {"value": 1, "filter": {"entityIds": ["INC-1"]}},
        {"value": 1, "filter": {"currentValue": 1, "hasProperty": False}},
        {"value": 1, "filter": {"issueKeys": []}},
        {"value": "x" * 32_768},
    ],
)
def test_bulk_bodies_that_are_refused(jira, call, key, body):
    assert call("PUT", BULK, json=body).status_code == 400
    assert jira.store.issues[key].properties == {}


def test_bulk_delete_and_unknown_tasks(jira, call, key, issue_id):
    call("PUT", f"/rest/api/3/issue/{key}/properties/selfheal", json={"n": 1})
    call("DELETE", BULK, json={"entityIds": [issue_id], "currentValue": {"n": 2}})
    assert jira.store.issues[key].properties
    assert call("DELETE", BULK, json={"entityIds": [issue_id]}).status_code == 303
    assert not jira.store.issues[key].properties
    assert call("GET", "/rest/api/3/task/999").status_code == 404
