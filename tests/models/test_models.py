"""Playbooks, conversations and budgets: pure, without CrewAI running."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from selfheal.config import Settings
from selfheal.errors import CredentialProblem, NotFound, Outage
from selfheal.models.budget import Budget, ModelFailed, tokens
from selfheal.models.conversation import FACTS, Conversation, Exchange, ToolCall, read
from selfheal.models.playbook import Strayed, call, ended, following, stuck
from selfheal.models.playbooks import analyze, coordinate, deploy, fix, pr
from selfheal.models.probe import reachable
from tests.crew.doubles import FakeClock
from tests.crew.provider import Provider, says

OK = {"ok": True}
NO = {"ok": False, "error": {"code": "refused", "message": "not so", "hint": ""}}
FIX_FACTS = {"incident": "OPS-1", "state": "ANALYSIS_COMPLETE"}


def walk(playbook, facts, answers):
    """The calls a playbook makes, replayed from the start each time, and its result."""
    exchanges = []
    while True:
        step = following(playbook, Conversation(facts, tuple(exchanges)))
        if not isinstance(step, ToolCall):
            return [exchange.call for exchange in exchanges], step
        exchanges.append(Exchange(step, answers(step, len(exchanges))))


def states(calls):
    return [item.arguments["new_state"] for item in calls if item.name == "jsm_state_transition"]


@pytest.mark.parametrize(
    ("state", "verdict", "expected"),
    [
        ("INCIDENT_DETECTED", "fault", ["ANALYSIS_IN_PROGRESS", "ANALYSIS_COMPLETE"]),
        ("ANALYSIS_IN_PROGRESS", "fault", ["ANALYSIS_COMPLETE"]),
        ("INCIDENT_DETECTED", "healthy", ["ANALYSIS_IN_PROGRESS", "INCIDENT_REQUIRES_HUMAN"]),
        ("INCIDENT_DETECTED", "unknown", ["ANALYSIS_IN_PROGRESS", "INCIDENT_REQUIRES_HUMAN"]),
    ],
)
def test_the_analyzer(state, verdict, expected):
    found = {**OK, "verdict": verdict, "findings": [{"id": "f1"}]}
    calls, result = walk(
        analyze.playbook, {"incident": "OPS-1", "state": state},
        lambda step, _n: found if step.name == "k8s_diagnose" else OK,
    )  # fmt: skip
    assert states(calls) == expected
    assert result["done"]


@pytest.mark.parametrize(
    ("decision", "last"), [("propose", "jsm_metadata_updater"), ("escalate", "jsm_state_transition")]
)
def test_the_fixer(decision, last):
    remedy = {**OK, "decision": decision, "reason": "because", "title": "Raise it"}
    calls, result = walk(
        fix.playbook, FIX_FACTS, lambda step, _n: remedy if step.name == "remedy_suggest" else OK
    )
    assert calls[-1].name == last
    assert result["done"]


STATUS = {
    "ok": True, "number": 7, "state": "open", "mergeable": False, "refused": "", "rework": False, "reason": "", "closed_by": "",
    "closed_by_person": False, "merged_by": "",
}  # fmt: skip


@pytest.mark.parametrize(
    ("status", "mode", "role", "expected"),
    [
        ({"mergeable": True}, "heal", "fix", ["PR_MERGED"]),
        ({"mergeable": True}, "propose", "fix", []),
        ({}, "heal", "fix", []),
        ({"state": "merged"}, "propose", "fix", ["PR_MERGED"]),
        ({"state": "closed", "closed_by_person": True}, "heal", "fix", ["INCIDENT_RELEASED"]),
        ({"state": "closed"}, "heal", "fix", ["INCIDENT_REQUIRES_HUMAN"]),
        ({"refused": "checks-red", "reason": "red"}, "heal", "fix", ["INCIDENT_REQUIRES_HUMAN"]),
        ({"rework": True, "reason": "moved"}, "heal", "fix", ["FIX_IN_PROGRESS"]),
        ({"rework": True, "reason": "moved"}, "heal", "revert", ["INCIDENT_REQUIRES_HUMAN"]),
    ],
)
def test_the_pr_manager_settles(status, mode, role, expected):
    facts = {"incident": "OPS-1", "state": "PR_CREATED", "mode": mode, "role": role}
    given = {**STATUS, **status}
    calls, result = walk(
        pr.playbook, facts, lambda step, _n: given if step.name == "github_pr_status" else OK
    )
    assert states(calls) == expected
    merges = [item.name for item in calls if item.name == "github_pr_merge"]
    assert bool(merges) == (mode == "heal" and given["state"] == "open" and given["mergeable"])
    assert result["done"]
    # The status that the stage has just read does as well.
    again, _result = walk(pr.playbook, {**facts, "status": given}, lambda _step, _n: OK)
    assert states(again) == expected


@pytest.mark.parametrize(
    ("outcome", "role", "left", "expected"),
    [
        ("successful", "fix", True, ["INCIDENT_RESOLVED"]),
        ("ineffective", "fix", True, ["ANALYSIS_IN_PROGRESS"]),
        ("ineffective", "fix", False, ["INCIDENT_REQUIRES_HUMAN"]),
        ("inconclusive", "fix", True, ["INCIDENT_REQUIRES_HUMAN"]),
        ("regressed", "fix", True, []),
        ("unfinished", "fix", True, []),
        ("unfinished", "revert", True, []),
        ("successful", "revert", True, ["INCIDENT_REQUIRES_HUMAN"]),
        ("regressed", "revert", True, ["INCIDENT_REQUIRES_HUMAN"]),
    ],
)
def test_the_monitor(outcome, role, left, expected):
    facts = {"incident": "OPS-1", "state": "VERIFICATION_IN_PROGRESS", "role": role, "attempts_left": left}
    calls, _result = walk(
        deploy.playbook, facts, lambda _step, _n: {**OK, "outcome": outcome, "reasons": ["r"]}
    )
    assert states(calls) == expected


def test_the_coordinator_names_the_oldest_leader_and_never_a_follower():
    facts = {"incident": "OPS-12", "target": "//shop/cart", "max_results": 51}
    others = [
        {"key": "OPS-11", "target": "//shop/cart", "parent": "OPS-9"},
        {"key": "OPS-10", "target": "//shop/cart", "parent": ""},
        {"key": "OPS-9", "target": "//shop/cart", "parent": ""},
        {"key": "OPS-1", "target": "//shop/web", "parent": ""},
        {"key": "OPS-12", "target": "//shop/cart", "parent": ""},
    ]
    _calls, result = walk(coordinate.playbook, facts, lambda _step, _n: {**OK, "incidents": others})
    assert result["parent"] == "OPS-9"
    _calls, result = walk(
        coordinate.playbook, {**facts, "incident": "OPS-2"}, lambda _step, _n: {**OK, "incidents": others}
    )
    assert "parent" not in result, "a later one does not lead an earlier one"


@pytest.mark.parametrize(
    ("playbook", "facts"),
    [
        (analyze.playbook, {"incident": "OPS-1", "state": "INCIDENT_DETECTED"}),
        (fix.playbook, FIX_FACTS),
        (pr.playbook, {"incident": "OPS-1", "state": "FIX_GENERATED", "mode": "heal", "role": "fix"}),
        (pr.playbook, {"incident": "OPS-1", "state": "PR_CREATED", "mode": "heal", "role": "fix"}),
        (deploy.playbook, {"incident": "OPS-1", "state": "PR_MERGED", "role": "fix", "attempts_left": True}),
        (coordinate.playbook, {"incident": "OPS-1", "target": "x", "max_results": 5}),
    ],
)
def test_a_refused_tool_ends_every_playbook_at_once_and_honestly(playbook, facts):
    calls, result = walk(playbook, facts, lambda _step, _n: NO)
    assert len(calls) == 1
    assert result == stuck(NO)
    assert result["done"] is False


def test_a_conversation_of_something_else_is_noticed():
    with pytest.raises(Strayed):
        following(fix.playbook, Conversation(FIX_FACTS, (Exchange(call("k8s_get", kind="Pod"), OK),)))


def messages(*answers):
    found = [{"role": "user", "content": f"Current Task: words\n{FACTS}" + '{"a": 1}'}]
    for number, answer in enumerate(answers):
        function = {"name": "k8s_get", "arguments": '{"kind": "Pod"}'}
        found.append(
            {"role": "assistant", "content": None, "tool_calls": [{"id": f"c{number}", "function": function}]}
        )
        found.append({"role": "tool", "tool_call_id": f"c{number}", "content": answer})
    return found


def test_a_conversation_is_read_back():
    conversation = read(messages('{"ok": true}', "no JSON at all"))
    assert conversation.facts == {"a": 1}
    assert [item.answer["ok"] for item in conversation.exchanges] == [True, False]
    with pytest.raises(ValueError, match="facts"):
        read([{"role": "user", "content": "hello"}])


@given(st.text(max_size=300))
def test_any_tool_answer_can_be_read(text):
    (exchange,) = read(messages(text)).exchanges
    assert isinstance(exchange.answer, dict)


@given(st.text(max_size=200))
def test_only_the_first_facts_count(text):
    prompt = f'{FACTS}{json.dumps({"incident": "OPS-1"})}\n{text}\n{FACTS}{{"incident": "OPS-666"}}'
    assert read([{"role": "user", "content": prompt}]).facts == {"incident": "OPS-1"}


def budget(**rules):
    clock = FakeClock()
    return Budget(Settings.model_validate({"model": rules}).model, clock, deadline=100.0), clock


def test_a_budget_refuses_before_the_call_and_not_after_it():
    spending, _clock = budget(input_tokens=1000)
    spending.spent(spending.admit("x" * 2000, None), 10)
    with pytest.raises(ModelFailed, match="input tokens"):
        spending.admit("x" * 2000, None)
    assert spending.calls == 1


def test_money_is_counted_by_the_configured_prices():
    spending, _clock = budget(usd_per_million_input=2.0, usd_per_million_output=10.0)
    spending.spent(500_000, 100_000)
    assert spending.usd() == pytest.approx(2.0)


def test_after_the_deadline_nothing_is_asked():
    spending, clock = budget()
    clock.sleep(101)
    with pytest.raises(ModelFailed, match="time"):
        spending.admit("x", None)


def test_tokens_are_estimated_on_the_careful_side():
    assert tokens("word " * 100) >= 100
    assert tokens(None) == 0


def probed(url, name="openai/m"):
    return Settings.model_validate(
        {"model": {"name": name}, "endpoints": {"model_url": url, "model_key": "sk-probing-0123456789"}}
    )


def test_the_probe_says_what_is_wrong(monkeypatch):
    with pytest.raises(Outage):
        reachable(probed("http://127.0.0.1:9/v1"))
    assert "cannot be asked" in reachable(probed("", "anthropic/x"))
    with Provider(says("x")) as provider:
        # The scripted server offers no list of models at all.
        with pytest.raises(Outage):
            reachable(probed(provider.url))
        for status, error in ((401, CredentialProblem), (200, NotFound)):
            body = json.dumps({"data": [{"id": "other"}]}).encode()

            def do_get(self, status=status, body=body):
                self.send_response(status)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            monkeypatch.setattr(provider._server.RequestHandlerClass, "do_GET", do_get, raising=False)
            with pytest.raises(error):
                reachable(probed(provider.url))
        assert reachable(probed(provider.url, "openai/other")) == "answers"


def test_ended_and_stuck_are_bounded():
    assert len(ended("x" * 9999)["summary"]) == 500
    assert len(stuck({"error": {"message": "x" * 9999}})["summary"]) == 500
