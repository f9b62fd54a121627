"""Repositories on this machine in which workflows are run."""

from __future__ import annotations

import subprocess
from contextlib import contextmanager
from pathlib import Path

import pytest
from click.testing import CliRunner

from selfheal.cli.init import init
from selfheal.sandbox.world import World
from tests.workflows import acting


@pytest.fixture
def second_repository(tmp_path):
    """Opens a world and a checkout of its application's repository to which `selfheal init` was applied."""

    @contextmanager
    def opened(*scenarios, workflow=None, files=None, **options):
        with World(scenarios=scenarios, **options) as world:
            app = next(iter(world.applications.values()))
            checkout = tmp_path / "second"
            subprocess.run(
                ["git", "clone", "-q", str(world.github.bare(app.repository)), str(checkout)], check=True
            )
            done = CliRunner().invoke(
                init, ["--repository", app.repository, "--project", "INC", "--directory", str(checkout)]
            )
            assert done.exit_code == 0, done.output
            path = checkout / acting.WORKFLOW
            text = path.read_text(encoding="utf-8").replace('minutes: "10"', 'minutes: "1"')
            path.write_text(workflow(text) if workflow else text, encoding="utf-8")
            if files:
                world.github.push_as("somebody", "main", files, repository=app.repository)
            yield acting.Runner(world, tmp_path, checkout, app.repository, environ={"SELFHEAL_MODE": "heal"})

    return opened


@pytest.fixture
def own_repository(tmp_path):
    """Opens a world and a copy of this project, whose own selfheal.yml is switched on."""

    @contextmanager
    def opened(*scenarios):
        with World(scenarios=scenarios) as world:
            checkout = acting.published(tmp_path / "published")
            subprocess.run(["git", "init", "-q", "-b", "main", str(checkout)], check=True)
            if not scenarios:
                world.github.add_repository("acme/own", {".selfheal.yml": "jira:\n  project: INC\n"})
            name = next((app.repository for app in world.applications.values()), "acme/own")
            yield acting.Runner(world, tmp_path, Path(checkout), name, variables={"SELFHEAL_ENABLED": "true"})

    return opened
