"""A crew inside this process: real stages over the sandbox's servers, and a clock on which waiting costs nothing."""

from __future__ import annotations

import json
import threading
import time
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta

from selfheal.incidents.record import load as load_record
from selfheal.incidents.states import Stage
from selfheal.repository.worktree import clone
from selfheal.sandbox.scenario import FOLDER
from selfheal.sandbox.world import World
from selfheal.stages import journey
from selfheal.stages.credentials import HOLDS, environment_for
from selfheal.stages.report import StageReport
from selfheal.stages.runner import run_stage, settings_of

KEY = "0123456789abcdef" * 4
#: What makes an incident cheap: a short soak by the story's clock, which nobody waits for.
QUICK = {
    "SELFHEAL_MODE": "heal",
    "SELFHEAL_MODEL_NAME": "builtin",
    "SELFHEAL_SIGNING_KEY": KEY,
    "SELFHEAL_VERIFICATION_SOAK": "60",
    "SELFHEAL_VERIFICATION_SAMPLES": "2",
    "SELFHEAL_VERIFICATION_INTERVAL": "40",
    "SELFHEAL_VERIFICATION_ROLLOUT_TIMEOUT": "600",
    "SELFHEAL_GITHUB_POLL": "5",
    "SELFHEAL_GITHUB_WAIT_FOR_REVIEW": "30",
    "SELFHEAL_JIRA_SETTLE": "3",
}


class StoryClock:
    """The machine's time plus what was slept. Sleeping moves the cluster on and lets the GitOps loop look."""

    def __init__(self):
        self.world = None
        self._slept = 0.0
        self._lock = threading.Lock()

    def now(self):
        return datetime.now(UTC) + timedelta(seconds=self._slept)

    def monotonic(self):
        return time.monotonic() + self._slept

    def sleep(self, seconds):
        with self._lock:
            self._slept += seconds
            if self.world is not None:
                self.world.settle(seconds)


class Crew:
    """Heals in this process. ``overrides`` are variables over those of the world; "" takes one away."""

    def __init__(self, world, clock, folder, **overrides):
        self.world, self.clock, self.folder = world, clock, folder
        self.environ = {**world.environ(), **QUICK, **overrides}
        self.environ = {name: value for name, value in self.environ.items() if value}
        self.reports = []
        self.overlays = {}
        self._source = None

    def settings(self, stage):
        """What a child process of that stage would read."""
        return settings_of({**environment_for(HOLDS[Stage(stage)], self.environ), **self._checkout()})

    def _checkout(self):
        name = self.environ.get("SELFHEAL_GITHUB_REPOSITORY", "")
        url = f"{self.environ['SELFHEAL_GITHUB_SERVER_URL']}/{name}.git"
        clone(url, self.folder / "clone", token=self.environ["SELFHEAL_GITHUB_TOKEN"])
        return {"SELFHEAL_REPOSITORY_DIR": str(self.folder / "clone")}

    def serve(self, stage, key):
        """One stage, as a job of its own. In a dry run it goes on from what the stage before would have written."""
        return self._serve(stage, key, self.overlays.get(key) if self._dry else None)

    @property
    def _dry(self):
        return self.environ.get("SELFHEAL_DRY_RUN") == "true"

    def _serve(self, stage, key, overlay):
        report = run_stage(
            Stage(stage), key, self.settings(stage), clock=self.clock, run_id="story", overlay=overlay
        )
        # As it comes through the pipe from a child.
        report = StageReport.from_document(json.loads(json.dumps(report.document())))
        self.overlays[key] = report.overlay
        self.reports.append(report)
        return report

    def next_stage(self, key):
        """Who serves the incident now; None when only a person can."""
        record = self.record(key)
        if record is None:
            return Stage.COORDINATE
        return record.served_by

    def heal(self, key):
        """All stages from where the incident stands, as one run. The reports of this run."""
        first = self.next_stage(key)
        if not self._dry:
            self.overlays.pop(key, None)
        serve = lambda stage, key: self._serve(stage, key, self.overlays.get(key))  # noqa: E731 - one line says it
        return journey.heal(key, first, serve) if first else []

    def heal_until(self, key, state):
        """Stage by stage until the incident is in ``state``."""
        for _stage in range(journey.MAX_STAGES):
            if self.state(key) is state:
                return
            stage = self.next_stage(key)
            assert stage is not None, f"{key} ended in {self.state(key)} before {state}"
            self.serve(stage, key)
        raise AssertionError(f"{key} did not reach {state}: {self.state(key)}")

    # -- what the servers hold -----------------------------------------------------------------------------

    def issue(self, key):
        return self.world.jira.store.issues[key]

    def record(self, key):
        document = self.issue(key).properties.get("selfheal")
        return load_record(document) if document else None

    def state(self, key):
        record = self.record(key)
        return record.state if record else None

    def status(self, key):
        return self.world.jira.store.status(self.issue(key)).name

    def comments(self, key):
        from selfheal.sandbox.jira import adf

        return [adf.plain(comment.body) for comment in self.issue(key).comments]

    def pulls(self):
        """Pull requests of the repository, as the emulator holds them."""
        name = next(iter(self.world.applications.values())).repository
        repository = self.world.github.hub.store.repository(name)
        return [issue for issue in repository.issues.values() if issue.pull is not None]

    def branches(self):
        from subprocess import run

        name = next(iter(self.world.applications.values())).repository
        done = run(
            ["git", f"--git-dir={self.world.github.bare(name)}", "branch", "--format=%(refname:short)"],
            capture_output=True, text=True, check=True,
        )  # fmt: skip
        return sorted(done.stdout.split())

    def commits(self):
        """Commits of main, newest first."""
        from subprocess import run

        name = next(iter(self.world.applications.values())).repository
        done = run(
            ["git", f"--git-dir={self.world.github.bare(name)}", "log", "--format=%s", "main"],
            capture_output=True, text=True, check=True,
        )  # fmt: skip
        return done.stdout.splitlines()

    def later(self, seconds=1000):
        """Time in which every claim runs out."""
        self.clock.sleep(seconds)


@contextmanager
def staged(folder, *scenarios, approve_after=0.0, scenery=FOLDER, **overrides):
    """A crew over a world of its own; ``scenery`` holds its scenarios and applications."""
    clock = StoryClock()
    with World(
        folder / "world", scenarios=scenarios, approve_after=approve_after, time_factor=1.0, clock=clock, sync=None,
        folder=scenery,
    ) as world:  # fmt: skip
        clock.world = world
        yield Crew(world, clock, folder, **overrides)
