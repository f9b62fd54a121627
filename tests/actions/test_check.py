"""The first step: problems as annotations, and what a cache is to a stage."""

from __future__ import annotations

from pathlib import Path

import pytest

from selfheal.actions.check import EXIT_INPUTS, WITHOUT_CACHE, cache_of, lock_digest, main
from selfheal.actions.environment import holds
from selfheal.actions.inputs import STAGES
from tests.actions.runner_files import read_outputs

GOOD = {
    "INPUT_STAGE": "fix",
    "INPUT_INCIDENT": "INC-1",
    "INPUT_JIRA_TOKEN": "given",
    "INPUT_JIRA_CLOUD_ID": "c",
    "INPUT_CACHE": "true",
}


def test_good_inputs_answer_the_lock_and_the_cache(tmp_path):
    path = tmp_path / "output"
    path.touch()
    assert main({**GOOD, "GITHUB_OUTPUT": str(path)}) == 0
    found = read_outputs(path.read_text())
    assert found["cache"] == "read"
    assert len(found["lock"]) == 32


def test_without_a_cache_nothing_is_restored(tmp_path):
    path = tmp_path / "output"
    path.touch()
    assert main({**GOOD, "INPUT_CACHE": "false", "GITHUB_OUTPUT": str(path)}) == 0
    assert read_outputs(path.read_text())["cache"] == "none"


def test_each_problem_is_one_annotation(capsys):
    assert (
        main({**GOOD, "INPUT_JIRA_TOKEN": "", "INPUT_MODE": "x", "INPUT_INCIDENT": "nothing"}) == EXIT_INPUTS
    )
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == 3
    assert all(line.startswith("::error title=selfheal%3A") for line in lines)


@pytest.mark.parametrize("stage", STAGES)
def test_no_cache_where_something_is_signed_or_written(stage):
    writes = {"signing_key", "github_token"} & set(holds(stage))
    assert (cache_of(stage) == "none") is bool(writes) is (stage in WITHOUT_CACHE)


def test_the_lock_names_what_is_installed(tmp_path):
    (tmp_path / "requirements").mkdir()
    for name in ("uv.txt", "runtime.txt"):
        (tmp_path / "requirements" / name).write_text(name)
    first = lock_digest(tmp_path)
    (tmp_path / "requirements" / "runtime.txt").write_text("another")
    assert lock_digest(tmp_path) != first
    assert lock_digest(Path(__file__).resolve().parents[2]) != first
