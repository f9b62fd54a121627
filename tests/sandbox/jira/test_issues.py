"""Writes to issues: the workflow, what screens take, races, comments, who may what."""

from __future__ import annotations

import threading
from http import HTTPStatus

import pytest

ISSUE = "/rest/api/3/issue"


@pytest.fixture
def key(jira):
    return jira.file_incident(summary="Checkout is down", labels=["shop"])


def _go(call, key, transition, login="bot", **more):
    return call("POST", f"{ISSUE}/{key}/transitions", login, json={"transition": {"id": transition}, **more})


# -- the workflow ------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("way", "possible"),
    [
        ((), {"Investigate", "Pending", "Resolve", "Cancel"}),
        (("Investigate",), {"Pending", "Resolve", "Cancel"}),
        (("Pending",), {"Investigate", "Cancel"}),
        (("Resolve",), {"Close"}),
        (("Cancel",), {"Close"}),
        (("Resolve", "Close"), set()),
    ],
)
def test_the_stock_workflow(jira, call, key, way, possible):
    for step in way:
        jira.as_person("maria").transition(key, step)
    shown = call("GET", f"{ISSUE}/{key}/transitions").json()["transitions"]
    assert {one["name"] for one in shown} == possible


def test_a_transition_from_elsewhere_is_refused(jira, call, key):
    answer = _go(call, key, "51")
    assert answer.status_code == 400
    assert answer.json()["errors"]["transition"] == "Transition id '51' is not valid for this issue."
    assert jira.store.status(jira.store.issues[key]).name == "Open"


def test_resolution_is_on_no_screen_and_nothing_of_the_write_happens(jira, call, key):
    more = {"fields": {"resolution": {"name": "Done"}}, "update": {"labels": [{"add": "x"}]}}
    answer = _go(call, key, "31", **more)
    assert answer.status_code == 400
    assert "cannot be set" in answer.json()["errors"]["resolution"]
    fields = call("GET", f"{ISSUE}/{key}").json()["fields"]
    assert (fields["status"]["name"], fields["labels"]) == ("Open", ["shop"])
    jira.behaviour.resolution_on_screen = True
    assert _go(call, key, "31", **more).status_code == 204
    fields = call("GET", f"{ISSUE}/{key}").json()["fields"]
    assert (fields["resolution"]["name"], fields["labels"]) == ("Done", ["shop", "x"])


def test_closed_is_the_end(jira, call, key, adf):
    for step in ("Resolve", "Close"):
        jira.as_person("maria").transition(key, step)
    edit = call("PUT", f"{ISSUE}/{key}", json={"update": {"labels": [{"add": "late"}]}})
    assert (edit.status_code, edit.json()["errorMessages"]) == (400, ["The issue is no longer editable."])
    assert call("PUT", f"{ISSUE}/{key}/properties/selfheal", json={}).status_code == 403
    assert call("PUT", f"{ISSUE}/{key}/assignee", json={"accountId": None}).status_code == 400
    assert call("POST", f"{ISSUE}/{key}/comment", json={"body": adf("still")}).status_code == 201


# -- races -------------------------------------------------------------------------------------------------


def test_of_two_simultaneous_transitions_one_conflicts(jira, call, key):
    """Both requests have arrived before either is served."""
    answers: list[int] = []
    both, seen = threading.Barrier(2, timeout=5), jira.store.transitions_of

    def arrive(id_or_key: str) -> int:
        moves = seen(id_or_key)
        both.wait()
        return moves

    jira.store.transitions_of = arrive
    racers = [threading.Thread(target=lambda: answers.append(_go(call, key, "11").status_code)) for _ in "ab"]
    for racer in racers:
        racer.start()
    for racer in racers:
        racer.join(10)
    assert sorted(answers) == [204, 409]


def test_the_loser_of_a_moment_ago_is_told_so(jira, call, clock, key):
    jira.behaviour.transition_conflict_seconds = 1
    assert _go(call, key, "11").status_code == 204
    assert _go(call, key, "11", "maria").status_code == 409
    assert _go(call, key, "51", "maria").status_code == 400  # never was possible
    jira.behaviour.conflict_status = 400
    assert _go(call, key, "11", "maria").status_code == 400
    clock.pass_by(2)
    answer = _go(call, key, "11", "maria")
    assert (answer.status_code, "transition" in answer.json()["errors"]) == (400, True)


