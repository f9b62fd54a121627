"""The action's set-up, cold and warm, and each stage from its start to its first request. Seconds, and megabytes.

Run with ``python benchmarks/action.py [--without-setup]``. The set-up is the one a job runs (scripts/action/install), from
the registry that this machine is configured for: the cold figure is mostly that registry's. A stage is started as the
action starts it, against the sandbox, until the sandbox sees its first request.
"""

from __future__ import annotations

import json
import os
import resource
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from selfheal.sandbox.world import World

ROOT = Path(__file__).resolve().parents[1]
STAGES = ("coordinate", "analyze", "fix", "gate", "pr", "deploy")
CREDENTIALS = {"coordinate": "cluster", "analyze": "cluster", "deploy": "cluster", "gate": "key", "pr": "key"}


def setup() -> list[dict[str, object]]:
    """Cold: nothing there. Warm: what the cache brings."""
    with tempfile.TemporaryDirectory() as folder:
        environ = {
            **os.environ,
            "RUNNER_TEMP": folder,
            "GITHUB_OUTPUT": f"{folder}/output",
            "SELFHEAL_PYTHON": "",
        }
        found = []
        for name in ("cold", "warm"):
            before = resource.getrusage(resource.RUSAGE_CHILDREN)
            began = time.perf_counter()
            subprocess.run(
                [str(ROOT / "scripts/action/install"), sys.executable, "fill"], env=environ, check=True
            )
            after = resource.getrusage(resource.RUSAGE_CHILDREN)
            found.append(
                {
                    "setup": name,
                    "seconds": round(time.perf_counter() - began, 2),
                    "cpu_seconds": round(
                        after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime, 2
                    ),
                    "cache_mb": megabytes(Path(folder) / "selfheal-cache"),
                }
            )
        return found


def megabytes(folder: Path) -> int:
    """What the files take, hard links counted once."""
    seen = {
        (status.st_dev, status.st_ino): status.st_size
        for path in folder.rglob("*")
        if (status := path.lstat())
    }
    return round(sum(seen.values()) / 1e6)


def first_request(world: World, stage: str, checkout: Path, folder: Path) -> dict[str, object]:
    """Seconds from the start of the stage's process until Jira sees it."""
    (key,) = world.incidents
    kept = {
        name: value
        for name, value in world.environ().items()
        if "TOKEN" not in name and "KUBECONFIG" not in name
    }
    environ = {
        **kept, "PATH": os.environ["PATH"], "HOME": str(folder), "RUNNER_TEMP": str(folder), "INPUT_STAGE": stage, "INPUT_INCIDENT": key,
        "INPUT_JIRA_TOKEN": world.jira.token("bot"), "INPUT_JIRA_URL": world.jira.url, "INPUT_REPOSITORY_DIR": str(checkout),
        "INPUT_DRY_RUN": "true",
    }  # fmt: skip
    if CREDENTIALS.get(stage) == "cluster":
        environ["INPUT_KUBECONFIG"] = (world.folder / "kubeconfig").read_text()
    if CREDENTIALS.get(stage) == "key":
        environ["INPUT_SIGNING_KEY"] = "k" * 40
    if stage == "pr":
        environ["INPUT_GITHUB_TOKEN"] = world.github.bot_token
    world.jira.requests.clear()
    began = time.perf_counter()
    process = subprocess.Popen(
        [sys.executable, "-m", "selfheal.actions"],
        env=environ,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    while not world.jira.requests and process.poll() is None:
        time.sleep(0.005)
    seconds = time.perf_counter() - began
    process.wait()
    return {"stage": stage, "seconds_to_first_request": round(seconds, 2)}


def main() -> None:
    if "--without-setup" not in sys.argv:
        for line in setup():
            print(json.dumps(line), flush=True)
    folder = Path(tempfile.mkdtemp())
    try:
        with World(scenarios=("catalog-out-of-memory",)) as world:
            checkout = folder / "repository"
            app = next(iter(world.applications.values()))
            subprocess.run(
                ["git", "clone", "-q", str(world.github.bare(app.repository)), str(checkout)], check=True
            )
            for stage in STAGES:
                print(json.dumps(first_request(world, stage, checkout, folder)), flush=True)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


if __name__ == "__main__":
    main()
