"""deploy: the real measurement over a prepared cluster, with a clock that never waits."""

from __future__ import annotations

import pytest

from selfheal.diagnosis.engine import diagnose
from selfheal.incidents.record import Change, ObjectRef, Outcome, PullRequest, RenderedChange
from selfheal.incidents.states import Stage, State
from selfheal.rollout import baseline
from selfheal.stages import deploy
from selfheal.stages.work import Waiting
from tests.crew import doubles
from tests.support.cluster import Cluster, container

MERGED = PullRequest(
    number=7, url="https://github.example/acme/shop/pull/7", branch="selfheal/ops-1-1", head_sha="a" * 40,
    state="merged", merge_sha="c" * 40,
)  # fmt: skip
REF = ObjectRef(kind="Deployment", namespace="shop", name="cart")


def raised():
    return RenderedChange(
        object=REF,
        field="/spec/template/spec/containers/name=app/resources/limits/memory",
        before="128Mi",
        after="256Mi",
    )


def merged_record(state=State.PR_MERGED, **more):
    snapshot = doubles.killed_cart().snapshot()
    analysis = diagnose(snapshot, target=doubles.record().target).to_analysis(snapshot)
    change = Change(decision="propose", title="Raise it", paths=("deploy/cart.yaml",), rendered=(raised(),))
    return doubles.record(
        state, **{"analysis": analysis, "change": change, "pull_requests": (MERGED,), **more}
    )


def cart(memory="256Mi", status=None):
    """The cart as deployed, its rollout settled."""
    cluster = Cluster()
    top = cluster.deployment(
        "cart", {"containers": [container(resources={"limits": {"memory": memory}})]}, status=status
    )
    top["metadata"]["generation"] = 2
    top["status"]["observedGeneration"] = 2
    return cluster


def tree(folder):
    found = doubles.repository(folder)
    (folder / "deploy/cart.yaml").write_text(doubles.MANIFEST.replace("128Mi", "256Mi"))
    return found


def served(manager, cluster, folder, **settings):
    settings.setdefault("verification", {"rollout_timeout": 120, "soak": 30, "samples": 3, "interval": 10})
    work = doubles.work(
        manager,
        Stage.DEPLOY,
        cluster=doubles.FakeCluster(cluster.snapshot()),
        tree=tree(folder),
        settings_=doubles.settings(**settings),
    )
    with work.claimed():
        deploy.serve(work)
    return work


def manager_with(record):
    return doubles.FakeManager(doubles.FakeClock(), [doubles.incident(record=record)])


@pytest.mark.parametrize("state", [State.PR_MERGED, State.VERIFICATION_IN_PROGRESS])
def test_a_measured_recovery_resolves_the_incident(tmp_path, state):
    manager = manager_with(merged_record(state))
    served(manager, cart(), tmp_path)
    record = manager.load(doubles.KEY).record
    assert record.state is State.INCIDENT_RESOLVED, record.history
    assert record.verification.outcome is Outcome.SUCCESSFUL
    assert record.verification.baseline
    assert [name for _key, name, _blocks in manager.told] == ["outcome-fix"]
    assert manager.clock.seconds >= 30, "the soak was waited for"
    assert manager.renewals > 0


def test_a_fix_that_does_not_help_starts_another_attempt(tmp_path):
    manager = manager_with(merged_record())
    cluster = doubles.killed_cart()
    top = cluster.objects[0]
    for obj in (top, *(item for item in cluster.objects if item["kind"] in ("ReplicaSet", "Pod"))):
        spec = obj["spec"]["template"]["spec"] if "template" in obj["spec"] else obj["spec"]
        spec["containers"][0]["resources"] = {"limits": {"memory": "256Mi"}}
    served(manager, cluster, tmp_path)
    record = manager.load(doubles.KEY).record
    assert record.state is State.ANALYSIS_IN_PROGRESS, (record.state, record.verification)
    assert record.attempt == 2
    assert record.tried[-1].fault == "oom-killed"
    assert [name for _key, name, _blocks in manager.told] == ["another-attempt"]


def test_out_of_attempts_a_person_is_asked(tmp_path):
    manager = manager_with(merged_record())
    cluster = doubles.killed_cart()
    for obj in cluster.objects:
        if obj["kind"] in ("Deployment", "ReplicaSet", "Pod"):
            spec = obj["spec"]["template"]["spec"] if "template" in obj["spec"] else obj["spec"]
            spec["containers"][0]["resources"] = {"limits": {"memory": "256Mi"}}
    served(manager, cluster, tmp_path, limits={"attempts": 1})
    assert manager.load(doubles.KEY).record.state is State.INCIDENT_REQUIRES_HUMAN


