"""CrewAI phones nobody, asks nothing, prints nothing and leaves nothing behind."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

RUN = """
import socket, sys
sys.path.insert(0, {root!r})
asked = []
connect = socket.socket.connect
def watched(self, address):
    asked.append(address)
    raise OSError("closed")
socket.socket.connect = watched
resolve = socket.getaddrinfo
def resolving(host, *rest, **more):
    asked.append(host)
    raise OSError("closed")
socket.getaddrinfo = resolving

from selfheal.incidents.states import Stage, State
from selfheal.stages import analyze
from tests.crew import doubles
manager = doubles.FakeManager(doubles.FakeClock(), [doubles.incident(record=doubles.record())])
work = doubles.work(manager, Stage.ANALYZE, cluster=doubles.FakeCluster(doubles.killed_cart().snapshot()))
with work.claimed():
    analyze.serve(work)
assert manager.load(doubles.KEY).record.state is State.ANALYSIS_COMPLETE
import os
assert "FROM_DOTENV" not in os.environ, "a .env was loaded"
assert asked == [], asked
"""


def test_a_whole_run_touches_neither_network_nor_home_nor_folder(tmp_path):
    root = str(Path(__file__).resolve().parents[2])
    tmp_path = tmp_path / "watched"
    home, here, scratch = tmp_path / "home", tmp_path / "here", tmp_path / "scratch"
    tmp_path.mkdir()
    for folder in (home, here, scratch):
        folder.mkdir()
    (here / ".env").write_text("FROM_DOTENV=1\n")
    environ = {"PATH": os.environ["PATH"], "HOME": str(home), "TMPDIR": str(scratch)}
    done = subprocess.run(
        [sys.executable, "-c", RUN.format(root=root)],
        env=environ, cwd=here, capture_output=True, text=True, stdin=subprocess.DEVNULL, timeout=100, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert (done.stdout, done.stderr) == ("", "")
    left = [path.relative_to(tmp_path) for path in tmp_path.rglob("*") if path.is_file()]
    assert left == [Path("here/.env")]


def test_an_unwritable_home_is_no_obstacle(tmp_path):
    code = "import selfheal.crew"
    environ = {"PATH": os.environ["PATH"], "HOME": "/proc/nowhere", "TMPDIR": str(tmp_path)}
    done = subprocess.run(
        [sys.executable, "-c", code],
        env=environ, cwd=Path(__file__).resolve().parents[2], capture_output=True, text=True, timeout=100, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
