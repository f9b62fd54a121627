"""Modules that lie in the folder a run is started in, which is often a foreign checkout, are never imported."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from selfheal.errors import ConfigurationProblem
from selfheal.stages import checkout

#: A name of the standard library, of a dependency, and of our own.
MODULES = ("selectors.py", "pydantic.py", "selfheal.py")


@pytest.fixture
def hostile(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A working folder whose modules leave a trace when they are imported."""
    trace = tmp_path / "trace"
    folder = tmp_path / "checkout"
    folder.mkdir()
    for name in MODULES:
        (folder / name).write_text(
            f"open({str(trace)!r}, 'a').write(__file__)\nraise ImportError('hostile')\n"
        )
    monkeypatch.chdir(folder)
    return trace


def test_fetching_the_repository_imports_nothing_of_it(hostile: Path, tmp_path: Path) -> None:
    environ = {"PATH": os.environ["PATH"], "GITHUB_TOKEN": "ghs_0123456789abcdefghij"}
    with pytest.raises(ConfigurationProblem, match="No repository is configured"):
        checkout.fetch(tmp_path / "clone", environ)
    assert not hostile.exists()


def test_the_process_that_stages_are_forked_from_imports_nothing_of_it(hostile: Path) -> None:
    """Without -P, as an installed `selfheal` is started."""
    program = (
        "import sys; sys.path[:] = [item for item in sys.path if item]\n"
        "import os, time\n"
        "from multiprocessing import forkserver\n"
        "from selfheal.stages import pool\n"
        "pool.PRELOAD = ('selfheal.errors',)\n"
        "pool.StagePool(dict(os.environ), timeout=5, on_event=print).warm_up()\n"
        "ours, theirs = pool.multiprocessing.get_context('forkserver').Pipe()\n"
        "child = pool.multiprocessing.get_context('forkserver').Process(target=os.getpid)\n"
        "child.start(); child.join(20); print('exit', child.exitcode)\n"
        "assert 'PYTHONSAFEPATH' not in os.environ\n"
    )
    environ = {name: value for name, value in os.environ.items() if name != "PYTHONSAFEPATH"}
    done = subprocess.run(
        [sys.executable, "-c", "import sys; sys.path.pop(0); exec(sys.argv[1])", program],
        env=environ, capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip
    assert "exit 0" in done.stdout, done.stderr
    assert not hostile.exists(), hostile.read_text()