def test_a_changed_program_that_is_perhaps_not_built_yet_starts_no_other_attempt(tmp_path):
    change = Change(decision="propose", title="Add the items up", paths=("src/cart.py",), free=True)
    manager = manager_with(merged_record(change=change))
    (tmp_path / "same").mkdir()
    work = doubles.work(
        manager,
        Stage.DEPLOY,
        cluster=doubles.FakeCluster(doubles.killed_cart().snapshot()),
        tree=doubles.repository(tmp_path / "same"),
        settings_=doubles.settings(
            verification={"rollout_timeout": 120, "soak": 30, "samples": 3, "interval": 10}
        ),
    )
    with work.claimed():
        deploy.serve(work)
    record = manager.load(doubles.KEY).record
    assert record.state is State.INCIDENT_REQUIRES_HUMAN
    assert "ineffective" in record.history[-1].note


def test_what_never_arrives_is_no_success(tmp_path):
    manager = manager_with(merged_record())
    served(manager, cart(memory="128Mi"), tmp_path)
    record = manager.load(doubles.KEY).record
    assert record.state is State.INCIDENT_REQUIRES_HUMAN
    assert record.verification.outcome is Outcome.INCONCLUSIVE


def test_when_time_is_over_the_next_run_goes_on(tmp_path):
    manager = manager_with(merged_record())
    with pytest.raises(Waiting):
        served(manager, cart(memory="128Mi"), tmp_path, limits={"stage_timeout": 20})
    record = manager.load(doubles.KEY).record
    assert record.state is State.VERIFICATION_IN_PROGRESS
    assert record.verification.started_at is not None
    assert record.verification.outcome is None
    began = record.verification.started_at
    manager.clock.sleep(1000)
    served(manager, cart(memory="128Mi"), tmp_path / "again")
    after = manager.load(doubles.KEY).record
    assert after.verification.started_at == began, "its deadline counts from the first begin"
    assert after.state is State.INCIDENT_REQUIRES_HUMAN


def test_a_merge_that_was_deployed_before_anybody_watched_is_compared_with_what_was_analysed(tmp_path):
    seen = baseline(doubles.killed_cart().snapshot(), REF)
    record = merged_record()
    analysis = record.analysis.model_copy(update={"baseline": seen})
    manager = manager_with(record.model_copy(update={"analysis": analysis}))
    served(manager, cart(), tmp_path)
    assert manager.load(doubles.KEY).record.verification.baseline == seen


def test_while_the_merge_has_not_arrived_the_newest_look_is_what_was_before(tmp_path):
    long_ago = {**baseline(doubles.healthy_cart().snapshot(), REF), "wanted": 9}
    record = merged_record()
    analysis = record.analysis.model_copy(update={"baseline": long_ago})
    manager = manager_with(record.model_copy(update={"analysis": analysis}))
    served(manager, cart(memory="128Mi"), tmp_path)
    assert manager.load(doubles.KEY).record.verification.baseline["wanted"] == 1


class Regressing:
    """A measurement that ends with: worse than before."""

    def __init__(self, _cluster, _key, record, _expected, _settings, _clock, *, on_sample):
        self.record, self.on_sample = record, on_sample

    def verifiers(self):
        return {}

    def run(self):
        found = self.record.verification
        self.on_sample(found, phase="worse", text="0 of 1 available", reason="1 of 1 unavailable")
        return found.model_copy(
            update={"outcome": Outcome.REGRESSED, "reasons": ("1 of 1 replicas are unavailable",)}
        )


@pytest.mark.parametrize("role", ["fix", "revert"])
def test_worse_than_before_asks_for_the_revert_once(tmp_path, monkeypatch, role):
    monkeypatch.setattr(deploy, "RolloutVerification", Regressing)
    manager = manager_with(merged_record(pull_requests=(MERGED.model_copy(update={"role": role}),)))
    served(manager, cart(), tmp_path)
    record = manager.load(doubles.KEY).record
    assert record.verification.outcome is Outcome.REGRESSED
    if role == "fix":
        assert record.revert_due
        assert record.served_by is Stage.PR
        assert record.state is State.VERIFICATION_IN_PROGRESS
    else:
        assert record.state is State.INCIDENT_REQUIRES_HUMAN
        assert "reverted" in record.history[-1].note
