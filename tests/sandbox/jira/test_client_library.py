"""Every call of the real client library that the crew builds on, against the server."""

from __future__ import annotations

import pytest
import requests
from atlassian.models.jira.adf import ADFBuilder


@pytest.mark.parametrize("prefix", ["", "/ex/jira/8e1d0b5e-cloud"])
def test_both_prefixes_and_both_ways_to_authenticate(jira, connect, prefix):
    bearer = connect(prefix=prefix, token=jira.token("bot"))
    basic = connect(prefix=prefix, username="bot@example.com", password=jira.token("bot"))
    for client in (bearer, basic):
        me = client.get_current_user()
        assert me["displayName"] == "Selfheal Bot"
        assert me["self"].startswith(jira.url + prefix)


def test_search_pages_until_there_is_no_token(jira, client):
    keys = [jira.file_incident(summary=f"Incident {n}") for n in range(5)]
    data = {"jql": "project = INC ORDER BY key ASC", "fields": ["summary"], "maxResults": 2}
    found, tokens = [], []
    while True:
        page = client.search_and_reconsile_issues_using_jql_post(data=data)
        assert "total" not in page
        found += [issue["key"] for issue in page["issues"]]
        if "nextPageToken" not in page:
            break
        assert page["isLast"] is False
        tokens.append(page["nextPageToken"])
        data["nextPageToken"] = tokens[-1]
    assert found == keys
    assert len(tokens) == len(set(tokens)) == 2


def test_enhanced_jql_by_get(jira, client):
    key = jira.file_incident(summary="One")
    page = client.enhanced_jql("project = INC", fields=["summary", "status"], limit=10)
    assert [(issue["key"], issue["fields"]["summary"]) for issue in page["issues"]] == [(key, "One")]
    assert client.enhanced_jql_get_list_of_tickets("project = INC")[0]["fields"]["labels"] == []


def test_read_with_fields_and_properties(jira, client):
    key = jira.file_incident(summary="One", description="First\nSecond", services=["checkout"])
    client.set_issue_property(key, "selfheal", data={"state": "x"})
    issue = client.get_issue(key, fields="summary,description", properties="selfheal,absent")
    assert set(issue["fields"]) == {"summary", "description"}
    assert issue["properties"] == {"selfheal": {"state": "x"}}
    everything = client.get_issue(key)["fields"]
    services = next(one["id"] for one in client.get_fields() if one["name"] == "Affected services")
    assert [one["name"] for one in everything[services]] == ["checkout"]
    assert everything["issuetype"]["name"] == "[System] Incident"


def test_transition_with_labels_and_comment_is_one_write(jira, client):
    key = jira.file_incident(summary="One")
    possible = client.get_transitions(key, expand="transitions.fields")["transitions"]
    assert {one["name"]: one["to"]["name"] for one in possible} == {
        "Investigate": "Work in progress",
        "Pending": "Pending",
        "Resolve": "Completed",
        "Cancel": "Canceled",
    }
    assert "labels" in possible[0]["fields"]
    builder = ADFBuilder().heading("Analysis", 2).text_paragraph("Out of memory").bullet_list(["a", "b"])
    builder.code_block("kubectl get pods", "bash").table(["k", "v"], [["1", "2"]])
    body = builder.build() if hasattr(builder, "build") else builder.to_dict()
    internal = [{"key": "sd.public.comment", "value": {"internal": True}}]
    answer = client.do_transition(
        key,
        data={
            "transition": {"id": possible[0]["id"]},
            "update": {
                "labels": [{"add": "selfheal"}],
                "comment": [{"add": {"body": body, "properties": internal}}],
            },
        },
    )
    assert answer is None
    issue = client.get_issue(key)["fields"]
    assert (issue["status"]["name"], issue["labels"]) == ("Work in progress", ["selfheal"])
    assert issue["comment"]["comments"][0]["jsdPublic"] is False
    entries = client.get_change_logs(key, start_at=0, max_results=50)["values"]
    assert len(entries) == 1
    told = {item["field"]: (item["fromString"], item["toString"]) for item in entries[0]["items"]}
    assert told == {"status": ("Open", "Work in progress"), "labels": ("", "selfheal")}
    assert entries[0]["author"]["accountId"] == client.get_current_user()["accountId"]