# -- edits -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("body", "field", "says"),
    [
        ({"fields": {"labels": ["two words"]}}, "labels", "contains spaces"),
        ({"update": {"labels": [{"add": "two words"}]}}, "labels", "contains spaces"),
        ({"fields": {"labels": "x"}}, "labels", "array"),
        ({"fields": {"description": "plain"}}, "description", "Atlassian Document"),
        ({"fields": {"summary": ""}}, "summary", "must specify a summary"),
        ({"fields": {"summary": "x" * 256}}, "summary", "less than 255"),
        ({"fields": {"summary": "a\nb"}}, "summary", "newline"),
        ({"fields": {"priority": {"name": "Critical"}}}, "priority", "invalid"),
        ({"fields": {"status": {"name": "Closed"}}}, "status", "cannot be set"),
        ({"fields": {"resolution": {"name": "Done"}}}, "resolution", "cannot be set"),
        ({"fields": {"nonsense": 1}}, "nonsense", "cannot be set"),
        ({"fields": {"assignee": {"accountId": "nobody"}}}, "assignee", "valid value"),
        ({"fields": {"labels": ["a"]}, "update": {"labels": [{"add": "b"}]}}, "labels", "both"),
        ({"update": {"summary": [{"add": "x"}]}}, "summary", "does not support operation"),
        ({"update": {"comment": [{"add": {"body": "plain"}}]}}, "comment", "Comment body is not valid!"),
    ],
)
def test_what_a_field_does_not_take(call, key, body, field, says):
    answer = call("PUT", f"{ISSUE}/{key}", json=body)
    assert answer.status_code == 400
    assert says in answer.json()["errors"][field]
    assert call("GET", f"{ISSUE}/{key}/changelog").json()["total"] == 0


def test_labels_change_without_losing_others(jira, call, key):
    jira.as_person("maria").add_label(key, "selfheal-stop")
    call("PUT", f"{ISSUE}/{key}", json={"update": {"labels": [{"add": "b"}, {"remove": "shop"}]}})
    assert call("GET", f"{ISSUE}/{key}").json()["fields"]["labels"] == ["b", "selfheal-stop"]


def test_the_changelog_tells_who_did_what(jira, call, key):
    jira.as_person("maria").reassign(key, "jonas")
    jira.as_person("jonas").transition(key, "Pending")
    jira.as_person("jonas").edit(key, {"priority": {"name": "Low"}, "description": "new words"})
    entries = call("GET", f"{ISSUE}/{key}/changelog").json()["values"]
    told = [
        (entry["author"]["displayName"], item["field"], item["fromString"], item["toString"])
        for entry in entries
        for item in entry["items"]
    ]
    assert told == [
        ("Maria Okafor", "assignee", "Selfheal Bot", "Jonas Weber"),
        ("Jonas Weber", "status", "Open", "Pending"),
        ("Jonas Weber", "priority", "High", "Low"),
        ("Jonas Weber", "description", None, "new words"),
    ]
    assert entries[0]["items"][0]["from"].startswith("712020:")
    page = call("GET", f"{ISSUE}/{key}/changelog?startAt=1&maxResults=1").json()
    assert (page["total"], page["isLast"], len(page["values"])) == (3, False, 1)


def test_history_metadata_is_kept(call, key):
    why = {"type": "selfheal", "description": "claim"}
    call("PUT", f"{ISSUE}/{key}?notifyUsers=false", json={"fields": {"summary": "x"}, "historyMetadata": why})
    assert call("GET", f"{ISSUE}/{key}/changelog").json()["values"][0]["historyMetadata"] == why


def test_a_write_that_changes_nothing_leaves_no_trace(jira, call, clock, key):
    before = call("GET", f"{ISSUE}/{key}").json()["fields"]["updated"]
    clock.pass_by(60)
    assert call("PUT", f"{ISSUE}/{key}", json={"fields": {"labels": ["shop"]}}).status_code == 204
    assert call("GET", f"{ISSUE}/{key}/changelog").json()["total"] == 0
    assert call("GET", f"{ISSUE}/{key}").json()["fields"]["updated"] == before


def test_create_asks_for_project_type_and_summary(call):
    answer = call("POST", ISSUE, json={"fields": {"summary": "x"}})
    assert set(answer.json()["errors"]) == {"project", "issuetype"}
    fields = {"summary": "x", "project": {"key": "INC"}, "issuetype": {"name": "[System] Incident"}}
    body = {"fields": fields, "properties": [{"key": "selfheal", "value": {"a": 1}}]}
    made = call("POST", ISSUE, json=body).json()
    shown = call("GET", f"{ISSUE}/{made['key']}?fields=-comment&properties=selfheal").json()
    assert shown["properties"] == {"selfheal": {"a": 1}}
    assert "comment" not in shown["fields"]
    assert shown["fields"]["reporter"]["displayName"] == "Selfheal Bot"


# -- comments ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "body",
    [
        "plain",
        None,
        {"type": "doc", "version": 2, "content": []},
        {"type": "doc", "version": 1, "content": [{"type": "text", "text": "bare"}]},
        {
            "type": "doc",
            "version": 1,
            "content": [{"type": "paragraph", "content": [{"type": "text", "text": ""}]}],
        },
        {"type": "doc", "version": 1, "content": [{"type": "bulletList", "content": []}]},
        {"type": "doc", "version": 1, "content": [{"type": "heading", "attrs": {"level": 9}, "content": []}]},
        {"type": "doc", "version": 1, "content": [{"type": "marquee"}]},
        {
            "type": "doc",
            "version": 1,
            "content": [{"type": "paragraph", "content": [{"type": "text", "text": "x" * 32_768}]}],
        },
    ],
)
def test_a_comment_is_a_valid_document(call, key, body):
    answer = call("POST", f"{ISSUE}/{key}/comment", json={"body": body})
    assert answer.status_code == 400
    assert answer.json()["errorMessages"] == []
    says = answer.json()["errors"]["comment"]
    assert says == "Comment body is not valid!" or "32,767" in says


