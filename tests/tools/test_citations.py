"""What an analysis may say: every cited piece resolves, the blamed object exists; a model may disagree, but must cite."""

from __future__ import annotations

import json
from typing import Any

import pytest

from selfheal.errors import Outage
from selfheal.incidents.errors import IncidentError
from selfheal.incidents.states import Stage, State
from selfheal.stages import analyze
from selfheal.stages.context import context_of
from selfheal.tools.registry import BY_NAME
from tests.crew import doubles
from tests.support.cluster import Cluster, container, crashing

CART = {"kind": "Deployment", "namespace": "shop", "name": "cart"}
MEMORY = "/spec/template/spec/containers/name=app/resources/limits/memory"
OWN = {
    "verdict": "fault",
    "fault": "bad-release",
    "object": CART,
    "summary": "The release does not fit its limit.",
}


@pytest.fixture
def context() -> Any:
    """The analyze stage of an incident whose container is killed for its memory, claimed."""
    manager = doubles.FakeManager(
        doubles.FakeClock(), [doubles.incident(record=doubles.record(State.ANALYSIS_IN_PROGRESS))]
    )
    work = doubles.work(manager, Stage.ANALYZE, cluster=doubles.FakeCluster(doubles.killed_cart().snapshot()))
    work.lease = manager.claim(doubles.KEY, Stage.ANALYZE)
    made = context_of(work, steps=analyze.STEPS, goal=lambda _record: True)
    work.verifies(State.ANALYSIS_COMPLETE, analyze.SnapshotEvidence(made))
    return made


def use(context: Any, name: str, **arguments: Any) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(BY_NAME[name](context)._run(**arguments))
    return found


def stored(context: Any, **analysis: Any) -> dict[str, Any]:
    return use(context, "jsm_metadata_updater", incident_key=doubles.KEY, metadata={"analysis": analysis})


def analysis_of(context: Any) -> Any:
    return context.manager.load(doubles.KEY).record.analysis


def test_findings_are_ranked_and_each_piece_of_evidence_has_an_id(context: Any) -> None:
    answer = use(context, "k8s_diagnose")
    findings = answer["findings"] if "findings" in answer else answer["result"]["findings"]
    assert (findings[0]["id"], findings[0]["fault"], findings[0]["object"]) == ("f1", "oom-killed", CART)
    assert [item["id"] for item in findings] == [f"f{number}" for number in range(1, len(findings) + 1)]
    for finding in findings:
        assert finding["evidence"] == [f"{finding['id']}.e{n + 1}" for n in range(len(finding["evidence"]))]
        assert all(name in context.evidence for name in finding["evidence"])


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"evidence": []}, "no-evidence"),
        ({"evidence": ["f1.e99"]}, "no-such-evidence"),
        ({"evidence": ["f1.e1", "f9.e1"]}, "no-such-evidence"),
        ({"evidence": [{"source": "object", "object": CART, "field": "/spec/nothing"}]}, "no-such-evidence"),
        (
            {"evidence": [{"source": "object", "object": {**CART, "name": "ghost"}, "field": "/spec"}]},
            "no-such-evidence",
        ),
        (
            {"evidence": [{"source": "event", "object": CART, "message": "never happened"}]},
            "no-such-evidence",
        ),
        ({"object": {**CART, "name": "ghost"}, "evidence": ["f1.e1"]}, "no-such-object"),
        ({"object": None, "evidence": ["f1.e1"]}, "incomplete"),
    ],
)
def test_what_cannot_be_looked_up_is_refused_and_nothing_is_stored(
    context: Any, change: dict[str, Any], code: str
) -> None:
    use(context, "k8s_diagnose")
    answer = stored(context, **{**OWN, **change})
    assert answer["error"]["code"] == code
    assert analysis_of(context) is None


def test_a_finding_that_was_not_answered_is_refused(context: Any) -> None:
    use(context, "k8s_diagnose")
    assert stored(context, finding="f99")["error"]["code"] == "no-such-finding"


def test_nothing_is_called_healthy_that_the_catalogue_sees_ill(context: Any) -> None:
    assert stored(context, verdict="healthy")["error"]["code"] == "not-healthy"


def test_a_model_may_disagree_and_cites_the_field_itself(context: Any) -> None:
    use(context, "k8s_diagnose")
    cited = {"source": "object", "object": CART, "field": MEMORY}
    answer = stored(context, **OWN, evidence=["f1.e1", cited])
    assert answer["ok"], answer
    analysis = analysis_of(context)
    assert (analysis.fault, str(analysis.object)) == ("bad-release", "Deployment shop/cart")
    assert [item.id for item in analysis.evidence] == ["e1", "e2"]
    assert analysis.evidence[1].value == "128Mi"


def test_a_citation_that_was_made_up_after_storing_completes_nothing(context: Any) -> None:
    use(context, "k8s_diagnose")
    assert stored(context, finding="f1")["ok"]
    record = context.manager.load(doubles.KEY).record
    forged = record.analysis.evidence[0].model_copy(update={"value": "made up", "message": "made up"})
    changed = record.analysis.model_copy(update={"evidence": (forged,)})
    context.manager.incidents[doubles.KEY] = doubles.incident(
        record=record.model_copy(update={"analysis": changed})
    )
    with pytest.raises((IncidentError, Outage)):
        context.manager.transition(doubles.KEY, State.ANALYSIS_COMPLETE)


@pytest.mark.parametrize("place", ["name=DB_PASSWORD", "0"])
def test_a_password_in_a_variable_is_cited_without_its_value_however_it_is_addressed(place: str) -> None:
    cluster = Cluster()
    env = [{"name": "DB_PASSWORD", "value": "hunter2xyz"}]
    cluster.deployment("cart", {"containers": [container(env=env)]}, status=crashing("Error", 1))
    manager = doubles.FakeManager(
        doubles.FakeClock(), [doubles.incident(record=doubles.record(State.ANALYSIS_IN_PROGRESS))]
    )
    work = doubles.work(manager, Stage.ANALYZE, cluster=doubles.FakeCluster(cluster.snapshot()))
    work.lease = manager.claim(doubles.KEY, Stage.ANALYZE)
    made = context_of(work, steps=analyze.STEPS, goal=lambda _record: True)
    work.verifies(State.ANALYSIS_COMPLETE, analyze.SnapshotEvidence(made))
    field = f"/spec/template/spec/containers/name=app/env/{place}/value"
    cited = {"source": "object", "object": CART, "field": field}
    answer = stored(made, **{**OWN, "fault": "env-var-invalid", "evidence": [cited]})
    assert answer["ok"], answer
    assert "hunter2xyz" not in analysis_of(made).model_dump_json()
    use(made, "jsm_state_transition", incident_key=doubles.KEY, new_state="ANALYSIS_COMPLETE")
    assert manager.load(doubles.KEY).record.state is State.ANALYSIS_COMPLETE