def test_entity_properties_come_and_go(jira, client):
    key = jira.file_incident(summary="One")
    client.set_issue_property(key, "selfheal", data={"n": 1})
    client.set_issue_property(key, "selfheal", data={"n": 2})
    assert client.get_issue_property(key, "selfheal") == {"key": "selfheal", "value": {"n": 2}}
    assert client.delete_issue_property(key, "selfheal") is None
    with pytest.raises(requests.HTTPError) as refused:
        client.get_issue_property(key, "selfheal")
    assert refused.value.response.status_code == 404


def test_conditional_bulk_set_goes_through_a_task(jira, client):
    key = jira.file_incident(summary="One")
    issue_id = int(client.get_issue(key, fields="id")["id"])
    data = {"value": {"owner": "a"}, "filter": {"entityIds": [issue_id], "hasProperty": False}}
    # ``client.put`` drops ``allow_redirects``; ``request`` takes it.
    answer = client.request(
        "PUT", "rest/api/3/issue/properties/selfheal", data=data, advanced_mode=True, allow_redirects=False
    )
    assert answer.status_code == 303
    task = client.get_task(answer.headers["Location"].rpartition("/")[2])
    assert (task["status"], task["progress"]) == ("COMPLETE", 100)
    lost = {"value": {"owner": "b"}, "filter": {"entityIds": [issue_id], "hasProperty": False}}
    assert client.bulk_set_issue_property("selfheal", data=lost)["status"] == "COMPLETE"
    assert client.get_issue_property(key, "selfheal")["value"] == {"owner": "a"}


def test_comment_labels_and_people(jira, client, adf):
    key = jira.file_incident(summary="One", assignee=None)
    internal = [{"key": "sd.public.comment", "value": {"internal": True}}]
    comment = client.add_comment(key, data={"body": adf("hello"), "properties": internal})
    assert comment["jsdPublic"] is False
    client.edit_issue(key, notify_users="false", data={"update": {"labels": [{"add": "x"}, {"add": "y"}]}})
    client.edit_issue(key, notify_users="false", data={"update": {"labels": [{"remove": "x"}]}})
    maria = client.find_users(query="maria")[0]
    assert [one["displayName"] for one in client.find_assignable_users(issue_key=key, query="okafor")] == [
        maria["displayName"]
    ]
    assert client.find_assignable_users(project="INC", query="casey") == []
    client.assign_issue(key, data={"accountId": maria["accountId"]})
    fields = client.get_issue(key, fields="labels,assignee")["fields"]
    assert (fields["labels"], fields["assignee"]["displayName"]) == (["y"], "Maria Okafor")
    client.assign_issue(key, data={"accountId": None})
    assert client.get_issue(key, fields="assignee")["fields"]["assignee"] is None


def test_links_and_what_the_site_has(jira, client):
    cause, effect = (jira.file_incident(summary=name) for name in ("cause", "effect"))
    client.link_issues(
        data={
            "type": {"name": "Problem/Incident"},
            "inwardIssue": {"key": cause},
            "outwardIssue": {"key": effect},
        }
    )
    link = client.get_issue(effect, fields="issuelinks")["fields"]["issuelinks"][0]
    assert (link["inwardIssue"]["key"], link["type"]["inward"]) == (cause, "is caused by")
    assert [one["name"] for one in client.get_priorities()] == ["Highest", "High", "Medium", "Low", "Lowest"]
    assert {one["name"] for one in client.get_statuses()} >= {"Open", "Work in progress", "Closed"}
    assert client.get_project("INC")["projectTypeKey"] == "service_desk"
    assert client.get_server_info()["deploymentType"] == "Cloud"


def test_the_service_desk_api(jira, connect):
    customer, agent = connect("customer", service_desk=True), connect("maria", service_desk=True)
    kinds = customer.get_request_types("1")["values"]
    request = customer.create_customer_request(
        data={
            "serviceDeskId": "1",
            "requestTypeId": kinds[0]["id"],
            "requestFieldValues": {"summary": "Shop is slow", "description": "Since noon"},
        }
    )
    key = request["issueKey"]
    assert agent.get_sla_information(key)["values"][0]["ongoingCycle"]["breached"] is False
    assert agent.get_request_participants(key)["values"] == []
    approval = jira.as_person("admin").ask_approval(key, ["maria"])
    assert agent.get_approvals(key)["values"][0]["canAnswerApproval"] is True
    assert agent.answer_approval(key, approval, data={"decision": "approve"})["finalDecision"] == "approved"


def test_a_path_in_a_key_reaches_another_resource_as_on_the_real_site(jira, client):
    key = jira.file_incident(summary="One")
    assert "accountId" in client.get_issue(f"{key}/../../myself")
