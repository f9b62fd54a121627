"""The step that lets renderers be kept from the network: only on a runner that nobody else uses, only where it is refused."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

SCRIPT = Path(__file__).resolve().parents[2] / "scripts" / "action" / "isolate"
NAME = "kernel.apparmor_restrict_unprivileged_userns"


def run(folder, held, environment, code=0):
    """What the script printed, and what it asked sudo for."""
    (folder / "bin").mkdir()
    sudo = folder / "bin" / "sudo"
    sudo.write_text(f'#!/bin/sh\necho "$*" >"{folder}/asked"\nexit {code}\n')
    sudo.chmod(0o755)
    if held is not None:
        (folder / "kernel").mkdir()
        (folder / "kernel" / NAME.partition(".")[2]).write_text(f"{held}\n")
    done = subprocess.run(
        [SCRIPT, folder], env={"PATH": f"{folder}/bin:/usr/bin:/bin", **environment}, capture_output=True, text=True,
        check=True, timeout=20,
    )  # fmt: skip
    asked = folder / "asked"
    return done.stdout, asked.read_text().strip() if asked.exists() else ""


def test_a_runner_of_github_allows_it(tmp_path):
    said, asked = run(tmp_path, 1, {"RUNNER_ENVIRONMENT": "github-hosted"})
    assert asked == f"-n sysctl -q -w {NAME}=0" and not said


@pytest.mark.parametrize(
    ("held", "environment"),
    [
        (1, {"RUNNER_ENVIRONMENT": "self-hosted"}),
        (1, {}),
        (0, {"RUNNER_ENVIRONMENT": "github-hosted"}),
        (None, {"RUNNER_ENVIRONMENT": "github-hosted"}),
    ],
)
def test_any_other_machine_is_left_as_it_is(tmp_path, held, environment):
    assert run(tmp_path, held, environment) == ("", "")


def test_where_it_cannot_be_allowed_the_job_goes_on_and_says_so(tmp_path):
    said, _asked = run(tmp_path, 1, {"RUNNER_ENVIRONMENT": "github-hosted"}, code=1)
    assert said.startswith("::notice") and "network in reach" in said
