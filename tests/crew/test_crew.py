"""What the crew believes and what it does not, with the built-in playbooks."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

from selfheal import crew
from selfheal.agents.definition import AgentDefinition
from selfheal.errors import Conflict, CredentialProblem, Outage, Refused, SelfhealError
from selfheal.incidents.states import Stage, State
from selfheal.models.playbook import call, ended
from selfheal.stages.analyze import STEPS
from selfheal.stages.context import context_of
from tests.crew import doubles

HOUSE = Path(crew.__file__).parent


@pytest.fixture
def context():
    manager = doubles.FakeManager(doubles.FakeClock(), [doubles.incident(record=doubles.record())])
    cluster = doubles.FakeCluster(doubles.killed_cart().snapshot())
    work = doubles.work(manager, Stage.ANALYZE, cluster=cluster)
    work.lease = manager.claim(doubles.KEY, Stage.ANALYZE)
    return context_of(work, steps=STEPS, goal=lambda record: record.state is State.ANALYSIS_COMPLETE)


def agent(playbook, *tools):
    return AgentDefinition("Tester", "Tester", "g", "b", "t", tools or ("k8s_diagnose",), playbook)


def run(monkeypatch, context, playbook, *tools):
    monkeypatch.setattr(crew, "agent_named", lambda _name: agent(playbook, *tools))
    return crew.run_stage(context, "Tester")


def test_an_agent_that_only_says_it_is_done_is_not_believed(monkeypatch, context):
    def lies(_facts):
        yield call("k8s_diagnose")
        return ended("All done, believe me.")

    with pytest.raises(SelfhealError) as refused:
        run(monkeypatch, context, lies)
    assert refused.value.code == "playbook"
    assert context.record.state is State.INCIDENT_DETECTED


@pytest.mark.parametrize(
    "error", [Outage("The cluster is away."), Conflict("The claim is lost."), CredentialProblem("Expired.")]
)
def test_what_stops_a_tool_stops_the_stage_with_that_very_error(monkeypatch, context, error):
    def asks(_facts):
        answer = yield call("k8s_diagnose")
        assert not answer["ok"]
        answer = yield call(
            "jsm_state_transition", incident_key=doubles.KEY, new_state="ANALYSIS_IN_PROGRESS", metadata={}
        )
        assert not answer["ok"], "nothing more is done after that"
        return ended("whatever")

    def fails(*_given, **_named):
        raise error

    monkeypatch.setattr(context.cluster(), "snapshot", fails)
    with pytest.raises(type(error)) as raised:
        run(monkeypatch, context, asks, "k8s_diagnose", "jsm_state_transition")
    assert raised.value is error
    assert context.manager.steps == []


def test_a_refusal_is_what_the_stage_learns(monkeypatch, context):
    from selfheal.models.playbook import stuck

    def asks(_facts):
        return stuck((yield call("jsm_state_checker", incident_key="OPS-2")))

    with pytest.raises(Refused) as refused:
        run(monkeypatch, context, asks, "jsm_state_checker")
    assert refused.value.code == "other-incident"


def test_a_playbook_that_strays_is_a_defect_and_no_endless_loop(monkeypatch, context):
    def endless(_facts):
        while True:
            yield call("k8s_diagnose")

    with pytest.raises(SelfhealError) as failed:
        run(monkeypatch, context, endless)
    assert failed.value.code == "playbook"


def test_what_a_run_used_is_counted(monkeypatch, context):
    from selfheal.models.playbooks import analyze
    from selfheal.stages.analyze import SnapshotEvidence

    context.manager.verifiers[State.ANALYSIS_COMPLETE] = SnapshotEvidence(context)
    result = run(
        monkeypatch, context, analyze.playbook, "jsm_state_transition", "jsm_metadata_updater", "k8s_diagnose"
    )
    assert (result.model, result.fell_back, result.calls) == ("builtin", False, 5)
    assert (result.input_tokens, result.output_tokens) == (0, 0)


def test_the_library_is_imported_through_its_gateway_alone():
    found = {}
    for path in HOUSE.rglob("*.py"):
        names = [
            name
            for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
            for name in (
                [node.module or ""]
                if isinstance(node, ast.ImportFrom)
                else [item.name for item in node.names]
                if isinstance(node, ast.Import)
                else []
            )
        ]
        if any(name.partition(".")[0] in ("crewai", "crewai_core") for name in names):
            found[str(path.relative_to(HOUSE))] = True
    assert set(found) == {"models/library.py"}


def test_what_a_stage_needs_before_its_agent_knows_no_crewai():
    import subprocess
    import sys

    code = (
        "import sys, selfheal.stages.analyze, selfheal.stages.coordinate, selfheal.stages.fix, selfheal.stages.pr,"
        " selfheal.stages.deploy, selfheal.stages.gate, selfheal.models.probe, selfheal.knowledge.index;"
        "sys.exit('crewai' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
