"""The linters that know GitHub's rules: zizmor (default and pedantic), actionlint, the published schemas."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from selfheal.init.files import contents
from selfheal.init.jira_rules import Site

ROOT = Path(__file__).resolve().parents[2]
FILES = [*sorted((ROOT / ".github" / "workflows").glob("*.yml"))]


def tool(name):
    beside = Path(sys.executable).parent / name
    found = str(beside) if beside.exists() else shutil.which(name)
    if found is None:
        pytest.skip(f"{name} is not installed here")
    return found


def passes(*command, cwd=ROOT):
    done = subprocess.run(command, cwd=cwd, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.fixture
def written(tmp_path):
    """A user's repository as `selfheal init` leaves it."""
    for path, text in contents(Site(repository="acme/shop", project="INC"), operations="ops").items():
        (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / path).write_text(text, encoding="utf-8")
    subprocess.run(["git", "init", "-q", str(tmp_path)], check=True)
    return tmp_path


@pytest.mark.parametrize("persona", ["regular", "pedantic"])
def test_zizmor(persona):
    passes(
        tool("zizmor"),
        "--offline",
        "--strict-collection",
        "--persona",
        persona,
        "--config",
        ".github/zizmor.yml",
        ".github",
        "action.yml",
    )


@pytest.mark.parametrize("persona", ["regular", "pedantic"])
def test_zizmor_on_what_init_writes(persona, written):
    config = str(ROOT / ".github" / "zizmor.yml")
    passes(
        tool("zizmor"),
        "--offline",
        "--persona",
        persona,
        "--config",
        config,
        ".github/workflows",
        cwd=written,
    )


def test_every_ignored_finding_says_why():
    for path in FILES:
        lines = path.read_text(encoding="utf-8").splitlines()
        for number, line in enumerate(lines):
            if "zizmor: ignore" in line:
                assert lines[number - 1].strip().startswith("#"), f"{path.name}:{number + 1}"


def test_actionlint(written):
    passes(tool("actionlint"), *map(str, FILES))
    passes(tool("actionlint"), str(written / ".github/workflows/selfheal.yml"), cwd=written)


def test_the_published_schemas(written):
    check = tool("check-jsonschema")
    passes(
        check,
        "--builtin-schema",
        "vendor.github-workflows",
        *map(str, FILES),
        str(written / ".github/workflows/selfheal.yml"),
    )
    passes(check, "--builtin-schema", "vendor.github-actions", "action.yml")
    passes(check, "--builtin-schema", "vendor.dependabot", ".github/dependabot.yml")
    passes(
        check,
        "--schemafile",
        str(written / ".github/selfheal/selfheal.schema.json"),
        str(written / ".selfheal.yml"),
    )