def test_internal_comments_are_for_agents(jira, call, key, adf):
    secret = {
        "body": adf("root cause"),
        "properties": [{"key": "sd.public.comment", "value": {"internal": True}}],
    }
    assert call("POST", f"{ISSUE}/{key}/comment", json=secret).json()["jsdPublic"] is False
    assert call("POST", f"{ISSUE}/{key}/comment", json={"body": adf("for all")}).json()["jsdPublic"] is True
    path = f"/rest/servicedeskapi/request/{key}/comment"
    assert [one["body"] for one in call("GET", path, "customer").json()["values"]] == ["for all"]
    assert [one["body"] for one in call("GET", path).json()["values"]] == ["root cause", "for all"]
    assert [one["public"] for one in call("GET", f"{path}?public=false").json()["values"]] == [False]


def test_only_authors_edit_their_comments(jira, call, key, adf):
    comment = jira.as_person("maria").comment(key, "mine")
    assert call("PUT", f"{ISSUE}/{key}/comment/{comment}", json={"body": adf("yours")}).status_code == 400
    assert (
        call("PUT", f"{ISSUE}/{key}/comment/{comment}", "maria", json={"body": adf("new")}).status_code == 200
    )
    assert call("DELETE", f"{ISSUE}/{key}/comment/{comment}", "admin").status_code == 204


# -- who ---------------------------------------------------------------------------------------------------


def test_without_or_with_a_wrong_token(call):
    answer = call("GET", "/rest/api/3/myself", login="")
    assert (answer.status_code, answer.headers["X-Seraph-Loginreason"]) == (401, "AUTHENTICATED_FAILED")
    wrong = {"Authorization": "Bearer wrong"}
    gateway = call("GET", "/ex/jira/c/rest/api/3/myself", login="", headers=wrong)
    assert (gateway.status_code, gateway.json()) == (401, {"code": 401, "message": "Unauthorized"})


def test_basic_needs_the_tokens_own_address(jira, call):
    for email, status in (("bot@example.com", 200), ("maria@example.com", 401)):
        assert (
            call("GET", "/rest/api/3/myself", login="", auth=(email, jira.token("bot"))).status_code == status
        )


def test_a_token_without_the_scope(jira, call, key):
    jira.site.add_account("bot", scopes=frozenset({"read:jira-work", "read:jira-user"}))
    assert call("GET", f"{ISSUE}/{key}").status_code == 200
    answer = call("PUT", f"{ISSUE}/{key}", json={"fields": {"summary": "x"}})
    assert (answer.status_code, answer.json()["message"]) == (401, "Unauthorized; scope does not match")
    assert call("GET", "/rest/servicedeskapi/servicedesk").status_code == 401


@pytest.mark.parametrize(
    ("lacks", "method", "path", "body", "status"),
    [
        ("EDIT_ISSUES", "PUT", "", {"fields": {"summary": "x"}}, HTTPStatus.FORBIDDEN),
        ("EDIT_ISSUES", "PUT", "/properties/p", {}, HTTPStatus.FORBIDDEN),
        ("TRANSITION_ISSUES", "POST", "/transitions", {"transition": {"id": "11"}}, HTTPStatus.FORBIDDEN),
        ("ASSIGN_ISSUES", "PUT", "/assignee", {"accountId": None}, HTTPStatus.FORBIDDEN),
        ("ADD_COMMENTS", "POST", "/comment", {"body": None}, HTTPStatus.FORBIDDEN),
        ("BROWSE_PROJECTS", "GET", "", None, HTTPStatus.NOT_FOUND),
    ],
)
def test_what_an_account_may_not_do(jira, call, key, lacks, method, path, body, status):
    jira.site.add_account("bot", lacks=frozenset({lacks}))
    answer = call(method, f"{ISSUE}/{key}{path}", **({"json": body} if body is not None else {}))
    assert answer.status_code == status
    assert answer.json()["errorMessages"]


def test_customers_see_their_own_requests_only(jira, call, key):
    other = jira.file_incident(summary="Not theirs", reporter="maria")
    assert call("GET", f"/rest/servicedeskapi/request/{key}", "customer").status_code == 200
    assert call("GET", f"/rest/servicedeskapi/request/{other}", "customer").status_code == 404


def test_only_the_configured_cloud_is_served(jira, call):
    jira.site.cloud_id = "right"
    assert call("GET", "/ex/jira/right/rest/api/3/myself").status_code == 200
    assert call("GET", "/ex/jira/wrong/rest/api/3/myself").status_code == 404
    jira.behaviour.gateway_only = True
    assert call("GET", "/rest/api/3/myself").status_code == 401
