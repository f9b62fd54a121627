"""A stage's process is killed with signal 9 in the middle of a write, and the stage is served again: healed, once."""

from __future__ import annotations

import os
import signal
import time
from datetime import UTC, datetime, timedelta

import pytest

from selfheal.incidents.states import Stage, State
from selfheal.repository.worktree import clone
from selfheal.sandbox.world import World
from selfheal.stages.pool import StagePool
from selfheal.stages.report import Outcome
from tests.stories.crew import QUICK, Crew
from tests.stories.test_lost_writes import NthWrite, what_is_wrong


class Shifted:
    """The machine's clock, moved forward at will: a claim runs out without anybody waiting for it."""

    def __init__(self):
        self.shift = 0.0

    def now(self):
        return datetime.now(UTC) + timedelta(seconds=self.shift)

    def monotonic(self):
        return time.monotonic() + self.shift


class Kill(NthWrite):
    """Kills the stage's process when its nth write arrives; the write still has its effect, or not."""

    def __init__(self, nth, action, pids):
        super().__init__(nth, action)
        self.pids = pids

    def strikes(self, method, path):
        if not super().strikes(method, path):
            return False
        os.kill(self.pids[-1], signal.SIGKILL)
        return True


@pytest.mark.timeout(600)
@pytest.mark.parametrize(("nth", "action"), [(1, "drop-after"), (2, "drop-before")])
def test_each_stage_is_killed_once_and_served_again(tmp_path, nth, action):
    clock = Shifted()
    pids = []

    def event(_key, kind, data):
        if kind == "stage":
            pids.append(data["pid"])

    with World(tmp_path / "world", scenarios=["cart-image-tag"], approve_after=0.0, clock=clock) as world:
        environ = {**QUICK, **world.environ(), "SELFHEAL_VERIFICATION_SOAK": "1", "SELFHEAL_RUN_ID": "killed"}
        crew = Crew(world, clock, tmp_path)
        directory = tmp_path / "clone"
        pool = StagePool({**environ, "PATH": os.environ["PATH"]}, timeout=120, on_event=event)
        pool.warm_up()

        def serve(stage):
            clone(f"{world.github.url}/acme/shop.git", directory, token=world.github.bot_token)
            report = pool.run(stage, "INC-1", {"SELFHEAL_REPOSITORY_DIR": str(directory)})
            crew.reports.append(report)
            return report

        killed = []
        while (stage := crew.next_stage("INC-1")) is not None and len(crew.reports) < 20:
            if stage not in killed:
                kill = Kill(nth, action, pids)
                world.jira.faults.append(kill)
                world.github.faults.append(kill)
                report = serve(stage)
                world.jira.faults.clear()
                world.github.faults.clear()
                assert kill.hit, f"{stage} has no write {nth}"
                assert report.outcome is Outcome.POSTPONED
                assert "signal 9" in report.summary
                killed.append(stage)
                clock.shift += 1000
            else:
                report = serve(stage)
                assert report.exit_code == 0, (report.stage, report.summary, report.hint)
        assert set(killed) == set(Stage)
        assert crew.state("INC-1") is State.INCIDENT_RESOLVED
        assert what_is_wrong(crew, "INC-1") == []
