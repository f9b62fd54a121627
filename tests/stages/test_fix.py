"""fix: the remedy as a stored envelope, or a person with what speaks against it."""

from __future__ import annotations

import pytest

from selfheal.incidents.states import Stage, State
from selfheal.repair.envelope import unpack
from selfheal.stages import fix
from tests.crew import doubles


@pytest.fixture
def analysis():
    from selfheal.diagnosis.engine import diagnose

    snapshot = doubles.killed_cart().snapshot()
    return diagnose(snapshot, target=doubles.record().target).to_analysis(snapshot)


def served(manager, tree):
    work = doubles.work(manager, Stage.FIX, tree=tree)
    with work.claimed():
        fix.serve(work)
    return work


@pytest.mark.parametrize("state", [State.ANALYSIS_COMPLETE, State.FIX_IN_PROGRESS])
def test_the_change_waits_for_the_gate(tmp_path, analysis, state):
    record = doubles.record(state, analysis=analysis)
    manager = doubles.FakeManager(doubles.FakeClock(), [doubles.incident(record=record)])
    served(manager, doubles.repository(tmp_path))
    after = manager.load(doubles.KEY).record
    assert after.change_waits_for_gate, after.history
    envelope = unpack(manager.get_patch(doubles.KEY, after.change.patch))
    assert (envelope.incident, envelope.attempt, envelope.repository) == (doubles.KEY, 1, "acme/shop")
    assert "+              memory: 256Mi" in envelope.files[0].diff
    assert after.change.signature == ""


def test_a_killed_predecessor_leaves_nothing_that_is_in_the_way(tmp_path, analysis):
    """The patch was stored, the record was not: the same bytes are stored again under the same name."""
    record = doubles.record(State.FIX_IN_PROGRESS, analysis=analysis)
    manager = doubles.FakeManager(doubles.FakeClock(), [doubles.incident(record=record)])
    tree = doubles.repository(tmp_path)
    served(manager, tree)
    manager.incidents[doubles.KEY] = doubles.incident(record=record)
    served(manager, tree)
    assert len(manager.patches) == 1
    assert manager.load(doubles.KEY).record.change_waits_for_gate


def test_without_a_manifest_a_person_is_asked(tmp_path, analysis):
    record = doubles.record(State.ANALYSIS_COMPLETE, analysis=analysis)
    manager = doubles.FakeManager(doubles.FakeClock(), [doubles.incident(record=record)])
    tree = doubles.repository(tmp_path)
    (tmp_path / "deploy/cart.yaml").write_text("kind: ConfigMap\napiVersion: v1\nmetadata: {name: other}\n")
    served(manager, tree)
    after = manager.load(doubles.KEY).record
    assert after.state is State.INCIDENT_REQUIRES_HUMAN
    assert after.analysis is not None
    assert "cart" in after.history[-1].note
