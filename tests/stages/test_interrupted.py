"""Each stage is broken off at every write, before and after its effect, and run again: it ends as if nothing was."""

from __future__ import annotations

import pytest

from selfheal.diagnosis.engine import diagnose
from selfheal.errors import Outage
from selfheal.incidents.states import Stage, State
from selfheal.stages import analyze, coordinate, deploy, fix, pr
from tests.crew import doubles
from tests.stages.test_deploy import cart, merged_record
from tests.stages.test_deploy import tree as merged_tree
from tests.stages.test_pr import CHANGE, OPEN, READY, FakePulls

WRITES = ("transition", "update", "put_patch", "tell", "claim")


class Breaking(doubles.FakeManager):
    """Fails once, at the ``at``-th write, before it has its effect or after."""

    at, after, count = 0, False, 0


def _wrapped(name):
    original = getattr(doubles.FakeManager, name)

    def write(self, *given, **named):
        self.count += 1
        breaks = self.count == self.at
        if breaks and not self.after:
            raise Outage("broken off")
        answer = original(self, *given, **named)
        if breaks:
            if name == "claim":
                self.holders.pop(given[0], None)
            raise Outage("broken off")
        return answer

    return write


for _name in WRITES:
    setattr(Breaking, _name, _wrapped(_name))


def analysis():
    snapshot = doubles.killed_cart().snapshot()
    return diagnose(snapshot, target=doubles.record().target).to_analysis(snapshot)


def cases(folder):
    """stage -> (record to begin with, body, sources, what must be true in the end)"""
    rules = {"verification": {"rollout_timeout": 60, "soak": 10, "samples": 2, "interval": 5}}
    review = {"github": {"wait_for_review": 60, "poll": 10}}
    sick, well = doubles.killed_cart().snapshot(), cart().snapshot()
    return {
        "coordinate": (
            doubles.record(target=None, source=None), coordinate.serve, {"cluster": doubles.FakeCluster(sick)}, {},
            lambda record: record.target is not None and record.source is not None,
        ),
        "analyze": (
            doubles.record(), analyze.serve, {"cluster": doubles.FakeCluster(sick)}, {},
            lambda record: record.state is State.ANALYSIS_COMPLETE,
        ),
        "fix": (
            doubles.record(State.ANALYSIS_COMPLETE, analysis=analysis()), fix.serve,
            {"tree": doubles.repository(folder / "a")}, {}, lambda record: record.change_waits_for_gate,
        ),
        "pr": (
            doubles.record(State.FIX_GENERATED, change=CHANGE), pr.serve, {"pulls": FakePulls(OPEN, OPEN, READY)}, review,
            lambda record: record.state is State.PR_MERGED and len(record.pull_requests) == 1,
        ),
        "deploy": (
            merged_record(), deploy.serve, {"cluster": doubles.FakeCluster(well), "tree": merged_tree(folder / "b")}, rules,
            lambda record: record.state is State.INCIDENT_RESOLVED,
        ),
    }  # fmt: skip


def serve(manager, stage, body, sources, settings):
    work = doubles.work(manager, stage, settings_=doubles.settings(**settings), **sources)
    with work.claimed():
        body(work)


@pytest.mark.parametrize("after", [False, True], ids=["before", "after"])
@pytest.mark.parametrize("name", ["coordinate", "analyze", "fix", "pr", "deploy"])
def test_broken_off_at_any_write_the_next_run_ends_the_same(tmp_path, name, after):
    stage = Stage(name)
    at, broken = 0, True
    while broken:
        at += 1
        record, body, sources, settings, good = cases(tmp_path / str(at))[name]
        manager = Breaking(doubles.FakeClock(), [doubles.incident(record=record)])
        manager.patches["d"] = b"patch"
        manager.at, manager.after = at, after
        broken = False
        try:
            serve(manager, stage, body, sources, settings)
        except Outage:
            broken = True
        manager.holders.clear()
        left = manager.load(doubles.KEY).record
        if broken and not good(left):
            assert left.served_by in (stage, Stage.ANALYZE if stage is Stage.COORDINATE else stage)
            serve(manager, stage, body, sources, settings)
        assert good(manager.load(doubles.KEY).record), f"write {at}"
        if name == "fix":
            assert len(manager.patches) == 2, "one patch and no second one"
    assert at > 3, "there were writes to break off at"
