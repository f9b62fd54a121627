"""Two runs at once on ten incidents: each is healed once."""

from __future__ import annotations

import os
import subprocess
import sys
from collections import Counter

import pytest

from selfheal.incidents.states import State
from selfheal.sandbox.world import World
from tests.stories.crew import QUICK, Crew
from tests.support.fleet import write_fleet

SIZE = 10


@pytest.mark.timeout(900)
def test_ten_incidents_are_each_healed_once(tmp_path):
    names = write_fleet(tmp_path / "scenarios", SIZE)
    with World(
        tmp_path / "world",
        scenarios=names,
        approve_after=0.0,
        folder=tmp_path / "scenarios",
        time_factor=60.0,
    ) as world:
        environ = {
            **QUICK, **world.environ(), "PATH": os.environ["PATH"], "HOME": str(tmp_path),
            "SELFHEAL_VERIFICATION_SOAK": "0", "SELFHEAL_VERIFICATION_SAMPLES": "2",
        }  # fmt: skip
        crew = Crew(world, world.clock, tmp_path)
        keys = list(world.incidents)
        for _round in range(3):
            running = []
            for number in range(2):
                folder = tmp_path / f"run-{number}"
                folder.mkdir(exist_ok=True)
                running.append(
                    subprocess.Popen(
                        [sys.executable, "-m", "selfheal", "run", "--max-incidents", str(SIZE), "--parallel", "2"],
                        cwd=folder, env=environ, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
                    )
                )  # fmt: skip
            printed = [process.communicate(timeout=600)[0] for process in running]
            if all(crew.state(key) is State.INCIDENT_RESOLVED for key in keys):
                break
        assert {key: crew.state(key) for key in keys} == dict.fromkeys(keys, State.INCIDENT_RESOLVED), printed
        assert not [text for text in printed if "Traceback" in text]
        done = [entry for entry in world.github.requests if entry["effect"]]
        opened = [entry for entry in done if entry["method"] == "POST" and entry["path"].endswith("/pulls")]
        merged = [entry for entry in done if entry["path"].endswith("/merge")]
        made = [entry for entry in done if entry["method"] == "POST" and entry["path"].endswith("/git/refs")]
        assert (len(opened), len(merged), len(made)) == (SIZE, SIZE, SIZE)
        assert len(crew.commits()) == 1 + SIZE + SIZE
        assert sorted(crew.branches()) == sorted(["main", *(f"selfheal/{key.lower()}-1" for key in keys)])
        for key in keys:
            told = crew.comments(key)
            assert len(told) == len(set(told)) == 3, (key, told)
            record = crew.record(key)
            assert record.attempt == 1
            assert not [failure for failure in record.failures if failure.kind == "defect"]
            steps = Counter((step.from_state, step.to_state) for step in record.history)
            assert max(steps.values()) == 1, (key, steps)
